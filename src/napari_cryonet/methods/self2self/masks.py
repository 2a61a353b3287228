"""Random masks: single voxels, blocks of voxels, Fourier coefficients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.signal.shells import frequency

Mask = NDArray[np.bool_]


def points(shape: tuple[int, ...], probability: float, random: np.random.Generator) -> Mask:
    """Return which voxels are left out, each by itself.

    Parameters
    ----------
    shape
        ``(z, y, x)``.
    probability
        Share of the voxels that are left out.
    random
        Where the chance comes from.
    """
    return random.random(shape, dtype=np.float32) < probability


def blocks(
    shape: tuple[int, ...], probability: float, side: int, random: np.random.Generator
) -> Mask:
    """Return which voxels are left out, in cubes whose grid lies anywhere.

    Parameters
    ----------
    shape
        ``(z, y, x)``.
    probability
        Share of the cubes that are left out.
    side
        Of the cubes, in voxels.
    random
        Where the chance comes from.
    """
    coarse = points(tuple(length // side + 2 for length in shape), probability, random)
    places = [(np.arange(length) + int(random.integers(side))) // side for length in shape]
    return coarse[np.ix_(*places)]


def coefficients(
    shape: tuple[int, ...],
    probability: float,
    ball: float,
    side: int,
    random: np.random.Generator,
) -> Mask:
    """Return which Fourier coefficients are left out, none of them of low frequency.

    Parameters
    ----------
    shape
        ``(z, y, x)`` of the volume.
    probability
        Share of the others that are left out.
    ball
        Radius of the ball that is kept, in cycles/voxel.
    side
        They are left out in cubes of this side.
    random
        Where the chance comes from.

    Returns
    -------
    ndarray
        ``(z, y, x // 2 + 1)``, as `scipy.fft.rfftn` orders them.
    """
    half = (*shape[:-1], shape[-1] // 2 + 1)
    if side == 1:
        out = points(half, probability, random)
    else:
        out = blocks(half, probability, side, random)
    _pair(out[..., 0])
    if shape[-1] % 2 == 0:
        _pair(out[..., -1])
    return out & (frequency(shape) >= ball)


def _pair(plane: Mask) -> None:
    """Let coefficients that are each other's conjugate share their fate, in a plane ``(z, y)``."""
    number = np.arange(plane.size).reshape(plane.shape)
    opposite = np.roll(number[::-1, ::-1], 1, axis=(0, 1))
    plane[...] = plane.ravel()[np.minimum(number, opposite)]
