"""Tomograms crowded with made-up particles of many kinds: what a network learns to tell apart.

A kind is drawn at random: a chain in an ellipsoid, a few lumps, or copies of a lump around an
axis. A tomogram holds several kinds, in some orientation each, and what is in their way: gold
beads, a vesicle, loose protein. The tilt series is not simulated image by image; its wedge,
contrast transfer, weighting and noise act as filters in three dimensions, which takes a second.

References
----------
Frank (ed.), *Electron Tomography*, 2nd ed., Springer 2006 (weighted back-projection).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.simulate.noise import (
    Shape,
    filtered,
    frequencies,
    gaussian,
    rotations,
    splatted,
    turned,
    wedge,
)
from napari_cryonet.types import Points, Volume

Floats = NDArray[np.floating[Any]]

_BEADS = 400
_WAVELENGTH = 0.0197  # Å at 300 kV
_AMPLITUDE_CONTRAST = 0.07
_B_FACTOR = 100.0  # Å²
_TILTS_PER_RADIAN = 19.1  # one every three degrees
_BEAD = 11.0  # Å, sigma of a bead
_LEAFLET = 18.0  # Å from the middle of a membrane to one of its two lines
_GAP = 0.95  # of the sum of two radii
_STOREY = 0.7  # height of a storey's middle, in radii of the chain
_TRIALS = 20


@dataclass(frozen=True)
class Imaging:
    """How a tomogram is recorded.

    Parameters
    ----------
    voxel_size
        Å per voxel.
    snr
        Variance of the protein in the image without tilt divided by that of its noise.
    defocus
        In µm.
    max_tilt
        In degrees.
    binned
        How many voxels of the reconstruction, along one axis, went into one.
    """

    voxel_size: float = 20.0
    snr: float = 0.05
    defocus: float = 4.0
    max_tilt: float = 60.0
    binned: float = 1.5


def random_kind(diameter: float, rng: np.random.Generator) -> Floats:
    """Return the beads ``(400, 3)`` in Å of a made-up particle.

    Parameters
    ----------
    diameter
        Å across its longest axis, about.
    rng
        Where the chance comes from.
    """
    makers = (_chain, _lumps, _rotor)
    beads = makers[int(rng.choice(3, p=(0.45, 0.25, 0.3)))](rng)
    centred = beads - beads.mean(axis=0)
    reach = np.quantile(np.linalg.norm(centred, axis=1), 0.97)
    made: Floats = centred * (diameter / 2 / reach)
    return made


def crowd(
    kinds: Sequence[Floats],
    counts: Sequence[int],
    shape: Shape,
    imaging: Imaging,
    rng: np.random.Generator,
) -> tuple[Volume, Points]:
    """Simulate a tomogram of several kinds of particles.

    Parameters
    ----------
    kinds
        Beads ``(n, 3)`` in Å of each kind.
    counts
        How many of each are wanted; what finds no room is left out.
    shape
        ``(z, y, x)``.
    imaging
        How it is recorded.
    rng
        Where the chance comes from.

    Returns
    -------
    tomogram : Volume
        Particles are bright.
    particles : Points
        With the number of the kind in ``class`` and half the diameter in Å in ``radius``.
    """
    size = imaging.voxel_size
    radii = np.array([np.linalg.norm(beads, axis=1).max() for beads in kinds]) / size
    wanted = np.repeat(np.arange(len(kinds)), counts)
    places, placed = _places(shape, radii, rng.permutation(wanted), rng)
    clouds = [np.empty((0, 3))]
    for kind, beads in enumerate(kinds):
        chosen = places[placed == kind]
        turned = rotations(len(chosen), rng) @ beads.T
        clouds.append((np.moveaxis(turned, 1, 2) / size + chosen[:, None]).reshape(-1, 3))
    matter = _density(np.concatenate(clouds), shape, size)
    signal = _seen(matter, imaging)
    strength = _strength(matter, imaging)
    hindrance = _hindrance(shape, size, float(matter.max()), places, radii[placed], rng)
    data = signal + _seen(hindrance, imaging) + _noise(shape, imaging, strength, rng)
    sentence = f"Simulated particles, signal-to-noise ratio {imaging.snr:g}."
    tomogram = Volume(data.astype(np.float32), (size,) * 3, name="crowd", history=(sentence,))
    columns = {"class": placed.astype(str), "radius": radii[placed] * size}
    return tomogram, Points(places, columns, tomogram.voxel_size, volume="crowd", name="crowd")


def _chain(rng: np.random.Generator) -> Floats:
    """Return the beads of a chain in an ellipsoid out of which a piece may be cut."""
    axes = np.array([1.0, *np.sort(rng.uniform(0.4, 1.0, 2))[::-1]])
    step = rng.uniform(0.15, 0.4)
    cut = rng.standard_normal(3)
    depth = rng.uniform(0.2, 1.2) * np.linalg.norm(cut)
    beads, last, count = np.empty((_BEADS, 3)), np.zeros(3), 0
    while count < _BEADS:
        place = last + rng.normal(0, step, 3)
        if ((place / axes) ** 2).sum() < 1 and place @ cut < depth:
            beads[count] = last = place
            count += 1
    return beads


def _lumps(rng: np.random.Generator) -> Floats:
    """Return the beads of two to six balls that touch each other."""
    number = int(rng.integers(2, 7))
    middles, radii = np.zeros((number, 3)), rng.uniform(0.5, 1.0, number)
    for one in range(1, number):
        other = int(rng.integers(one))
        way = rng.standard_normal(3)
        middles[one] = (
            middles[other] + way / np.linalg.norm(way) * (radii[one] + radii[other]) * 0.8
        )
    owner = rng.choice(number, _BEADS, p=radii**3 / (radii**3).sum())
    way = rng.standard_normal((_BEADS, 3))
    way *= (rng.random(_BEADS) ** (1 / 3) / np.linalg.norm(way, axis=1))[:, None]
    made: Floats = middles[owner] + way * radii[owner, None]
    return made


def _rotor(rng: np.random.Generator) -> Floats:
    """Return the beads of two to six copies of a chain around an axis, in one or two storeys."""
    fold, storeys = int(rng.integers(2, 7)), int(rng.integers(1, 3))
    part = _chain(rng)[: _BEADS // (fold * storeys)]
    part = part @ rotations(1, rng)[0].T + [0.0, rng.uniform(0.5, 1.3), 0.0]
    copies = [turned(part, angle) for angle in 2 * np.pi * np.arange(fold) / fold]
    storey = np.concatenate(copies) + np.array([_STOREY, 0.0, 0.0])
    made = storey if storeys == 1 else np.concatenate([storey, storey * np.array([-1, 1, -1])])
    return made[rng.integers(0, len(made), _BEADS)]


def _places(
    shape: Shape, radii: Floats, wanted: NDArray[np.intp], rng: np.random.Generator
) -> tuple[Floats, NDArray[np.intp]]:
    """Return places ``(n, 3)`` in voxels with room for what is wanted there, and what that is."""
    places, kinds = np.empty((len(wanted), 3)), np.empty(len(wanted), np.intp)
    count = 0
    for kind in wanted:
        for _ in range(_TRIALS):
            place = rng.uniform(2, np.array(shape) - 3)
            gaps = np.linalg.norm(places[:count] - place, axis=1)
            if np.all(gaps > _GAP * (radii[kind] + radii[kinds[:count]])):
                places[count], kinds[count] = place, kind
                count += 1
                break
    return places[:count], kinds[:count]


def _density(beads: Floats, shape: Shape, voxel_size: float) -> Floats:
    """Return the density of Gaussian beads at positions in voxels."""
    shared = splatted(beads, np.ones(len(beads)), shape)
    # sharing among eight voxels has blurred by a variance of a sixth of a voxel already
    sigma = np.sqrt(max((_BEAD / voxel_size) ** 2 - 1 / 6, 0.01))
    return filtered(shared, gaussian(frequencies(shape), sigma))


def _hindrance(
    shape: Shape,
    voxel_size: float,
    densest: float,
    places: Floats,
    radii: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Return the density of gold, of a vesicle and of loose protein, where no particle is."""
    grid = np.stack(np.meshgrid(*(np.arange(side) for side in shape), indexing="ij"), axis=-1)
    made = np.zeros(shape, np.float32)
    for _ in range(int(rng.integers(0, 4))):
        place, radius = rng.uniform(0, shape), rng.uniform(35, 60) / voxel_size
        if np.all(np.linalg.norm(places - place, axis=1) > radii + radius):
            made[((grid - place) ** 2).sum(axis=-1) < radius**2] += 4 * densest
    if rng.random() < 0.5:
        away = voxel_size * np.sqrt(((grid - rng.uniform(0, shape)) ** 2).sum(axis=-1))
        radius = rng.uniform(250, 600)
        weight = rng.uniform(0.1, 0.4) * densest
        for leaflet in (-_LEAFLET, _LEAFLET):
            made += (weight * np.exp(-((away - radius - leaflet) ** 2) / 288)).astype(np.float32)
    count = int(np.prod(shape) / 500 * rng.uniform(0, 1))
    beads = rng.uniform(0, shape, (count, 1, 3)) + rng.normal(0, 15 / voxel_size, (count, 15, 3))
    return made + _density(beads.reshape(-1, 3), shape, voxel_size)


