"""The training loop: what is learnt, when it ends, and that a stop loses nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_cryonet.errors import FileProblem, OutOfMemory, TrainingError
from napari_cryonet.nn import train
from napari_cryonet.nn.checkpoint import Checkpoints
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.schedule import learning_rate
from napari_cryonet.nn.settings import Training
from napari_cryonet.nn.train import Loop
from napari_cryonet.nn.unet import build
from napari_cryonet.reporting import Cancelled, RecordingReporter, Reporter
from phantom import Stopping, one_thread  # noqa: F401

REGION = (slice(0, 2), slice(0, 3), slice(0, 4))


@dataclass
class Shifting:
    """Learns to move an image by one voxel; asks torch for chance wherever it can."""

    network: nn.Module
    judged: bool = True
    steps_per_epoch: int = 5
    clock: Any = None
    losses: list[float] = field(default_factory=list)
    drawn: list[float] = field(default_factory=list)
    modes: list[bool] = field(default_factory=list)
    regions: list[Any] = field(default_factory=list)

    def loss(self, network: nn.Module, random: np.random.Generator) -> Tensor:
        image = torch.from_numpy(random.standard_normal((2, 1, 8, 8, 8)).astype(np.float32))
        self.drawn.append(float(image.sum()))
        out = network(image + 0.1 * torch.randn_like(image)).float()
        loss = (out - image.roll(1, -1)).square().mean()
        self.losses.append(float(loss.detach()))
        self.modes.append(network.training)
        if self.clock is not None:
            self.clock.now += self.clock.step
        return loss

    def validate(self, network: nn.Module) -> dict[str, float]:
        assert not network.training
        assert torch.is_inference_mode_enabled()
        if not self.judged:
            return {}
        torch.randn(3)
        image = torch.linspace(-1, 1, 512).reshape(1, 1, 8, 8, 8)
        error = (network(image) - image.roll(1, -1)).square().mean()
        return {"quality": -float(error)}

    def preview(self, network: nn.Module, region: Any) -> Any:
        assert not network.training
        torch.randn(7)
        self.regions.append(region)
        return network(torch.ones(1, 1, 8, 8, 8)).numpy()


@dataclass
class Scripted(Shifting):
    """Is judged as a script says."""

    script: list[float] = field(default_factory=list)
    seen: list[dict[str, Tensor]] = field(default_factory=list)

    def validate(self, network: nn.Module) -> dict[str, float]:
        self.seen.append(copied(network))
        return {"quality": self.script[len(self.seen) - 1]}


@dataclass
class Turning(Shifting):
    """Turns its images round after half of the training, as far as it has learnt by then."""

    factor: float = 1.0

    def loss(self, network: nn.Module, random: np.random.Generator) -> Tensor:
        return self.factor * super().loss(network, random)

    def revise(self, network: nn.Module, progress: float, report: Reporter) -> None:
        assert not network.training
        if progress >= 0.5 and self.factor == 1:
            self.factor = 2 + float(network(torch.ones(1, 1, 8, 8, 8)).std())

    def memory(self) -> dict[str, Tensor]:
        return {"factor": torch.tensor(self.factor, dtype=torch.float64)}

    def recall(self, memory: dict[str, Tensor]) -> None:
        self.factor = float(memory["factor"])


@dataclass
class Clock:
    """A clock that moves only when it is told to."""

    step: float = 1.0
    now: float = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """The clock that the loop looks at; each loss takes a second."""
    fake = Clock()
    monkeypatch.setattr(train, "time", SimpleNamespace(monotonic=fake.monotonic))
    return fake


def copied(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def assert_same(one, two):
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert torch.equal(value, two[name]), name


def differ(one, two):
    return any(not torch.equal(value, two[name]) for name, value in one.items())


def fresh(kind=Shifting, **fields):
    torch.manual_seed(11)
    return kind(build({"kind": "unet", "width": 2, "depth": 1}), **fields)


def loop_of(learner, report=None, checkpoints=None, on_epoch=None, dtype=None, **settings):
    values = {"steps": 12, "max_minutes": None, "validate_every": 4, "warmup": 2, **settings}
    compute = Compute(torch.device("cpu"), dtype)
    report = report or RecordingReporter()
    return Loop(learner, Training.load(values), compute, report, checkpoints, on_epoch)


# ------------------------------------------------------------------------------ learning


@pytest.mark.parametrize("dtype", [None, torch.bfloat16, torch.float16])
def test_the_loss_falls(dtype):
    learner = fresh()
    trained = loop_of(learner, steps=60, learning_rate=0.01, dtype=dtype).run()
    assert np.mean(learner.losses[-10:]) < 0.8 * np.mean(learner.losses[:5])
    assert all(learner.modes)
    assert trained.summary["steps"] == 60
    assert trained.summary["ended"] == "steps"
    assert trained.summary["device"].startswith("CPU, 1 thread, ")


def test_every_figure_is_reported():
    report = RecordingReporter()
    learner = fresh()
    loop = loop_of(learner, report, steps=10, validate_every=1)
    loop.run()
    assert len(report.steps) == 10
    for number, step in enumerate(report.steps, 1):
        assert step["step"] == step["done"] == number
        assert step["total"] == 10
        assert step["epoch"] == number / learner.steps_per_epoch
        assert step["loss"] == learner.losses[number - 1]
        assert step["learning_rate"] == learning_rate(
            loop.settings, number - 1, (number - 1) / 10, 5
        )
        assert step["quality"] < 0
        assert step["seconds"] >= 0


def test_reports_are_not_more_frequent_than_can_be_looked_at(clock):
    clock.step = 0.02
    report = RecordingReporter()
    loop_of(fresh(clock=clock), report, steps=40, validate_every=1000).run()
    reported = [int(step["step"]) for step in report.steps]
    assert reported[-2:] == [40, 40]
    assert min(np.diff(reported[:-2])) >= 5
    assert max(np.diff(reported)) <= 6


def test_the_last_step_is_always_validated():
    report = RecordingReporter()
    loop_of(fresh(), report, steps=10, validate_every=4).run()
    assert [step["step"] for step in report.steps if "quality" in step] == [4, 8, 10]


def test_equal_seeds_repeat_a_training_and_others_do_not():
    one, two = (loop_of(fresh(), seed=3).run().weights for _ in range(2))
    assert_same(one, two)
    assert differ(one, loop_of(fresh(), seed=4).run().weights)


def test_every_step_draws_other_data():
    one, two = fresh(), fresh()
    loop_of(one, seed=3).run()
    loop_of(two, seed=4).run()
    assert len({*one.drawn, *two.drawn}) == 24


def test_validation_does_not_change_what_is_learnt():
    often, never = loop_of(fresh(), validate_every=1), loop_of(fresh(judged=False))
    often.run()
    never.run()
    assert_same(copied(often.network), copied(never.network))
    assert_same(copied(often.average), copied(never.average))


@pytest.mark.parametrize("clip", [0.05, 0.0])
def test_the_gradient_is_clipped(clip):
    loop = loop_of(fresh(), steps=1, clip=clip)
    loop.run()
    norm = torch.stack([each.grad.norm() for each in loop.network.parameters()]).norm()
    if clip:
        assert float(norm) == pytest.approx(clip, rel=1e-4)
    else:
        assert norm > 0.05


@pytest.mark.parametrize("anchored", [True, False])
def test_weights_decay_to_where_the_training_started(anchored):
    learner = fresh()
    learner.loss = lambda network, _: 0 * sum(part.sum() for part in network.parameters())
    before = copied(learner.network)
    loop = loop_of(learner, steps=40, weight_decay=0.5, learning_rate=0.1, schedule="constant")
    loop = Loop(learner, loop.settings, loop.compute, loop.report, anchored=anchored)
    with torch.no_grad():
        for weight in learner.network.parameters():
            weight += 1
    loop.run()
    for name, weight in learner.network.named_parameters():
        start = before[name] if anchored else torch.zeros_like(before[name])
        far = (before[name] + 1 - start).abs().max()
        assert (weight.detach() - start).abs().max() < 0.3 * far, name


@pytest.mark.parametrize("average", [0.0, 0.3, 0.99])
def test_the_running_average_follows_its_formula(average):
    learner = fresh()
    loop = loop_of(learner, steps=1, average=average)
    mean = {name: value.double() for name, value in copied(loop.network).items()}
    for step in range(1, 9):
        loop._step(step / 20)
        decay = min(average, step / (step + 9))
        for name, value in loop.network.state_dict().items():
            mean[name] = decay * mean[name] + (1 - decay) * value.double()
        for name, value in loop.average.state_dict().items():
            torch.testing.assert_close(value.double(), mean[name], rtol=1e-5, atol=1e-7)
    assert differ(copied(loop.network), copied(loop.average)) is (average > 0)


def test_buffers_are_averaged_and_counters_are_copied():
    network = nn.Sequential(nn.Conv3d(1, 2, 3, padding=1), nn.BatchNorm3d(2), nn.Conv3d(2, 1, 1))
    loop = loop_of(Shifting(network), steps=5)
    loop.run()
    assert int(loop.average[1].num_batches_tracked) == 5
    newest, mean = loop.network[1].running_var, loop.average[1].running_var
    assert 0 < (newest - mean).abs().max() < 1


def test_the_best_weights_are_returned():
    learner = fresh(Scripted, script=[0.1, 0.9, 0.3, math.nan])
    trained = loop_of(learner, steps=16).run()
    assert_same(trained.weights, learner.seen[1])
    assert trained.summary["quality"] == 0.9
    assert trained.summary["best_step"] == 8


def test_without_validation_the_last_average_is_returned():
    loop = loop_of(fresh(judged=False))
    trained = loop.run()
    assert_same(trained.weights, copied(loop.average))
    assert "quality" not in trained.summary
    assert loop.state.best is None


# -------------------------------------------------------------------- the learning rate


def rate(step, progress=0.0, per_epoch=5, **settings):
    return learning_rate(Training.load(settings), step, progress, per_epoch)


def test_the_rate_rises_in_the_first_steps():
    values = [rate(step, learning_rate=0.1, warmup=4, schedule="constant") for step in range(7)]
    assert values == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1, 0.1])
    assert rate(0, learning_rate=0.1, warmup=0, schedule="constant") == 0.1


def test_the_cosine_falls_to_nothing():
    for progress in (0.0, 0.25, 0.5, 0.75, 1.0):
        expected = 0.2 * math.cos(math.pi * progress / 2) ** 2
        assert rate(99, progress, learning_rate=0.2) == pytest.approx(expected, abs=1e-12)


def test_the_exponential_falls_once_in_an_epoch():
    kind = {"schedule": "exponential", "gamma": 0.5, "learning_rate": 1.0, "warmup": 0}
    assert [rate(step, 0.9, **kind) for step in (0, 4, 5, 9, 10, 24)] == [
        1,
        1,
        0.5,
        0.5,
        0.25,
        0.0625,
    ]


# ------------------------------------------------------------------------------- the end


def test_epochs_count_instead_of_steps():
    handed = []
    learner = fresh()
    loop = loop_of(
        learner,
        on_epoch=lambda number, weights: handed.append((number, weights)),
        epochs=3,
        steps=1,
    )
    trained = loop.run()
    assert trained.summary["steps"] == len(learner.losses) == 15
    assert [number for number, _ in handed] == [1, 2, 3]
    assert_same(handed[-1][1], copied(loop.average))
    assert differ(handed[0][1], handed[1][1])


def test_the_time_limit_is_kept_and_the_rate_falls_towards_it(clock):
    report = RecordingReporter()
    learner = fresh(clock=clock)
    trained = loop_of(learner, report, steps=10_000, max_minutes=20 / 60).run()
    assert trained.summary["ended"] == "time"
    assert trained.summary["steps"] == 20
    assert trained.summary["seconds"] == 20
    rates = [step["learning_rate"] for step in report.steps if "learning_rate" in step]
    assert rates[-1] < 0.02 * max(rates)
    assert report.steps[-1]["done"] == report.steps[-1]["total"] == 10_000


def test_patience_ends_a_training_that_no_longer_improves():
    learner = fresh(Scripted, script=[0.1, 0.5, *[0.4] * 90])
    trained = loop_of(learner, steps=300, patience=3).run()
    assert trained.summary["ended"] == "no improvement"
    assert trained.summary["steps"] == 8 + 3 * 4
    assert trained.summary["best_step"] == 8


def test_without_patience_or_without_judgement_it_goes_on():
    assert (
        loop_of(fresh(Scripted, script=[0.5] * 99), steps=80, patience=0).run().summary["steps"]
        == 80
    )
    assert loop_of(fresh(judged=False), steps=80, patience=1).run().summary["steps"] == 80


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_a_number_is_said(value):
    learner = fresh()
    learner.loss = lambda network, random: network(torch.ones(1, 1, 2, 2, 2)).sum() * value
    with pytest.raises(TrainingError) as caught:
        loop_of(learner, learning_rate=0.25).run()
    assert "not a number any more at step 0. Try a lower learning rate than 0.25" in str(
        caught.value
    )


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_memory_that_runs_out_is_said(error):
    def loss(network, random):
        raise error

    learner = fresh()
    learner.loss = loss
    with pytest.raises(OutOfMemory, match=r"Not enough memory for a training step\. Use smaller"):
        loop_of(learner).run()


# ------------------------------------------------------------------- stopping and resuming


def uninterrupted(**settings):
    judged = settings.pop("judged", True)
    loop = loop_of(fresh(judged=judged), **settings)
    return loop, loop.run()


@pytest.mark.parametrize(
    "settings",
    [
        {"validate_every": 4},
        {"validate_every": 5, "average": 0.0, "clip": 0},
        {"judged": False, "schedule": "exponential", "seed": 8},
        {"epochs": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("stops", [(1,), (3,), (8,), (2, 5, 7, 11)])
def test_stopped_and_resumed_is_bit_for_bit_the_same(tmp_path, settings, stops):
    whole, expected = uninterrupted(**settings)
    judged = settings.get("judged", True)
    settings = {name: value for name, value in settings.items() if name != "judged"}
    checkpoints = Checkpoints(tmp_path / "checkpoint.safetensors")
    done = 0
    for stop in stops:
        report = Stopping(at_check=stop - done + 1)
        parted = loop_of(fresh(judged=judged), report, checkpoints, **settings)
        assert parted.run(resume=done > 0).summary["ended"] == "stopped"
        assert parted.state.step == stop
        done = stop
    report = RecordingReporter()
    torch.manual_seed(999)
    last = loop_of(fresh(judged=judged), report, checkpoints, **settings)
    found = last.run(resume=True)
    assert report.said == [f"Resumed at step {done}."]
    assert_same(copied(last.network), copied(whole.network))
    assert_same(copied(last.average), copied(whole.average))
    assert_same(found.weights, expected.weights)
    for name in ("steps", "ended", "quality", "best_step"):
        assert found.summary.get(name) == expected.summary.get(name)
    if judged:
        assert_same(last.state.best, whole.state.best)


@pytest.mark.parametrize("stop", [3, 6, 7, 10])
def test_what_a_learner_has_found_out_is_resumed(tmp_path, stop):
    whole = loop_of(fresh(Turning))
    expected = whole.run()
    checkpoints = Checkpoints(tmp_path / "checkpoint.safetensors")
    loop_of(fresh(Turning), Stopping(at_check=stop), checkpoints).run()
    last = loop_of(fresh(Turning), None, checkpoints)
    assert_same(last.run(resume=True).weights, expected.weights)
    assert whole.learner.factor == last.learner.factor > 2


def test_a_crash_loses_no_more_than_since_the_last_checkpoint(tmp_path, clock):
    whole, expected = uninterrupted()
    checkpoints = Checkpoints(tmp_path / "checkpoint.safetensors")
    crashing = fresh(clock=clock)
    original = crashing.loss

    def loss(network, random):
        if len(crashing.losses) == 7:
            raise RuntimeError("power cut")
        return original(network, random)

    crashing.loss = loss
    with pytest.raises(RuntimeError, match="power cut"):
        loop_of(crashing, None, checkpoints, checkpoint_minutes=3 / 60).run()
    report = RecordingReporter()
    again = loop_of(fresh(), report, checkpoints)
    assert_same(again.run(resume=True).weights, expected.weights)
    assert report.said == ["Resumed at step 6."]
    assert_same(copied(again.network), copied(whole.network))


def test_a_finished_training_can_be_resumed_and_is_still_finished(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoint.safetensors")
    first = loop_of(fresh(), None, checkpoints).run()
    learner = fresh()
    second = loop_of(learner, None, checkpoints).run(resume=True)
    assert learner.losses == []
    assert_same(first.weights, second.weights)


def test_resuming_can_add_steps(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoint.safetensors")
    loop_of(fresh(), None, checkpoints, steps=5).run()
    learner = fresh()
    assert loop_of(learner, None, checkpoints, steps=8).run(resume=True).summary["steps"] == 8
    assert len(learner.losses) == 3


def test_time_spent_before_a_stop_counts(tmp_path, clock):
    checkpoints = Checkpoints(tmp_path / "checkpoint.safetensors")
    limit = {"steps": 1000, "max_minutes": 10 / 60}
    loop_of(fresh(clock=clock), Stopping(at_check=7), checkpoints, **limit).run()
    clock.now += 5000
    learner = fresh(clock=clock)
    trained = loop_of(learner, None, checkpoints, **limit).run(resume=True)
    assert len(learner.losses) == 4
    assert trained.summary["seconds"] == 10


def test_resuming_without_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(FileProblem, match="There is no checkpoint"):
        loop_of(fresh(), None, Checkpoints(tmp_path / "none")).run(resume=True)


@pytest.mark.parametrize("keep", [True, False])
def test_stop_keeps_what_was_learnt_and_discard_does_not(tmp_path, keep):
    path = tmp_path / "checkpoint.safetensors"
    loop = loop_of(fresh(), Stopping(at_check=7, keep=keep), Checkpoints(path))
    if keep:
        trained = loop.run()
        assert trained.summary["ended"] == "stopped"
        assert trained.summary["steps"] == 6
        assert trained.summary["best_step"] == 4
    else:
        with pytest.raises(Cancelled) as caught:
            loop.run()
        assert caught.value.keep is False
    assert path.exists() is keep


def test_stop_before_the_first_step_gives_the_network_as_it_was():
    learner = fresh()
    before = copied(learner.network)
    trained = loop_of(learner, Stopping(at_check=1)).run()
    assert_same(trained.weights, before)
    assert learner.losses == []


@pytest.mark.parametrize("asked_in", [1, 5, 8])
def test_stop_is_heard_before_another_step_begins(asked_in):
    report = Stopping()
    learner = fresh()
    original = learner.loss

    def loss(network, random):
        value = original(network, random)
        if len(learner.losses) == asked_in:
            report.at_check = 0
        return value

    learner.loss = loss
    loop_of(learner, report, steps=50).run()
    assert len(learner.losses) == asked_in


# ------------------------------------------------------------------------------ previews


def test_previews_are_made_when_they_are_wanted_and_change_nothing(clock):
    silent = loop_of(fresh(clock=clock), judged_report := RecordingReporter())
    silent.run()
    assert judged_report.previews == []
    watched = RecordingReporter(want=REGION)
    learner = fresh(clock=clock)
    loop = loop_of(learner, watched)
    loop.run()
    assert learner.regions == [REGION] * 6
    assert len(watched.previews) == 6
    assert_same(copied(loop.network), copied(silent.network))
    assert_same(copied(loop.average), copied(silent.average))


def test_the_last_step_is_shown_even_if_it_comes_soon(clock):
    clock.step = 0.001
    report = RecordingReporter(want=REGION)
    loop = loop_of(fresh(clock=clock), report)
    loop.run()
    assert len(report.previews) == 1
    with torch.inference_mode():
        shown = loop.average(torch.ones(1, 1, 8, 8, 8)).numpy()
    np.testing.assert_array_equal(report.previews[0], shown)
