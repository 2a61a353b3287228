"""Curves and previews of a training for TensorBoard, beside its metrics in the folder of the run.

TensorBoard is optional, and alone enough: no network library is loaded to write for it.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.reporting import Box, PassingReporter, Reporter, SilentReporter
from napari_cryonet.types import PointCloud, Thing, Volume

_NO_CURVES = ("step", "epoch", "seconds")
_PREVIEW_SECONDS = 30.0
_SIDE = 256  # voxels of a previewed plane, at most
_PERCENTILES = (0.5, 99.5)


@contextmanager
def boarded(
    report: Reporter, folder: Path | None, things: Sequence[Sequence[Thing]], *, asked: bool
) -> Iterator[Reporter]:
    """Give a reporter that also writes for TensorBoard, if that is asked for and installed.

    Parameters
    ----------
    report
        Everything is passed on to it.
    folder
        Where the file of events goes; None writes none.
    things
        What is trained on; previews show the middle of the first.
    asked
        Whether it is wanted; if not, the reporter is given as it is.
    """
    if not asked or folder is None:
        yield report
        return
    try:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError:
        report.warn(
            "TensorBoard is asked for and not installed: the curves are in metrics.csv alone. "
            'Install it (pip install "napari-cryonet[tensorboard]").'
        )
        yield report
        return
    with closing(EventFileWriter(str(folder))) as events:
        yield BoardReporter(events, report, _middle(things[0][0]))


class BoardReporter(PassingReporter):
    """Writes each figure as a curve and, now and then, a preview; passes everything on.

    Parameters
    ----------
    events
        TensorBoard's writer.
    report
        The reporter of whoever started the run.
    region
        Of which previews are wanted when nobody else wants one.
    """

    def __init__(self, events: Any, report: Reporter, region: Box) -> None:
        super().__init__(report)
        self._events, self._region = events, region
        self._step = 0
        self._shown = time.monotonic()

    def step(self, done: float, total: float, **metrics: float) -> None:
        """Write the figures of a step, and pass it on."""
        self._step = int(metrics.get("step", done))
        curves = {name: value for name, value in metrics.items() if name not in _NO_CURVES}
        if curves:
            self._write([{"tag": tag, "simple_value": value} for tag, value in curves.items()])
        super().step(done, total, **metrics)

    def wanted(self) -> Box | None:
        """Return the region that somebody wants, and now and then one of its own."""
        due = time.monotonic() - self._shown >= _PREVIEW_SECONDS
        return super().wanted() or (self._region if due else None)

    def preview(self, thing: Any) -> None:
        """Write a preview if it is time for one, and pass it on to who wants it."""
        if time.monotonic() - self._shown >= _PREVIEW_SECONDS:
            self._shown = time.monotonic()
            self._write([{"tag": "preview", "image": _encoded(thing)}])
        if super().wanted() is not None:
            super().preview(thing)

    def _write(self, values: list[dict[str, Any]]) -> None:
        """Write values of the newest step."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        summary = Summary(value=[Summary.Value(**value) for value in values])
        self._events.add_event(Event(step=self._step, wall_time=time.time(), summary=summary))


def _middle(thing: Thing) -> Box:
    """Return the middle plane of a volume; of images all, since their previews are clouds."""
    if not isinstance(thing, Volume):
        return (slice(0, 1),) * 3
    sides = (1, _SIDE, _SIDE)
    z, y, x = (
        slice((length - min(side, length)) // 2, (length + min(side, length)) // 2)
        for side, length in zip(sides, thing.shape[-3:], strict=True)
    )
    return z, y, x


def _encoded(thing: Volume | PointCloud) -> dict[str, Any]:
    """Return a preview as TensorBoard keeps a picture: its size, and a PNG file."""
    import imageio.v3 as iio

    picture = _cloud_picture(thing) if isinstance(thing, PointCloud) else _plane(thing)
    stream = io.BytesIO()
    iio.imwrite(stream, picture, extension=".png")
    height, width = picture.shape[:2]
    colours = 3 if picture.ndim == 3 else 1
    return {
        "height": height, "width": width, "colorspace": colours,
        "encoded_image_string": stream.getvalue(),
    }  # fmt: skip


def _plane(volume: Volume) -> NDArray[np.uint8]:
    """Return the middle plane of a volume in grey."""
    plane = np.asarray(volume.data[len(volume.data) // 2], dtype=float)
    low, high = np.nanpercentile(plane, _PERCENTILES)
    grey = (np.nan_to_num(plane, nan=low) - low) / (high - low or 1.0)
    return np.asarray(255 * np.clip(grey, 0, 1), dtype=np.uint8)


def _cloud_picture(cloud: PointCloud) -> NDArray[np.uint8]:
    """Return a cloud as its film begins."""
    from napari_cryonet.signal.animation import film
    from napari_cryonet.signal.picture_settings import AnimationSettings

    return next(film(cloud, AnimationSettings(side=_SIDE), np.empty((0, 0, 3)), SilentReporter()))
