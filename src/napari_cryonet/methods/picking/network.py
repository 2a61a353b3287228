"""The network of picking: a score for each class, the way to the particle, and what it looks like.

It works at half the sampling, where a voxel's eight neighbours are channels, and learns in a
minute because its features are normalised by batches; in use their statistics are fixed, so
that a tomogram may be cut into pieces.

References
----------
Ioffe and Szegedy, *Batch normalization*, ICML 2015, arXiv:1502.03167.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from napari_cryonet.errors import ModelError
from napari_cryonet.nn.augment import Turn
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.tiles import padded
from napari_cryonet.nn.unet import depth_to_space, space_to_depth
from napari_cryonet.reporting import Tick

CELL = 8
"""Voxels that become channels of one."""

_MOMENTUM = 0.05
_RAREST, _COMMONEST = 1e-4, 0.1
_KIND = "picking"


class Output(NamedTuple):
    """What the network says of each voxel.

    Parameters
    ----------
    logits
        ``(b, classes, z, y, x)`` log-odds of being the centre of a particle.
    ways
        ``(b, 3, z, y, x)`` to the centre of the particle, in radii of its core.
    looks
        ``(b, looks, z/2, y/2, x/2)`` of length 1, alike for what looks alike; None without.
    """

    logits: Tensor
    ways: Tensor
    looks: Tensor | None


class PickNet(nn.Module):
    """A U-Net of two levels at half sampling with heads for scores, ways and looks.

    Parameters
    ----------
    width
        Channels at half sampling; twice as many at quarter sampling.
    classes
        How many kinds of particles are scored.
    looks
        Length of the embedding; 0 for none.
    template
        Side of the mean particle of each class that the buffer `template` holds, in voxels.

    Notes
    -----
    Input is ``(b, 1, z, y, x)`` with sides that are multiples of `multiple`.
    """

    multiple = 4
    reach = 24
    template: Tensor

    def __init__(self, width: int = 24, classes: int = 1, looks: int = 0, template: int = 1):
        super().__init__()
        self.classes, self.width = classes, width
        self.outer = _double(CELL, width)
        self.inner = _double(width, 2 * width)
        self.merge = _double(3 * width, width)
        self.head = nn.Conv3d(width, CELL * (classes + 3), 1)
        self.looks = nn.Conv3d(width, looks, 1) if looks else None
        self.register_buffer("template", torch.zeros(classes, 1, *[template] * 3))

    def forward(self, image: Tensor) -> Output:
        """Return what is in ``(b, 1, z, y, x)``."""
        return self.read(self.features(image))

    def read(self, merged: Tensor) -> Output:
        """Return what the heads make of features ``(b, width, z/2, y/2, x/2)``."""
        out = depth_to_space(self.head(merged))
        looks = None
        if self.looks is not None:
            looks = functional.normalize(self.looks(merged).float(), dim=1, eps=1e-4)
        return Output(out[:, : self.classes].float(), out[:, self.classes :].float(), looks)

    def features(self, image: Tensor) -> Tensor:
        """Return what all heads see, ``(b, width, z/2, y/2, x/2)``."""
        outer = self.outer(space_to_depth(image))
        inner = self.inner(functional.max_pool3d(outer, 2))
        up = functional.interpolate(inner, scale_factor=2, mode="trilinear", align_corners=False)
        merged: Tensor = self.merge(torch.cat([up, outer], 1))
        return merged

    def expect(self, prior: Sequence[float]) -> None:
        """Start with the scores that are expected on average.

        Parameters
        ----------
        prior
            Which part of the voxels belongs to particles of each class.
        """
        with torch.no_grad():
            bias = self.head.bias.view(CELL, -1)  # type: ignore[union-attr]
            for number, part in enumerate(prior):
                part = min(max(part, _RAREST), _COMMONEST)
                bias[:, number] = math.log(part / (1 - part))


def build(spec: dict[str, Any]) -> PickNet:
    """Build a network from its specification.

    Raises
    ------
    ModelError
        If it is not one of picking.
    """
    arguments = {name: value for name, value in spec.items() if name != "kind"}
    try:
        if spec["kind"] != _KIND:
            raise KeyError
        network = PickNet(**arguments)
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"The network {spec} is none that picks here. Update CryoNet if a newer one made this "
            f"model, or train it again."
        ) from error
    return network.to(memory_format=torch.channels_last_3d)  # type: ignore[no-any-return, call-overload]


def as_picker(network: nn.Module) -> PickNet:
    """Return a network that picks as what it is."""
    assert isinstance(network, PickNet)  # noqa: S101 - the only kind that a model of picking has
    return network


def specification(width: int, classes: int, looks: int, template: int) -> dict[str, Any]:
    """Return what `build` needs; see `PickNet`."""
    return {
        "kind": _KIND,
        "width": width,
        "classes": classes,
        "looks": looks,
        "template": template,
    }


def turned_offsets(offsets: Tensor, turn: Turn) -> Tensor:
    """Turn a field of ways ``(..., 3, z, y, x)``: its voxels, and each way itself."""
    ways = turn.apply(offsets)[..., list(turn.order), :, :, :]
    return ways * _signs(turn, offsets)


def turned_back(offsets: Tensor, turn: Turn) -> Tensor:
    """Undo `turned_offsets`."""
    order = [turn.order.index(axis) for axis in range(3)]
    return turn.undo(offsets * _signs(turn, offsets))[..., order, :, :, :]


def predict(
    network: nn.Module,
    values: NDArray[np.float32],
    compute: Compute,
    turns: Sequence[Turn] = (Turn(),),
    tick: Tick | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return scores and ways of one piece of a tomogram, averaged over turns of it.

    Parameters
    ----------
    network
        On the device of `compute`, in evaluation mode.
    values
        ``(z, y, x)`` on the network's scale.
    compute
        Device and precision.
    turns
        The mirror images under which to look at it.
    tick
        Is told the share of the turns that is done.

    Returns
    -------
    scores : ndarray
        ``(classes, z, y, x)`` from 0 to 1.
    ways : ndarray
        ``(3, z, y, x)`` to the centre of the particle, in radii of its core.
    """
    z, y, x = values.shape
    tensor = torch.as_tensor(values, dtype=torch.float32).to(compute.device)[None, None]
    whole = padded(tensor, PickNet.multiple)
    scores = ways = torch.zeros((), device=compute.device)
    for number, turn in enumerate(turns, 1):
        with torch.inference_mode(), compute.autocast():
            out: Output = network(turn.apply(whole))
            scores = scores + turn.undo(torch.sigmoid(out.logits[0]))
            ways = ways + turned_back(out.ways[0], turn)
        if tick is not None:
            tick(number / len(turns))
    made = (part[:, :z, :y, :x] / len(turns) for part in (scores, ways))
    first, second = (np.asarray(part.cpu()) for part in made)
    return first, second


def _signs(turn: Turn, like: Tensor) -> Tensor:
    """Return the sign that each part of a way gets, ``(3, 1, 1, 1)``."""
    signs = torch.ones(3, device=like.device)
    signs[list(turn.mirrored)] = -1
    return signs[:, None, None, None]


def _double(inside: int, outside: int) -> nn.Sequential:
    """Two convolutions of side 3, each normalised and with its activation."""
    parts: list[nn.Module] = []
    for channels in (inside, outside):
        parts += [
            nn.Conv3d(channels, outside, 3, padding=1, bias=False),
            nn.BatchNorm3d(outside, momentum=_MOMENTUM),
            nn.SiLU(),
        ]
    return nn.Sequential(*parts)
