"""Train the resolution network that comes with the package, on simulated maps alone.

    python tools/train_resolution.py [--maps 220] [--coarse 200] [--steps 2600] [--output FILE]

The molecules are made up of helices, of sheets or of both; voxel size, temperature factors, noise
and whether the resolution changes evenly or in a jump are drawn at random. There are more coarse
maps than chance would draw, since in those a place has few independent values to measure. The
error is measured on other molecules, half of them without any fold. It takes one thread half an
hour and 12 GB of memory.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import NamedTuple, get_args

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from napari_cryonet.cli.console import working
from napari_cryonet.io import write_model
from napari_cryonet.methods import table
from napari_cryonet.methods.resolution.settings import TrainSettings
from napari_cryonet.methods.resolution.train import train
from napari_cryonet.simulate.folds import Fold, protein
from napari_cryonet.simulate.graded import Grade, graded_half_maps
from napari_cryonet.types import Model, Volume

DESCRIPTION = (
    "Trained by tools/train_resolution.py on simulated maps alone: made-up proteins of helices, of "
    "sheets or of both, voxels of 0.9 to 2.8 Å, atoms whose temperature factors change along one "
    "axis, evenly or in a jump, and white noise. The truth is where the FSC of half maps falls to "
    "0.143. No experimental map was used; no CTF, no flexibility and no errors of alignment."
)

JUDGES = 12


class Sort(NamedTuple):
    """A sort of maps.

    Parameters
    ----------
    voxels
        Smallest and largest voxel size in Å.
    length
        Å that the box has at least along each edge.
    jumps
        In which part of the maps the resolution changes in a jump.
    """

    voxels: tuple[float, float]
    length: float
    jumps: float


USUAL, COARSE = Sort((0.9, 2.5), 110.0, 0.45), Sort((1.7, 2.8), 130.0, 0.35)


def main() -> None:
    """Simulate, train and write the model."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--maps", type=int, default=220)
    options.add_argument("--coarse", type=int, default=200)
    options.add_argument("--steps", type=int, default=2600)
    options.add_argument("--output", type=Path, default=table.find("resolution").shipped_model)
    arguments = options.parse_args()
    torch.set_num_threads(1)
    folds = get_args(Fold)
    rows = [
        simulated(folds[number % len(folds)], sort, first + number)
        for sort, count, first in ((USUAL, arguments.maps, 0), (COARSE, arguments.coarse, 20_000))
        for number in range(count)
    ]
    validation = [
        simulated(
            folds[number % len(folds)] if number % 4 < 2 else None,
            COARSE if number % 2 else USUAL,
            30_000 + number,
        )
        for number in range(JUDGES)
    ]
    settings = TrainSettings(
        steps=arguments.steps,
        max_minutes=None,
        device="cpu",
        precision="float32",
        learning_rate=5e-3,
        width=24,
        patch=16,
        batch=4,
        validate_every=100,
    )
    with working(quiet=False) as report:
        model = train(rows, settings, report, validation=validation)
    card = model.card.model_copy(
        update={
            "inputs": (),
            "extra": {**model.card.extra, "description": DESCRIPTION},
        }
    )
    arguments.output.parent.mkdir(exist_ok=True)
    write_model(arguments.output, Model(card, model.weights), overwrite=True)
    print(f"{arguments.output}: {card.extra}, {card.training}, {time.process_time():.0f} CPU-s")


def simulated(fold: Fold | None, sort: Sort, seed: int) -> tuple[Volume, Volume, Volume]:
    """Return a map, its true resolution and its mask; without a fold, of residues at random."""
    rng = np.random.default_rng(seed)
    voxel = float(np.exp(rng.uniform(*np.log(sort.voxels))))
    length = max(sort.length, 56 * voxel) * rng.uniform(1.0, 1.4)
    side = 2 * round(length / voxel / 2)
    radii = length * rng.uniform((0.26, 0.2, 0.2), (0.36, 0.32, 0.32))
    best = voxel * rng.uniform(2.1, 3.4) + rng.uniform(0.0, 0.8)
    first = best**2 * rng.uniform(5.0, 12.0)
    factors = (first, first * rng.uniform(1.2, 5.0))
    grade = Grade(factors, best, abrupt=rng.random() < sort.jumps)
    atoms = None if fold is None else protein(tuple(radii), fold, rng)
    case = graded_half_maps(side, voxel, seed, grade, atoms)
    both = (case.first.data + case.second.data) / np.float32(2)
    map_ = case.first.changed(both, "Average of two half maps.", name=f"simulated {seed}")
    return map_, case.resolution, case.mask


if __name__ == "__main__":
    main()
