"""The fast way: both halves filtered to a shell, and compared in a window around each place.

Each shell is computed on the coarsest grid that holds it, so low ones cost next to nothing, and
the window, a Gaussian, is applied along one axis after the other as products of matrices that
also bring the result to the places where it is wanted.
"""

from __future__ import annotations

import math

import torch
from scipy.fft import next_fast_len

from napari_cryonet.methods.local_fsc.shells import Bands, Falling, Shape, places, window
from napari_cryonet.reporting import Tick
from napari_cryonet.types.volume import ZYX

GAUSSIAN = 2.2
"""Radius of a sphere over the sigma of a Gaussian of the same volume."""

_BANDWIDTH = 2.5  # sigmas of the window's transform that must not be aliased


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
    shape = tuple(halves[0].shape)
    spectra = [torch.fft.rfftn(half - half.mean()) for half in halves]
    falling: Falling | None = None
    for number, centre in enumerate(bands.centres):
        sigma = window(radius, centre) / GAUSSIAN
        grid = _grid(shape, size, centre + bands.half_width, sigma)
        profile = bands.profile(_frequency(grid, shape, size, spectra[0].device), centre)
        one, two = (
            torch.fft.irfftn(_cropped(terms, shape, grid) * profile, s=grid) for terms in spectra
        )
        matrices = [
            _window(count, cells, step, sigma / width).to(one)
            for count, cells, width in zip(shape, grid, size, strict=True)
        ]
        cross, first, second = (
            _smoothed(product, matrices) for product in (one * two, one * one, two * two)
        )
        correlation = cross / (first * second).clamp_min(torch.finfo(cross.dtype).tiny).sqrt()
        falling = falling or Falling(threshold, correlation)
        falling.add(centre, correlation)
        tick((number + 1) / len(bands.centres))
    assert falling is not None  # noqa: S101 - there are at least two shells
    return falling.frequency()


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


def _frequency(grid: Shape, shape: Shape, size: ZYX, device: torch.device) -> torch.Tensor:
    """Return the frequency in 1/Å of each coefficient of a real transform on a grid."""
    sides = [count * step for count, step in zip(shape, size, strict=True)]
    z, y = (
        torch.fft.fftfreq(cells, side / cells, device=device)
        for cells, side in zip(grid[:2], sides, strict=False)
    )
    x = torch.fft.rfftfreq(grid[2], sides[2] / grid[2], device=device)
    squares: torch.Tensor = z.square()[:, None, None] + y.square()[:, None] + x.square()
    return squares.sqrt()


def _cropped(terms: torch.Tensor, shape: Shape, grid: Shape) -> torch.Tensor:
    """Return the coefficients that a coarser grid has; amplitudes drop out of a correlation."""
    for axis in (0, 1):
        half = grid[axis] // 2
        if grid[axis] < shape[axis]:
            low, high = terms.narrow(axis, 0, half), terms.narrow(axis, shape[axis] - half, half)
            terms = torch.cat([low, high], axis)
    return terms[..., : grid[2] // 2 + 1]


def _window(count: int, cells: int, step: int, sigma: float) -> torch.Tensor:
    """Return the matrix that smooths an axis of `cells` and brings it to the places.

    Parameters
    ----------
    count
        Voxels of the axis.
    cells
        Cells of the grid along it.
    step
        Distance of the places in voxels.
    sigma
        Of the Gaussian, in voxels.
    """
    there = torch.arange(cells) * (count / cells)
    away = (places(count, step)[:, None] - there) / sigma
    weights = torch.exp(-0.5 * away.square())
    return weights / weights.sum(1, keepdim=True)


def _smoothed(values: torch.Tensor, matrices: list[torch.Tensor]) -> torch.Tensor:
    """Return values smoothed along x, y and z, at the places."""
    z, y, x = matrices
    rows = y @ (values @ x.T)
    planes: torch.Tensor = z @ rows.flatten(1)
    return planes.reshape(-1, *rows.shape[1:])