def _seen(matter: Floats, imaging: Imaging) -> Floats:
    """Return what a tilt series sees of matter, without noise."""
    return filtered(matter, _transfer(matter.shape, imaging) * _weight(matter.shape, imaging)[0])


def _transfer(shape: Shape, imaging: Imaging) -> Floats:
    """Return the size of the contrast transfer function."""
    square = (frequencies(shape) / imaging.voxel_size) ** 2
    phase = np.pi * _WAVELENGTH * imaging.defocus * 1e4 * square + np.arcsin(_AMPLITUDE_CONTRAST)
    made: Floats = np.abs(np.sin(phase)) * np.exp(-_B_FACTOR / 4 * square)
    return made


def _weight(shape: Shape, imaging: Imaging) -> tuple[Floats, Floats]:
    """Return what back-projection makes of signal, and of white noise in the images."""
    z, x = np.fft.fftfreq(shape[0])[:, None, None], np.fft.rfftfreq(shape[2])[None, None]
    radius = np.hypot(z, x)
    window = 0.54 + 0.46 * np.cos(2 * np.pi * np.minimum(radius / imaging.binned, 0.5))
    seen = wedge(shape, imaging.max_tilt) * window
    cosine = np.maximum(np.abs(x) / np.maximum(radius, 1e-6), 0.3)
    return seen, seen * np.sqrt(radius / _TILTS_PER_RADIAN / cosine) / imaging.binned


def _strength(matter: Floats, imaging: Imaging) -> float:
    """Return the deviation of the noise in an image, by the protein in the one without tilt."""
    plane = np.broadcast_to(matter.sum(axis=0), (1, *matter.shape[1:]))
    image = filtered(plane, _transfer(plane.shape, imaging))
    low, high = np.quantile(image, (0.005, 0.995))
    return float(np.sqrt(np.clip(image, low, high).var() / imaging.snr))


def _noise(shape: Shape, imaging: Imaging, strength: float, rng: np.random.Generator) -> Floats:
    """Return the noise of the reconstruction."""
    white = rng.standard_normal(shape, dtype=np.float32) * np.float32(strength)
    return filtered(white, _weight(shape, imaging)[1])
