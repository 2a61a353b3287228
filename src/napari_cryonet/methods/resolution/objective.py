"""What the resolution network minimises, and how it is judged: the error in Å inside the mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_cryonet.methods.resolution.data import Source
from napari_cryonet.methods.resolution.settings import TrainSettings
from napari_cryonet.nn.augment import turns
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.tiles import Grid, padded
from napari_cryonet.reporting import Box, Tick, untold
from napari_cryonet.types import Volume

_TURNS = turns("rotations")
_SIDE = 64  # places of a tile


@dataclass
class ResolutionLearner:
    """A network that learns local resolution.

    Parameters
    ----------
    network
        What is trained.
    sources
        To train on.
    judges
        To validate with: other maps, or regions that were held out.
    settings
        Loss, batch and rate.
    compute
        Device and precision.
    volume
        Gives name and place of previews: the first map.
    """

    network: nn.Module
    sources: Sequence[Source]
    judges: Sequence[Source]
    settings: TrainSettings
    compute: Compute
    volume: Volume

    @property
    def steps_per_epoch(self) -> int:
        """How many steps draw as many places as count."""
        patch = float(np.prod(self.sources[0].sampler.sides)) * self.settings.batch
        known = sum(float(np.isfinite(source.wanted).sum()) for source in self.sources)
        return max(1, round(known / patch))

    def loss(self, network: nn.Module, random: np.random.Generator) -> Tensor:
        """Return the error of one batch where it counts, as a share of what is wanted."""
        drawn = [self._draw(random) for _ in range(self.settings.batch)]
        given, wanted = (
            torch.stack(part).to(self.compute.device) for part in zip(*drawn, strict=True)
        )
        with self.compute.autocast():
            out = network(given)[:, 0].float()
        known = torch.isfinite(wanted)
        error = (out[known] / wanted[known] - 1).abs()
        mean: Tensor = error.pow(self.settings.loss_power).mean()
        return mean

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return the mean error in Å, that of the best constant of each map, and the skill."""
        if not self.judges:
            return {}
        errors, constants = zip(*(self._judged(network, each) for each in self.judges), strict=True)
        error, constant = float(np.mean(errors)), float(np.mean(constants))
        return {"quality": 1 - error / max(constant, 1e-6), "mae": error, "constant": constant}

    def preview(self, network: nn.Module, region: Box) -> Volume:  # noqa: ARG002 - as all have it
        """Return what the network makes of the first map now, on the lattice of its places."""
        source, like = self.sources[0], self.volume
        made = resolution(network, source.given, self.compute, np.isfinite(source.wanted))
        z, y, x = (
            old * count / new
            for old, count, new in zip(like.scale, like.shape, made.shape, strict=True)
        )
        name = f"{like.name} preview"
        return like.changed(made, "Preview.", name=name, voxel_size=(z, y, x))

    def _judged(self, network: nn.Module, source: Source) -> tuple[float, float]:
        """Return the mean error and that of the best constant for one source, in Å."""
        known = np.isfinite(source.wanted)
        made = resolution(network, source.given, self.compute, known)
        return float(np.abs(made[known] - source.wanted[known]).mean()), source.constant()

    def _draw(self, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw a patch of one map, turned: resolution is the same in all directions."""
        source = self.sources[int(random.integers(len(self.sources)))]
        region = source.sampler.draw(random)
        turn = _TURNS[int(random.integers(len(_TURNS)))]
        given, wanted = (
            turn.apply(torch.from_numpy(np.ascontiguousarray(values)))
            for values in (source.given[(slice(None), *region)], source.wanted[region])
        )
        return given, wanted


def resolution(
    network: nn.Module,
    given: NDArray[np.float32],
    compute: Compute,
    inside: NDArray[np.bool_],
    tick: Tick = untold,
) -> NDArray[np.float32]:
    """Return the resolution in Å that a network sees, tile by tile.

    Parameters
    ----------
    network
        On the device of `compute`, in evaluation mode.
    given
        ``(c, z, y, x)``.
    compute
        Device and precision.
    inside
        ``(z, y, x)`` where it is wanted; tiles without any are left out.
    tick
        Is told the share that is done; may raise to stop.

    Returns
    -------
    ndarray
        ``(z, y, x)``, NaN in tiles that were left out.
    """
    result = np.full(given.shape[1:], np.nan, np.float32)
    multiple = int(getattr(network, "multiple", 1))
    tiles = Grid(_SIDE, int(getattr(network, "reach", 0)), multiple).tiles(result.shape)
    for number, tile in enumerate(tiles, 1):
        if inside[tile.write].any():
            part = torch.from_numpy(np.ascontiguousarray(given[(slice(None), *tile.read)]))
            whole = padded(part[None].to(compute.device), multiple)
            with torch.inference_mode(), compute.autocast():
                out = network(whole)[0, 0].float()
            sides = [slice(0, count) for count in part.shape[1:]]
            result[tile.write] = out[tuple(sides)].cpu().numpy()[tile.inner]
        tick(number / len(tiles))
    return result
