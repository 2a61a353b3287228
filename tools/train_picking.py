"""Train the weights from which picking starts, on simulated tomograms alone.

    python tools/train_picking.py [--tomograms 400] [--kinds 80] [--minutes 48] [--output FILE]

Each tomogram holds five to ten of the kinds of made-up particles. The network learns where
particles are, how far away their middle is, and of which kind they are; the head for the last is
thrown away. It takes one thread a few minutes to simulate, and the rest to learn.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from napari_cryonet.cli.console import working
from napari_cryonet.io import write_model
from napari_cryonet.io.model import shipped
from napari_cryonet.methods.picking.labels import Labels
from napari_cryonet.methods.picking.network import PickNet, build, specification, turned_offsets
from napari_cryonet.methods.picking.settings import TrainSettings
from napari_cryonet.nn.augment import turns
from napari_cryonet.nn.device import Compute, choose
from napari_cryonet.nn.fit import new_card
from napari_cryonet.nn.patches import box
from napari_cryonet.nn.settings import Training
from napari_cryonet.nn.train import Loop
from napari_cryonet.reporting import Box
from napari_cryonet.signal.resample import on_scale
from napari_cryonet.simulate.crowd import Imaging, crowd, random_kind
from napari_cryonet.types import Model

Floats = NDArray[np.floating[Any]]

SHAPE = (40, 96, 96)
ACROSS = 10.0
UNIT = 2.0
HELD = 10
SURELY = 0.3
DESCRIPTION = (
    "Trained by tools/train_picking.py on simulated tomograms alone: made-up particles of {kinds} "
    "random kinds, about 7 to 15 voxels across, in tomograms of 12 to 24 Å per voxel with a "
    "missing wedge, a contrast transfer function of 2.5 to 6 µm defocus, noise at signal-to-noise "
    "ratios of 0.015 to 0.25, gold, vesicles and loose protein. No experimental tomogram was used. "
    "It finds no particles by itself: a training on labels starts from it."
)


@dataclass(frozen=True, eq=False)
class Crowded:
    """A tomogram with all that is in it: ``values`` on the network's scale, and which kinds."""

    values: NDArray[np.float32]
    labels: Labels
    kinds: NDArray[np.intp]


