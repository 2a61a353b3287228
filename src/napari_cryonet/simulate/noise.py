"""What both simulations share: noise with a colour, the missing wedge, points into voxels.

Filters are arrays in the layout of `numpy.fft.rfftn`, to be multiplied with a transform.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Shape = tuple[int, int, int]
Floats = NDArray[np.floating[Any]]


def frequencies(shape: Shape) -> Floats:
    """Return the spatial frequency of each term of a real transform.

    Parameters
    ----------
    shape
        ``(z, y, x)`` of the volume.

    Returns
    -------
    ndarray
        ``(z, y, x // 2 + 1)`` float32, in cycles/voxel.
    """
    z, y, x = _axes(shape)
    return np.sqrt(z * z + y * y + x * x)


def wedge(shape: Shape, max_tilt: float = 60.0) -> Floats:
    """Return 1 where a tilt series about the y axis has measured, 0 in the missing wedge.

    Parameters
    ----------
    shape
        ``(z, y, x)`` of the volume; the beam goes along z.
    max_tilt
        The largest tilt in degrees; 90 leaves nothing out.
    """
    z, _, x = _axes(shape)
    seen = np.abs(z) <= np.abs(x) * np.tan(np.deg2rad(max_tilt)) + 1e-6
    return np.broadcast_to(seen, (shape[0], shape[1], shape[2] // 2 + 1)).astype(np.float32)


def gaussian(frequency: Floats, sigma: float) -> Floats:
    """Return the filter that blurs by a Gaussian of `sigma` voxels."""
    kernel: Floats = np.exp(-2 * (np.pi * sigma * frequency) ** 2)
    return kernel


def filtered(data: Floats, transfer: Floats) -> Floats:
    """Return a volume after multiplying its Fourier transform with `transfer`."""
    terms = fft.rfftn(data.astype(np.float32, copy=False)) * transfer
    result: Floats = fft.irfftn(terms, s=data.shape)
    return result.astype(np.float32, copy=False)


def coloured(shape: Shape, transfer: Floats, rng: np.random.Generator) -> Floats:
    """Return Gaussian noise of unit variance with the power spectrum ``transfer ** 2``.

    Parameters
    ----------
    shape
        ``(z, y, x)`` of the volume.
    transfer
        The filter that colours it.
    rng
        Where the chance comes from.
    """
    noise = filtered(rng.standard_normal(shape, dtype=np.float32), transfer)
    noise /= noise.std()
    return noise


def splatted(points: Floats, weights: Floats, shape: Shape) -> Floats:
    """Return a volume of points, each shared among its eight nearest voxels.

    Parameters
    ----------
    points
        ``(n, 3)`` positions in voxels, z, y, x; what lies outside is left out.
    weights
        ``(n,)`` what each point adds.
    shape
        ``(z, y, x)`` of the volume.
    """
    inside = np.all((points >= 0) & (points < np.array(shape) - 1), axis=1)
    points, weights = points[inside], weights[inside]
    corner = np.floor(points).astype(np.intp)
    part = points - corner
    total = np.zeros(int(np.prod(shape)))
    for step in np.ndindex(2, 2, 2):
        share = np.prod(np.where(step, part, 1 - part), axis=1)
        index = np.ravel_multi_index(tuple((corner + step).T), shape)
        total += np.bincount(index, weights * share, minlength=total.size)
    return total.reshape(shape).astype(np.float32)


def rotations(count: int, rng: np.random.Generator) -> Floats:
    """Return ``(count, 3, 3)`` rotations, evenly spread over all there are.

    Parameters
    ----------
    count
        How many.
    rng
        Where the chance comes from.
    """
    q = rng.standard_normal((count, 4))
    w, x, y, z = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    rows: Sequence[Sequence[Floats]] = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return np.moveaxis(np.array(rows), -1, 0)


def turned(points: Floats, angle: float) -> Floats:
    """Return positions turned about the z axis.

    Parameters
    ----------
    points
        ``(n, 3 or more)`` z, y, x first.
    angle
        In radians.

    Returns
    -------
    ndarray
        ``(n, 3)``.
    """
    cos, sin = np.cos(angle), np.sin(angle)
    z, y, x = points[:, 0], points[:, 1], points[:, 2]
    return np.column_stack([z, cos * y - sin * x, sin * y + cos * x])


def _axes(shape: Shape) -> tuple[Floats, Floats, Floats]:
    """Return the frequencies along z, y, x, ready for broadcasting."""
    z = np.fft.fftfreq(shape[0]).astype(np.float32)[:, None, None]
    y = np.fft.fftfreq(shape[1]).astype(np.float32)[None, :, None]
    x = np.fft.rfftfreq(shape[2]).astype(np.float32)[None, None, :]
    return z, y, x
