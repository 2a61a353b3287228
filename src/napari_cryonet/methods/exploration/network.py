"""The network of exploration: it describes a cube by a few numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cryonet.errors import ModelError
from napari_cryonet.methods.exploration.settings import TrainSettings
from napari_cryonet.nn.unet import space_to_depth

NUMBERS = 16
"""How many numbers describe a candidate."""

_PROJECTED = 64
_GROUPS = 4


class Encoder(nn.Module):
    """Three convolutions at half and quarter sampling, averaged over the cube.

    Parameters
    ----------
    width
        Channels at half sampling, a multiple of 4; twice as many at quarter sampling.

    Notes
    -----
    ``(b, 1, z, y, x)`` with sides that are multiples of 4 becomes ``(b, 16)``. `projector`
    turns these into the ``(b, 64)`` that the training compares.
    """

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.outer = _block(8, width)
        self.inner = nn.Sequential(_block(width, 2 * width), _block(2 * width, 2 * width))
        self.head = nn.Linear(2 * width, NUMBERS)
        self.projector = nn.Sequential(
            nn.Linear(NUMBERS, _PROJECTED),
            nn.BatchNorm1d(_PROJECTED),
            nn.ReLU(),
            nn.Linear(_PROJECTED, _PROJECTED),
        )

    def forward(self, cubes: Tensor) -> Tensor:
        """Return the description ``(b, 16)`` of cubes ``(b, 1, z, y, x)``."""
        outer = self.outer(space_to_depth(cubes))
        described: Tensor = self.head(self.inner(functional.max_pool3d(outer, 2)).mean((2, 3, 4)))
        return described


def new_network(settings: TrainSettings) -> tuple[dict[str, Any], Encoder]:
    """Return a network with its specification."""
    spec = {"kind": "encoder", "width": settings.width}
    torch.manual_seed(settings.seed)
    return spec, build(spec)


def build(spec: dict[str, Any]) -> Encoder:
    """Build the network from its specification.

    Raises
    ------
    ModelError
        If it is not one of exploration.
    """
    if spec.get("kind") != "encoder" or not isinstance(spec.get("width"), int):
        raise ModelError(f"The network {spec} is none of exploration; train the model again.")
    return Encoder(spec["width"])


def _block(inside: int, outside: int) -> nn.Sequential:
    """One convolution of side 3, normalised, with its activation."""
    return nn.Sequential(
        nn.Conv3d(inside, outside, 3, padding=1),
        nn.GroupNorm(_GROUPS, outside),
        nn.LeakyReLU(0.1),
    )
