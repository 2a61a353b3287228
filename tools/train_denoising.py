"""Train the general denoiser that comes with the package, on simulated data alone.

    python tools/train_denoising.py [--maps 54] [--tomograms 30] [--steps 10000] [--width 16]
        [--output FILE]

The maps are assemblies of made-up proteins with a chance symmetry, the tomograms such proteins and
vesicles in ice; noise of a chance strength and colour is drawn anew for every patch, and the clean
patch has to be predicted. It takes one thread 36 minutes; run again with the same folder of
checkpoints, it goes on where it was interrupted.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from torch import Tensor, nn

from napari_cryonet.cli.console import working
from napari_cryonet.io import write_model
from napari_cryonet.methods import table
from napari_cryonet.methods.noise2noise.settings import TrainSettings
from napari_cryonet.nn.architecture import NARROW
from napari_cryonet.nn.augment import Group, turns
from napari_cryonet.nn.device import Compute, choose
from napari_cryonet.nn.fit import fit, new_card, new_network
from napari_cryonet.nn.tiles import predict
from napari_cryonet.reporting import Box
from napari_cryonet.signal.correlate import correlation
from napari_cryonet.simulate.folds import Fold, protein
from napari_cryonet.simulate.noise import (
    filtered,
    frequencies,
    gaussian,
    rotations,
    splatted,
    turned,
    wedge,
)
from napari_cryonet.types import Model

Floats = NDArray[np.floating[Any]]
Shape = tuple[int, int, int]

DESCRIPTION = (
    "Trained by tools/train_denoising.py on simulated data alone: maps of made-up proteins with "
    "and without symmetry, and tomograms of such proteins and of vesicles with a missing wedge and "
    "a contrast transfer function, both with Gaussian noise of many strengths and colours. No "
    "experimental data were used."
)
FOLDS = get_args(Fold)
MAP, TOMOGRAM, SIDE = 96, (64, 128, 128), 40
SHARE = 0.6  # of the patches are of maps
WAVELENGTH, AMPLITUDE_CONTRAST = 0.0197, 0.15  # Å at 300 kV
RING, FLAT = 2.0, 0.3
"""Weight of a vesicle's points, and standard deviation below which there is little in a patch."""


@dataclass(frozen=True)
class Clean:
    """A volume without noise, of mean 0 and variance 1.

    Parameters
    ----------
    data
        ``(z, y, x)``.
    tomogram
        Whether it has a missing wedge.
    """

    data: Floats
    tomogram: bool

    @property
    def group(self) -> Group:
        """Turned copies that are as good."""
        return "flips" if self.tomogram else "rotations"


@dataclass
class CleanLearner:
    """A denoiser that learns from volumes whose noise is drawn anew each time."""

    network: nn.Module
    volumes: Sequence[Clean]
    judges: Sequence[tuple[Floats, Floats]]
    settings: TrainSettings
    compute: Compute
    steps_per_epoch: int = 1000

    def loss(self, network: nn.Module, random: np.random.Generator) -> Tensor:
        """Return the mean square error, of faint signal as well as of strong."""
        drawn = [self._draw(random) for _ in range(self.settings.batch)]
        noisy, clean = (
            torch.from_numpy(np.stack(part))[:, None] for part in zip(*drawn, strict=True)
        )
        weight = 1 / (0.03 + clean.square().mean((1, 2, 3, 4), keepdim=True))
        return ((network(noisy) - clean).square() * weight).mean()

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return the mean correlation with the truth over volumes that are never learnt from."""
        made = [
            correlation(predict(network, noisy, self.compute), clean)
            for noisy, clean in self.judges
        ]
        return {"quality": float(np.mean(made))}

    def preview(self, network: nn.Module, region: Box) -> Any:
        """Show nothing: nobody watches."""

    def _draw(self, random: np.random.Generator) -> tuple[Floats, Floats]:
        """Return a noisy and a clean patch of one scale."""
        maps = random.random() < SHARE
        some = [volume for volume in self.volumes if volume.tomogram != maps]
        volume = some[int(random.integers(len(some)))]
        for _ in range(10):
            start = [int(random.integers(side - SIDE + 1)) for side in volume.data.shape]
            patch = volume.data[tuple(slice(first, first + SIDE) for first in start)]
            if volume.tomogram or patch.std() > FLAT or random.random() < 0.1:
                break
        group = turns(volume.group)
        turn = group[int(random.integers(len(group)))]
        clean = turn.apply(torch.from_numpy(np.ascontiguousarray(patch))).numpy()
        return noised(Clean(clean, volume.tomogram), random)


def noised(clean: Clean, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Return a volume with noise and without, both scaled as a normalised noisy volume is."""
    shape = clean.data.shape
    frequency = frequencies(shape)
    colour = gaussian(frequency, random.uniform(0, 1)) * (1 + random.uniform(-1, 4) * frequency)
    if random.random() < 0.3:
        colour = colour * np.clip(frequency / 0.1, 0.25, 1) ** random.uniform(-0.6, 0.6)
    if clean.tomogram:
        colour = colour * wedge(shape, random.uniform(50, 65))
    noise = filtered(random.standard_normal(shape, dtype=np.float32), colour)
    strength = np.exp(random.uniform(np.log(0.5), np.log(5 if clean.tomogram else 8)))
    scale = 1 / np.sqrt(1 + strength**2)
    if clean.tomogram and random.random() < 0.2:
        scale = -scale
    noisy = (clean.data + noise * (strength / noise.std())) * scale
    return noisy.astype(np.float32), (clean.data * scale).astype(np.float32)


