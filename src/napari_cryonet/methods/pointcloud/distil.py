"""A pose network learnt from a cloud that is known.

Every batch is new: the cloud drawn in random poses, with labels lost as in the data, so that there
is nothing to overfit to. Some of the images are measured ones in the poses that the search has
found, turned in their plane at random, since no drawing has everything that a measurement has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_cryonet.methods.pointcloud.cloud import Cloud
from napari_cryonet.methods.pointcloud.data import Level, Particles
from napari_cryonet.methods.pointcloud.network_settings import NetworkSettings
from napari_cryonet.methods.pointcloud.pose_network import PoseNetwork, told_poses
from napari_cryonet.methods.pointcloud.refine import Fit, measured
from napari_cryonet.methods.pointcloud.render import project, render
from napari_cryonet.methods.pointcloud.rotations import (
    angles,
    random_rotations,
    turn_about_z,
    turned,
)
from napari_cryonet.methods.pointcloud.search import residuals
from napari_cryonet.reporting import Box
from napari_cryonet.types import PointCloud

OTHERS = 0.05
"""What the hypotheses that are not the best count, so that none of them is never learnt."""

_SHIFT = 10.0  # weight of a squared distance beside a squared chord
_MOST_LOST = 0.95
_HALVINGS = 7
_PROBED = 200


@dataclass
class PoseLearner:
    """What `napari_cryonet.nn.train.Loop` has to know of poses.

    Parameters
    ----------
    network
        What learns.
    fit
        The cloud, and the poses of the measured images.
    particles
        These images.
    held
        Indices of the images that judge the network and are not learnt from.
    symmetry
        How many turns about the axis z leave the cloud unchanged.
    settings
        Batch, and the share of measured images.
    steps_per_epoch
        How many steps count as an epoch, since the data have no end.

    Attributes
    ----------
    lost
        The largest share of labels that a drawn image lacks.
    """

    network: nn.Module
    fit: Fit
    particles: Particles
    held: Tensor
    symmetry: int
    settings: NetworkSettings
    steps_per_epoch: int = 100
    lost: float = field(init=False)

    def __post_init__(self) -> None:
        """Look at the images as the network will, and measure how many labels they lack."""
        self._level = _pose(self.network).look(self.particles)
        learnt = torch.ones_like(self.fit.residuals, dtype=torch.bool)
        learnt[self.held] = False
        self._learnt = torch.nonzero(learnt)[:, 0]
        self._judge = self.particles.part(self.held)
        self.lost = lost_labels(self.fit, self._level)

    def loss(self, network: nn.Module, random: np.random.Generator) -> Tensor:
        """Return how far the best hypotheses of a batch are from the truth."""
        count = round(self.settings.measured * self.settings.batch)
        drawn = draw(self.fit.cloud, self._level, self.settings.batch - count, self.lost)
        images, rotations, shifts = (
            torch.cat(pair) for pair in zip(drawn, self._measured(count, random), strict=True)
        )
        guess = network(images)
        same = rotations[:, None] @ self._turns  # (b, s, 3, 3): a symmetric particle looks alike
        chords = (guess.rotations[:, :, None] - same[:, None]).square().sum((3, 4)).amin(dim=2)
        ways = (guess.shifts - shifts[:, None]).square().sum(dim=2)
        errors = chords + _SHIFT * ways
        return torch.lerp(errors.amin(dim=1).mean(), errors.mean(), OTHERS)

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return how well the network's poses explain images it has not seen."""
        told = told_poses(_pose(network), self.fit.cloud, self._judge)
        same = self.fit.rotations[self.held][:, None] @ self._turns
        error = angles(told.rotations[:, None], same).amin(dim=1).median()
        return {"quality": 1 - float(told.residuals.mean()), "pose_error": float(error)}

    def preview(self, network: nn.Module, region: Box) -> Any:  # noqa: ARG002
        """Return the cloud in nm, which stays as it is."""
        return PointCloud(self.fit.cloud.whole.double().cpu().numpy() * self.particles.radius)

    @property
    def _turns(self) -> Tensor:
        """``(s, 3, 3)`` the turns about z that change nothing."""
        number = torch.arange(self.symmetry, device=self.held.device)
        return turn_about_z(2 * torch.pi / self.symmetry * number)

    def _measured(self, count: int, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return measured images, their rotations and shifts, turned in the plane."""
        rows = self._learnt[torch.from_numpy(random.integers(len(self._learnt), size=count))]
        inward = 2 * torch.pi * torch.rand(count, device=rows.device)
        images = turned(self._level.images[rows], inward)
        about = turn_about_z(inward)
        shifts = (about[:, 1:, 1:] @ self.fit.shifts[rows, :, None])[..., 0]
        return images, about @ self.fit.rotations[rows], shifts


def _pose(network: nn.Module) -> PoseNetwork:
    """Return a network as what it is, since the loop knows modules only."""
    assert isinstance(network, PoseNetwork)  # noqa: S101 - nothing else is given to the learner
    return network


def lost_labels(fit: Fit, level: Level) -> float:
    """Return the share of lost labels at which drawn images differ from the cloud as measured do.

    What else sets measured images apart from the cloud is taken for lost labels, too.

    Parameters
    ----------
    fit
        The cloud, and the poses of the images.
    level
        The images.
    """
    wanted = float(measured(fit, level).residuals.median())
    low, high = 0.0, _MOST_LOST
    with torch.random.fork_rng(devices=[]):
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            torch.manual_seed(0)
            images, rotations, shifts = draw(fit.cloud, level, _PROBED, middle, least=middle)
            left = residuals(fit.cloud.seen(rotations, shifts, level), images).median()
            low, high = (middle, high) if float(left) < wanted else (low, middle)
    return low


@torch.no_grad()
def draw(
    cloud: Cloud, level: Level, count: int, lost: float, *, least: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw a cloud in random poses, without some of its labels, centred by mass.

    Parameters
    ----------
    cloud
        What is seen.
    level
        Sampling and width of the spots.
    count
        How many images.
    lost, least
        The largest and the smallest share of labels that an image lacks.

    Returns
    -------
    images : Tensor
        ``(count, side, side)``, each of sum 1.
    rotations, shifts : Tensor
        ``(count, 3, 3)`` and ``(count, 2)``, as `Cloud.seen` wants them.
    """
    points, weights = cloud.whole, cloud.weights
    rotations = random_rotations(count, points.device)
    share = least + (lost - least) * torch.rand(count, 1, device=points.device)
    kept = weights * (torch.rand(count, len(points), device=points.device) >= share)
    kept = kept / kept.sum(dim=1, keepdim=True).clamp_min(1e-12)
    none = torch.zeros(count, 2, device=points.device)
    places = project(points, rotations, none)
    shifts = -(places * kept[..., None]).sum(dim=1)
    pixels = (places + shifts[:, None]) / level.pixel + level.side // 2
    drawn = render(pixels, (level.side, level.side), level.sigma / level.pixel, kept)
    images = (1 - cloud.background) * drawn + cloud.background / level.side**2
    return images / images.sum((1, 2), keepdim=True).clamp_min(1e-12), rotations, shifts
