"""From which sides images show a particle, on a map of the sphere.

References
----------
Hammer, *Über die Planisphäre von Aitow und verwandte Entwürfe*, Petermanns Mitteilungen 38 (1892):
the whole sphere in an ellipse, equal areas staying equal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.types import Poses

Floats = NDArray[np.floating[Any]]

WIDTH, HEIGHT = 2 * np.sqrt(2.0), np.sqrt(2.0)
"""Half axes of the ellipse."""


def directions(poses: Poses) -> Floats:
    """Return where each image was seen from, ``(n, 3)`` unit vectors z, y, x of the cloud."""
    return np.asarray(poses.rotations)[:, 0]


def on_map(vectors: Floats) -> Floats:
    """Return where directions lie on the map.

    Parameters
    ----------
    vectors
        ``(n, 3)`` unit vectors z, y, x.

    Returns
    -------
    ndarray
        ``(n, 2)`` x and y: the axis z points up, the axis x to the middle of the map.
    """
    z, y, x = vectors.T
    latitude, longitude = np.arcsin(np.clip(z, -1, 1)), np.arctan2(y, x)
    return _hammer(latitude, longitude)


def net() -> list[Floats]:
    """Return meridians and circles of latitude in steps of 30 degrees, each ``(m, 2)``."""
    latitude, longitude = np.linspace(-np.pi / 2, np.pi / 2, 61), np.linspace(-np.pi, np.pi, 121)
    meridians = [_hammer(latitude, np.full(61, at)) for at in np.linspace(-np.pi, np.pi, 13)]
    circles = [_hammer(np.full(121, at), longitude) for at in np.radians([-60, -30, 0, 30, 60])]
    return [*meridians, *circles]


def _hammer(latitude: Floats, longitude: Floats) -> Floats:
    """Return the places of angles on the map."""
    flat = np.cos(latitude)
    away = np.sqrt(1 + flat * np.cos(longitude / 2))
    return np.stack(
        [WIDTH * flat * np.sin(longitude / 2) / away, HEIGHT * np.sin(latitude) / away], axis=1
    )
