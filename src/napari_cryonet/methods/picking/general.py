"""Weights that know particles in general, from which a training starts.

They were learnt on simulated tomograms of many made-up kinds of particles by
``tools/train_picking.py``. At first a class scores whatever is a particle of any kind, but only
half as surely as the weights know it: what tells its own from the others, the labels have to say.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_cryonet.io import read_model
from napari_cryonet.io.model import shipped
from napari_cryonet.methods.picking.network import CELL, PickNet, build
from napari_cryonet.nn.weights import fill
from napari_cryonet.types import Model

GENERAL = "picking"
"""Name of the model with the weights."""

_BODY = ("outer", "inner", "merge")
_SURELY = 0.5  # of what the weights know, the rest is chance
_INSIDE = 0.68  # of half the side of a mean particle: its radius


def read_general() -> Model:
    """Read the weights that come with the package.

    Raises
    ------
    FileProblem, ModelError
        If the file is missing or damaged.
    """
    return read_model(shipped(GENERAL))


def begin(network: PickNet, model: Model) -> bool:
    """Let a network start from general weights, if it has their width.

    Parameters
    ----------
    network
        Holds the mean particle of each class already. Where particles are darker than what is
        around them, the weights are taken with the other sign of grey values.
    model
        The general weights.

    Returns
    -------
    bool
        Whether it starts from them.

    Raises
    ------
    ModelError
        If the weights do not fit the network of their card.
    """
    general = build(model.card.network)
    fill(general, model)
    if general.width != network.width:
        return False
    with torch.no_grad():
        for name in _BODY:
            getattr(network, name).load_state_dict(getattr(general, name).state_dict())
        for own, known in zip(_rows(network), _rows(general), strict=True):
            own[:, : network.classes].mul_(1 - _SURELY).add_(_SURELY * known[:, :1])
            own[:, network.classes :] = known[:, 1:]
        if dark(network.template[:, 0].numpy()):
            first: Any = network.outer[0]
            first.weight.neg_()
    return True


def dark(template: np.ndarray[Any, Any]) -> bool:
    """Return whether mean particles ``(classes, z, y, x)`` are darker than what is around them."""
    half = template.shape[-1] // 2
    grid = np.mgrid[[slice(-half, half + 1)] * 3]
    inside = (grid**2).sum(axis=0) <= (_INSIDE * half) ** 2
    return bool((template * inside).sum() < 0)


def _rows(network: PickNet) -> tuple[Tensor, Tensor]:
    """Return weights and biases of the head, ``(CELL, classes + 3, ...)``: scores, then ways."""
    weight, bias = network.head.weight, network.head.bias
    assert bias is not None  # noqa: S101 - it is built with one
    return weight.view(CELL, -1, *weight.shape[1:]), bias.view(CELL, -1)
