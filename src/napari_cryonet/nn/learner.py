"""What all denoisers have in common while they learn: batches, judgement, previews.

A method says what its network is given and what it has to predict, for a region of its data.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np
import torch
from torch import Tensor, nn

from napari_cryonet.nn.augment import turns
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.patches import outside
from napari_cryonet.nn.settings import Denoiser
from napari_cryonet.nn.source import AnySource
from napari_cryonet.nn.tiles import padded, predict
from napari_cryonet.reporting import Box
from napari_cryonet.signal.combine import Values
from napari_cryonet.signal.correlate import cross_half
from napari_cryonet.types import Volume
from napari_cryonet.types.volume import ZYX

_CONTEXT = 8
_AT_ONCE = 8


@dataclass(frozen=True, eq=False)
class Example:
    """What a network is given, what it has to predict, and where that counts.

    Parameters
    ----------
    given, wanted
        ``(z, y, x)`` on the network's scale, with independent noise.
    counted
        ``(z, y, x)`` weight of each voxel's error.
    """

    given: Values
    wanted: Values
    counted: Values

    @classmethod
    def everywhere(cls, given: Values, wanted: Values) -> Example:
        """Return an example in which every voxel counts."""
        return cls(given, wanted, np.ones(given.shape, np.float32))


@dataclass
class PatchLearner(ABC, Generic[AnySource]):
    """A network that learns to denoise from patches.

    Parameters
    ----------
    network
        What is trained.
    sources
        To train on.
    judges
        To validate with: the same sources if they hold cubes out, or others.
    settings
        Loss, batch and augmentation.
    compute
        Device and precision.
    volume
        Gives name and voxel size of previews: the first volume of the first source.
    """

    network: nn.Module
    sources: Sequence[AnySource]
    judges: Sequence[AnySource]
    settings: Denoiser
    compute: Compute
    volume: Volume

    @abstractmethod
    def examples(
        self, source: AnySource, region: Box, random: np.random.Generator
    ) -> Sequence[Example]:
        """Return what to learn from in a region, the same number of examples for each."""

    @abstractmethod
    def given(self, source: AnySource, region: Box) -> Values:
        """Return what the network gets to denoise a region."""

    @abstractmethod
    def judged(self, source: AnySource, region: Box) -> tuple[Example, Values, Values]:
        """Return an example of a region, always the same, and two halves of it."""

    @property
    def steps_per_epoch(self) -> int:
        """How many steps draw as many voxels as there are."""
        patch = float(np.prod(self.sources[0].sampler.sides)) * self.settings.batch
        voxels = sum(float(np.prod(source.sampler.shape)) for source in self.sources)
        return max(1, round(voxels / patch))

    def loss(self, network: nn.Module, random: np.random.Generator) -> Tensor:
        """Return the error of one batch, held-out voxels left out."""
        drawn = [item for _ in range(self.settings.batch) for item in self._draw(random)]
        given, wanted, counted = (
            torch.stack(part)[:, None].to(self.compute.device) for part in zip(*drawn, strict=True)
        )
        whole = padded(given, getattr(network, "multiple", 1))
        with self.compute.autocast():
            out = network(whole)
        z, y, x = given.shape[2:]
        return self.cost(out[:, :, :z, :y, :x].float(), wanted, counted)

    def cost(self, out: Tensor, wanted: Tensor, counted: Tensor) -> Tensor:
        """Return the mean power of the error where it counts.

        Parameters
        ----------
        out, wanted, counted
            ``(b, 1, z, y, x)``.
        """
        error = (out - wanted) * counted
        power = self.settings.loss_power
        raised = error.square() if power == 2 else error.abs().pow(power)
        mean: Tensor = raised.sum() / counted.sum().clamp(min=1)
        return mean

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return the estimated correlation with the truth in the held-out cubes."""
        columns: list[list[Values]] = [[], [], [], []]
        for source in self.judges:
            for start in range(0, len(source.held), _AT_ONCE):
                cubes = source.held[start : start + _AT_ONCE]
                for values in self._judged(network, source, cubes):
                    for column, line in zip(columns, values, strict=True):
                        column.append(line)
        if not columns[0]:
            return {}
        made, wanted, first, second = (np.concatenate(column) for column in columns)
        return {"quality": cross_half(made, wanted, first, second)}

    def preview(self, network: nn.Module, region: Box) -> Volume:
        """Return a denoised region of the first source, with its place and grey values."""
        source, like = self.sources[0], self.volume
        region, size = _on_its_grid(region, like, source.sampler.shape)
        around, inner = _window(region, source.sampler.shape, _CONTEXT)
        made = predict(network, self.given(source, around), self.compute)[inner]
        z, y, x = (
            start + part.start * own
            for start, part, own in zip(like.origin, region, size, strict=True)
        )
        fields = {"origin": (z, y, x), "voxel_size": like.voxel_size and size}
        grey = source.scaling.backward(made)
        return like.changed(grey, "Preview.", name=f"{like.name} preview", **fields)

    def _judged(
        self, network: nn.Module, source: AnySource, cubes: Sequence[Box]
    ) -> list[tuple[Values, ...]]:
        """Return what was made of each cube, target and halves there, as lines."""
        windows = [_window(cube, source.sampler.shape, _CONTEXT) for cube in cubes]
        cases = [self.judged(source, around) for around, _ in windows]
        given = np.stack([example.given for example, _, _ in cases])
        lines = []
        for made, (example, first, second), (_, inner) in zip(
            predict(network, given, self.compute), cases, windows, strict=True
        ):
            where = example.counted[inner] > 0
            each = (made, example.wanted, first, second)
            lines.append(tuple(values[inner][where] for values in each))
        return lines

    def _draw(self, random: np.random.Generator) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Draw the examples of one patch, turned, without what is held out."""
        source = self.sources[int(random.integers(len(self.sources)))]
        region = source.sampler.draw(random)
        examples = self.examples(source, region, random)
        mask = outside(source.held, region)
        group = turns(source.rotations)
        drawn = []
        for example in examples:
            counted = example.counted if mask is None else example.counted * mask
            turn = group[int(random.integers(len(group)))]
            given, wanted, weight = (
                turn.apply(torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)))
                for values in (example.given, example.wanted, counted)
            )
            drawn.append((given, wanted, weight))
        return drawn


def _on_its_grid(region: Box, like: Volume, shape: tuple[int, ...]) -> tuple[Box, ZYX]:
    """Return a region of a volume on the grid it was resampled to, and that voxel size."""
    parts, sizes = [], []
    for part, own, length, size in zip(region, like.shape, shape, like.scale, strict=True):
        start = min(part.start * length // own, length - 1)
        parts.append(slice(start, max(start + 1, -(-part.stop * length // own))))
        sizes.append(size * own / length)
    return (parts[0], parts[1], parts[2]), (sizes[0], sizes[1], sizes[2])


def _window(region: Box, shape: tuple[int, ...], margin: int) -> tuple[Box, Box]:
    """Return a region widened by a margin on both sides, and where the region lies in it.

    At the border of the volume the window is moved inwards, so that it keeps its size.
    """
    around, inner = [], []
    for part, length in zip(region, shape, strict=True):
        size = min(part.stop - part.start + 2 * margin, length)
        start = min(max(part.start - margin, 0), length - size)
        around.append(slice(start, start + size))
        inner.append(slice(part.start - start, part.stop - start))
    return (around[0], around[1], around[2]), (inner[0], inner[1], inner[2])
