"""What Noise2Noise minimises, and how it judges itself without a truth.

One mixture of the halves is given, another with independent noise has to be predicted; see
`napari_cryonet.signal.combine.mixtures`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_cryonet.methods.noise2noise.data import Pair
from napari_cryonet.methods.noise2noise.settings import TrainSettings
from napari_cryonet.nn.learner import Example, PatchLearner
from napari_cryonet.reporting import Box
from napari_cryonet.signal.combine import Values, mixtures


@dataclass
class HalvesLearner(PatchLearner[Pair]):
    """A network that learns to predict one mixture of two halves from the other."""

    settings: TrainSettings

    def examples(self, source: Pair, region: Box, random: np.random.Generator) -> Sequence[Example]:
        """Return one example, the halves exchanged at random."""
        first, second = source.read(region)
        if self.settings.swap and random.integers(2):
            first, second = second, first
        return [Example.everywhere(*mixtures(first, second, self.settings.mixing))]

    def given(self, source: Pair, region: Box) -> Values:
        """Return the mixture nearer to the first half."""
        return mixtures(*source.read(region), self.settings.mixing)[0]

    def judged(self, source: Pair, region: Box) -> tuple[Example, Values, Values]:
        """Return the mixtures of a region, and its halves."""
        first, second = source.read(region)
        mixed = mixtures(first, second, self.settings.mixing)
        return Example.everywhere(*mixed), first, second
