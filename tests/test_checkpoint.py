"""Checkpoints hold everything, in a format that cannot run code."""

from __future__ import annotations

import json
import math

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from napari_cryonet.errors import FileProblem, ModelError
from napari_cryonet.nn.checkpoint import Checkpoints, State
from napari_cryonet.nn.unet import build

SPEC = {"kind": "subpixel", "width": 3}


class Run:
    """A network, its average and its optimiser."""

    def __init__(self, seed=0, spec=SPEC, steps=0):
        torch.manual_seed(seed)
        self.network, self.average = build(spec), build(spec)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=0.01, fused=True)
        for _ in range(steps):
            self.learn()

    def learn(self):
        self.optimiser.zero_grad()
        image = torch.linspace(-1, 1, 512).reshape(1, 1, 8, 8, 8)
        (self.network(image) - image).square().mean().backward()
        self.optimiser.step()

    @property
    def parts(self):
        return self.network, self.average, self.optimiser


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "checkpoint.safetensors")


def assert_same(one, two):
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert torch.equal(value, two[name]), name


@pytest.mark.parametrize("best", [True, False])
def test_everything_comes_back(checkpoints, best):
    run, other = Run(steps=3), Run(seed=1)
    kept = {name: value + 1 for name, value in run.network.state_dict().items()}
    state = State(3, 1.25, 0.875, 2, kept) if best else State(3, 1.25)
    checkpoints.save(state, *run.parts)
    found = checkpoints.load(*other.parts)
    assert (found.step, found.seconds, found.best_step) == (3, 1.25, 2 if best else 0)
    assert found.quality == (0.875 if best else -math.inf)
    assert_same(other.network.state_dict(), run.network.state_dict())
    assert_same(other.average.state_dict(), run.average.state_dict())
    if best:
        assert_same(found.best, kept)
    else:
        assert found.best is None
    run.learn()
    other.learn()
    assert_same(other.network.state_dict(), run.network.state_dict())


def test_moments_return_in_the_memory_layout_of_their_weights(checkpoints):
    run, other = Run(steps=2), Run(seed=1)
    checkpoints.save(State(2), *run.parts)
    checkpoints.load(*other.parts)
    for one, two in zip(run.network.parameters(), other.network.parameters(), strict=True):
        for name in ("exp_avg", "exp_avg_sq"):
            ours, theirs = run.optimiser.state[one][name], other.optimiser.state[two][name]
            assert torch.equal(ours, theirs)
            assert ours.stride() == theirs.stride() == two.stride()


def test_a_training_that_has_not_begun_can_be_kept(checkpoints):
    checkpoints.save(State(), *Run().parts)
    other = Run(seed=1)
    assert checkpoints.load(*other.parts).step == 0
    assert_same(other.network.state_dict(), Run().network.state_dict())
    assert not other.optimiser.state_dict()["state"]


def test_a_new_checkpoint_replaces_the_old_one_and_leaves_nothing_else(checkpoints):
    run = Run()
    for step in (1, 2):
        run.learn()
        checkpoints.save(State(step), *run.parts)
    assert checkpoints.load(*Run(seed=1).parts).step == 2
    assert [path.name for path in checkpoints.path.parent.iterdir()] == ["checkpoint.safetensors"]


def test_a_save_that_fails_keeps_the_old_checkpoint(checkpoints, monkeypatch):
    run = Run(steps=1)
    checkpoints.save(State(1), *run.parts)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_cryonet.nn.checkpoint.save_file", full)
    with pytest.raises(FileProblem, match="No space left on device"):
        checkpoints.save(State(2), *run.parts)
    assert checkpoints.load(*Run(seed=1).parts).step == 1
    assert [path.name for path in checkpoints.path.parent.iterdir()] == [checkpoints.path.name]


def test_a_missing_file_is_said(checkpoints):
    with pytest.raises(FileProblem) as caught:
        checkpoints.load(*Run().parts)
    assert f"There is no checkpoint {checkpoints.path}" in str(caught.value)
    assert "Start it anew." in str(caught.value)


def rewritten(checkpoints, note=None, drop=""):
    """Write the checkpoint again with another note or without some tensors."""
    tensors = load_file(checkpoints.path)
    kept = {name: value for name, value in tensors.items() if not drop or drop not in name}
    save_file(kept, checkpoints.path, note)


@pytest.mark.parametrize(
    "damage",
    [
        lambda c: c.path.write_bytes(b""),
        lambda c: c.path.write_bytes(b"\x80\x04nonsense" * 50),
        lambda c: c.path.write_bytes(c.path.read_bytes()[:-100]),
        lambda c: rewritten(c),
        lambda c: rewritten(c, {"cryonet": "{"}),
        lambda c: rewritten(c, {"cryonet": json.dumps({"colour": "red"})}),
        lambda c: rewritten(c, {"cryonet": json.dumps([1, 2])}),
        lambda c: rewritten(c, {"cryonet": json.dumps({"step": 1})}, drop="network"),
    ],
    ids=["empty", "pickle", "short", "no note", "no json", "other note", "list", "no weights"],
)
def test_a_damaged_file_is_said(checkpoints, damage):
    checkpoints.save(State(1), *Run(steps=1).parts)
    damage(checkpoints)
    with pytest.raises(ModelError) as caught:
        checkpoints.load(*Run().parts)
    assert f"{checkpoints.path} does not belong to this training" in str(caught.value)
    assert "Resume with the settings it was started with." in str(caught.value)


@pytest.mark.parametrize(
    "spec", [{"kind": "subpixel", "width": 4}, {"kind": "unet", "width": 3, "depth": 1}], ids=str
)
def test_the_checkpoint_of_another_network_is_refused(checkpoints, spec):
    checkpoints.save(State(1), *Run(steps=1).parts)
    with pytest.raises(ModelError, match="does not belong to this training"):
        checkpoints.load(*Run(spec=spec).parts)


def test_nothing_is_pickled(checkpoints):
    checkpoints.save(State(2, best=dict(Run().network.state_dict())), *Run(steps=2).parts)
    with safe_open(checkpoints.path, framework="pt") as file:
        names = set(file.keys())
        assert set(file.metadata()) == {"cryonet"}
        assert json.loads(file.metadata()["cryonet"])["step"] == 2
    assert {name.split(".")[0] for name in names} == {"network", "average", "best", "optimiser"}
    assert len(names) == sum(1 for _ in nn.ModuleList([build(SPEC)]).parameters()) * 6
