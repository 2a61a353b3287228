"""From things to a file: positions in the numbers of its format, features in its columns."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_cryonet.errors import SettingsError
from napari_cryonet.io.atomic import replacing
from napari_cryonet.io.coordinates.convention import Convention, from_voxels
from napari_cryonet.io.coordinates.formats import Format, of_name
from napari_cryonet.io.coordinates.frame import Frame
from napari_cryonet.io.coordinates.settings import CoordinateSettings
from napari_cryonet.io.coordinates.sheet import SCORE, Output
from napari_cryonet.io.coordinates.tomograms import read_tomograms
from napari_cryonet.types import Points

_NAMING = ("relion5", "relion4", "warp", "copick", "cet-pick")
"""Formats whose programs look a tomogram up by its name."""

_SCORED = ("eman", "copick", "dynamo")
"""Formats that cannot leave a score out."""


def write(
    path: Path,
    points: Points | Sequence[Points],
    settings: CoordinateSettings | None = None,
    *,
    overwrite: bool = False,
) -> tuple[str, ...]:
    """Write positions in the format that the file name or the settings ask for.

    Parameters
    ----------
    path
        The file; a name that ends in .gz makes a gzip file.
    points
        The positions; those of several tomograms where the format names tomograms.
    settings
        The format, its conventions and what is known of the volume, in the place of what the
        positions know of theirs.
    overwrite
        Whether to replace a file that is there.

    Returns
    -------
    tuple of str
        What the format could not hold, one sentence each; empty if nothing is lost.

    Raises
    ------
    FormatError
        If the name tells no format, or the format cannot hold these positions.
    SettingsError
        If the format needs to know something of the volume that nobody gives.
    OutputExists, FileProblem
        If the file is there, or cannot be written.
    """
    settings = settings or CoordinateSettings()
    several = [points] if isinstance(points, Points) else list(points)
    earlier = (several[0].header or {}).get("format", "") if several else ""
    form = of_name(path, settings, str(earlier))
    frames = read_tomograms(settings.tomograms) if settings.tomograms else {}
    if len(several) == 1 and settings.volume:
        several = [replace(several[0], volume=settings.volume)]
    outputs = [_output(one, form, settings, frames) for one in several]
    if form.write is None or not outputs:
        raise SettingsError(f"There is nothing to write to {path}.")
    written = form.write(outputs)
    zipped = path.suffix.lower() == ".gz"
    with replacing(path, overwrite=overwrite) as part:
        part.write_bytes(gzip.compress(written.content) if zipped else written.content)
    lost = list(dict.fromkeys(
        name for one in outputs for name in one.columns if name not in written.kept
    ))  # fmt: skip
    return (*written.notes, *_unnamed(form, outputs), *_unscored(form, outputs), *_lost(form, lost))


def _output(
    points: Points, form: Format, settings: CoordinateSettings, frames: dict[str, Frame]
) -> Output:
    """Return positions in the numbers of a format."""
    header = dict(points.header or {})
    volume = points.volume
    own = Frame(points.voxel_size, points.volume_shape, header.get("binning"))
    listed = frames.get(volume, Frame())
    if listed.pixel_size is not None:
        own = replace(own, binning=None)  # the list says what the pixels are
    frame = Frame.of(settings).over(replace(listed, binning=None)).over(own)
    frame = frame.over(listed).completed()
    convention = form.convention.chosen(settings)
    _check_binning(form, convention, frame)
    try:
        numbers = from_voxels(points.positions, convention, frame)
    except SettingsError as error:
        raise SettingsError(f"{form.title}: {error}") from None
    return Output(
        numbers,
        points.features,
        volume or points.name,
        bool(volume),
        frame,
        header if _related(str(header.get("format", "")), form) else {},
        settings.diameter,
    )


def _check_binning(form: Format, convention: Convention, frame: Frame) -> None:
    """Refuse to count unbinned pixels of a volume whose binning is not known."""
    if convention.unit == "unbinned" and frame.binning is None:
        raise SettingsError(
            f"{form.title} counts unbinned pixels and the binning of the volume is not known; give "
            f"it (--binning 4; 1 if it is not binned), or the tomograms.star (--tomograms)."
        )


def _related(earlier: str, form: Format) -> bool:
    """Whether what a file held as a whole also belongs into another format."""
    star = ("relion5", "relion4", "relion31", "relion30", "warp")
    return earlier == form.name or (earlier in star and form.name in star)


def _unnamed(form: Format, outputs: Sequence[Output]) -> tuple[str, ...]:
    """Return the sentence on tomograms that go by the name of their picks."""
    names = [one.volume for one in outputs if not one.named]
    if not names or form.name not in _NAMING:
        return ()
    return (
        f"The tomogram is called {', '.join(names)}; if it has another name, give it (volume).",
    )


def _unscored(form: Format, outputs: Sequence[Output]) -> tuple[str, ...]:
    """Return the sentence on scores that are no numbers, where the format must have one."""
    unset = any(one.scores is not None and np.isnan(one.scores).any() for one in outputs)
    return ("Scores that are not numbers became 0.",) if unset and form.name in _SCORED else ()


def _lost(form: Format, lost: Sequence[str]) -> tuple[str, ...]:
    """Return the sentences on features that were not written."""
    if not lost:
        return ()
    others = [name for name in lost if name != SCORE]
    sentences = [f"{form.title} files hold no scores; choose .star or .csv to keep them."]
    kept = sentences if SCORE in lost else []
    if others:
        kept.append(f"{form.title} files do not hold {', '.join(others)}.")
    return tuple(kept)
