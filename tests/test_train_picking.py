"""The tool that makes the weights from which picking starts."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_cryonet.methods.picking.network import build, specification
from napari_cryonet.nn.device import choose
from napari_cryonet.nn.settings import Training
from napari_cryonet.simulate.crowd import random_kind
from phantom import single_thread


@pytest.fixture(scope="module")
def learner():
    folder = str(Path(__file__).parents[1] / "tools")
    sys.path.insert(0, folder)
    tool = import_module("train_picking")
    sys.path.remove(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tool, "SHAPE", (32, 48, 48))
        kinds = [random_kind(1.0, np.random.default_rng(number)) for number in range(12)]
        rows = [tool.simulated(kinds, 0)]
    settings = Training(patch=24, batch=2)
    torch.manual_seed(0)
    teacher = tool.Teacher(build(specification(4, 1, 0, 1)), len(kinds))
    return tool.KindLearner(teacher, rows, rows, settings, choose("cpu", "float32"))


def test_heat_kind_and_way_belong_to_the_same_particle(learner):
    drawn = learner.tomograms[0]
    random = np.random.default_rng(0)
    known = set((drawn.kinds[drawn.labels.kinds] + 1).tolist())
    found = set()
    for _ in range(8):
        _, heat, kind, empty, ways = learner.item(learner.tomograms, random)
        inside = heat > 0
        assert torch.equal(inside, kind > 0)
        assert not torch.any(inside & (empty > 0))
        assert torch.all(ways[:, ~inside[0]] == 0)
        found |= set(kind.unique().int().tolist()) - {0}
    assert found
    assert found <= known


def test_errors_fall_when_it_learns(learner):
    def total():
        return sum(learner.validate(learner.network.eval()).values())

    with single_thread():
        before = total()
        optimiser = torch.optim.Adam(learner.network.parameters(), 1e-2)
        for step in range(10):
            optimiser.zero_grad()
            learner.loss(learner.network.train(), np.random.default_rng(step)).backward()
            optimiser.step()
        assert total() < before - 0.2
