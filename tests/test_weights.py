"""A model's weights in a network that computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_cryonet.errors import ModelError
from napari_cryonet.io import read_model, write_model
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.tiles import predict
from napari_cryonet.nn.unet import build
from napari_cryonet.nn.weights import load
from napari_cryonet.types import Model, ModelCard
from phantom import one_thread  # noqa: F401

CPU = Compute(torch.device("cpu"))
SPECS = [
    {"kind": "subpixel", "width": 3},
    {"kind": "unet", "width": 2, "depth": 2, "transposed": True, "leak": 0.0, "residual": True},
]


def model_of(spec):
    torch.manual_seed(2)
    network = build(spec).eval()
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    return network, Model(ModelCard(method="noise2noise", network=spec), weights)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_model_predicts_as_its_network_did(spec, rng):
    network, model = model_of(spec)
    values = rng.standard_normal((8, 8, 12)).astype(np.float32)
    loaded = load(model, CPU)
    assert not loaded.training
    np.testing.assert_array_equal(predict(loaded, values, CPU), predict(network, values, CPU))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_through_a_file_nothing_changes(spec, tmp_path, rng):
    """Weights lie in memory channels last, in the file as their shape says."""
    network, model = model_of(spec)
    write_model(tmp_path / "m.safetensors", model)
    loaded = load(read_model(tmp_path / "m.safetensors"), CPU)
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
        assert loaded.state_dict()[name].stride() == value.stride()
    values = rng.standard_normal((8, 8, 12)).astype(np.float32)
    np.testing.assert_array_equal(predict(loaded, values, CPU), predict(network, values, CPU))


def test_the_model_is_not_changed_by_its_network(rng):
    _, model = model_of(SPECS[0])
    before = {name: value.copy() for name, value in model.weights.items()}
    with torch.no_grad():
        for each in load(model, CPU).parameters():
            each.zero_()
    for name, value in before.items():
        np.testing.assert_array_equal(model.weights[name], value)


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_weights_that_do_not_fit_are_said(change):
    _, model = model_of(SPECS[0])
    weights = dict(model.weights)
    name = next(iter(weights))
    if change == "missing":
        del weights[name]
    elif change == "extra":
        weights["more"] = weights[name]
    else:
        weights[name] = weights[name][:1]
    with pytest.raises(ModelError, match="do not fit its network: the file is damaged"):
        load(Model(model.card, weights), CPU)
    with pytest.raises(ModelError, match=r"weights of .*some\.safetensors do not fit"):
        load(Model(model.card, weights, Path("some.safetensors")), CPU)


def test_a_network_from_the_future_is_said():
    _, model = model_of(SPECS[0])
    card = model.card.model_copy(update={"network": {"kind": "mamba"}})
    with pytest.raises(ModelError, match="Update CryoNet"):
        load(Model(card, model.weights), CPU)
