"""A pose network and the points that it learns to see, with all that has to survive a stop."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_cryonet.methods.pointcloud.cloud import Cloud
from napari_cryonet.methods.pointcloud.pose_network import PoseNetwork
from napari_cryonet.methods.pointcloud.schedule import Rates

FRAMES = 20
"""How many parts of a training the points are remembered after."""


class Scene(nn.Module):
    """Network and points as one module, so that one checkpoint keeps both.

    Parameters
    ----------
    network
        It tells poses.
    cloud
        What is seen in them, at first.
    """

    history: Tensor
    frames: Tensor

    def __init__(self, network: PoseNetwork, cloud: Cloud) -> None:
        super().__init__()
        self.network, self.rates = network, Rates()
        self.points = nn.Parameter(cloud.points)
        self.backdrop = nn.Parameter(cloud.backdrop)
        self._symmetry = cloud.symmetry
        self.register_buffer("history", torch.zeros(FRAMES, *cloud.whole.shape))
        self.register_buffer("frames", torch.zeros((), dtype=torch.long))

    @property
    def cloud(self) -> Cloud:
        """The cloud as it is now; its points are equally strong."""
        strengths = torch.zeros(len(self.points), device=self.points.device)
        return Cloud(self.points, strengths, self.backdrop, self._symmetry)

    def remember(self) -> None:
        """Keep the points as a frame of the history."""
        self.history[int(self.frames)] = self.cloud.whole.detach()
        self.frames += 1
