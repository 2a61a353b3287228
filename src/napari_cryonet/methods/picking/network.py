"""The network of picking: one score for each class, and the way to the particle's centre."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_cryonet.methods.picking.settings import TrainSettings
from napari_cryonet.nn.augment import Turn
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.tiles import padded
from napari_cryonet.nn.unet import build
from napari_cryonet.reporting import Tick

_RAREST = 1e-4


def new_network(
    settings: TrainSettings, prior: Sequence[float]
) -> tuple[dict[str, Any], nn.Module]:
    """Return a network with its specification, that starts with the scores expected on average.

    Parameters
    ----------
    settings
        Width and seed.
    prior
        Which part of the voxels belongs to particles of each class.
    """
    spec = {"kind": "subpixel", "width": settings.width, "outputs": len(prior) + 3}
    torch.manual_seed(settings.seed)
    network = build(spec)
    last = network.get_submodule("head")[-1]  # type: ignore[index]
    with torch.no_grad():
        for number, part in enumerate(prior):
            part = min(max(part, _RAREST), 0.1)
            last.bias[number] = math.log(part / (1 - part))
    return spec, network


def turned_offsets(offsets: Tensor, turn: Turn) -> Tensor:
    """Turn a field of ways ``(..., 3, z, y, x)``: its voxels, and each way itself."""
    ways = turn.apply(offsets)[..., list(turn.order), :, :, :]
    signs = torch.ones(3, device=offsets.device)
    signs[list(turn.mirrored)] = -1
    return ways * signs[:, None, None, None]


def turned_back(offsets: Tensor, turn: Turn) -> Tensor:
    """Undo `turned_offsets`."""
    signs = torch.ones(3, device=offsets.device)
    signs[list(turn.mirrored)] = -1
    order = [turn.order.index(axis) for axis in range(3)]
    return turn.undo(offsets * signs[:, None, None, None])[..., order, :, :, :]


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
    whole = padded(tensor, getattr(network, "multiple", 1))
    scores = ways = torch.zeros((), device=compute.device)
    for number, turn in enumerate(turns, 1):
        with torch.inference_mode(), compute.autocast():
            out = network(turn.apply(whole)).float()[0]
            scores = scores + turn.undo(torch.sigmoid(out[:-3]))
            ways = ways + turned_back(out[-3:], turn)
        if tick is not None:
            tick(number / len(turns))
    made = (part[:, :z, :y, :x] / len(turns) for part in (scores, ways))
    first, second = (np.asarray(part.cpu()) for part in made)
    return first, second
