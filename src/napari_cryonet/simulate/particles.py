"""A tomogram full of particles whose places are known: what picking is measured with.

Lumpy particles with a cleft are the targets; barrels of about their size look alike. Gold
beads and a vesicle are in the way. The tomogram is reconstructed from a simulated tilt series
about the y axis: contrast transfer function, noise in every image, phase flip, weighted
back-projection. What is a particle stays the same for all seeds, so that one tomogram can be
learnt from and another one picked.

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
from scipy import fft, sparse

from napari_cryonet.errors import DataError
from napari_cryonet.simulate.noise import filtered, frequencies, gaussian, rotations, splatted
from napari_cryonet.types import Points, Volume

Floats = NDArray[np.floating[Any]]
Shape = tuple[int, int, int]

DIAMETER = 216.0
"""Å across a target."""

_IDENTITY = 1234
_BEAD = 11.0  # Å, sigma of a bead
_WAVELENGTH = 0.0197  # Å at 300 kV
_ABERRATION = 2.7e7  # Å
_AMPLITUDE_CONTRAST = 0.07
_B_FACTOR = 100.0  # Å²
_DEFOCUS = 4e4  # Å
_TILTS = np.deg2rad(np.arange(-60.0, 61.0, 3.0))
_GOLD = 47.0  # Å, radius
_LEAFLETS = (380.0, 415.0)  # Å, radii of the vesicle
_ROOM = {"target": (17.0, 6.0), "lookalike": (13.0, 5.0), "gold": (8.0, 5.0)}
"""Diameter of the room around each, and its least distance from the border, at 13.5 Å."""
_USUAL = 13.5  # Å per voxel


@dataclass(frozen=True, eq=False)
class PickingSample:
    """A simulated tomogram and what is in it.

    Parameters
    ----------
    tomogram
        The reconstruction; particles are bright.
    particles
        Where the targets are.
    others
        Where look-alikes and gold beads are; the feature `class` tells which.
    """

    tomogram: Volume
    particles: Points
    others: Points


def picking_sample(
    shape: Shape = (64, 256, 256),
    voxel_size: float = _USUAL,
    seed: int = 0,
    snr: float = 0.05,
    counts: tuple[int, int, int] = (100, 60, 6),
    *,
    vesicle: bool = True,
) -> PickingSample:
    """Simulate a tomogram of particles.

    Parameters
    ----------
    shape
        ``(z, y, x)``, each at least 24.
    voxel_size
        Å per voxel.
    seed
        Chooses places, orientations and noise.
    snr
        Variance of the protein in the image without tilt divided by that of its noise.
    counts
        How many targets, look-alikes and gold beads.
    vesicle
        Whether there is a vesicle.

    Raises
    ------
    DataError
        If the volume is too small for what is to go into it.
    """
    if min(shape) < 24 or not 5 <= voxel_size <= 25:
        raise DataError(
            f"A tomogram of particles has at least 24 voxels along each axis, of 5 to 25 Å; "
            f"{shape} of {voxel_size} Å were asked for."
        )
    rng = np.random.default_rng(seed)
    places, kinds = _places(shape, voxel_size, counts, rng)
    matter = _matter(shape, voxel_size, places, kinds, rng)
    if vesicle:
        matter += _vesicle(shape, voxel_size)
    data = _reconstructed(matter, voxel_size, snr, rng)
    name = f"simulated tomogram {seed}"
    sentence = f"Simulated particles, signal-to-noise ratio {snr:g}, seed {seed}."
    tomogram = Volume(data, (voxel_size,) * 3, name=name, history=(sentence,))

    def points(which: NDArray[np.bool_], what: str) -> Points:
        return Points(
            places[which],
            {"class": kinds[which]},
            tomogram.voxel_size,
            volume=name,
            name=what,
            history=("Simulated: these are the true positions.",),
            volume_shape=shape,
        )

    target = kinds == "target"
    return PickingSample(tomogram, points(target, "particles"), points(~target, "others"))


def _places(
    shape: Shape, voxel_size: float, counts: tuple[int, int, int], rng: np.random.Generator
) -> tuple[Floats, NDArray[np.str_]]:
    """Return places ``(n, 3)`` in voxels that do not overlap, and what goes there."""
    factor = _USUAL / voxel_size
    places, rooms = np.empty((0, 3)), np.empty(0)
    kinds: list[str] = []
    for (kind, (room, margin)), count in zip(_ROOM.items(), counts, strict=True):
        for _ in range(200 * count):
            if kinds.count(kind) == count:
                break
            place = rng.uniform(factor * margin, np.array(shape) - factor * margin)
            gaps = np.linalg.norm(places - place, axis=1)
            if np.all(gaps > factor * (room + rooms) / 2):
                places, rooms = np.vstack([places, place]), np.append(rooms, room)
                kinds.append(kind)
        if kinds.count(kind) < count:
            raise DataError(
                f"Only {kinds.count(kind)} of {count} particles of the kind {kind} fit into "
                f"{shape} voxels; ask for fewer or for a larger volume."
            )
    return places, np.array(kinds)


def _matter(
    shape: Shape,
    voxel_size: float,
    places: Floats,
    kinds: NDArray[np.str_],
    rng: np.random.Generator,
) -> Floats:
    """Return the density of all particles, that of a target's densest part being about 1."""
    same = np.random.default_rng(_IDENTITY)
    templates = {"target": _lump(same), "lookalike": _barrel(same)}
    clouds = [np.empty((0, 3))]
    for kind, beads in templates.items():
        chosen = places[kinds == kind]
        turned = rotations(len(chosen), rng) @ beads.T
        clouds.append((np.moveaxis(turned, 1, 2) / voxel_size + chosen[:, None]).reshape(-1, 3))
    box = (40, 40, 40)
    alone = _density([templates["target"] / voxel_size + 20.0], box, voxel_size)
    matter: Floats = _density(clouds, shape, voxel_size) / alone.max()
    grid = np.ogrid[tuple(slice(0, length) for length in shape)]
    for place in places[kinds == "gold"]:
        squares = sum((axis - at) ** 2 for axis, at in zip(grid, place, strict=True))
        matter[squares < (_GOLD / voxel_size) ** 2] += 4.0
    return matter


