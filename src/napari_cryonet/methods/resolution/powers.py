"""What the network is given: local power in bands of 1/Å, compared with that of the solvent.

The places lie on a lattice in Å, the bands are in 1/Å, and the power of the signal is counted
in powers of the noise. So the same molecule gives the same numbers at any voxel size, and a
filter of the map cancels out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_cryonet.errors import DataError
from napari_cryonet.nn.bands import Band, Falling, window
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.filtering import GAUSSIAN, Filtered, frequencies
from napari_cryonet.nn.tiles import Grid, Tile, over_tiles
from napari_cryonet.reporting import Reporter, Tick
from napari_cryonet.signal.mask import Mask
from napari_cryonet.types import Volume

SPACING, RADIUS, MIDDLE = 4.0, 12.5, 5.0
"""Å between the places, the smallest radius of the window, and a usual resolution."""

_FINEST, _COARSEST = 1.9, 20.0  # Å, of the bands
_OVERLAP = 0.42  # of half a band's width, to the next
_WIDTH = 0.6  # half a band's width, in units of 1 / radius of the window
_RIM = 48.0  # Å around a tile
_SIDE = 256  # voxels of a tile, at most
_EDGE = 0.05  # of a mask, below which there is solvent
_LITTLE = 0.25  # of a window that the molecule fills, below which the signal is not made up for
_AWAY = 8.0  # Å from the mask to the solvent
_THRESHOLD = 0.143
_LEAST = 1000  # voxels of solvent that say how strong the noise is
_SHELLS = 512
_SOFT = 5  # voxels, of each of two boxes that soften the border of the solvent
_SILENT = 1e-7  # of the strongest noise: a band that a filter has emptied
_LOG = (-1.0, 2.0)
"""Limits of the logarithms: where the signal ends counts, not the spectrum of the molecule."""
_TOP, _FLAT, _STRONGER = 5, 0.15, 1.3
"""Bands without signal, how much they may differ in logarithm, and what ratio is suspicious."""


def _bands() -> tuple[Band, ...]:
    """Return bands as narrow as the window around a wave of them allows."""
    found, centre = [], 1 / _COARSEST
    while centre < 1 / _FINEST:
        found.append(Band(centre, _WIDTH / window(RADIUS, centre)))
        centre += _OVERLAP * found[-1].half_width
    return tuple(found)


BANDS = _bands()


@dataclass(frozen=True, eq=False)
class Field:
    """What a network is given of a map, and where.

    Parameters
    ----------
    values
        ``(c, z', y', x')``.
    axes
        Where the places are along z, y and x, in voxels of the map.
    """

    values: NDArray[np.float32]
    axes: tuple[NDArray[np.float64], ...]

    def at(self, data: NDArray[Any]) -> NDArray[Any]:
        """Return the values of an array ``(z, y, x)`` in the voxels nearest to the places."""
        values: NDArray[Any] = data[np.ix_(*(np.rint(axis).astype(int) for axis in self.axes))]
        return values


class Noise(NamedTuple):
    """How strong the noise inside a molecule is.

    Parameters
    ----------
    ratio
        Its power there over that in the solvent.
    warning
        One sentence if the resolution comes out too good for it, else "".
    """

    ratio: float
    warning: str


def powers(volume: Volume, mask: Mask, compute: Compute, report: Reporter) -> Field:
    """Return the local power of a map in bands, as logarithms of multiples of the noise.

    Parameters
    ----------
    volume
        With a voxel size.
    mask
        ``(z, y, x)`` from 0 to 1, 1 in the molecule; the noise is measured away from it.
    compute
        Where to compute.
    report
        Is told of the progress, and asked whether to stop.

    Returns
    -------
    Field
        For each band the logarithm, for each whether it is known – not beyond Nyquist and not
        emptied by a filter –, and last the logarithm of the resolution in `MIDDLE` at which the
        signal falls to the noise as the FSC of half maps falls to 0.143.

    Raises
    ------
    DataError
        If there is no solvent that says how strong the noise is.
    """
    work = _Measuring(volume, mask, compute)
    shape, longest = volume.shape, min(volume.scale)
    over_tiles(shape, Grid(_SIDE, math.ceil(_RIM / longest)), work.measure, compute, report)
    noise = work.noise()
    centres = np.array([band.centre for band in BANDS])
    known = (noise > _SILENT * noise.max()) & (centres <= 0.5 / max(volume.scale))
    divisor = np.where(known, noise, 1.0).astype(np.float32)
    share = _filled(Field(work.power, work.axes).at(mask))
    ratio = 1 + (work.power / divisor[:, None, None, None] - 1) / share
    logs = np.log(np.maximum(ratio, math.exp(_LOG[0]))).clip(*_LOG)
    flags = np.broadcast_to(known[:, None, None, None], logs.shape)
    first = _crossing(ratio, known)
    values = np.concatenate([np.where(flags & (work.power > 0), logs, 0.0), flags, first[None]])
    return Field(values.astype(np.float32), work.axes)


def _filled(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the share of each window that the molecule fills, ``(c, z', y', x')``.

    Near the border a window holds less signal, but the resolution is no coarser there.
    """
    sigmas = [window(RADIUS, band.centre) / (GAUSSIAN * SPACING) for band in BANDS]
    known = {
        sigma: ndimage.gaussian_filter(mask, sigma, mode="constant").clip(_LITTLE, 1)
        for sigma in set(sigmas)
    }
    return np.stack([known[sigma] for sigma in sigmas])


def _crossing(ratio: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the logarithm of where the signal falls below what the FSC of half maps asks for.

    A half map has twice the noise of their average, so with a signal-to-noise ratio of s there,
    the FSC is s / (2 + s).
    """
    signal = torch.from_numpy(ratio).sub(1).clamp_min(0)
    falling = Falling(_THRESHOLD, signal[0])
    for band, values, there in zip(BANDS, signal, known, strict=True):
        if there:
            falling.add(band.centre, values / (2 + values))
    return -torch.log(MIDDLE * falling.frequency()).numpy()


def noise_inside(field: Field, inside: NDArray[np.bool_]) -> Noise:
    """Compare the noise in a molecule with that of the solvent, where a map has no signal.

    Parameters
    ----------
    field
        What `powers` has measured.
    inside
        ``(z', y', x')`` the places in the molecule.
    """
    logs, known = field.values[: len(BANDS)], field.values[len(BANDS) : -1, 0, 0, 0] > 0
    curve = np.median(logs[known][:, inside], axis=1)[-_TOP:]
    ratio = math.exp(float(curve.min()))
    flat = float(curve.max() - curve.min()) < _FLAT
    if not (flat and ratio > _STRONGER):
        return Noise(ratio, "")
    return Noise(
        ratio,
        f"The finest {len(curve)} bands are {ratio:.2g} times as strong in the molecule as in the "
        f"solvent, and equally so: the noise is stronger inside, or the solvent was made "
        f"smoother. The resolution comes out too good. Two half maps tell it without this error.",
    )


class _Measuring:
    """The local power and the noise of a map, measured tile by tile."""

    def __init__(self, volume: Volume, mask: Mask, compute: Compute) -> None:
        self.volume, self.mask, self.compute = volume, mask, compute
        self.axes = tuple(
            _lattice(count, size) for count, size in zip(volume.shape, volume.scale, strict=True)
        )
        self.power = np.zeros((len(BANDS), *map(len, self.axes)), np.float32)
        self._away = [2 * math.ceil(_AWAY / size) + 1 for size in volume.scale]
        self._noise, self._weight, self._voxels = np.zeros(len(BANDS)), 0.0, 0
        self._empty = _emptied(volume.data)

    def measure(self, tile: Tile, tick: Tick) -> None:
        """Measure in one tile, unless it holds no molecule."""
        if not (self.mask[tile.write] > _EDGE).any():
            return
        data = np.asarray(self.volume.data[tile.read], dtype=np.float32)
        self._add_noise(data, tile)
        inner = [
            (axis >= part.start) & (axis < part.stop)
            for axis, part in zip(self.axes, tile.write, strict=True)
        ]
        where = [
            torch.from_numpy((axis[own] - part.start).astype(np.float32))
            for axis, own, part in zip(self.axes, inner, tile.read, strict=True)
        ]
        values = torch.from_numpy(data * _taper(tile, data.shape)).to(self.compute.device)
        with torch.inference_mode():
            filtered = Filtered.of([values], self.volume.scale, where)
            for number, band in enumerate(BANDS):
                (power,) = filtered.products(band, window(RADIUS, band.centre))
                self.power[(number, *np.ix_(*inner))] = power.cpu().numpy()
                tick((number + 1) / len(BANDS))

    def noise(self) -> NDArray[np.float64]:
        """Return the power of the noise in each band.

        Raises
        ------
        DataError
            If too little solvent was found.
        """
        if self._voxels < _LEAST:
            raise DataError(
                f"{self.volume.name} has {self._voxels} voxels of solvent that are not of one "
                f"value, away from the molecule; {_LEAST} are needed to know how strong the noise "
                f"is. Give the map before it was masked, in a box with solvent around the "
                f"molecule, or a tighter mask."
            )
        return self._noise / self._weight

    def _add_noise(self, data: NDArray[np.float32], tile: Tile) -> None:
        """Add the power spectrum of the solvent of a tile."""
        near = self.mask[tile.read] > _EDGE
        free = ndimage.maximum_filter(near.astype(np.uint8), self._away) == 0
        if self._empty is not None:
            free &= data != self._empty
        free = ndimage.minimum_filter(free.astype(np.uint8), 2 * _SOFT - 1) > 0
        if not free.any():
            return
        self._voxels += int(free.sum())
        weight = free.astype(np.float32)
        for _ in range(2):
            weight = ndimage.uniform_filter(weight, _SOFT)
        level = float(data[free].mean())
        solvent = torch.from_numpy((data - level) * weight).to(self.compute.device)
        terms = torch.fft.rfftn(solvent)
        often = torch.full((terms.shape[-1],), 2.0, device=terms.device)
        often[0] = 1.0
        if data.shape[-1] % 2 == 0:
            often[-1] = 1.0
        shape = tuple(data.shape)
        at = frequencies(shape, shape, self.volume.scale, terms.device)
        edge = BANDS[-1].centre + BANDS[-1].half_width
        shell = (at * (_SHELLS / edge)).long().clamp_max(_SHELLS)
        power = (terms.abs().square() * often).flatten() / data.size
        sums = torch.bincount(shell.flatten(), power, _SHELLS + 1)[:_SHELLS].cpu()
        centres = (torch.arange(_SHELLS) + 0.5) * (edge / _SHELLS)
        self._noise += [float((sums * band.profile(centres).square()).sum()) for band in BANDS]
        self._weight += float(np.square(weight).sum())


def _lattice(count: int, size: float) -> NDArray[np.float64]:
    """Return the places along an axis in voxels, as far from both of its ends."""
    span = (count - 1) * size
    number = int(span // SPACING) + 1
    start = (span - (number - 1) * SPACING) / 2
    return np.linspace(start, span - start, number) / size


def _taper(tile: Tile, shape: Sequence[int]) -> NDArray[np.float32]:
    """Return a weight that falls to 0 at the faces where a tile was cut out of its volume."""
    axes = []
    for read, write, count in zip(tile.read, tile.write, shape, strict=True):
        low, high = (write.start - read.start) // 2, (read.stop - write.stop) // 2
        axis = np.ones(count, np.float32)
        if low:
            axis[:low] = 0.5 - 0.5 * np.cos(np.pi * (np.arange(low) + 0.5) / low)
        if high:
            axis[count - high :] = 0.5 + 0.5 * np.cos(np.pi * (np.arange(high) + 0.5) / high)
        axes.append(axis)
    z, y, x = np.ix_(*axes)
    return z * y * x


def _emptied(data: NDArray[np.generic]) -> np.generic | None:
    """Return the value around a map if all of its corners have the same: it was cleared there."""
    corners = data[np.ix_(*([0, -1] for _ in range(3)))].ravel()
    value: np.generic = corners[0]
    return value if (corners == value).all() else None
