"""What picking minimises: the risk of scores where few particles are labelled.

References
----------
Kiryo et al., NeurIPS 2017, arXiv:1703.00593 (non-negative risk). Bepler et al., *Topaz*,
Nature Methods 2019 (expectation criterion). Lin et al., *Focal loss*, arXiv:1708.02002.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cryonet.methods.picking.data import Source
from napari_cryonet.methods.picking.network import predict, turned_offsets
from napari_cryonet.methods.picking.settings import TrainSettings
from napari_cryonet.nn.augment import Turn, turns
from napari_cryonet.nn.device import Compute
from napari_cryonet.reporting import Box
from napari_cryonet.types import Volume

_JUDGED = 16
_OFFSETS = 1.0


@dataclass(frozen=True, eq=False)
class Batch:
    """Patches with what is wanted of them.

    Parameters
    ----------
    given
        ``(b, 1, z, y, x)``.
    heat, unlabelled
        ``(b, classes, z, y, x)`` as in `napari_cryonet.methods.picking.labels.Target`.
    offsets
        ``(b, 3, z, y, x)``.
    prior
        ``(classes,)`` part of the unlabelled voxels that belongs to particles.
    """

    given: Tensor
    heat: Tensor
    unlabelled: Tensor
    offsets: Tensor
    prior: Tensor


def risk(logits: Tensor, batch: Batch, settings: TrainSettings) -> Tensor:
    """Return the risk of some scores, the mean over the classes that are labelled in the batch.

    Parameters
    ----------
    logits
        ``(b, classes, z, y, x)``.
    batch
        What is wanted.
    settings
        Objective and weight.
    """
    over = (0, 2, 3, 4)
    positive = batch.heat.sum(over)
    focal = torch.sigmoid(logits.detach()).square() * functional.softplus(logits)
    seen = _share(batch.heat * functional.softplus(-logits), positive, over)
    unlabelled = batch.unlabelled.sum(over)
    other = _share(batch.unlabelled * focal, unlabelled, over)
    if settings.objective == "nnpu":
        hidden = batch.prior * _share(batch.heat * focal, positive, over)
        return (seen + settings.unlabelled_weight * (other - hidden).clamp(min=0)).mean()
    if settings.objective == "pn":
        return (seen + settings.unlabelled_weight * other).mean()
    return (seen + _expectation(logits, batch, unlabelled)).mean()


def sharpness(logits: Tensor, batch: Batch, settings: TrainSettings) -> float:
    """Return how well scores tell labels from the rest, at most 1; bounded, unlike the risk.

    Parameters
    ----------
    logits, batch, settings
        As in `risk`.
    """
    over = (0, 2, 3, 4)
    scores = torch.sigmoid(logits)
    positive, unlabelled = batch.heat.sum(over), batch.unlabelled.sum(over)
    seen = _share(batch.heat * scores, positive, over)
    hidden = batch.prior * _share(batch.heat * scores.square(), positive, over)
    other = _share(batch.unlabelled * scores.square(), unlabelled, over)
    made = seen - settings.unlabelled_weight * (other - hidden).clamp(min=0)
    return float(made[positive > 0].mean())


def _expectation(logits: Tensor, batch: Batch, count: Tensor) -> Tensor:
    """Return how far the number of particles is from the expected one, ``(classes,)``.

    The cross-entropy of Topaz' GE-binomial, with both distributions taken as Gaussian.
    """
    over = (0, 2, 3, 4)
    scores = torch.sigmoid(logits) * batch.unlabelled
    mean, variance = scores.sum(over), (scores * (1 - scores)).sum(over)
    spread = (count * batch.prior * (1 - batch.prior)).clamp(min=1)
    return ((mean - count * batch.prior).square() + variance) / (2 * spread)


def _share(values: Tensor, total: Tensor, over: tuple[int, ...]) -> Tensor:
    """Return sums divided by totals, 0 where there is nothing."""
    return values.sum(over) / total.clamp(min=1e-6) * (total > 0)


@dataclass
class PickLearner:
    """A network that learns to find particles.

    Parameters
    ----------
    network
        What is trained.
    sources
        To train on.
    judges
        To validate with, by their held-out labels.
    settings
        Loss, batch and augmentation.
    compute
        Device and precision.
    volume
        Gives name and voxel size of previews: the first tomogram.
    """

    network: nn.Module
    sources: Sequence[Source]
    judges: Sequence[Source]
    settings: TrainSettings
    compute: Compute
    volume: Volume

    @property
    def steps_per_epoch(self) -> int:
        """How many steps draw as many labels as there are near to labels."""
        labels = sum(int((~source.labels.held).sum()) for source in self.sources)
        return max(1, round(2 * labels / self.settings.batch))

    def loss(self, network: nn.Module, random: np.random.Generator) -> Tensor:
        """Return the risk of one batch and the error of the ways to the centres."""
        batch = self._batch(random)
        with self.compute.autocast():
            out = network(batch.given)
        logits, ways = out[:, :-3].float(), out[:, -3:].float()
        weight = batch.heat.amax(1, keepdim=True)
        error = functional.smooth_l1_loss(ways, batch.offsets, reduction="none")
        away = (error * weight).sum() / (3 * weight.sum()).clamp(min=1)
        total: Tensor = risk(logits, batch, self.settings) + _OFFSETS * away
        return total

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return how well labels that were held out stand out, at most 1."""
        found, counts = [], []
        for source in self.judges:
            places = source.labels.positions[source.labels.held][:_JUDGED]
            if not len(places):
                continue
            items = [self._item(source, source.around(place), held=True) for place in places]
            batch = self._stacked(items, source)
            with self.compute.autocast():
                logits = network(batch.given)[:, :-3].float()
            found.append(sharpness(logits, batch, self.settings))
            counts.append(len(places))
        return {"quality": float(np.average(found, weights=counts))} if found else {}

    def preview(self, network: nn.Module, region: Box) -> Volume:
        """Return the scores in a region of the first tomogram, on the network's grid."""
        values, like = self.sources[0].values, self.volume
        ratio = [new / old for new, old in zip(values.shape, like.shape, strict=True)]
        parts = []
        for part, share, length in zip(region, ratio, values.shape, strict=True):
            start = min(int(part.start * share), length - 1)
            parts.append(slice(start, max(start + 1, min(int(part.stop * share), length))))
        scores, _ = predict(network, values[tuple(parts)], self.compute)
        z, y, x = (size / share for size, share in zip(like.scale, ratio, strict=True))
        places = zip(like.origin, parts, (z, y, x), strict=True)
        start_z, start_y, start_x = (origin + part.start * own for origin, part, own in places)
        fields = {"origin": (start_z, start_y, start_x), "voxel_size": (z, y, x)}
        return like.changed(scores.max(axis=0), "Preview.", name=f"{like.name} preview", **fields)

    def _batch(self, random: np.random.Generator) -> Batch:
        """Draw the patches of one step from one tomogram, turned and with changed grey values."""
        source = self.sources[int(random.integers(len(self.sources)))]
        group = turns(self.settings.turned)
        items = []
        for _ in range(self.settings.batch):
            given, heat, unlabelled, offsets = self._item(source, source.draw(random), held=False)
            turn: Turn = group[int(random.integers(len(group)))]
            noise = random.standard_normal(given.shape, dtype=np.float32)
            noisy = given * random.uniform(0.85, 1.15) + random.normal(0, 0.1)
            noisy = noisy + torch.from_numpy(noise) * random.uniform(0, 0.3)
            turned = [turn.apply(each) for each in (noisy, heat, unlabelled)]
            items.append((*turned, turned_offsets(offsets, turn)))
        return self._stacked(items, source)

    def _item(self, source: Source, region: Box, *, held: bool) -> tuple[Tensor, ...]:
        """Return a patch with what is wanted of it."""
        target = source.labels.target(region, held=held)
        unlabelled = target.unlabelled
        if source.allowed is not None:
            unlabelled = unlabelled * source.allowed[region]
        arrays = (source.values[region][None], target.heat, unlabelled, target.offsets)
        return tuple(torch.from_numpy(np.ascontiguousarray(each, np.float32)) for each in arrays)

    def _stacked(self, items: Sequence[tuple[Tensor, ...]], source: Source) -> Batch:
        """Return patches of one tomogram as a batch on the device."""
        parts = (torch.stack(part).to(self.compute.device) for part in zip(*items, strict=True))
        prior = torch.tensor(source.prior, device=self.compute.device)
        given, heat, unlabelled, offsets = (part.float() for part in parts)
        return Batch(given, heat, unlabelled, offsets, prior)
