"""Which points of a plane are meant: those within a line drawn by hand, or the one at a click."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


def inside(places: Places, corners: Places) -> Mask:
    """Return ``(n,)`` which points a line winds around, whether or not it crosses itself.

    A line that is drawn past its own beginning still surrounds what it surrounds twice.

    Parameters
    ----------
    places
        ``(n, 2)``; points that are not a number are never inside.
    corners
        ``(m, 2)`` of the line, whose end is joined to its beginning. Fewer than three surround
        nothing.

    References
    ----------
    Hormann, Agathos, *The point in polygon problem for arbitrary polygons*, Computational
    Geometry 20 (2001) 131 (winding numbers).
    """
    order = np.argsort(places[:, 1])  # so that each piece of the line is held against few points
    x, y = places[order].T
    turns = np.zeros(len(places), dtype=int)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        low, high = np.searchsorted(y, sorted((start[1], end[1])))
        across, along = end - start
        way = np.sign(along)
        beside = across * (y[low:high] - start[1]) - along * (x[low:high] - start[0])
        turns[low:high] += (way * beside > 0) * int(way)
    found = np.empty(len(places), dtype=bool)
    found[order] = turns != 0
    return found


def nearest(places: Places, click: Places, pixel: Places, reach: float) -> int | None:
    """Return which point is at a click, None if there is none.

    Parameters
    ----------
    places
        ``(n, 2)``; points that are not a number are never meant.
    click
        ``(2,)``.
    pixel
        ``(2,)`` the size of a pixel of the screen in the plane.
    reach
        How many pixels the point may be away.
    """
    away = np.hypot(*((places - click) / pixel).T)
    near = np.flatnonzero(away <= reach)
    return int(near[np.argmin(away[near])]) if len(near) else None
