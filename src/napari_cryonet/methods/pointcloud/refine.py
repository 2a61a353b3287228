"""Points and poses refined together, at one width of the spots."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from napari_cryonet.methods.pointcloud.cloud import Cloud
from napari_cryonet.methods.pointcloud.data import Level
from napari_cryonet.methods.pointcloud.rotations import turn
from napari_cryonet.methods.pointcloud.search import beyond, residuals
from napari_cryonet.methods.pointcloud.settings import TrainSettings
from napari_cryonet.reporting import Tick

_TURN = (0.002, 0.12)
_SHIFT = 0.05
_WEIGHT = 0.05
_AT_ONCE = 100


@dataclass(frozen=True, eq=False)
class Fit:
    """A cloud and how each image shows it.

    Parameters
    ----------
    cloud
        In units of the radius.
    rotations, shifts
        ``(n, 3, 3)`` and ``(n, 2)``; shifts from the centre of mass of each image, in units.
    residuals
        ``(n,)`` the share of each image that is not explained.
    """

    cloud: Cloud
    rotations: Tensor
    shifts: Tensor
    residuals: Tensor


@dataclass
class RowAdam:
    """Adam in which each row has steps of its own, since a batch moves some rows only.

    Parameters
    ----------
    values
        ``(n, d)``, changed in place.
    rates
        ``(d,)`` highest step of each column.
    """

    values: Tensor
    rates: Tensor
    mean: Tensor = field(init=False)
    square: Tensor = field(init=False)
    steps: Tensor = field(init=False)

    def __post_init__(self) -> None:
        """Begin without moments."""
        self.mean, self.square = (torch.zeros_like(self.values) for _ in range(2))
        self.steps = torch.zeros_like(self.values[:, :1])

    def step(self, rows: Tensor, slopes: Tensor, share: float) -> None:
        """Move some rows against their slopes, by a share of the rates."""
        self.steps[rows] += 1
        count = self.steps[rows]
        self.mean[rows] = 0.9 * self.mean[rows] + 0.1 * slopes
        self.square[rows] = 0.99 * self.square[rows] + 0.01 * slopes.square()
        mean = self.mean[rows] / (1 - 0.9**count)
        square = self.square[rows] / (1 - 0.99**count)
        self.values[rows] -= share * self.rates * mean / (square.sqrt() + 1e-10)


@dataclass
class Refinement:
    """Refines a fit at one level.

    Parameters
    ----------
    fit
        Where it begins.
    level
        The images.
    counted
        ``(n,)`` which images move the cloud; the others only find their poses.
    settings
        Rate, batch and passes.
    reach
        How far points may lie from the middle, in units.
    """

    fit: Fit
    level: Level
    counted: Tensor
    settings: TrainSettings
    reach: float

    def __post_init__(self) -> None:
        """Copy the cloud; `cloud`, `rate` and `left` are what the refinement has come to."""
        self.cloud = self.fit.cloud.detached()
        self.moves = self._moves()
        self.rate = self.settings.rate * self.level.sigma
        self.left = self.fit.residuals.clone()

    @property
    def loss(self) -> float:
        """The newest residual of the images that count, in the mean."""
        return float(self.left[self.counted].mean())

    def run(self, random: np.random.Generator, tick: Tick, *, fading: bool) -> Fit:
        """Refine to the end.

        Parameters
        ----------
        random
            Chooses the batches.
        tick
            Is told the share that is done; may raise `Cancelled`.
        fading
            Whether the steps become as small as can be, as they should at the last level.
        """
        points, strengths, backdrop = self.cloud.parameters()
        free = [strengths, backdrop] if self.settings.background else [strengths]
        optimiser = torch.optim.Adam([{"params": [points]}, {"params": free}])
        passes = self.settings.passes
        for number in range(passes):
            share = 1 - number / passes * (1.0 if fading else 0.5)
            self.rate = share * self.settings.rate * self.level.sigma
            optimiser.param_groups[0]["lr"] = self.rate
            optimiser.param_groups[1]["lr"] = share * _WEIGHT
            batches = self._batches(random)
            for batch, (rows, counts) in enumerate(batches):
                tick((number + batch / len(batches)) / passes)
                optimiser.zero_grad()
                self._step(self.cloud if counts else self.cloud.detached(), rows, share)
                if counts:
                    optimiser.step()
        return self.end()

    def end(self) -> Fit:
        """Return the cloud and the poses as they are now, with the residuals of all images."""
        change = self.moves.values
        rotations = turn(change[:, :3]) @ self.fit.rotations
        shifts = self.fit.shifts + change[:, 3:]
        cloud = self.cloud.detached()
        return measured(Fit(cloud, rotations, shifts, self.fit.residuals), self.level)

    def _step(self, cloud: Cloud, rows: Tensor, share: float) -> None:
        """Move the poses of a batch, and leave slopes in the cloud."""
        change = self.moves.values[rows].requires_grad_()
        turned = turn(change[:, :3]) @ self.fit.rotations[rows]
        pictures = cloud.seen(turned, self.fit.shifts[rows] + change[:, 3:], self.level)
        left = residuals(pictures, self.level.images[rows])
        (left.mean() + 0.05 * beyond(cloud.points, self.reach)).backward()
        assert change.grad is not None  # noqa: S101 - backward has made it
        self.moves.step(rows, change.grad * len(rows), share)
        self.left[rows] = left.detach()

    def _moves(self) -> RowAdam:
        """Return no change of any pose, with the rates for changes."""
        sigma, device = self.level.sigma, self.level.images.device
        rates = [_TURN[0] + _TURN[1] * sigma] * 3 + [_SHIFT * sigma] * 2
        zeros = torch.zeros(len(self.level.images), 5, device=device)
        return RowAdam(zeros, torch.tensor(rates, device=device))

    def _batches(self, random: np.random.Generator) -> list[tuple[Tensor, bool]]:
        """Return rows in random order, those that count apart from those that do not."""
        order = torch.from_numpy(random.permutation(len(self.counted))).to(self.counted.device)
        found = []
        for counts in (True, False):
            rows = order[self.counted[order] == counts]
            found += [(part, counts) for part in rows.split(self.settings.batch) if len(part)]
        return found


@torch.no_grad()
def measured(fit: Fit, level: Level) -> Fit:
    """Return a fit with the residuals of all images at a level."""
    left = [
        residuals(fit.cloud.seen(fit.rotations[part], fit.shifts[part], level), level.images[part])
        for part in torch.arange(len(level.images), device=level.images.device).split(_AT_ONCE)
    ]
    return replace(fit, residuals=torch.cat(left))