def _density(clouds: Sequence[Floats], shape: Shape, voxel_size: float) -> Floats:
    """Return the density of Gaussian beads at positions in voxels."""
    beads = np.concatenate(clouds)
    shared = splatted(beads, np.ones(len(beads)), shape)
    # sharing among eight voxels has blurred by a variance of a sixth of a voxel already
    sigma = np.sqrt(max((_BEAD / voxel_size) ** 2 - 1 / 6, 0.01))
    return filtered(shared, gaussian(frequencies(shape), sigma))


def _lump(rng: np.random.Generator) -> Floats:
    """Return the beads ``(400, 3)`` in Å of a chain in an ellipsoid with a cleft."""
    axes = DIAMETER / 2 * np.array([1.0, 0.85, 0.75])
    beads, last = np.empty((400, 3)), np.zeros(3)
    count = 0
    while count < len(beads):
        place = last + rng.normal(0, DIAMETER / 8, 3)
        in_cleft = abs(place[0]) < 0.05 * DIAMETER and place[1] > 0
        if ((place / axes) ** 2).sum() < 1 and not in_cleft:
            beads[count] = last = place
            count += 1
    centred: Floats = beads - beads.mean(axis=0)
    return centred


def _barrel(rng: np.random.Generator) -> Floats:
    """Return the beads ``(336, 3)`` in Å of four rings of seven clusters."""
    ring, cluster = np.meshgrid(np.arange(4), np.arange(7), indexing="ij")
    angle = 2 * np.pi * (cluster + 0.5 * (ring % 2)) / 7
    middle = np.stack([(ring - 1.5) * 40.0, 50 * np.sin(angle), 50 * np.cos(angle)], axis=-1)
    beads: Floats = (middle.reshape(-1, 1, 3) + rng.normal(0, 7.0, (28, 12, 3))).reshape(-1, 3)
    return beads


