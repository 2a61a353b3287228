"""A model's weights back in a network that can be called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from napari_cryonet.errors import ModelError
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.unet import build
from napari_cryonet.types import Model

Build = Callable[[dict[str, Any]], nn.Module]
"""Makes a network of its specification."""


def load(model: Model, compute: Compute, build: Build = build) -> nn.Module:
    """Build the network of a model, ready to predict.

    Parameters
    ----------
    model
        Its card says which network, its weights fill it.
    compute
        The device to put it on.
    build
        Makes the network of its specification, for methods with networks of their own.

    Raises
    ------
    ModelError
        If the weights do not fit the network.
    """
    network = build(model.card.network)
    fill(network, model)
    return network.to(compute.device).eval()


def fill(network: nn.Module, model: Model) -> None:
    """Put the weights of a model into a network.

    Raises
    ------
    ModelError
        If they do not fit.
    """
    weights = {name: torch.from_numpy(value) for name, value in model.weights.items()}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(
            f"The weights of {model.path or 'the model'} do not fit its network: the file is "
            f"damaged ({error})."
        ) from error
