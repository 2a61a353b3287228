"""How a training starts from weights that know particles in general, or from another model.

The general weights were learnt on simulated tomograms of many made-up kinds of particles by
``tools/train_picking.py``. At first a class scores whatever is a particle of any kind, but only
half as surely as the weights know it: what tells its own from the others, the labels have to say.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_cryonet.methods.picking.network import CELL, PickNet, build
from napari_cryonet.nn.initial import OTHER
from napari_cryonet.nn.weights import fill
from napari_cryonet.types import Model

_BODY = ("outer", "inner", "merge")
_SURELY = 0.5  # of what the weights know, the rest is chance
_INSIDE = 0.68  # of half the side of a mean particle: its radius


def take_general(network: PickNet, model: Model) -> str | None:
    """Let a network start from general weights, if it has one class and their width.

    Parameters
    ----------
    network
        Holds the mean particle already. Where particles are darker than what is around them, the
        weights are taken with the other sign of grey values.
    model
        The general weights.

    Returns
    -------
    str or None
        Why it does not start from them.

    Raises
    ------
    ModelError
        If the weights do not fit the network of their card.
    """
    if network.classes > 1:
        return "there are several classes"
    general = build(model.card.network)
    fill(general, model)
    if general.width != network.width:
        return OTHER
    with torch.no_grad():
        for name in _BODY:
            getattr(network, name).load_state_dict(getattr(general, name).state_dict())
        for own, known in zip(_rows(network), _rows(general), strict=True):
            own[:, :1].mul_(1 - _SURELY).add_(_SURELY * known[:, :1])
            own[:, 1:] = known[:, 1:]
        if dark(network.template[:, 0].numpy()):
            first: Any = network.outer[0]
            first.weight.neg_()
    return None


def take_trained(network: PickNet, model: Model) -> str | None:
    """Let a network start from a model of picking, but for the mean particle, which is its own.

    Parameters
    ----------
    network
        Holds the mean particle of each class already.
    model
        One that was trained on labels.

    Returns
    -------
    str or None
        Why it does not start from it.

    Raises
    ------
    ModelError
        If the weights do not fit the network of their card.
    """
    trained = build(model.card.network)
    fill(trained, model)
    weights, own = trained.state_dict(), network.state_dict()
    weights["template"] = own["template"]
    if {name: values.shape for name, values in weights.items()} != {
        name: values.shape for name, values in own.items()
    }:
        return OTHER
    network.load_state_dict(weights)
    return None


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
