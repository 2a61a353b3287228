"""What looks alike shall be near: the contrastive term, and views that shall agree.

Each voxel has a look, a vector of length 1. Looks of labelled voxels attract each other and
repel the others; the look of a voxel without a label attracts that of the same voxel in
another view. Since unlabelled voxels hide particles, the repulsion is corrected by how many
are expected. Voxels are drawn at random, so that memory is bounded whatever the patch.

References
----------
Chuang et al., *Debiased contrastive learning*, NeurIPS 2020, arXiv:2007.00224. Huang et al.,
*Accurate detection of proteins in cryo-electron tomograms from sparse labels*, ECCV 2022.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_MOST = 512
"""Voxels of each kind that are compared with each other."""


def contrast(
    looks: tuple[Tensor, Tensor],
    labelled: Tensor,
    scores: Tensor,
    prior: float,
    temperature: float,
) -> Tensor:
    """Return the contrastive loss of two views of the same voxels.

    Parameters
    ----------
    looks
        Two of ``(n, looks)``, each row of length 1; row i of both is the same voxel.
    labelled
        ``(n,)`` whether a voxel is a labelled particle.
    scores
        ``(n,)`` from 0 to 1: how far a voxel without a label is taken for a particle.
    prior
        Part of the unlabelled voxels that belongs to particles.
    temperature
        The lower, the more the nearest looks count.
    """
    first, other = (functional.normalize(view.float(), dim=1, eps=1e-4) for view in looks)
    chosen, rest = _some(labelled), _some(~labelled)
    total = first.sum() * 0
    if len(chosen) > 1 and len(rest):
        ours = torch.cat([first[chosen], other[chosen]])
        alike = _nearness(ours @ ours.T, temperature)
        mean = (alike.sum(1) - alike.diagonal()) / (len(ours) - 1)
        against = _nearness(ours @ first[rest].T, temperature).mean(1)
        total = total + _debiased(mean, against, prior, temperature).mean()
    if len(rest) > 1:
        ours, theirs = first[rest], other[rest]
        near = _nearness(ours @ theirs.T, temperature)
        itself = near.diagonal()
        against = (near.sum(1) - itself) / (len(rest) - 1)
        kept = scores[rest].detach()
        as_particle = _debiased(itself, against, prior, temperature)
        as_background = _debiased(itself, against, 1 - prior, temperature)
        total = total + 0.1 * (kept * as_particle + (1 - kept) * as_background).mean()
    return total


def _nearness(cosines: Tensor, temperature: float) -> Tensor:
    """Return how near looks are, at most 1 so that no exponential overflows."""
    return torch.exp((cosines - 1) / temperature)


def _debiased(alike: Tensor, against: Tensor, prior: float, temperature: float) -> Tensor:
    """Return minus the logarithm of how far what is alike outweighs what is not.

    Neither weight falls below that of opposite looks, so that the logarithm is finite at any
    temperature.
    """
    least = max(math.exp(-2 / temperature), torch.finfo(torch.float32).tiny)
    prior = min(max(prior, 0.0), 0.999)
    corrected = ((against - prior * alike) / (1 - prior)).clamp(min=least)
    alike = alike.clamp(min=least)
    return torch.log(alike + corrected) - torch.log(alike)


def _some(which: Tensor) -> Tensor:
    """Return the numbers of at most `_MOST` voxels that are chosen, drawn at random."""
    numbers = which.nonzero()[:, 0]
    if len(numbers) <= _MOST:
        return numbers
    drawn = torch.randperm(len(numbers), device=numbers.device)[:_MOST]
    return numbers[drawn]
