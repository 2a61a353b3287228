"""A cloud while it is sought: points with weights, their symmetry, and an even background."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_cryonet.methods.pointcloud.data import Level
from napari_cryonet.methods.pointcloud.render import project, render
from napari_cryonet.methods.pointcloud.rotations import turn_about_z
from napari_cryonet.types import PointCloud


@dataclass(frozen=True, eq=False)
class Cloud:
    """What is drawn to explain images.

    Parameters
    ----------
    points
        ``(p, 3)`` z, y, x in units of the radius; with symmetry those of one asymmetric part.
    strengths
        ``(p,)`` logarithms of the weights, up to a constant.
    backdrop
        Logit of the share of an image that is even background.
    symmetry
        How many turns about the axis z change nothing.
    """

    points: Tensor
    strengths: Tensor
    backdrop: Tensor
    symmetry: int = 1

    @classmethod
    def at(cls, points: Tensor, symmetry: int, *, background: bool = True) -> Cloud:
        """Return points of equal weight, with a little background to begin with or none."""
        zeros = torch.zeros(len(points), device=points.device)
        backdrop = torch.tensor(-4.0 if background else -20.0, device=points.device)
        return cls(points, zeros, backdrop, symmetry)

    @classmethod
    def known(
        cls, cloud: PointCloud, radius: float, background: float, device: torch.device
    ) -> Cloud:
        """Return a cloud that was reconstructed, all of its parts as one.

        Parameters
        ----------
        cloud
            In the unit of `radius`, with weights or without.
        radius
            The unit of the points.
        background
            The share of an image that is even background.
        device
            Where tensors live.
        """
        given = np.ones(len(cloud)) if cloud.weights is None else np.asarray(cloud.weights)
        points = torch.from_numpy(cloud.vertices / radius).float().to(device)
        strengths = torch.from_numpy(given).float().to(device).clamp_min(1e-12).log()
        share = torch.tensor(min(max(background, 1e-4), 1 - 1e-4), device=device)
        return cls(points, strengths, torch.logit(share))

    @property
    def whole(self) -> Tensor:
        """``(n * p, 3)`` the points of all parts."""
        if self.symmetry == 1:
            return self.points
        angle = 2 * math.pi / self.symmetry * torch.arange(self.symmetry).to(self.points)
        turned = self.points @ turn_about_z(angle)
        return turned.reshape(-1, 3)

    @property
    def weights(self) -> Tensor:
        """``(n * p,)`` weights of sum 1."""
        return torch.softmax(self.strengths, dim=0).repeat(self.symmetry) / self.symmetry

    @property
    def background(self) -> Tensor:
        """The share of an image that is even background."""
        return torch.sigmoid(self.backdrop)

    def seen(
        self, rotations: Tensor, shifts: Tensor, level: Level, widths: Tensor | None = None
    ) -> Tensor:
        """Draw the cloud as the images of a level show it.

        Parameters
        ----------
        rotations
            ``(b, 3, 3)``.
        shifts
            ``(b, 2)`` from the centre of mass, in units.
        level
            Sampling and width of the spots.
        widths
            ``(b,)`` widths of the spots in units, if not that of the level.

        Returns
        -------
        Tensor
            ``(b, side, side)``, of sum 1 if the cloud is inside.
        """
        places = project(self.whole, rotations, shifts) / level.pixel + level.side // 2
        sigma = (level.sigma if widths is None else widths) / level.pixel
        drawn = render(places, (level.side, level.side), sigma, self.weights)
        return (1 - self.background) * drawn + self.background / level.side**2

    def parameters(self) -> list[Tensor]:
        """Return what is learnt, as leaves that gather gradients."""
        for tensor in (self.points, self.strengths, self.backdrop):
            tensor.requires_grad_()
        return [self.points, self.strengths, self.backdrop]

    def detached(self) -> Cloud:
        """Return a copy that gathers no gradients."""
        points, strengths, backdrop = (
            tensor.detach().clone() for tensor in (self.points, self.strengths, self.backdrop)
        )
        return Cloud(points, strengths, backdrop, self.symmetry)
