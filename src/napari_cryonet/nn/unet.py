"""U-Nets for images and volumes, built from a small specification kept in the model card.

`SubpixelUNet` is the default: its convolutions work on half the sampling, where a voxel's
eight neighbours are channels, so that a wide network costs little; two thin convolutions at
full sampling put the detail back. `UNet` is the classical one.

Neither adds its input to its output: at the signal-to-noise ratios of electron microscopy
such a network starts as the identity and learns nothing for minutes.

References
----------
Ronneberger, Fischer, Brox, *U-Net*, MICCAI 2015, doi:10.1007/978-3-319-24574-4_28.
Shi et al., *Real-time single image and video super-resolution using an efficient sub-pixel
convolutional neural network*, CVPR 2016, arXiv:1609.05158.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cryonet.errors import ModelError

_CONV = {2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_LAYOUT = {2: torch.channels_last, 3: torch.channels_last_3d}
_LEAK = 0.1


class SubpixelUNet(nn.Module):
    """A U-Net at half sampling with a thin full-sampling head.

    Parameters
    ----------
    width
        Channels at half sampling; twice as many at quarter sampling.
    detail
        Channels at full sampling, to which the input is added as one more.
    dims
        2 for images, 3 for volumes.
    dropout
        Share of the features on the way up that `dropping` leaves out.
    outputs
        Channels of the output.

    Notes
    -----
    Input is ``(b, 1, [z,] y, x)`` with sides that are multiples of `multiple`, output
    ``(b, outputs, [z,] y, x)``.
    """

    multiple = 4
    reach = 20

    def __init__(
        self,
        width: int = 32,
        detail: int = 7,
        dims: int = 3,
        *,
        dropout: float = 0.0,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        conv = _CONV[dims]
        cell = 2**dims
        self.dims = dims
        self.drop = nn.Dropout(dropout)
        self.outer = _double(conv, cell, width)
        self.inner = _double(conv, width, 2 * width)
        self.merge = _double(conv, 3 * width, width)
        self.spread = nn.Sequential(conv(width, cell * detail, 1), nn.LeakyReLU(_LEAK))
        self.head = nn.Sequential(
            conv(detail + 1, 8, 3, padding=1), nn.LeakyReLU(_LEAK), conv(8, outputs, 1)
        )
        _initialise(self, self.head[-1])
        _start_even(self.spread, cell)

    def forward(self, image: Tensor) -> Tensor:
        """Return ``(b, outputs, [z,] y, x)`` for ``(b, 1, [z,] y, x)``."""
        outer = self.outer(space_to_depth(image))
        inner = self.inner(_pool(outer, self.dims))
        both = torch.cat([functional.interpolate(inner, scale_factor=2), outer], 1)
        detail = depth_to_space(self.spread(self.drop(self.merge(self.drop(both)))))
        return self.head(torch.cat([detail, image.to(detail.dtype)], 1))  # type: ignore[no-any-return]


class UNet(nn.Module):
    """The classical U-Net: two convolutions at each of ``depth + 1`` samplings.

    Parameters
    ----------
    width
        Channels at full sampling, doubled at each coarser one.
    depth
        How often the sampling is halved.
    dims
        2 for images, 3 for volumes.
    transposed
        Whether transposed convolutions go back up, instead of nearest neighbours.
    leak
        Slope of the activation below zero; 0 is ReLU.
    residual
        Whether the input is added to the output.
    dropout
        Share of the features on the way up that `dropping` leaves out.
    """

    def __init__(
        self,
        width: int = 16,
        depth: int = 3,
        dims: int = 3,
        *,
        transposed: bool = False,
        leak: float = _LEAK,
        residual: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        conv, widths = _CONV[dims], [width * 2**level for level in range(depth + 1)]
        self.dims, self.residual = dims, residual
        self.drop = nn.Dropout(dropout)
        self.multiple = 2**depth
        self.reach = _unet_reach(depth)
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(
            [_double(conv, 1, width, leak)]
            + [_double(conv, low, high, leak) for low, high in pairs]
        )
        self.rise = nn.ModuleList(
            _TRANSPOSED[dims](high, low, 2, stride=2) if transposed else nn.Upsample(scale_factor=2)
            for low, high in reversed(pairs)
        )
        self.up = nn.ModuleList(
            _double(conv, (low if transposed else high) + low, low, leak)
            for low, high in reversed(pairs)
        )
        self.head = conv(width, 1, 1)
        _initialise(self, self.head)

    def forward(self, image: Tensor) -> Tensor:
        """Return ``(b, 1, [z,] y, x)`` for a tensor of the same shape."""
        level, skips = self.down[0](image), []
        for block in self.down[1:]:
            skips.append(level)
            level = block(_pool(level, self.dims))
        for rise, block in zip(self.rise, self.up, strict=True):
            level = block(self.drop(torch.cat([rise(level), skips.pop()], 1)))
        out = self.head(self.drop(level))
        return out + image if self.residual else out  # type: ignore[no-any-return]


def build(spec: dict[str, Any]) -> nn.Module:
    """Build a network from its specification.

    Parameters
    ----------
    spec
        ``kind`` (``"subpixel"`` or ``"unet"``) and the arguments of the class.

    Raises
    ------
    ModelError
        If the kind or an argument is unknown.
    """
    kinds = {"subpixel": SubpixelUNet, "unet": UNet}
    arguments = {name: value for name, value in spec.items() if name != "kind"}
    try:
        network = kinds[spec["kind"]](**arguments)
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"The network {spec} is unknown here; known kinds are {', '.join(kinds)}. Update "
            f"CryoNet if a newer one made this model."
        ) from error
    return network.to(memory_format=_LAYOUT[network.dims])  # type: ignore[no-any-return]


@contextmanager
def dropping(network: nn.Module) -> Iterator[None]:
    """Leave features out at random inside a block, as in training, also in evaluation mode.

    References
    ----------
    Gal and Ghahramani, *Dropout as a Bayesian approximation*, ICML 2016, arXiv:1506.02142.
    """
    layers = [part for part in network.modules() if isinstance(part, nn.Dropout)]
    before = [layer.training for layer in layers]
    for layer in layers:
        layer.train()
    try:
        yield
    finally:
        for layer, state in zip(layers, before, strict=True):
            layer.train(state)


def space_to_depth(image: Tensor) -> Tensor:
    """Turn each 2 x 2 [x 2] cell of ``(b, c, ..., y, x)`` into channels, c fastest."""
    batch, channels, *sides = image.shape
    dims = len(sides)
    cells = image.movedim(1, -1).reshape(
        batch, *(n for side in sides for n in (side // 2, 2)), channels
    )
    axes = [0, *range(1, 2 * dims, 2), *range(2, 2 * dims + 1, 2), 2 * dims + 1]
    halves = [side // 2 for side in sides]
    return cells.permute(axes).reshape(batch, *halves, -1).movedim(-1, 1)


def depth_to_space(image: Tensor) -> Tensor:
    """Undo `space_to_depth`."""
    batch, channels, *sides = image.shape
    dims = len(sides)
    cells = image.movedim(1, -1).reshape(batch, *sides, *([2] * dims), channels >> dims)
    axes = [0, *(n for axis in range(dims) for n in (1 + axis, 1 + dims + axis)), 2 * dims + 1]
    doubles = [2 * side for side in sides]
    return cells.permute(axes).reshape(batch, *doubles, -1).movedim(-1, 1)


def _double(conv: Any, inside: int, outside: int, leak: float = _LEAK) -> nn.Sequential:
    """Two convolutions of side 3, each with its activation."""
    return nn.Sequential(
        conv(inside, outside, 3, padding=1),
        nn.LeakyReLU(leak),
        conv(outside, outside, 3, padding=1),
        nn.LeakyReLU(leak),
    )


def _pool(image: Tensor, dims: int) -> Tensor:
    """Halve the sampling, keeping the largest value of each cell."""
    pool = functional.max_pool2d if dims == 2 else functional.max_pool3d
    return pool(image, 2)


def _initialise(network: nn.Module, last: nn.Module) -> None:
    """Start with Kaiming weights, zero biases and a nearly silent last layer."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d):
            nn.init.kaiming_normal_(module.weight, a=_LEAK)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    nn.init.normal_(last.weight, std=0.02)  # type: ignore[arg-type]


def _start_even(spread: nn.Sequential, cell: int) -> None:
    """Let all voxels of a cell start alike, so that no checkerboard has to be unlearnt."""
    weight = next(spread.parameters())
    with torch.no_grad():
        first = weight[: weight.shape[0] // cell]
        weight.copy_(first.repeat(cell, *[1] * (weight.ndim - 1)))


def _unet_reach(depth: int) -> int:
    """How far, in voxels, a U-Net of a depth looks, rounded up to its cells."""
    cell: int = 2**depth
    convolutions = 6 * cell - 4
    return -(-(convolutions + cell - 1) // cell) * cell
