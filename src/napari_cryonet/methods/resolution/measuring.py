"""The power of a map in bands of 1/Å, in a window around each place of a lattice in Å."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_cryonet.errors import DataError
from napari_cryonet.nn.bands import Band, window
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.filtering import Filtered, frequencies
from napari_cryonet.nn.tiles import Grid, Tile, over_tiles
from napari_cryonet.reporting import Reporter, Tick
from napari_cryonet.signal.mask import Mask
from napari_cryonet.types import Volume

SPACING, RADIUS, NARROW = 4.0, 12.5, 0.62
"""Å between the places, the smallest radius of the window, and the part of it to measure in."""

_FINEST, _COARSEST = 1.9, 20.0  # Å, of the bands
_OVERLAP = 0.42  # of half a band's width, to the next
_WIDTH = 0.6  # half a band's width, in units of 1 / radius of the window
_RIM = 48.0  # Å around a tile
_SIDE = 256  # voxels of a tile, at most
_EDGE = 0.05  # of a mask, below which there is solvent
_AWAY = 8.0  # Å from the mask to the solvent
_LEAST = 1000  # voxels of solvent that say how strong the noise is
_SHELLS = 512
_SOFT = 5  # voxels, of each of two boxes that soften the border of the solvent


def _bands() -> tuple[Band, ...]:
    """Return bands as narrow as the window around a wave of them allows."""
    found, centre = [], 1 / _COARSEST
    while centre < 1 / _FINEST:
        found.append(Band(centre, _WIDTH / window(RADIUS, centre)))
        centre += _OVERLAP * found[-1].half_width
    return tuple(found)


BANDS = _bands()


class Measuring:
    """The local power and the noise of a map, measured tile by tile.

    Parameters
    ----------
    volume
        With a voxel size.
    mask
        ``(z, y, x)`` from 0 to 1, 1 in the molecule.
    compute
        Where to compute.

    Attributes
    ----------
    axes
        Where the places are along z, y and x, in voxels.
    power
        ``(c, z', y', x')`` in the narrow window around each place, for each band; 0 in tiles far
        from the molecule.
    """

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
        """Measure in one tile, unless there is no molecule in it or around it."""
        if not (self.mask[tile.read] > _EDGE).any():
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
                (power,) = filtered.products(band, NARROW * window(RADIUS, band.centre))
                self.power[(number, *np.ix_(*inner))] = power.cpu().numpy()
                tick((number + 1) / len(BANDS))

    def run(self, report: Reporter) -> None:
        """Measure in all tiles; report the progress, and stop if that is asked for."""
        grid = Grid(_SIDE, math.ceil(_RIM / min(self.volume.scale)))
        over_tiles(self.volume.shape, grid, self.measure, self.compute, report)

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