def _vesicle(shape: Shape, voxel_size: float) -> Floats:
    """Return the density of the two leaflets of a vesicle."""
    z, y, x = np.ogrid[tuple(slice(0, length) for length in shape)]
    middle = (shape[0] / 2, 0.3 * shape[1], 0.7 * shape[2])
    squares = sum((axis - at) ** 2 for axis, at in zip((z, y, x), middle, strict=True))
    radius = voxel_size * np.sqrt(squares)
    inner, outer = (0.25 * np.exp(-((radius - own) ** 2) / 288) for own in _LEAFLETS)
    leaflets: Floats = (inner + outer).astype(np.float32)
    return leaflets


def _reconstructed(
    matter: Floats, voxel_size: float, snr: float, rng: np.random.Generator
) -> Floats:
    """Return a tomogram of some matter, from a tilt series with noise."""
    depth, height, width = matter.shape
    columns = np.ascontiguousarray(matter.transpose(0, 2, 1)).reshape(depth * width, height)
    transfer = _transfer(height, width, voxel_size)
    frequency = fft.rfftfreq(width)
    ramp = frequency * (0.54 + 0.46 * np.cos(2 * np.pi * frequency))
    series = [_onto(tilt, depth, width) for tilt in _TILTS]
    images = [_through(np.asarray(onto @ columns).T, transfer) for onto in series]
    flat = images[len(images) // 2]
    low, high = np.quantile(flat, (0.005, 0.995))
    variance = float(np.clip(flat, low, high).var()) / snr
    total = np.zeros((depth * width, height), np.float32)
    for tilt, onto, image in zip(_TILTS, series, images, strict=True):
        sigma = np.sqrt(variance / np.cos(tilt))
        noisy = image + sigma * rng.standard_normal(image.shape, dtype=np.float32)
        flipped = _through(noisy, np.sign(transfer))
        weighted = fft.irfft(fft.rfft(flipped, axis=1) * ramp, n=width, axis=1)
        total += onto.T @ np.ascontiguousarray(weighted.T, dtype=np.float32)
    volume: Floats = total.reshape(depth, width, height).transpose(0, 2, 1)
    return np.ascontiguousarray(volume, dtype=np.float32)


def _onto(tilt: float, depth: int, width: int) -> sparse.csr_matrix:
    """Return the matrix ``(width, depth * width)`` that projects planes z, x at a tilt."""
    z, x = np.meshgrid(np.arange(depth), np.arange(width), indexing="ij")
    middle = (width - 1) / 2
    at = (x - middle) * np.cos(tilt) - (z - (depth - 1) / 2) * np.sin(tilt) + middle
    low = np.floor(at).astype(int).ravel()
    part = (at.ravel() - low).astype(np.float32)
    voxel = np.arange(depth * width)
    rows = np.concatenate([low, low + 1])
    shares = np.concatenate([1 - part, part])
    seen = (rows >= 0) & (rows < width)
    voxels = np.concatenate([voxel, voxel])[seen]
    return sparse.csr_matrix((shares[seen], (rows[seen], voxels)), shape=(width, depth * width))


def _transfer(height: int, width: int, voxel_size: float) -> Floats:
    """Return the contrast transfer function of an image, positive for bright particles."""
    y, x = fft.fftfreq(height, voxel_size)[:, None], fft.rfftfreq(width, voxel_size)[None]
    square = y * y + x * x
    phase = np.pi * _WAVELENGTH * square * (
        _DEFOCUS - 0.5 * _ABERRATION * _WAVELENGTH**2 * square
    ) + np.arcsin(_AMPLITUDE_CONTRAST)
    transfer: Floats = np.sin(phase) * np.exp(-_B_FACTOR / 4 * square)
    return transfer


def _through(image: Floats, transfer: Floats) -> Floats:
    """Return an image after multiplying its Fourier transform with `transfer`."""
    terms = fft.rfft2(np.ascontiguousarray(image)) * transfer.astype(np.float32)
    return np.asarray(fft.irfft2(terms, s=image.shape), dtype=np.float32)
