"""Volumes filtered to one band after the other, and their products in a window around places.

Each band is computed on the coarsest grid that holds it, so low ones cost next to nothing, and
the window, a Gaussian, is applied along one axis after the other as products of matrices that
also bring the result to the places where it is wanted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import torch
from scipy.fft import next_fast_len

from napari_cryonet.nn.bands import Band, Bands, Falling, Shape, window
from napari_cryonet.nn.lattice import places
from napari_cryonet.reporting import Tick
from napari_cryonet.types.volume import ZYX

GAUSSIAN = 2.2
"""Radius of a sphere over the sigma of a Gaussian of the same volume."""

_BANDWIDTH = 2.5  # sigmas of the window's transform that must not be aliased


@dataclass(frozen=True, eq=False)
class Filtered:
    """Volumes of one grid, ready to be filtered.

    Parameters
    ----------
    spectra
        The real Fourier transform of each.
    shape
        ``(z, y, x)`` of the volumes.
    size
        Å per voxel along z, y, x.
    where
        The places along z, y and x, in voxels.
    """

    spectra: tuple[torch.Tensor, ...]
    shape: Shape
    size: ZYX
    where: tuple[torch.Tensor, ...]

    @classmethod
    def of(
        cls, volumes: Sequence[torch.Tensor], size: ZYX, where: Sequence[torch.Tensor]
    ) -> Filtered:
        """Transform volumes, their means taken off."""
        spectra = tuple(torch.fft.rfftn(volume - volume.mean()) for volume in volumes)
        return cls(spectra, tuple(volumes[0].shape), size, tuple(where))

    def products(self, band: Band, radius: float) -> list[torch.Tensor]:
        """Return the mean product of each pair of filtered volumes around each place.

        Parameters
        ----------
        band
            What the volumes are filtered to.
        radius
            In Å, of the sphere that the window stands for.

        Returns
        -------
        list of tensor
            ``(z', y', x')`` each: of one volume its power; of two the power of the first, the
            product of both and the power of the second.
        """
        sigma = radius / GAUSSIAN
        grid = _grid(self.shape, self.size, band.centre + band.half_width, sigma)
        passed = band.profile(frequencies(grid, self.shape, self.size, self.spectra[0].device))
        passed *= math.prod(grid) / math.prod(self.shape)
        volumes = [
            torch.fft.irfftn(_cropped(terms, self.shape, grid) * passed, s=grid)
            for terms in self.spectra
        ]
        matrices = [
            _window(at, cells, count / cells, sigma / width).to(volumes[0])
            for at, count, cells, width in zip(self.where, self.shape, grid, self.size, strict=True)
        ]
        pairs = combinations_with_replacement(volumes, 2)
        return [_smoothed(one * two, matrices) for one, two in pairs]


def standardised(volume: torch.Tensor) -> torch.Tensor:
    """Return a volume with mean 0 and, unless it is constant, variance 1.

    Products of powers of large or small grey values would leave what 32 bits can hold.
    """
    away = volume - volume.mean()
    return away / away.std().clamp_min(torch.finfo(away.dtype).tiny)


def by_filtering(
    halves: tuple[torch.Tensor, torch.Tensor],
    size: ZYX,
    radius: float,
    bands: Bands,
    step: int,
    threshold: float,
    tick: Tick,
) -> torch.Tensor:
    """Return where the local correlation of two half maps falls below a threshold.

    Parameters
    ----------
    halves
        ``(z, y, x)`` each, on the device to compute on.
    size
        Å per voxel along z, y, x.
    radius
        Of the window in Å.
    bands
        The shells.
    step
        Distance of the places in voxels.
    threshold
        For example 0.143.
    tick
        Is told how far it is; may raise to stop.

    Returns
    -------
    tensor
        ``(z', y', x')`` in 1/Å at the places.
    """
    axes = [places(count, step) for count in halves[0].shape]
    filtered = Filtered.of([standardised(half) for half in halves], size, axes)
    falling: Falling | None = None
    for number, band in enumerate(bands.shells, 1):
        first, cross, second = filtered.products(band, window(radius, band.centre))
        correlation = cross / (first * second).clamp_min(torch.finfo(cross.dtype).tiny).sqrt()
        falling = falling or Falling(threshold, correlation)
        falling.add(band.centre, correlation)
        tick(number / len(bands.centres))
    assert falling is not None  # noqa: S101 - there are at least two shells
    return falling.frequency()


def frequencies(grid: Shape, shape: Shape, size: ZYX, device: torch.device) -> torch.Tensor:
    """Return the frequency in 1/Å of each coefficient of a real transform on a grid.

    Parameters
    ----------
    grid
        Cells along z, y, x.
    shape
        Voxels of the volume that the grid covers.
    size
        Å per voxel along z, y, x.
    device
        Where to.
    """
    sides = [count * step for count, step in zip(shape, size, strict=True)]
    z, y = (
        torch.fft.fftfreq(cells, side / cells, device=device)
        for cells, side in zip(grid[:2], sides, strict=False)
    )
    x = torch.fft.rfftfreq(grid[2], sides[2] / grid[2], device=device)
    squares: torch.Tensor = z.square()[:, None, None] + y.square()[:, None] + x.square()
    return squares.sqrt()


def _grid(shape: Shape, size: ZYX, highest: float, sigma: float) -> Shape:
    """Return the smallest quick grid on which products of a shell can be smoothed.

    Products hold twice the frequency. What is aliased of it has to stay beyond what the window
    lets through.
    """
    through = _BANDWIDTH / (2 * math.pi * sigma)
    grid = []
    for count, step in zip(shape, size, strict=True):
        needed = math.ceil(count * step * (2 * highest + through))
        cells = next_fast_len(needed, real=True)
        while cells % 2 and cells < count:
            cells = next_fast_len(cells + 1, real=True)
        grid.append(min(cells, count))
    return tuple(grid)


def _cropped(terms: torch.Tensor, shape: Shape, grid: Shape) -> torch.Tensor:
    """Return the coefficients that a coarser grid has."""
    for axis in (0, 1):
        half = grid[axis] // 2
        if grid[axis] < shape[axis]:
            low, high = terms.narrow(axis, 0, half), terms.narrow(axis, shape[axis] - half, half)
            terms = torch.cat([low, high], axis)
    return terms[..., : grid[2] // 2 + 1]


def _window(at: torch.Tensor, cells: int, voxels: float, sigma: float) -> torch.Tensor:
    """Return the matrix that smooths an axis of `cells` and brings it to the places.

    Parameters
    ----------
    at
        The places in voxels.
    cells
        Of the grid along the axis.
    voxels
        In each cell.
    sigma
        Of the Gaussian, in voxels.
    """
    away = (at[:, None] - torch.arange(cells) * voxels) / sigma
    weights = torch.exp(-0.5 * away.square())
    return weights / weights.sum(1, keepdim=True)


def _smoothed(values: torch.Tensor, matrices: list[torch.Tensor]) -> torch.Tensor:
    """Return values smoothed along x, y and z, at the places."""
    z, y, x = matrices
    rows = y @ (values @ x.T)
    planes: torch.Tensor = z @ rows.flatten(1)
    return planes.reshape(-1, *rows.shape[1:])
