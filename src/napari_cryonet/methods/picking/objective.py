"""What picking minimises: the risk of scores where few particles are labelled.

References
----------
Kiryo et al., NeurIPS 2017, arXiv:1703.00593 (non-negative risk). Bepler et al., *Topaz*,
Nature Methods 2019 (expectation criterion). Lin et al., *Focal loss*, arXiv:1708.02002.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_cryonet.methods.picking.settings import TrainSettings

_OVER = (0, 2, 3, 4)
_LEAST = 0.02
"""What is left of the cost of a high score where it is forgiven: not all may be a particle."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Patches with what is wanted of them.

    Parameters
    ----------
    given
        ``(b, 1, z, y, x)``.
    heat, negative, unlabelled
        ``(b, classes, z, y, x)`` as in `napari_cryonet.methods.picking.labels.Target`.
    background
        ``(b, 1, z, y, x)`` 1 where unlabelled voxels are certainly no particles.
    offsets
        ``(b, 3, z, y, x)``.
    prior
        ``(classes,)`` part of the unlabelled voxels that belongs to particles.
    """

    given: Tensor
    heat: Tensor
    negative: Tensor
    unlabelled: Tensor
    background: Tensor
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
        Objective, weight, and whether voxels without a label that score high are forgiven.
    """
    scores = torch.sigmoid(logits.detach())
    positive = batch.heat.sum(_OVER)
    cost = functional.softplus(logits)
    focal = scores.square() * cost
    seen = _share(batch.heat * functional.softplus(-logits), positive)
    refused = _share(batch.negative * cost, batch.negative.sum(_OVER))
    known = batch.unlabelled * batch.background
    unknown = batch.unlabelled - known
    total = batch.unlabelled.sum(_OVER)
    sure = _share(known * focal, total)
    weight = settings.unlabelled_weight
    if settings.objective == "nnpu":
        doubted = (4 * (1 - scores).square() + _LEAST if settings.forgiving else 1) * focal
        hidden = batch.prior * _share(batch.heat * doubted, positive)
        other = (_share(unknown * doubted, total) - hidden * _share(unknown, total)).clamp(min=0)
    elif settings.objective == "ge":
        return (seen + refused + weight * sure + _expectation(logits, unknown, batch.prior)).mean()
    else:
        other = _share(unknown * focal, total)
    return (seen + refused + weight * (sure + other)).mean()


def sharpness(logits: Tensor, batch: Batch, settings: TrainSettings) -> float:
    """Return how well scores tell labels from the rest, at most 1; bounded, unlike the risk.

    Parameters
    ----------
    logits, batch, settings
        As in `risk`.
    """
    scores = torch.sigmoid(logits)
    positive = batch.heat.sum(_OVER)
    seen = _share(batch.heat * scores, positive)
    hidden = batch.prior * _share(batch.heat * scores.square(), positive)
    other = _share(batch.unlabelled * scores.square(), batch.unlabelled.sum(_OVER))
    made = seen - settings.unlabelled_weight * (other - hidden).clamp(min=0)
    return float(made[positive > 0].mean())


def _expectation(logits: Tensor, unknown: Tensor, prior: Tensor) -> Tensor:
    """Return how far the number of particles is from the expected one, ``(classes,)``.

    The cross-entropy of Topaz' GE-binomial, with both distributions taken as Gaussian.
    """
    scores, count = torch.sigmoid(logits) * unknown, unknown.sum(_OVER)
    mean, variance = scores.sum(_OVER), (scores * (1 - scores)).sum(_OVER)
    spread = (count * prior * (1 - prior)).clamp(min=1)
    return ((mean - count * prior).square() + variance) / (2 * spread)


def _share(values: Tensor, total: Tensor) -> Tensor:
    """Return sums divided by totals, 0 where there is nothing."""
    return values.sum(_OVER) / total.clamp(min=1e-6) * (total > 0)
