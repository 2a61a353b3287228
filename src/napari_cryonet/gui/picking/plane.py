"""Clicks on a plane through a tomogram that is shown in three dimensions.

A click in three dimensions is a ray; where it meets the plane that is drawn, a label is meant.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.floating[Any]]

_PARALLEL = 1e-9


def plane_hit(layer: Any, event: Any) -> Vector | None:
    """Return the voxel position z, y, x at which a click meets the plane of a layer.

    Parameters
    ----------
    layer
        A volume; its plane is in its own voxels.
    event
        A mouse event of the viewer, with position and view direction in the world.

    Returns
    -------
    ndarray or None
        None if the layer is not shown as a plane in three dimensions, or is not hit.
    """
    if len(event.dims_displayed) != 3 or str(layer.depiction) != "plane":
        return None
    start = np.asarray(layer.world_to_data(event.position), dtype=float)[-3:]
    ahead = np.add(event.position, event.view_direction)
    direction = np.asarray(layer.world_to_data(ahead), dtype=float)[-3:] - start
    hit = meeting(start, direction, np.array(layer.plane.position), np.array(layer.plane.normal))
    shape = np.array((layer.data[0] if layer.multiscale else layer.data).shape)
    if hit is None or np.any(hit < -0.5) or np.any(hit > shape - 0.5):
        return None
    return hit


def meeting(start: Vector, direction: Vector, place: Vector, normal: Vector) -> Vector | None:
    """Return where a line meets a plane, None if they are parallel.

    Parameters
    ----------
    start, direction
        Of the line.
    place, normal
        Of the plane.
    """
    slope = float(direction @ normal)
    if abs(slope) < _PARALLEL * np.linalg.norm(direction) * np.linalg.norm(normal):
        return None
    met: Vector = start + direction * float((place - start) @ normal) / slope
    return met
