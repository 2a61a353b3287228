"""What Self2Self minimises, and how it judges itself without a truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from napari_cryonet.methods.self2self.corruption import Added, Bernoulli, Corruption
from napari_cryonet.methods.self2self.data import Single
from napari_cryonet.methods.self2self.settings import TrainSettings
from napari_cryonet.nn.learner import Example, PatchLearner
from napari_cryonet.nn.patches import random_at
from napari_cryonet.reporting import Box
from napari_cryonet.signal.combine import Values, mixtures


@dataclass
class SingleLearner(PatchLearner[Single]):
    """A network that learns from one volume and corrupted copies of it.

    Parameters
    ----------
    corruption
        How input and target are made.
    """

    settings: TrainSettings
    corruption: Corruption

    def examples(
        self, source: Single, region: Box, random: np.random.Generator
    ) -> Sequence[Example]:
        """Return several examples of one patch."""
        values = source.read(region)
        return [
            self.corruption.example(values, source.noise, random)
            for _ in range(self.settings.samples)
        ]

    def cost(self, out: Tensor, wanted: Tensor, counted: Tensor) -> Tensor:
        """Return the error where it counts, and the total variation if that is asked for.

        Parameters
        ----------
        out, wanted, counted
            ``(b, 1, z, y, x)``.
        """
        error = self.corruption.error(out, wanted, counted)
        if self.settings.loss == "norm":
            value: Tensor = error.flatten(1).norm(dim=1).mean()
        else:
            value = error.abs().pow(self.settings.loss_power).sum() / counted.sum().clamp(min=1)
        if self.settings.total_variation:
            rough = total_variation(self.corruption.whole(out, wanted, counted))
            if self.settings.loss == "mean":
                rough = rough / out[0].numel()
            value = value + self.settings.total_variation * rough
        return value

    def given(self, source: Single, region: Box) -> Values:
        """Return what the network gets for a preview, in one pass."""
        values = source.read(region)
        if isinstance(self.corruption, Added):
            return values
        random = random_at(region, self.settings.seed)
        return self.corruption.inputs(values, source.noise, random)[0]

    def judged(self, source: Single, region: Box) -> tuple[Example, Values, Values]:
        """Return an example and two halves of a region: the volume with noise, and without.

        Voxels that were left out judge by themselves if their noise is independent; otherwise
        a target judges from which drawn noise was taken.
        """
        random, values = random_at(region, self.settings.seed), source.read(region)
        drawn = source.noise.draw(values.shape, random)
        first, second = values + drawn, values - drawn
        if isinstance(self.corruption, Bernoulli) and source.noise.white:
            return self.corruption.example(values, source.noise, random), first, second
        given, wanted = mixtures(first, second, self.settings.mixing)
        if not isinstance(self.corruption, Added):
            given = self.corruption.inputs(given, source.noise, random)[0]
        return Example.everywhere(given, wanted), first, second


def total_variation(volumes: Tensor) -> Tensor:
    """Return the sum of the absolute differences of neighbours, averaged over a batch.

    Parameters
    ----------
    volumes
        ``(b, 1, z, y, x)``.

    References
    ----------
    Rudin, Osher, Fatemi, *Nonlinear total variation based noise removal*, Physica D 60 (1992);
    anisotropic form.
    """
    sums = [volumes.diff(dim=axis).abs().sum() for axis in (2, 3, 4)]
    total: Tensor = sums[0] + sums[1] + sums[2]
    return total / len(volumes)
