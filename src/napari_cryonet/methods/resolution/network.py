"""The networks: a small one on local power in bands, and the original on raw voxels.

Both give the resolution in Å, ``(b, 1, z, y, x)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cryonet.errors import ModelError
from napari_cryonet.methods.resolution.answers import ANSWERS
from napari_cryonet.methods.resolution.powers import MIDDLE
from napari_cryonet.methods.resolution.settings import TrainSettings

_LEAK = 0.1
_RANGE = 2.0  # e-folds away from the middle that an answer may be
_GENTLE = 0.3  # of the correction, so that a step of the training changes it little
_START = (0.12, -2.0, -2.0, 0.0, 1.0, 1.0)
"""What an untrained network has as a correction and as the logarithms of the shares."""
_LEVELS = 5
_DILATIONS = (1, 2, 4)
"""28 Å with places 4 Å apart: windows are as wide, and blur a jump of the resolution."""


class BandNetwork(nn.Module):
    """A few convolutions over the local power in bands, which tell where the signal ends.

    Some answers are given already: the network says which share each has, and corrects the whole.

    Parameters
    ----------
    channels
        Of the input, the last of which are the answers.
    width
        Channels in between.
    dropout
        Share of the features that `napari_cryonet.nn.unet.dropping` leaves out.
    dilations
        Of the convolutions one after the other, in places; their sum is how far the network sees.

    Notes
    -----
    Input is ``(b, channels, z, y, x)`` as `napari_cryonet.methods.resolution.powers` makes it.
    """

    multiple = 1

    def __init__(
        self,
        channels: int,
        width: int = 16,
        dropout: float = 0.05,
        dilations: Sequence[int] = _DILATIONS,
    ) -> None:
        super().__init__()
        self.reach = sum(dilations)
        self.first = nn.Sequential(
            nn.Conv3d(channels, width, 1), *_activated(width), nn.Dropout(dropout)
        )
        self.around = nn.ModuleList(
            nn.Sequential(
                nn.Conv3d(width, width, 3, padding=step, dilation=step), *_activated(width)
            )
            for step in dilations
        )
        self.last = nn.Sequential(nn.Dropout(dropout), nn.Conv3d(width, 1 + ANSWERS, 1))
        nn.init.zeros_(self.last[1].weight)  # type: ignore[arg-type]
        with torch.no_grad():
            self.last[1].bias.copy_(torch.tensor(_START))  # type: ignore[operator]

    def forward(self, powers: Tensor) -> Tensor:
        """Return ``(b, 1, z, y, x)`` Å."""
        level = self.first(powers.contiguous(memory_format=torch.channels_last_3d))
        for block in self.around:
            level = level + block(level)
        found = self.last(level).float()
        shares = found[:, 1:].softmax(1)
        answer = (shares * powers[:, -ANSWERS:].float()).sum(1, keepdim=True)
        folds: Tensor = answer + _GENTLE * found[:, :1]
        return MIDDLE * folds.clamp(-_RANGE, _RANGE).exp()


class OriginalNetwork(nn.Module):
    """The original 3D U-Net: five levels, two convolutions at each, on voxels from 0 to 1.

    Parameters
    ----------
    width
        Channels of the first level, doubled at each of the next.
    regularisation
        ``"dropout"`` of whole channels or ``"batch"`` normalisation, on the way down.
    dropout
        Share of the channels that are left out.

    Notes
    -----
    Input is ``(b, 1, z, y, x)`` with sides that are multiples of 16.
    """

    multiple = 2 ** (_LEVELS - 1)
    reach = 8

    def __init__(
        self, width: int = 64, regularisation: str = "dropout", dropout: float = 0.25
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(_LEVELS)]
        self.down = nn.ModuleList(
            _stage(low, high, regularisation, dropout) for low, high in pairwise([1, *widths])
        )
        steps = list(pairwise(reversed(widths)))
        self.narrow = nn.ModuleList(_convolved(high, low) for high, low in steps)
        self.up = nn.ModuleList(
            nn.Sequential(*_convolved(high, low), *_convolved(low, low)) for high, low in steps
        )
        self.last = nn.Conv3d(width, 1, 3, padding=1)
        for part in self.modules():
            if isinstance(part, nn.Conv3d):
                nn.init.kaiming_uniform_(part.weight, nonlinearity="relu")
                nn.init.zeros_(part.bias)  # type: ignore[arg-type]

    def forward(self, voxels: Tensor) -> Tensor:
        """Return ``(b, 1, z, y, x)`` Å."""
        level, skips = self.down[0](voxels), []
        for stage in self.down[1:]:
            skips.append(level)
            level = stage(functional.max_pool3d(level, 2))
        for narrow, up in zip(self.narrow, self.up, strict=True):
            wide = functional.interpolate(
                level, scale_factor=2, mode="trilinear", align_corners=True
            )
            level = up(torch.cat([skips.pop(), narrow(wide)], 1))
        return self.last(level).float()  # type: ignore[no-any-return]


def specification(settings: TrainSettings, channels: int) -> dict[str, Any]:
    """Return kind and arguments of the network that the settings ask for."""
    common = {"kind": settings.network, "width": settings.width, "dropout": settings.dropout}
    if settings.network == "bands":
        return {**common, "channels": channels, "dilations": list(_DILATIONS)}
    return {**common, "regularisation": settings.regularisation}


def build(spec: dict[str, Any]) -> nn.Module:
    """Build a network from its specification.

    Parameters
    ----------
    spec
        ``kind`` (``"bands"`` or ``"original"``) and the arguments of the class.

    Raises
    ------
    ModelError
        If the kind or an argument is unknown.
    """
    kinds: dict[str, Any] = {"bands": BandNetwork, "original": OriginalNetwork}
    arguments = {name: value for name, value in spec.items() if name != "kind"}
    try:
        return kinds[spec["kind"]](**arguments)  # type: ignore[no-any-return]
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"The network {spec} is unknown here; known kinds are {', '.join(kinds)}. Update "
            f"CryoNet if a newer one made this model; train again if an older one did."
        ) from error


def _activated(width: int) -> tuple[nn.Module, nn.Module]:
    """Normalisation, without which training takes many times as long, and activation."""
    return nn.BatchNorm3d(width), nn.LeakyReLU(_LEAK)


def _convolved(inside: int, outside: int) -> nn.Sequential:
    """A convolution of side 3 and its activation."""
    return nn.Sequential(nn.Conv3d(inside, outside, 3, padding=1), nn.ReLU())


def _stage(inside: int, outside: int, regularisation: str, dropout: float) -> nn.Sequential:
    """Two convolutions, the second regularised behind its activation."""
    last = nn.BatchNorm3d(outside) if regularisation == "batch" else nn.Dropout3d(dropout)
    return nn.Sequential(*_convolved(inside, outside), *_convolved(outside, outside), last)
