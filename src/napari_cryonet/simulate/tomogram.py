"""Even and odd tomograms of a made-up cell: vesicles, ribosomes, barrels, loose protein.

Matter is dark, as in a real tomogram. Signal and noise both lack the wedge that a tilt
series cannot see, and the contrast transfer function leaves bright rims around particles.

References
----------
Buchholz et al., *Cryo-CARE*, ISBI 2019, doi:10.1109/ISBI.2019.8759519 (even and odd).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError
from napari_cryonet.simulate.noise import (
    coloured,
    filtered,
    frequencies,
    gaussian,
    rotations,
    splatted,
    wedge,
)
from napari_cryonet.types import Points, Volume

Floats = NDArray[np.floating[Any]]
Shape = tuple[int, int, int]

_WAVELENGTH = 0.0197  # Å at 300 kV
_AMPLITUDE_CONTRAST = 0.15
_LEAFLET = 19.0  # Å from the middle of a membrane to one of its two dark lines
_RIBOSOME, _BARREL = 135.0, 80.0  # Å, how far each reaches from its centre
_GREY = 10.0


@dataclass(frozen=True, eq=False)
class EvenOdd:
    """Two simulated tomograms of one tilt series and what is behind them.

    Parameters
    ----------
    even, odd
        The tomograms: the same signal, independent noise.
    truth
        The signal alone, with the same missing wedge and contrast transfer.
    particles
        Where the ribosomes and barrels are; the feature `class` tells which, and `radius`
        how far they reach in Å.
    """

    even: Volume
    odd: Volume
    truth: Volume
    particles: Points


def even_odd_tomogram(
    shape: Shape = (64, 160, 160),
    voxel_size: float = 10.0,
    seed: int = 0,
    snr: float = 0.1,
    max_tilt: float = 60.0,
    correlation: float = 0.6,
    defocus: float = 5.0,
) -> EvenOdd:
    """Simulate the even and the odd tomogram of a tilt series about the y axis.

    Parameters
    ----------
    shape
        ``(z, y, x)``, each at least 32.
    voxel_size
        Å per voxel, 5 to 20.
    seed
        Chooses both the content and the noise.
    snr
        Variance of the signal divided by that of the noise of one tomogram.
    max_tilt
        Largest tilt in degrees.
    correlation
        How far the noise is correlated: the sigma of a Gaussian, in voxels.
    defocus
        Defocus in µm; more gives more contrast and wider rims.

    Raises
    ------
    DataError
        If the volume is too small or the voxels too small or too large.
    """
    if min(shape) < 32 or not 5 <= voxel_size <= 20:
        raise DataError(
            f"A simulated tomogram has at least 32 voxels along each axis, of 5 to 20 Å; "
            f"{shape} of {voxel_size} Å were asked for."
        )
    rng = np.random.default_rng(seed)
    frequency = frequencies(shape)
    seen = wedge(shape, max_tilt)
    matter, particles = _matter(shape, voxel_size, rng)
    phase = np.pi * _WAVELENGTH * defocus * 1e4 * (frequency / voxel_size) ** 2
    transfer = np.sin(phase + _AMPLITUDE_CONTRAST) * gaussian(frequency, 0.9) * seen
    signal = -filtered(matter, transfer)
    signal *= np.float32(_GREY * np.sqrt(snr) / signal.std())
    colour = gaussian(frequency, correlation) * seen
    how = f"{max_tilt:g}° largest tilt, seed {seed}"

    def volume(data: Floats, what: str) -> Volume:
        return Volume(
            data.astype(np.float32),
            (voxel_size,) * 3,
            name=f"simulated {what}",
            history=(f"Simulated {what}, {how}.",),
        )

    return EvenOdd(
        volume(signal + _GREY * coloured(shape, colour, rng), "even tomogram"),
        volume(signal + _GREY * coloured(shape, colour, rng), "odd tomogram"),
        volume(signal, "true tomogram"),
        particles,
    )


def _matter(shape: Shape, voxel_size: float, rng: np.random.Generator) -> tuple[Floats, Points]:
    """Return the density of all that is in the ice, and where the particles are."""
    size = np.array(shape) * voxel_size
    clouds = []
    shells: list[tuple[Floats, float]] = []
    for place, radius in (((0.45, 0.36, 0.33), 0.22), ((0.6, 0.78, 0.80), 0.15)):
        centre = size * (np.array(place) + rng.uniform(-0.05, 0.05, 3))
        shells.append((centre, radius * float(size[1:].min())))
        clouds.append(_vesicle(*shells[-1], voxel_size, rng))
    positions, kinds = _places(size, shells, rng)
    for kind, template in (("ribosome", _ribosome(rng)), ("barrel", _barrel())):
        chosen = positions[kinds == kind]
        for centre, rotation in zip(chosen, rotations(len(chosen), rng), strict=True):
            clouds.append(np.column_stack([template[:, :3] @ rotation.T + centre, template[:, 3]]))
    clouds.append(_loose_protein(size, rng))
    cloud = np.concatenate(clouds)
    matter = splatted(cloud[:, :3] / voxel_size, cloud[:, 3], shape)
    particles = Points(
        positions / voxel_size,
        {"class": kinds, "radius": np.where(kinds == "ribosome", _RIBOSOME, _BARREL)},
        (voxel_size,) * 3,
        volume="simulated tomogram",
        name="simulated particles",
        history=("Simulated: these are the true positions.",),
    )
    return matter, particles


def _vesicle(centre: Floats, radius: float, voxel_size: float, rng: np.random.Generator) -> Floats:
    """Return the points ``(n, 4)`` (z, y, x in Å, weight) of a bilayer, slightly flattened."""
    flatten = np.array([0.92, 1.0, 1.06]) @ rotations(1, rng)[0]
    parts = []
    for leaflet in (-_LEAFLET, _LEAFLET):
        count = int(4 * np.pi * (radius + leaflet) ** 2 / voxel_size**2 * 6)
        k = np.arange(count) + 0.5
        z, turn = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
        flat = np.sqrt(1 - z * z)
        way = np.column_stack([z, flat * np.cos(turn), flat * np.sin(turn)])
        wave = 1 + 0.05 * np.sin(3 * way @ flatten) + 0.04 * np.cos(5 * way @ flatten[::-1])
        reach = radius * wave + leaflet
        weight = np.full(count, 0.03 * voxel_size**2 / 6)
        parts.append(np.column_stack([way * reach[:, None] + centre, weight]))
    return np.concatenate(parts)


def _places(
    size: Floats, shells: list[tuple[Floats, float]], rng: np.random.Generator
) -> tuple[Floats, NDArray[Any]]:
    """Return positions ``(n, 3)`` in Å that keep clear of each other, and what goes there."""
    room = float(np.prod(size))
    wanted = ["ribosome"] * max(2, round(room / 0.9e8)) + ["barrel"] * max(3, round(room / 5e7))
    placed: list[Floats] = []
    kinds: list[str] = []
    reaches: list[float] = []
    for kind in wanted:
        reach = _RIBOSOME if kind == "ribosome" else _BARREL
        margin = np.minimum(reach, 0.4 * size)
        for _ in range(100):
            place = rng.uniform(margin, size - margin)
            far = all(
                np.linalg.norm(place - other) > reach + theirs
                for other, theirs in zip(placed, reaches, strict=True)
            )
            gaps = (abs(float(np.linalg.norm(place - c)) - r) for c, r in shells)
            if far and all(gap > reach + 50 for gap in gaps):
                placed.append(place)
                kinds.append(kind)
                reaches.append(reach)
                break
    return np.array(placed).reshape(-1, 3), np.array(kinds)


def _ribosome(rng: np.random.Generator) -> Floats:
    """Return the points of two unequal lumpy halves with a cleft between them."""
    parts = []
    for centre, radii, lumps in (
        ((0.0, -38.0, 0.0), (105.0, 72.0, 92.0), 80),
        ((0.0, 68.0, 10.0), (100.0, 36.0, 55.0), 36),
    ):
        way = rng.standard_normal((lumps, 3))
        way *= (rng.random(lumps) ** (1 / 3) / np.linalg.norm(way, axis=1))[:, None]
        middle = way * np.array(radii) + np.array(centre)
        spread = rng.normal(0, 17.0, (lumps, 60, 3))
        parts.append((middle[:, None] + spread).reshape(-1, 3))
    points = np.concatenate(parts)
    return np.column_stack([points, np.full(len(points), 1.0)])


def _barrel() -> Floats:
    """Return the points of four rings of seven subunits, hollow as a proteasome."""
    ring, subunit = np.meshgrid(np.arange(4), np.arange(7), indexing="ij")
    angle = 2 * np.pi * (subunit + 0.5 * (ring % 2)) / 7
    middle = np.stack([(ring - 1.5) * 38.0, 44 * np.sin(angle), 44 * np.cos(angle)], axis=-1)
    ball = np.random.default_rng(0).normal(0, 8.0, (40, 3))
    points = (middle.reshape(-1, 1, 3) + ball).reshape(-1, 3)
    return np.column_stack([points, np.full(len(points), 1.0)])


def _loose_protein(size: Floats, rng: np.random.Generator) -> Floats:
    """Return the points of small proteins anywhere in the ice."""
    count = int(np.prod(size) / 4e6)
    middle = rng.uniform(0, 1, (count, 1, 3)) * size
    points = (middle + rng.normal(0, 14.0, (count, 12, 3))).reshape(-1, 3)
    return np.column_stack([points, np.full(len(points), 0.6)])
