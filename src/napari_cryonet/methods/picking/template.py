"""The mean of the labelled particles, and where in a tomogram it fits best.

A network says well where a particle is and where none, but only roughly where its middle is.
The mean of the labels, made symmetric by mirror images, fits a particle in any orientation;
picks are moved to where it fits best.

References
----------
Roseman, *FindEM*, J. Struct. Biol. 2004, doi:10.1016/j.jsb.2003.11.007 (matched filters).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.signal import oaconvolve

from napari_cryonet.signal.peaks import parabola

Floats = NDArray[np.floating[Any]]

_RADIUS, _EDGE = 0.62, 0.12
_REACH = 0.3
"""Of the diameter: radius of the mean particle, width of its soft edge, how far picks move."""


def side(diameter: float) -> int:
    """Return the side of a mean particle in voxels, for a diameter in voxels."""
    return 2 * int(np.ceil((_RADIUS + _EDGE) * diameter)) + 1


def mean_particle(
    values: Sequence[Floats], places: Sequence[Floats], diameter: float, length: int
) -> Floats:
    """Return the mean of particles, symmetric to the planes through its middle.

    Parameters
    ----------
    values
        Tomograms ``(z, y, x)``.
    places
        Positions ``(n, 3)`` in each of them, in voxels.
    diameter
        Of the particles, in voxels.
    length
        Side of the cube in voxels; at least `side`, and odd.

    Returns
    -------
    ndarray
        Cube ``(z, y, x)`` with mean 0 inside a soft sphere and 0 outside.
    """
    half = length // 2
    grid = np.mgrid[[slice(-half, half + 1)] * 3].astype(np.float64)
    total = np.zeros(grid.shape[1:])
    for own, positions in zip(values, places, strict=True):
        for position in positions:
            at = grid + position[:, None, None, None]
            total += ndimage.map_coordinates(own, at, order=1, mode="nearest")
    mean = sum(total[::z, ::y, ::x] for z, y, x in product((1, -1), repeat=3))
    distance = np.sqrt((grid**2).sum(axis=0)) / diameter
    inside = np.clip((_RADIUS + _EDGE - distance) / _EDGE, 0, 1)
    centred = (mean - (mean * inside).sum() / inside.sum()) * inside
    size = np.sqrt((centred**2).sum())
    result: Floats = (centred / size if size > 0 else centred).astype(np.float32)
    return result


def moved(positions: Floats, values: Floats, template: Floats, diameter: float) -> Floats:
    """Move positions to where a mean particle fits best nearby.

    Parameters
    ----------
    positions
        ``(n, 3)`` in voxels.
    values
        The tomogram ``(z, y, x)``.
    template
        The mean particle.
    diameter
        Of the particles, in voxels; no position moves farther than a third of it.

    Returns
    -------
    ndarray
        ``(n, 3)``, between voxels; positions without a best place nearby stay.
    """
    if not len(positions) or not template.any():
        return positions
    reach = max(1, round(_REACH * diameter))
    fit = oaconvolve(np.asarray(values, np.float32), template[::-1, ::-1, ::-1], mode="same")
    room = np.array(fit.shape) - 1
    steps = np.mgrid[[slice(-reach, reach + 1)] * 3].reshape(3, -1).T
    steps = steps[(steps**2).sum(axis=1) <= reach**2]
    middles = np.clip(np.round(positions).astype(int), 0, room)
    around = np.clip(middles[:, None] + steps, 0, room)
    best = steps[fit[tuple(np.moveaxis(around, -1, 0))].argmax(axis=1)]
    tops = np.clip(middles + best, 0, room)
    ends = tops + parabola(fit, tops)
    settled = (best**2).sum(axis=1) < reach**2
    return np.where(settled[:, None], ends, positions)
