"""What exploration minimises: two views of one candidate are to be described alike.

References
----------
Zbontar et al., *Barlow Twins*, ICML 2021, arXiv:2103.03230.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_cryonet.methods.exploration.data import Plan
from napari_cryonet.methods.exploration.settings import TrainSettings
from napari_cryonet.nn.augment import turns
from napari_cryonet.nn.device import Compute
from napari_cryonet.reporting import Box
from napari_cryonet.signal.peaks import blobs
from napari_cryonet.types import Volume

SHIFT = 2
"""By how many voxels a view is moved at the most; cubes are so much wider on both sides."""

_FACTOR, _LEVEL = 0.05, 0.05
_JUDGED = 256
_ERASED = 0.375  # of the side of a cube


def redundancy(one: Tensor, two: Tensor, repeats: float) -> Tensor:
    """Return how far the correlation of two views' descriptions is from the identity.

    Parameters
    ----------
    one, two
        ``(b, n)`` of the two views of the same candidates.
    repeats
        What a correlation of two different numbers costs.
    """
    alike = correlations(one, two)
    own = torch.diagonal(alike)
    others = alike.square().sum() - own.square().sum()
    return (1 - own).square().sum() + repeats * others


def correlations(one: Tensor, two: Tensor) -> Tensor:
    """Return the correlation ``(n, n)`` of each column of ``(b, n)`` with each of another."""
    first, second = (
        (values - values.mean(0)) / (values.std(0, correction=0) + 1e-5) for values in (one, two)
    )
    return first.T @ second / len(first)


@dataclass
class ViewLearner:
    """A network that learns from views of candidates.

    Parameters
    ----------
    network
        What is trained.
    cubes
        ``(n, s, s, s)`` around the candidates of all tomograms, wider than the views.
    settings
        Views, batch and cost.
    compute
        Device and precision.
    plan
        Size and contrast of the particles.
    volume
        The first tomogram.
    """

    network: nn.Module
    cubes: NDArray[np.float32]
    settings: TrainSettings
    compute: Compute
    plan: Plan
    volume: Volume

    @property
    def steps_per_epoch(self) -> int:
        """How many steps draw as many candidates as there are."""
        return math.ceil(len(self.cubes) / self.settings.batch)

    def loss(self, network: nn.Module, random: np.random.Generator) -> Tensor:
        """Return the cost of one batch."""
        count = min(self.settings.batch, len(self.cubes))
        chosen = self.cubes[random.choice(len(self.cubes), count, replace=False)]
        both = torch.cat([views(chosen, self.settings, random) for _ in range(2)])
        with self.compute.autocast():
            described = network(both.to(self.compute.device))
        projected = network.get_submodule("projector")(described.float())
        one, two = projected.chunk(2)
        return redundancy(one, two, self.settings.repeats)

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return how alike two views of some candidates are described, at most 1.

        It is no quality by which to choose a network: one that sees nothing is best at it.
        """
        random = np.random.default_rng(self.settings.seed)
        some = self.cubes[:: math.ceil(len(self.cubes) / _JUDGED)]
        one, two = (
            network(views(some, self.settings, random).to(self.compute.device)).float()
            for _ in range(2)
        )
        return {"agreement": float(torch.diagonal(correlations(one, two)).mean())}

    def preview(self, network: nn.Module, region: Box) -> Volume:  # noqa: ARG002 - without it
        """Return the strength of blobs in a region of the first tomogram."""
        like = self.volume
        values = self.plan.sign * np.asarray(like.data[region], dtype=np.float32)
        strength = blobs(values, self.plan.diameter / max(like.scale))
        z, y, x = (
            start + part.start * size
            for start, part, size in zip(like.origin, region, like.scale, strict=True)
        )
        return like.changed(strength, "Preview.", name=f"{like.name} preview", origin=(z, y, x))


def views(
    cubes: NDArray[np.float32], settings: TrainSettings, random: np.random.Generator
) -> Tensor:
    """Return cubes moved, mirrored, with other grey values and noise, and partly erased.

    Mirror images along the axes, and the half turns that they make together, keep the missing
    wedge of a tomogram in place; other turns would not.

    Parameters
    ----------
    cubes
        ``(b, s, s, s)``, s being `SHIFT` wider than the views on both sides.
    settings
        Side, noise and erasing.
    random
        Where the chance comes from.

    Returns
    -------
    Tensor
        ``(b, 1, side, side, side)``.
    """
    side, group, made = settings.patch, turns("flips"), []
    hole = round(_ERASED * side)
    for cube in cubes:
        z, y, x = random.integers(0, 2 * SHIFT + 1, 3)
        view = cube[z : z + side, y : y + side, x : x + side]
        noise = random.standard_normal(view.shape, dtype=np.float32)
        view = view * np.float32(random.uniform(1 - _FACTOR, 1 + _FACTOR))
        view += np.float32(random.uniform(-_LEVEL, _LEVEL)) + np.float32(settings.noise) * noise
        if random.random() < settings.erased:
            z, y, x = random.integers(0, side - hole + 1, 3)
            view[z : z + hole, y : y + hole, x : x + hole] = 0
        turn = group[int(random.integers(len(group)))]
        made.append(turn.apply(torch.from_numpy(view)))
    return torch.stack(made)[:, None]
