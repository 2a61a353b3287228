"""Fourier shells: sums over them, the FSC, and filters that differ from shell to shell.

Frequencies are in cycles per voxel, from 0 to 0.5 (Nyquist) in equal shells; the corners of
Fourier space beyond Nyquist belong to the last shell. Shells are those of cubic voxels.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Real = NDArray[np.floating[Any]]
Spectrum = NDArray[np.complexfloating[Any, Any]]


def frequency(
    shape: tuple[int, ...], voxel_size: tuple[float, ...] | None = None
) -> NDArray[np.float32]:
    """Return the distance from the origin of Fourier space for each coefficient of `rfftn`.

    Parameters
    ----------
    shape
        ``(z, y, x)`` of the volume.
    voxel_size
        Å per voxel along z, y, x; None counts in voxels.

    Returns
    -------
    ndarray
        ``(z, y, x // 2 + 1)`` in 1/Å, or in cycles per voxel.
    """
    sizes = voxel_size or (1.0,) * len(shape)
    *full, (last, size) = zip(shape, sizes, strict=True)
    axes = [fft.fftfreq(length, step) for length, step in full] + [fft.rfftfreq(last, size)]
    squares = [np.square(axis, dtype=np.float32) for axis in axes]
    return np.sqrt(sum(np.ix_(*squares)), dtype=np.float32)


def spectrum(volume: NDArray[Any]) -> Spectrum:
    """Return the real Fourier transform of a volume, computed on all cores."""
    values = np.asarray(volume, dtype=np.float32)
    return np.asarray(fft.rfftn(values, workers=-1))


def shell_sum(first: Spectrum, second: Spectrum, shape: tuple[int, ...], count: int) -> Real:
    """Return the real part of ``<first, second>`` in each shell.

    Parameters
    ----------
    first, second
        Spectra of volumes of `shape`, as `spectrum` makes them.
    shape
        ``(z, y, x)``.
    count
        Number of shells.
    """
    product = first.real * second.real + first.imag * second.imag
    weights = product * multiplicity(shape)
    index = _index(shape, count).ravel()
    return np.bincount(index, weights.ravel(), count) / np.prod(shape)


def fsc(first: NDArray[Any], second: NDArray[Any], count: int = 0) -> Real:
    """Return the Fourier shell correlation of two volumes.

    Parameters
    ----------
    first, second
        ``(z, y, x)``.
    count
        Number of shells; 0 takes half the longest side.

    References
    ----------
    Harauz and van Heel, *Exact filters for general geometry three dimensional
    reconstruction*, Optik 73 (1986).
    """
    shape = first.shape
    count = count or max(shape) // 2
    one, two = spectrum(first), spectrum(second)
    cross = shell_sum(one, two, shape, count)
    power = shell_sum(one, one, shape, count) * shell_sum(two, two, shape, count)
    return np.divide(cross, np.sqrt(power), out=np.zeros_like(cross), where=power > 0)


def shell_gain(shape: tuple[int, ...], gain: Real) -> NDArray[np.float32]:
    """Return a factor for each coefficient of `rfftn`, interpolated between the shells.

    Parameters
    ----------
    shape
        ``(z, y, x)`` of the volume to filter.
    gain
        ``(shells,)`` the factor in each shell.
    """
    centres = (np.arange(len(gain)) + 0.5) * (0.5 / len(gain))
    return np.interp(frequency(shape), centres, gain).astype(np.float32)


def backward(values: Spectrum, shape: tuple[int, ...]) -> Real:
    """Return the volume of `shape` whose spectrum is given."""
    return np.asarray(fft.irfftn(values, shape, workers=-1))


@lru_cache(maxsize=4)
def _index(shape: tuple[int, ...], count: int) -> NDArray[np.int32]:
    """Return the shell of each coefficient."""
    return np.minimum(frequency(shape) * (2 * count), count - 1).astype(np.int32)


def multiplicity(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return how often each column, ``(x // 2 + 1,)``, stands in the whole spectrum."""
    often = np.full(shape[-1] // 2 + 1, 2, dtype=np.float32)
    often[0] = 1
    if shape[-1] % 2 == 0:
        often[-1] = 1
    return often