def assembly(seed: int) -> Clean:
    """Return a map of one or more made-up proteins, some parts of it less well ordered."""
    rng = np.random.default_rng(seed)
    voxel = float(np.exp(rng.uniform(np.log(0.8), np.log(3.0))))
    length = MAP * voxel
    fold, around, dihedral = FOLDS[seed % len(FOLDS)], int(rng.integers(1, 8)), rng.random() < 0.5
    if around == 1 and not dihedral:
        atoms = protein(tuple(length * rng.uniform((0.24, 0.2, 0.2), (0.4, 0.36, 0.36))), fold, rng)
    else:
        radius = min(0.3, 0.44 / (around * (1 + dihedral)) ** (1 / 3)) * length
        unit = protein(tuple(radius * rng.uniform(0.7, 1.3, 3)), fold, rng)
        out = (rng.uniform(0.6, 1.2) if around > 1 else 0.2) * max(1, around / 5)
        unit[:, :2] += radius * np.array((rng.uniform(0.5, 1.0) if dihedral else 0, out))
        atoms = symmetric(unit, around, dihedral=dihedral)
    order = atoms[:, :3] @ rotations(1, rng)[0][0]
    if rng.random() < 0.5:
        order = np.linalg.norm(atoms[:, :3], axis=1)
    place = 3 * (order - order.min()) / np.ptp(order)
    least = (voxel * rng.uniform(2.0, 3.5)) ** 2 * rng.uniform(2.0, 8.0)
    points, s = atoms[:, :3] / voxel + (MAP - 1) / 2, frequencies((MAP,) * 3) / voxel
    terms: Any = 0
    for number, factor in enumerate(np.linspace(least, least * rng.uniform(1, 5), 4)):
        share = np.clip(1 - np.abs(place - number), 0, 1)
        density = splatted(points, atoms[:, 3] * share, (MAP,) * 3)
        terms = terms + fft.rfftn(density) * np.exp(-factor / 4 * s * s)
    return standard(fft.irfftn(terms, (MAP,) * 3), tomogram=False)


def symmetric(unit: Floats, around: int, *, dihedral: bool) -> Floats:
    """Return copies of atoms about the z axis, and turned over as well."""
    copies = [unit, unit * np.array((-1, 1, -1, 1))] if dihedral else [unit]
    atoms = []
    for angle in 2 * np.pi * np.arange(around) / around:
        atoms += [np.column_stack([turned(copy, angle), copy[:, 3]]) for copy in copies]
    return np.concatenate(atoms)


def ice(seed: int) -> Clean:
    """Return a tomogram of proteins of five kinds, in half of the cases with vesicles."""
    rng = np.random.default_rng(seed)
    voxel = float(rng.uniform(5, 14))
    size = np.array(TOMOGRAM) * voxel
    kinds = [particle(rng.uniform(3, 9) * voxel, FOLDS[(seed + n) % 3], rng) for n in range(5)]
    clouds: list[Floats] = []
    placed: list[tuple[Floats, float]] = []
    for _ in range(int(rng.uniform(30, 140))):
        kind = kinds[int(rng.integers(5))]
        radius = float(np.linalg.norm(kind[:, :3], axis=1).max())
        for _ in range(20):
            centre = rng.uniform(0, size)
            if all(np.linalg.norm(centre - there) > 0.8 * (radius + r) for there, r in placed):
                placed.append((centre, radius))
                clouds.append(
                    np.column_stack(
                        [
                            kind[:, :3] @ rotations(1, rng)[0].T + centre,
                            kind[:, 3] * (20 * (radius / voxel) ** 3 / kind[:, 3].sum()),
                        ]
                    )
                )
                break
    if rng.random() < 0.5:
        clouds += [vesicle(size, voxel, rng) for _ in range(int(rng.integers(1, 4)))]
    cloud = np.concatenate(clouds)
    matter = splatted(cloud[:, :3] / voxel, cloud[:, 3], TOMOGRAM)
    frequency = frequencies(TOMOGRAM)
    phase = np.pi * WAVELENGTH * rng.uniform(2, 7) * 1e4 * (frequency / voxel) ** 2
    transfer = 1.0 if rng.random() < 0.25 else np.sin(phase + AMPLITUDE_CONTRAST)
    transfer = transfer * gaussian(frequency, rng.uniform(0.5, 1.2))
    return standard(
        -filtered(matter, transfer * wedge(TOMOGRAM, rng.uniform(50, 65))), tomogram=True
    )


