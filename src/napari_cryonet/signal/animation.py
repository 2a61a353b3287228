"""A cloud that turns, or grows as it was found: pictures for a film, drawn without a screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError
from napari_cryonet.reporting import Reporter
from napari_cryonet.signal.picture_settings import AnimationSettings
from napari_cryonet.signal.pictures import ICE, Picture, coloured, with_bar, with_words
from napari_cryonet.signal.splat import splat
from napari_cryonet.types import PointCloud

Floats = NDArray[np.floating[Any]]

_FIELD = 1.15  # half the side of the pictures, in distances of the outermost point
_FAR = 0.35  # brightness of the farthest point, where the nearest has 1
_BRIGHT = 99.9  # percentile of the brightness that is drawn as the brightest
_GAMMA = 0.6


def film(
    cloud: PointCloud, settings: AnimationSettings, history: Floats, report: Reporter
) -> Iterator[Picture]:
    """Film a cloud.

    Parameters
    ----------
    cloud
        In nm.
    settings
        How.
    history
        ``(levels, p, 3)`` its points after each level, for a film of its history.
    report
        Is told of each picture, and asked whether to stop.

    Yields
    ------
    ndarray
        ``(side, side, 3)`` bytes, each with a bar of known length.

    Raises
    ------
    DataError
        If there is no history to film, or the cloud has no extent.
    """
    if settings.of == "history" and not len(history):
        raise DataError(
            f"{cloud.name} has no history: it was stopped before its first level, or comes from a "
            f"file of a cloud. Give a model, or film it turning."
        )
    grows = settings.of == "history"
    pictures = _growing(history, settings) if grows else _turning(cloud, settings)
    for done, picture in enumerate(pictures, 1):
        report.check()
        report.step(done, settings.frames)
        yield picture


def _turning(cloud: PointCloud, settings: AnimationSettings) -> Iterator[Picture]:
    """Film a cloud that turns once."""
    stage = Stage(cloud.vertices, settings)
    bright = stage.bright(stage.seen(cloud.vertices, 0.0, cloud.weights))
    for angle in np.arange(settings.frames) * (2 * np.pi / settings.frames):
        yield stage.picture(stage.seen(cloud.vertices, float(angle), cloud.weights), bright)


def _growing(history: Floats, settings: AnimationSettings) -> Iterator[Picture]:
    """Film points on straight ways from level to level."""
    stage = Stage(history.reshape(-1, 3), settings)
    last = len(history) - 1
    for place in np.linspace(0, last, settings.frames):
        before, after = history[int(place)], history[min(int(place) + 1, last)]
        seen = stage.seen(before + (place % 1) * (after - before), 0.0)
        picture = stage.picture(seen, stage.bright(seen))
        yield with_words(picture, f"level {int(place) + 1} of {last + 1}", (6, 8))


class Stage:
    """From where clouds are seen, and how large; the same in all pictures of a film.

    Parameters
    ----------
    vertices
        ``(n, 3)`` all that has to be in view, z, y, x in nm.
    settings
        Side, tilt and width of the points.

    Raises
    ------
    DataError
        If the vertices lie in one place.
    """

    def __init__(self, vertices: Floats, settings: AnimationSettings) -> None:
        self._side = settings.side
        self._middle = vertices.mean(axis=0)
        self._reach = float(np.linalg.norm(vertices - self._middle, axis=1).max())
        if self._reach == 0:
            raise DataError("All points of the cloud lie in one place; there is nothing to film.")
        self._pixel = 2 * _FIELD * self._reach / self._side
        self._spot = (settings.point or 0.03 * self._reach) / self._pixel
        lean = np.radians(settings.tilt)
        sin, cos = np.sin(lean), np.cos(lean)
        self._lean = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])

    def seen(self, vertices: Floats, angle: float, weights: Floats | None = None) -> Floats:
        """Return ``(side, side)`` brightnesses of a cloud that is turned about the axis y.

        Parameters
        ----------
        vertices
            ``(n, 3)``.
        angle
            In radians.
        weights
            ``(n,)``; None for equal ones.
        """
        sin, cos = np.sin(angle), np.cos(angle)
        turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
        z, y, x = self._lean @ turn @ (vertices - self._middle).T
        near = 0.5 - 0.5 * z / self._reach  # the viewer looks along z
        light = _FAR + (1 - _FAR) * near
        if weights is not None:
            light = light * weights / weights.mean()
        places = np.stack([y, x], axis=1) / self._pixel + (self._side - 1) / 2
        return splat(places, (self._side, self._side), self._spot, light)

    def bright(self, seen: Floats) -> float:
        """Return the brightness that is drawn as the brightest, above 0."""
        return float(np.percentile(seen, _BRIGHT))

    def picture(self, seen: Floats, bright: float) -> Picture:
        """Return brightnesses in colours, with a bar of known length."""
        values = np.power(np.clip(seen / bright, 0, 1), _GAMMA)
        return with_bar(coloured(values, ICE), self._pixel, "nm")