class Teacher(nn.Module):
    """The network of picking with a head that tells all kinds and the background apart."""

    def __init__(self, network: PickNet, kinds: int):
        super().__init__()
        self.network = network
        self.kinds = nn.Conv3d(network.width, kinds + 1, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log-odds of a particle, ways, and log-odds of kinds at half the sampling."""
        features = self.network.features(image)
        out = self.network.read(features)
        return out.logits, out.ways, self.kinds(features).float()


@dataclass
class KindLearner:
    """Learns where particles of any kind are, and of which kind."""

    network: nn.Module
    tomograms: list[Crowded]
    judges: list[Crowded]
    settings: Training
    compute: Compute
    steps_per_epoch: int = 100

    def loss(self, network: nn.Module, random: np.random.Generator) -> Tensor:
        """Return the sum of all errors."""
        return sum(self.errors(network, self.tomograms, random).values(), torch.zeros(()))

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return the errors on tomograms that were held out; the last weights are kept."""
        random = np.random.default_rng(0)
        with torch.no_grad():
            rows = [self.errors(network, self.judges, random) for _ in range(10)]
        return {name: float(np.mean([float(row[name]) for row in rows])) for name in rows[0]}

    def preview(self, network: nn.Module, region: Box) -> None:
        """Show nothing."""

    def errors(
        self, network: nn.Module, tomograms: list[Crowded], random: np.random.Generator
    ) -> dict[str, Tensor]:
        """Return each error of one batch."""
        items = [self.item(tomograms, random) for _ in range(self.settings.batch)]
        image, heat, kind, empty, offsets = (torch.stack(part) for part in zip(*items, strict=True))
        logits, ways, kinds = network(image)
        scores = torch.sigmoid(logits.detach())
        away = functional.smooth_l1_loss(ways, offsets, reduction="none")
        half = functional.max_pool3d(kind, 2)
        wrong = functional.cross_entropy(kinds, half[:, 0].long(), reduction="none")[:, None]
        near = functional.max_pool3d(heat, 2)
        void = (functional.max_pool3d(-empty, 2) < 0) & (near == 0)
        return {
            "seen": mean(functional.softplus(-logits), heat),
            "empty": 30 * mean(scores.square() * functional.softplus(logits), empty),
            "away": mean(away, heat.expand_as(away)),
            "kind": mean(wrong, (near > SURELY).float()),
            "void": mean(wrong, void.float()),
        }

    def item(self, tomograms: list[Crowded], random: np.random.Generator) -> tuple[Tensor, ...]:
        """Return a turned patch, its heat, its kinds from 1, where it is empty, and the ways."""
        drawn = tomograms[int(random.integers(len(tomograms)))]
        turn = turns("flips")[int(random.integers(8))]
        side = self.settings.patch
        start = random.integers(0, np.subtract(drawn.values.shape, side) + 1)
        region = box(start, (side, side, side))
        target = drawn.labels.target(region)
        kind = np.where(target.heat.any(axis=0), drawn.kinds[target.heat.argmax(axis=0)] + 1, 0)
        empty, heat = target.unlabelled.min(axis=0), target.heat.max(axis=0)
        fields = (drawn.values[region], heat, kind, empty)
        image, *wanted = (
            turn.apply(torch.from_numpy(field[None].astype(np.float32))) for field in fields
        )
        image = image * random.uniform(0.85, 1.15) + random.normal(0, 0.1)
        ways = torch.from_numpy(target.offsets * np.float32(drawn.labels.core / UNIT))
        return image, *wanted, turned_offsets(ways, turn)


def mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return a weighted mean, 0 without weights."""
    return (values * weight).sum() / weight.sum().clamp(min=1)


def simulated(kinds: list[Floats], seed: int) -> Crowded:
    """Return a tomogram of some of the kinds, whose sizes are in those of a usual particle."""
    rng = np.random.default_rng(seed)
    voxel, scale = rng.uniform(12, 24), ACROSS * rng.uniform(0.9, 1.1)
    chosen = rng.choice(len(kinds), int(rng.integers(5, 11)), replace=False)
    counts = rng.multinomial(int(rng.integers(50, 220)), np.full(len(chosen), 1 / len(chosen)))
    imaging = Imaging(
        voxel_size=voxel,
        snr=float(np.exp(rng.uniform(np.log(0.015), np.log(0.25)))),
        defocus=rng.uniform(2.5, 6),
        max_tilt=rng.uniform(50, 65),
        binned=rng.uniform(1, 2.2),
    )
    beads = [kinds[kind] * scale * voxel for kind in chosen]
    tomogram, particles = crowd(beads, counts.tolist(), SHAPE, imaging, rng)
    across = np.array([2 * np.linalg.norm(each, axis=1).max() / voxel for each in beads])
    numbers = particles.features["class"].astype(np.intp)
    held = np.zeros(len(numbers), dtype=bool)
    labels = Labels(particles.positions, numbers, held, across, soft=True)
    return Crowded(on_scale(tomogram, voxel), labels, chosen)


def main() -> None:
    """Simulate, train and write the weights."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--tomograms", type=int, default=400)
    options.add_argument("--kinds", type=int, default=80)
    options.add_argument("--minutes", type=float, default=48)
    options.add_argument("--output", type=Path, default=shipped(TrainSettings.general_weights))
    arguments = options.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(77)
    kinds = [random_kind(float(rng.uniform(0.75, 1.35)), rng) for _ in range(arguments.kinds)]
    rows = [simulated(kinds, 1000 + number) for number in range(arguments.tomograms)]
    settings = Training(
        max_minutes=arguments.minutes,
        steps=100_000,
        patch=24,
        batch=8,
        learning_rate=5e-3,
        weight_decay=0.01,
        warmup=50,
        average=0.995,
        patience=0,
        validate_every=200,
        device="cpu",
        precision="float32",
    )
    spec = specification(TrainSettings().width, 1, 0, 1)
    teacher = Teacher(build(spec), arguments.kinds).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    teacher.network.expect([0.03])
    compute = choose("cpu", "float32")
    learner = KindLearner(teacher, rows[:-HELD], rows[-HELD:], settings, compute)
    with working(quiet=False) as report:
        trained = Loop(learner, settings, compute, report).run()
    teacher.load_state_dict(trained.weights)
    weights = {name: halved(value) for name, value in teacher.network.state_dict().items()}
    extra = {"description": DESCRIPTION.format(kinds=arguments.kinds)}
    card = new_card("picking", settings, spec, [], training=trained.summary, extra=extra)
    write_model(arguments.output, Model(card, weights), overwrite=True)
    print(f"{arguments.output}: {trained.summary}, {learner.validate(teacher.eval())}")


def halved(values: Tensor) -> NDArray[Any]:
    """Return weights in half precision, whole numbers as they are."""
    return values.half().numpy() if values.is_floating_point() else values.numpy()


if __name__ == "__main__":
    main()
