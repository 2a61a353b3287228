"""The search for the rough shape: fresh images, the best pose of each, and a few steps.

Neither images nor the grid of poses are the same in two steps. That is what keeps the search from
settling on the first shape that explains some of the images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_cryonet.methods.pointcloud.cloud import Cloud
from napari_cryonet.methods.pointcloud.data import Level, Particles
from napari_cryonet.methods.pointcloud.rotations import grid
from napari_cryonet.methods.pointcloud.settings import TrainSettings
from napari_cryonet.reporting import Tick

COARSE, MIDDLE = 0.31, 0.19
"""Widths of the spots, in units of the radius, at which the search begins and ends."""

_POINTS = 120
_SPREAD = 0.6
_RATE = 0.03
_INNER = 5
_AT_ONCE = 480
_LEVELS = 10


@dataclass(frozen=True, eq=False)
class Start:
    """What one search has found.

    Parameters
    ----------
    points
        ``(p, 3)`` z, y, x in units of the radius.
    rotations
        ``(h, 3, 3)`` best poses of the images that were held out.
    residual
        Mean share of those images that is not explained.
    """

    points: Tensor
    rotations: Tensor
    residual: float


@dataclass
class Search:
    """A search from one random cloud.

    Parameters
    ----------
    particles
        The images.
    held
        Indices of those that judge the result and are not learnt from.
    settings
        Steps, grid, symmetry.
    number
        Of the search; each has random numbers of its own.
    """

    particles: Particles
    held: Tensor
    settings: TrainSettings
    number: int

    def __post_init__(self) -> None:
        """Make the random cloud; `cloud`, `loss` and `left` are what the search has come to."""
        self.random = np.random.default_rng((self.settings.seed, self.number))
        count = max(8, _POINTS // self.settings.symmetry)
        first = torch.from_numpy(self.random.normal(scale=_SPREAD, size=(count, 3))).float()
        self.cloud = Cloud.at(first.to(self.held.device), self.settings.symmetry)
        self.loss, self.rate = math.nan, _RATE
        self.left = torch.full((len(self.particles.images),), torch.nan, device=self.held.device)

    def run(self, tick: Tick) -> Start:
        """Search to the end.

        Parameters
        ----------
        tick
            Is told the share that is done; may raise `Cancelled`.
        """
        settings = self.settings
        points, *_ = self.cloud.parameters()
        optimiser = torch.optim.Adam([points], lr=_RATE)
        learnt = np.setdiff1d(np.arange(len(self.particles.images)), self.held.cpu().numpy())
        drawn = min(settings.drawn, len(learnt))
        for step, width in enumerate(np.geomspace(COARSE, MIDDLE, settings.iterations)):
            tick(step / settings.iterations)
            if step % max(1, settings.iterations // _LEVELS) == 0:
                level = self.particles.level(max(float(width), self.particles.finest))
            rows = torch.from_numpy(self.random.choice(learnt, drawn, replace=False))
            self._step(level, rows.to(self.held.device), optimiser)
        return self.end()

    def end(self) -> Start:
        """Judge the cloud by the images that were held out."""
        cloud = self.cloud.detached()
        level = self.particles.level(max(MIDDLE, self.particles.finest), self.held)
        best = best_poses(cloud, level, slice(None), self._grid())[0][:, 0]
        left = residuals(cloud.seen(best, _nowhere(best), level), level.images)
        self.left[self.held] = left
        return Start(cloud.points, best, float(left.mean()))

    def _step(self, level: Level, rows: Tensor, optimiser: torch.optim.Optimizer) -> None:
        """Find the best poses of some images, and move the points towards them a few times."""
        best = best_poses(self.cloud, level, rows, self._grid())[0][:, 0]
        images = level.images[rows]
        for _ in range(_INNER):
            optimiser.zero_grad()
            pictures = self.cloud.seen(best, _nowhere(rows), level)
            errors = (pictures - images).square().sum((1, 2))
            outside = beyond(self.cloud.points, self.particles.reach)
            (0.1 * level.side**2 * errors.mean() + 0.1 * outside).backward()
            optimiser.step()
        self.loss = float(residuals(pictures.detach(), images).mean())

    def _grid(self) -> Tensor:
        """Return a grid of poses that is turned at random."""
        poses = grid(self.settings.views, self.settings.turns, self.random)
        return poses.to(self.held.device)


@torch.no_grad()
def best_poses(
    cloud: Cloud, level: Level, rows: Tensor | slice, poses: Tensor, count: int = 1
) -> tuple[Tensor, Tensor]:
    """Return the poses of a grid in which the cloud looks most like each image.

    Parameters
    ----------
    cloud
        What is seen.
    level
        The images, centred.
    rows
        Which of them.
    poses
        ``(g, 3, 3)`` the grid.
    count
        How many poses for each image.

    Returns
    -------
    rotations : Tensor
        ``(n, count, 3, 3)``, the best first.
    errors : Tensor
        ``(n, count)`` sums of squared differences.
    """
    pictures = torch.cat(
        [cloud.seen(part, _nowhere(part), level).flatten(1) for part in poses.split(_AT_ONCE)]
    )
    own = pictures.square().sum(dim=1)
    errors, numbers = [], []
    for images in level.images[rows].flatten(1).split(_AT_ONCE):
        square = images.square().sum(dim=1, keepdim=True) + own - 2 * images @ pictures.T
        least, which = square.topk(count, dim=1, largest=False)
        errors.append(least)
        numbers.append(which)
    return poses[torch.cat(numbers)], torch.cat(errors)


def residuals(pictures: Tensor, images: Tensor) -> Tensor:
    """Return ``(n,)`` the share of each image, 0 to 1, that a picture of it puts elsewhere."""
    return (pictures - images).abs().sum((1, 2)) / 2


def beyond(points: Tensor, reach: float) -> Tensor:
    """Return how far points lie outside the field altogether, where no image could pull them."""
    return torch.relu(points.norm(dim=1) - reach).sum()


def _nowhere(like: Tensor) -> Tensor:
    """Return no shift, for each of some images."""
    return torch.zeros(len(like), 2, device=like.device)
