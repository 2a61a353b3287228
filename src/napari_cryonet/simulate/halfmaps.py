"""Two half maps of a protein that does not exist: helices, domains, fourfold symmetry.

The noise is independent in the two halves and correlated between neighbouring voxels, as a
reconstruction's is. Its level is set so that the Fourier shell correlation of the whole
boxes falls through 0.143 at the resolution that is asked for.

References
----------
Rosenthal, Henderson, J. Mol. Biol. 333 (2003), doi:10.1016/j.jmb.2003.07.013 (fall-off of
the signal, and the threshold).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from napari_cryonet.errors import DataError
from napari_cryonet.simulate.noise import (
    coloured,
    filtered,
    frequencies,
    gaussian,
    splatted,
    turned,
)
from napari_cryonet.types import Volume

Floats = NDArray[np.floating[Any]]

THRESHOLD = 0.143
_SMALLEST_BOX = 70.0
_SYMMETRY = 4
_PACKING = 9.6
_TURN, _RISE = np.deg2rad(100.0), 1.5
# radius Å, degrees, rise Å and electrons of N, CA, C, O and CB in a residue of an α-helix
_BACKBONE = np.array(
    [
        (1.56, -28.0, -0.87, 7.0),
        (2.29, 0.0, 0.0, 6.0),
        (1.68, 26.4, 1.09, 6.0),
        (2.00, 21.5, 2.30, 8.0),
        (3.30, -9.0, -0.50, 6.0),
    ]
)
_PEAK = 0.1


@dataclass(frozen=True, eq=False)
class HalfMaps:
    """Two simulated half maps and what is behind them.

    Parameters
    ----------
    first, second
        The half maps: the same signal, independent noise.
    truth
        The signal alone.
    mask
        1 inside the molecule, 0 outside, with a soft edge.
    """

    first: Volume
    second: Volume
    truth: Volume
    mask: Volume


def half_map_pair(
    side: int = 96,
    voxel_size: float = 1.5,
    seed: int = 0,
    resolution: float = 4.0,
    correlation: float = 0.7,
) -> HalfMaps:
    """Simulate the two half maps of a protein.

    Parameters
    ----------
    side
        Voxels along each edge of the box, at least 24.
    voxel_size
        Å per voxel; the box has to be at least 70 Å wide for the molecule to fit in.
    seed
        Chooses both the molecule and the noise.
    resolution
        Å at which the half maps correlate by 0.143; at least two voxels.
    correlation
        How far the noise is correlated: the sigma of a Gaussian, in voxels.

    Raises
    ------
    DataError
        If the box is too small or the resolution finer than two voxels.
    """
    if side < 24:
        raise DataError(f"The box has {side} voxels along an edge; at least 24 are needed.")
    if side * voxel_size < _SMALLEST_BOX:
        raise DataError(
            f"The box is {side * voxel_size:g} Å wide; the molecule needs {_SMALLEST_BOX:g} Å."
        )
    if resolution < 2 * voxel_size:
        raise DataError(
            f"Voxels of {voxel_size} Å hold {2 * voxel_size} Å at the best; {resolution} Å was "
            f"asked for. Choose smaller voxels or a coarser resolution."
        )
    rng = np.random.default_rng(seed)
    shape = (side, side, side)
    frequency = frequencies(shape)
    truth = _density(side, voxel_size, resolution, rng)
    colour = gaussian(frequency, correlation)
    sigma = _noise_level(truth, colour, frequency, voxel_size / resolution)
    halves = [truth + sigma * _noise(shape, colour, rng) for _ in range(2)]
    how = f"{resolution:g} Å, seed {seed}"
    common: dict[str, Any] = {"voxel_size": (voxel_size,) * 3}
    first, second = (
        Volume(
            half.astype(np.float32),
            name=f"simulated half map {number}",
            history=(f"Simulated half map {number} of 2, {how}.",),
            **common,
        )
        for number, half in enumerate(halves, 1)
    )
    return HalfMaps(
        first,
        second,
        Volume(truth, name="simulated truth", history=(f"Simulated map, {how}.",), **common),
        Volume(
            _mask(truth, voxel_size),
            name="simulated mask",
            history=("Simulated mask of a simulated map.",),
            **common,
        ),
    )


def _density(side: int, voxel_size: float, resolution: float, rng: np.random.Generator) -> Floats:
    """Return the molecule in a box; its outer domains are less well ordered than its core."""
    box = side * voxel_size
    core = _domain((-0.10, 0.0, 0.12), (1.0, 0.0, 0.15), (0.21, 0.105), box, rng)
    arm = _domain((0.19, 0.0, 0.21), (0.6, 0.7, 0.4), (0.14, 0.125), box, rng)
    fall_off = 8.0 * resolution**2
    s = frequencies((side,) * 3) / voxel_size
    terms: Any = 0
    for atoms, disorder in ((core, fall_off), (arm, 1.5 * fall_off)):
        copies = [turned(atoms, 2 * np.pi * k / _SYMMETRY) for k in range(_SYMMETRY)]
        points = np.concatenate(copies) / voxel_size + (side - 1) / 2
        volume = splatted(points, np.tile(atoms[:, 3], _SYMMETRY), (side,) * 3)
        terms = terms + fft.rfftn(volume) * np.exp(-disorder * s * s / 4)
    density: Floats = fft.irfftn(terms, s=(side,) * 3).astype(np.float32)
    return density * np.float32(_PEAK / density.max())


def _domain(
    centre: tuple[float, float, float],
    axis: tuple[float, float, float],
    radii: tuple[float, float],
    box: float,
    rng: np.random.Generator,
) -> Floats:
    """Return the atoms ``(n, 4)`` (z, y, x in Å, electrons) of a bundle of helices.

    The lengths are fractions of the box; the helices fill an ellipsoid along `axis`.
    """
    along, across = radii[0] * box, radii[1] * box
    tilted = np.array(axis) + rng.normal(0, 0.12, 3)
    frame = np.linalg.qr(np.column_stack([tilted, rng.standard_normal((3, 2))]))[0]
    frame[:, 0] *= np.sign(frame[:, 0] @ tilted)
    shift = rng.uniform(-0.5, 0.5, 2) * _PACKING
    rows = int(across / _PACKING) + 1
    parts: list[Floats] = []
    end: Floats | None = None
    for row in range(-rows, rows + 1):
        columns = range(-rows, rows + 1)
        for column in columns if row % 2 else reversed(columns):
            place = _PACKING * np.array([row * 0.866, column + 0.5 * (row % 2)])
            place += shift + rng.normal(0, 0.5, 2)
            inside = max(0.0, 1 - float(place @ place) / across**2)
            half = along * inside**0.5 - 2
            if half < 5:
                continue
            helix = _helix(2 * half * rng.uniform(0.75, 1.0), rng)
            helix[:, 1:3] += place + helix[:, :1] * rng.normal(0, 0.06, 2)
            if len(parts) % 2:
                helix = helix[::-1] * np.array([-1, 1, 1, 1])
            if end is not None:
                parts.append(_loop(end, helix[0, :3], rng))
            parts.append(helix)
            end = helix[-1, :3]
    atoms = np.concatenate(parts)
    atoms[:, :3] = atoms[:, :3] @ frame.T + (np.array(centre) + rng.normal(0, 0.008, 3)) * box
    return atoms


def _helix(length: float, rng: np.random.Generator) -> Floats:
    """Return the atoms of an α-helix along the first axis, centred, with side chains."""
    residue = np.arange(max(4, int(length / _RISE)))[:, None]
    side = np.array([(5.2, 5.0, -0.5, 14.0)])
    radius, angle, rise, electrons = np.concatenate([_BACKBONE, side]).T[:, None, :]
    shape = (len(residue), len(_BACKBONE) + 1)
    size = np.ones(shape)
    size[:, -1] = rng.uniform(0, 1.8, len(residue))
    theta = residue * _TURN + np.deg2rad(angle)
    z = np.broadcast_to((residue - len(residue) / 2) * _RISE + rise, shape)
    reach = radius * np.where(np.arange(shape[1]) == shape[1] - 1, 0.7 + 0.25 * size, 1.0)
    columns = (z, reach * np.sin(theta), reach * np.cos(theta), electrons * size)
    return np.stack([np.broadcast_to(c, shape) for c in columns], axis=-1).reshape(-1, 4)


def _loop(start: Floats, stop: Floats, rng: np.random.Generator) -> Floats:
    """Return the atoms of a loop that bulges on its way between two helices."""
    count = max(3, int(np.linalg.norm(stop - start) * 1.3 / 3.6)) * 4
    t = np.linspace(0, 1, count)[:, None]
    middle = (start + stop) / 2
    bulge = middle + np.array([4.0 * np.sign(middle[0]), 0, 0]) + rng.normal(0, 1.5, 3)
    path = (1 - t) ** 2 * start + 2 * t * (1 - t) * bulge + t**2 * stop
    path = path + rng.normal(0, 0.7, path.shape)
    return np.column_stack([path, np.full(count, 7.0)])


def _noise(shape: tuple[int, int, int], colour: Floats, rng: np.random.Generator) -> Floats:
    """Return noise of unit variance that grows by a third from the middle to the corners."""
    z, y, x = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in shape)]
    growth: Floats = (1 + (z * z + y * y + x * x) / 9).astype(np.float32)
    return coloured(shape, colour, rng) * growth


def _noise_level(truth: Floats, colour: Floats, frequency: Floats, cut: float) -> float:
    """Return the standard deviation of the noise at which the correlation is 0.143 at `cut`.

    With signal power S and noise power N the correlation of two halves is S / (S + N), so
    N is wanted that is (1 - 0.143) / 0.143 times S at the frequency `cut` (cycles/voxel).
    """
    near = np.abs(frequency - cut) < 1.5 / min(truth.shape)
    signal = float(np.mean(np.abs(fft.rfftn(truth)[near]) ** 2))
    probe = _noise(truth.shape, colour, np.random.default_rng(0))
    noise = float(np.mean(np.abs(fft.rfftn(probe)[near]) ** 2))
    return float(np.sqrt(signal / noise * (1 - THRESHOLD) / THRESHOLD))


def _mask(truth: Floats, voxel_size: float) -> Floats:
    """Return a soft mask a little wider than the molecule."""
    smooth = filtered(truth, gaussian(frequencies(truth.shape), 3.0 / voxel_size))
    inside = smooth > 0.12 * smooth.max()
    outside = ndimage.distance_transform_edt(~inside) * voxel_size
    edge = np.clip((outside - 3.0) / 6.0, 0, 1)
    mask: Floats = (0.5 + 0.5 * np.cos(np.pi * edge)).astype(np.float32)
    return mask
