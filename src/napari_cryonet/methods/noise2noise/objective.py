"""What Noise2Noise minimises, and how it judges itself without a truth.

Of two halves with independent noise n1 and n2 of equal strength, with mean M and half
difference N, the mixtures ``M + αN`` and ``M - N/α`` have independent noise too, for any α.
At α = 1 they are the halves themselves. A smaller α gives the network a cleaner input, as
clean as it will be when both halves are denoised, at the price of a noisier target.

References
----------
Pang, Zheng, Quan, Ji, *Recorrupted-to-Recorrupted: unsupervised deep learning for image
denoising*, CVPR 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_cryonet.methods.noise2noise.data import Pair
from napari_cryonet.methods.noise2noise.settings import TrainSettings
from napari_cryonet.nn.augment import turns
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.patches import outside
from napari_cryonet.nn.tiles import padded, predict
from napari_cryonet.reporting import Box
from napari_cryonet.signal.correlate import cross_half
from napari_cryonet.types import Volume
from napari_cryonet.types.volume import ZYX

Values = NDArray[np.float32]
_CONTEXT = 8
_AT_ONCE = 8


def mixtures(first: Values, second: Values, mixing: float) -> tuple[Values, Values]:
    """Return input and target with independent noise, made of two halves.

    Parameters
    ----------
    first, second
        The halves.
    mixing
        α: 1 returns the halves themselves.
    """
    if mixing == 1:
        return first, second
    two = np.float32(2)
    mean, half = (first + second) / two, (first - second) / two
    return mean + np.float32(mixing) * half, mean - half / np.float32(mixing)


@dataclass
class HalvesLearner:
    """A network that learns to predict one mixture of two halves from the other.

    Parameters
    ----------
    network
        What is trained.
    pairs
        To train on.
    judges
        To validate with: the same pairs if they hold cubes out, or others.
    settings
        Mixing, loss and augmentation.
    compute
        Device and precision.
    volume
        Gives name and voxel size of previews: the first half of the first pair.
    """

    network: nn.Module
    pairs: Sequence[Pair]
    judges: Sequence[Pair]
    settings: TrainSettings
    compute: Compute
    volume: Volume

    @property
    def steps_per_epoch(self) -> int:
        """How many steps draw as many voxels as the pairs have."""
        patch = float(np.prod(self.pairs[0].sampler.sides)) * self.settings.batch
        return max(1, round(sum(pair.first.size for pair in self.pairs) / patch))

    def loss(self, network: nn.Module, random: np.random.Generator) -> Tensor:
        """Return the mean power of the error of one batch, held-out voxels left out."""
        drawn = [self._draw(random) for _ in range(self.settings.batch)]
        given, wanted, counted = (
            torch.stack(part)[:, None].to(self.compute.device) for part in zip(*drawn, strict=True)
        )
        whole = padded(given, getattr(network, "multiple", 1))
        with self.compute.autocast():
            out = network(whole)
        z, y, x = given.shape[2:]
        error = (out[:, :, :z, :y, :x].float() - wanted) * counted
        power = self.settings.loss_power
        raised = error.square() if power == 2 else error.abs().pow(power)
        mean: Tensor = raised.sum() / counted.sum().clamp(min=1)
        return mean

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return the estimated correlation with the truth in the held-out cubes."""
        columns: list[list[Values]] = [[], [], [], []]
        for pair in self.judges:
            if pair.held:
                for column, values in zip(columns, self._judged(network, pair), strict=True):
                    column.append(values)
        if not columns[0]:
            return {}
        made, target, first, second = (np.concatenate(column) for column in columns)
        return {"quality": cross_half(made, target, first, second)}

    def preview(self, network: nn.Module, region: Box) -> Volume:
        """Return a denoised region of the first pair, with its place and grey values."""
        pair, like = self.pairs[0], self.volume
        region, size = _on_its_grid(region, like, pair.first.shape)
        around, inner = _window(region, pair.first.shape, _CONTEXT)
        given, _ = mixtures(*pair.read(around), self.settings.mixing)
        made = pair.scaling.backward(predict(network, given, self.compute)[inner])
        z, y, x = (
            start + part.start * own
            for start, part, own in zip(like.origin, region, size, strict=True)
        )
        fields = {"origin": (z, y, x), "voxel_size": like.voxel_size and size}
        return like.changed(made, "Preview.", name=f"{like.name} preview", **fields)

    def _judged(self, network: nn.Module, pair: Pair) -> tuple[Values, ...]:
        """Return what was made of the held-out cubes, target and halves there, as lines."""
        windows = [_window(region, pair.first.shape, _CONTEXT) for region in pair.held]
        halves = [pair.read(around) for around, _ in windows]
        first, second = (np.stack(half) for half in zip(*halves, strict=True))
        given, target = mixtures(first, second, self.settings.mixing)
        some = (given[start : start + _AT_ONCE] for start in range(0, len(given), _AT_ONCE))
        made = np.concatenate([predict(network, cubes, self.compute) for cubes in some])
        return tuple(
            np.concatenate(
                [cube[inner].ravel() for cube, (_, inner) in zip(each, windows, strict=True)]
            )
            for each in (made, target, first, second)
        )

    def _draw(self, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw one patch: input, target, and which of its voxels count."""
        pair = self.pairs[int(random.integers(len(self.pairs)))]
        region = pair.sampler.draw(random)
        first, second = pair.read(region)
        if self.settings.swap and random.integers(2):
            first, second = second, first
        given, target = mixtures(first, second, self.settings.mixing)
        mask: NDArray[Any] | None = outside(pair.held, region)
        counted = np.ones(given.shape, np.float32) if mask is None else mask.astype(np.float32)
        group = turns(pair.rotations)
        turn = group[int(random.integers(len(group)))]
        given_, target_, counted_ = (
            turn.apply(torch.from_numpy(values)) for values in (given, target, counted)
        )
        return given_, target_, counted_


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