def particle(radius: float, fold: Fold, rng: np.random.Generator) -> Floats:
    """Return the atoms of a protein, one of three hollow, no more than voxels can show."""
    atoms = protein(tuple(radius * rng.uniform(0.6, 1.2, 3)), fold, rng)
    if rng.random() < 0.4:
        away = np.linalg.norm(atoms[:, :3], axis=1)
        atoms = atoms[away > np.quantile(away, rng.uniform(0.2, 0.6))]
    return atoms[rng.random(len(atoms)) < 20_000 / len(atoms)]


def vesicle(size: Floats, voxel: float, rng: np.random.Generator) -> Floats:
    """Return the points of a bilayer around an ellipsoid, four nanometres apart."""
    centre, radii = rng.uniform(0, size), voxel * rng.uniform(15, 45) * rng.uniform(0.8, 1.2, 3)
    leaflets = []
    for leaflet in (-20.0, 20.0):
        count = int(6 * 4 * np.pi * (radii.mean() + leaflet) ** 2 / voxel**2)
        way = rng.standard_normal((count, 3))
        way /= np.linalg.norm(way, axis=1)[:, None]
        weight = np.full(count, RING * rng.uniform(0.2, 1.0))
        leaflets.append(np.column_stack([way * (radii + leaflet) + centre, weight]))
    return np.concatenate(leaflets)


def standard(data: Floats, *, tomogram: bool) -> Clean:
    """Return a volume with mean 0 and variance 1."""
    return Clean(((data - data.mean()) / data.std()).astype(np.float32), tomogram)


def main() -> None:
    """Simulate, train and write the model."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--maps", type=int, default=54)
    options.add_argument("--tomograms", type=int, default=30)
    options.add_argument("--steps", type=int, default=10_000)
    options.add_argument("--width", type=int, default=NARROW)
    options.add_argument("--checkpoints", type=Path, help="a folder, to be able to go on")
    options.add_argument("--output", type=Path, default=table.find("noise2noise").shipped_model)
    arguments = options.parse_args()
    torch.set_num_threads(1)
    settings = TrainSettings(
        steps=arguments.steps,
        max_minutes=None,
        device="cpu",
        precision="float32",
        initial_weights="random",
        width=arguments.width,
        learning_rate=2e-3,
        weight_decay=0.01,
        average=0.995,
        patience=0,
        validate_every=250,
    )
    folder = arguments.checkpoints
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    volumes = [assembly(number) for number in range(arguments.maps)]
    volumes += [ice(number) for number in range(arguments.tomograms)]
    random = np.random.default_rng(0)
    judged = [assembly(10_000 + n) for n in range(3)] + [ice(10_000 + n) for n in range(3)]
    judges = [noised(each, random) for each in judged]
    compute = choose(settings.device, settings.precision)
    spec, network = new_network(settings, compute)
    learner = CleanLearner(network, volumes, judges, settings, compute)
    card = new_card("noise2noise", settings, spec, (), normalisation={"kind": "standard"})
    with working(quiet=False) as report:
        again = folder is not None and (folder / "checkpoint.safetensors").is_file()
        model = fit(learner, card, report, folder=folder, resume=again)
    extra = {"mixing": settings.mixing, "rotations": "flips", "description": DESCRIPTION}
    card = model.card.model_copy(update={"extra": extra})
    arguments.output.parent.mkdir(exist_ok=True)
    write_model(arguments.output, Model(card, model.weights), overwrite=True)
    print(f"{arguments.output}: {card.training}, {time.process_time():.0f} CPU-s")


if __name__ == "__main__":
    main()
