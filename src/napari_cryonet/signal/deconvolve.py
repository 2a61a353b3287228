"""Deconvolution: a volume through a Wiener filter against the CTF.

The Fourier transform is done plane by plane and then column by column, so that nothing but
one complex array is as large as the volume, and work can be stopped between two pieces. The
filter is that of `napari_cryonet.signal.ctf`, which names its source.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from scipy import fft

from napari_cryonet.errors import DataError, SettingsError
from napari_cryonet.reporting import Tick, untold
from napari_cryonet.signal.ctf import Deconvolution, Floats, fractions, wiener
from napari_cryonet.types.volume import ZYX

Spectrum = NDArray[np.complex64]

_PIECE = 1 << 21


def deconvolve(
    data: NDArray[Any],
    voxel_size: ZYX | None,
    settings: Deconvolution,
    *,
    into: NDArray[np.float32] | None = None,
    tick: Tick | None = None,
) -> tuple[NDArray[np.float32], float]:
    """Return a volume with the contrast transfer function undone as far as its noise allows.

    Parameters
    ----------
    data
        ``(z, y, x)`` grey values, read piece by piece; may be a memory map.
    voxel_size
        Å per voxel along z, y, x. Where they differ, the smallest gives Nyquist.
    settings
        The microscope, and the signal-to-noise ratio.
    into
        ``(z, y, x)`` to write the result to; None makes an array.
    tick
        Is told how far it is; may raise to stop.

    Returns
    -------
    volume : ndarray
        ``(z, y, x)``, with the mean and the standard deviation of `data`.
    gain : float
        The factor that brought the standard deviation back.

    Raises
    ------
    DataError
        If the data are not a volume of real numbers that differ, or the voxel size is not known.
    SettingsError
        If the CTF is 0 everywhere.
    """
    known = checked(data, voxel_size)
    shape = data.shape
    tick = tick or untold
    spectrum = _empty((*shape[:2], shape[2] // 2 + 1))
    mean, deviation = _forward(data, spectrum, lambda share: tick(share / 3))
    left = _filter(spectrum, shape, known, settings, lambda share: tick((1 + share) / 3))
    if not left:
        raise SettingsError("Nothing passes the filter: the CTF is 0 everywhere. Give a defocus.")
    gain = deviation / left
    result = np.empty(shape, np.float32) if into is None else into
    for part in _pieces(shape[0], shape[1] * shape[2]):
        planes = fft.irfft2(spectrum[part], s=shape[1:], workers=-1)
        result[part] = planes * np.float32(gain) + np.float32(mean)
        tick((2 + part.stop / shape[0]) / 3)
    return result, gain


def checked(data: NDArray[Any], voxel_size: ZYX | None) -> ZYX:
    """Return the voxel size of a volume that can be deconvolved.

    Parameters
    ----------
    data
        Should be ``(z, y, x)`` and real.
    voxel_size
        Å per voxel along z, y, x; None if not known.

    Raises
    ------
    DataError
        If the data are not a volume of real numbers, or the voxel size is not known.
    """
    if data.ndim != 3 or data.dtype.kind not in "buif":
        raise DataError(
            f"A volume z, y, x of real numbers can be deconvolved; this has the shape "
            f"{data.shape} and the type {data.dtype}."
        )
    if voxel_size is None:
        raise DataError(
            "The volume has no voxel size, without which the CTF is not known. Set it first: "
            "Layers > Data > Set voxel size… or cryonet convert --voxel-size."
        )
    return voxel_size


def _forward(data: NDArray[Any], spectrum: Spectrum, tick: Tick) -> tuple[float, float]:
    """Transform all planes; return mean and standard deviation of the volume."""
    shape = data.shape
    shift, total, squares, low, high = 0.0, 0.0, 0.0, math.inf, -math.inf
    for part in _pieces(shape[0], shape[1] * shape[2]):
        values = np.array(data[part], dtype=np.float64)
        if not np.isfinite(values).all():
            raise DataError(
                "The volume holds values that are not numbers (NaN or infinite); replace them "
                "first."
            )
        if not part.start:
            shift = float(values.mean())  # a large mean would cost float32 its digits
        values -= shift
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        total += float(values.sum())
        squares += float(np.vdot(values, values))
        spectrum[part] = fft.rfft2(values.astype(np.float32), workers=-1)
        tick(part.stop / shape[0])
    if low == high:
        raise DataError(
            f"All voxels have the same value, {shift + low:g}: there is nothing to deconvolve."
        )
    mean = total / data.size
    return shift + mean, math.sqrt(squares / data.size - mean * mean)


def _filter(
    spectrum: Spectrum, shape: tuple[int, ...], size: ZYX, settings: Deconvolution, tick: Tick
) -> float:
    """Transform along z, filter, transform back; return the standard deviation that is left."""
    nyquist, points = 0.5 / min(size), fractions()
    factors = wiener(points, min(size), settings)
    z, y = (fft.fftfreq(shape[axis], size[axis]) / nyquist for axis in (0, 1))
    x = fft.rfftfreq(shape[2], size[2]) / nyquist
    power = np.zeros(x.size)
    for part in _pieces(shape[1], shape[0] * x.size):
        distance: Floats = np.sqrt(sum(np.square(axis) for axis in np.ix_(z, y[part], x)))
        columns = fft.fft(spectrum[:, part], axis=0, workers=-1)
        columns *= np.interp(distance, points, factors).astype(np.float32)
        if not part.start:
            columns[0, 0, 0] = 0  # the mean, which is put back in full
        power += (columns.real**2 + columns.imag**2).sum(axis=(0, 1), dtype=np.float64)
        spectrum[:, part] = fft.ifft(columns, axis=0, overwrite_x=True, workers=-1)
        tick(part.stop / shape[1])
    # all but the first and, for an even length, the last stand for two coefficients
    both = 2 * power.sum() - power[0] - (power[-1] if shape[2] % 2 == 0 else 0)
    return math.sqrt(both) / math.prod(shape)


def _pieces(length: int, others: int) -> Iterator[slice]:
    """Cut an axis so that each piece has about two million values, at least one step."""
    step = max(1, _PIECE // others)
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def _empty(shape: tuple[int, ...]) -> Spectrum:
    """Return an array without values, on disk if it would take more than half the free memory."""
    needed = 8 * math.prod(shape)
    if needed <= psutil.virtual_memory().available // 2:
        return np.empty(shape, np.complex64)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.complex64, "w+", shape=shape)
