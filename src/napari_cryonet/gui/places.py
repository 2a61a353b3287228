"""The volumes that are open in the window, as places where positions may lie."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari import current_viewer
from napari.layers import Image

from napari_cryonet.errors import CryonetError
from napari_cryonet.gui.layers import to_thing
from napari_cryonet.types import Points, Volume

ZYX = tuple[float, float, float]

SAME = 0.01
"""By how much two voxel sizes may differ and yet be the same, as a share of them."""

_RIM = 1.0


@dataclass(frozen=True)
class Place:
    """A volume that is open in the window, without its grey values.

    Parameters
    ----------
    name
        Of its layer.
    shape
        Voxels, z, y, x.
    voxel_size
        Å per voxel, the same along all axes.
    origin
        The centre of its first voxel in Å, z, y, x.
    """

    name: str
    shape: tuple[int, int, int]
    voxel_size: float
    origin: ZYX

    def holds(self, points: Points) -> bool:
        """Whether positions lie in this volume and count its voxels."""
        size = points.voxel_size
        if size is not None and not np.allclose(size, self.voxel_size, rtol=SAME):
            return False
        inside = (points.positions > -_RIM) & (points.positions < np.array(self.shape) - 1 + _RIM)
        return bool(inside.all())

    def is_called(self, name: str) -> bool:
        """Whether a tomogram's name is in the name of the layer, not as part of another."""
        pattern = rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])"
        return bool(name) and re.search(pattern, self.name) is not None


def open_places() -> list[Place]:
    """Return the volumes that are open, one for each grid: halves of a tomogram are one."""
    viewer = current_viewer()
    found: dict[tuple[Any, ...], Place] = {}
    for layer in [] if viewer is None else viewer.layers:
        place = _place(layer)
        if place is not None:
            key = (place.shape, round(place.voxel_size, 4), place.origin)
            found.setdefault(key, place)
    return list(found.values())


def only(several: Sequence[tuple[Place, Points]], name: str) -> tuple[Place, Points] | None:
    """Return the only place that fits, or the only one that bears the name of the tomogram.

    Parameters
    ----------
    several
        Places that fit, with the positions in their voxels.
    name
        The tomogram's.
    """
    named = [one for one in several if one[0].is_called(name)]
    if len(named) == 1:
        return named[0]
    return several[0] if len(several) == 1 else None


def _place(layer: Any) -> Place | None:
    """Return a layer as a place, None if it is no upright volume with a size."""
    if not isinstance(layer, Image) or layer.ndim != len("zyx") or layer.rgb:
        return None
    try:
        volume = to_thing(layer)
    except CryonetError:  # turned or empty: not a volume to pick in
        return None
    if not isinstance(volume, Volume) or volume.voxel_size is None:
        return None
    size = volume.voxel_size
    if not np.allclose(size, size[-1], rtol=SAME):
        return None
    z, y, x = volume.shape[-3:]
    return Place(volume.name, (z, y, x), size[-1], volume.origin)
