"""Noise2Noise from halves to a denoised volume, measured against a truth it never saw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from napari_cryonet.errors import DataError, FileProblem, ModelError
from napari_cryonet.io import read_model, write_model
from napari_cryonet.methods.noise2noise import apply as applying
from napari_cryonet.methods.noise2noise.apply import apply
from napari_cryonet.methods.noise2noise.data import prepare
from napari_cryonet.methods.noise2noise.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.noise2noise.train import train
from napari_cryonet.nn import denoise
from napari_cryonet.nn.device import choose
from napari_cryonet.nn.tiles import predict
from napari_cryonet.nn.weights import load
from napari_cryonet.reporting import Cancelled, RecordingReporter, SilentReporter
from napari_cryonet.signal.combine import mixtures
from napari_cryonet.signal.correlate import correlation
from napari_cryonet.signal.shells import fsc
from napari_cryonet.types import Model, ModelCard, Volume
from phantom import Floats, Halves, Stopping, halves, one_thread, single_thread  # noqa: F401

HERE = {"device": "cpu", "precision": "float32"}
BRIEF = {
    **HERE,
    "max_minutes": None,
    "steps": 3,
    "width": 2,
    "patch": 16,
    "batch": 1,
    "held_out_side": 8,
    "warmup": 0,
}
SCALE, SHIFT = 3.0, 50.0
SHELLS = 24


def train_settings(**values: Any) -> TrainSettings:
    return TrainSettings.load({**BRIEF, **values})


def apply_settings(**values: Any) -> ApplySettings:
    return ApplySettings.load({**HERE, "passes": 1, **values})


def applied(things, model, **values):
    """Return the grey values alone."""
    return apply(things, model, apply_settings(**values), SilentReporter())[0].data


@dataclass(frozen=True)
class Learnt:
    """Halves, the model that was trained on them, and what was said meanwhile."""

    data: Halves
    settings: TrainSettings
    model: Model
    report: RecordingReporter


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    """A network of eight channels after a hundred steps on one core."""
    data = halves(
        (48, 48, 48),
        np.random.default_rng(7),
        snr=0.3,
        scale=SCALE,
        shift=SHIFT,
        origin=(5.0, 6.0, 7.0),
        history=("Reconstructed.",),
    )
    settings = train_settings(
        steps=100, width=8, patch=24, learning_rate=8e-3, warmup=5, average=0.9,
        held_out=0.25, held_out_side=12, validate_every=25,
    )  # fmt: skip
    report = RecordingReporter()
    with single_thread():
        return Learnt(data, settings, train([data.pair], settings, report), report)


@pytest.fixture(scope="module")
def result(learnt) -> tuple[Volume, dict[str, Any], RecordingReporter]:
    """Both halves denoised, with two turns."""
    report = RecordingReporter()
    with single_thread():
        volume, measures, _ = apply(
            learnt.data.pair, learnt.model, apply_settings(passes=2), report
        )
    return volume, measures, report


@pytest.fixture(scope="module")
def small(learnt) -> Halves:
    """A corner of the halves, not cubic, to apply the model to in a moment."""
    part = (slice(0, 32), slice(8, 38), slice(10, 36))
    first, second = (replace(half, data=half.data[part]) for half in learnt.data.pair)
    return Halves(first, second, learnt.data.truth[part])


def best_gaussian(data: Halves) -> float:
    """The correlation with the truth of the raw average after the best of all blurs."""
    return max(
        correlation(ndimage.gaussian_filter(data.raw, sigma, mode="wrap"), data.truth)
        for sigma in np.arange(0.4, 3, 0.1)
    )


def curve(volume: Floats, truth: Floats) -> np.ndarray[Any, Any]:
    return fsc(volume - SHIFT, truth - SHIFT, SHELLS)


def assert_near(found, expected, tolerance):
    """Compare as a part of the range of the values."""
    span = expected.max() - expected.min()
    assert span > 0
    assert np.abs(found - expected).max() <= tolerance * span


# ---------------------------------------------------------------------------- how good


def test_the_result_beats_the_raw_average_and_the_best_gaussian(learnt, result):
    data = learnt.data
    found = correlation(result[0].data, data.truth)
    raw, gaussian = correlation(data.raw, data.truth), best_gaussian(data)
    assert raw == pytest.approx(0.61, abs=0.02)
    assert gaussian > raw + 0.2
    assert found > raw + 0.28
    assert found > gaussian + 0.04


def test_no_shell_that_the_data_know_gets_worse(learnt, result):
    raw = curve(learnt.data.raw, learnt.data.truth)
    found = curve(result[0].data, learnt.data.truth)
    known = raw > 0.5
    assert known.sum() > 6
    assert (found >= raw - 0.01)[known].all()
    assert (found - raw)[known].max() > 0.15


def test_the_quality_in_the_card_is_that_against_the_truth(learnt):
    """In the cubes that were held out, where only here the truth is known."""
    data, compute = learnt.data, choose("cpu", "float32")
    pair = prepare(data.pair, learnt.settings, 4, SilentReporter())
    network = load(learnt.model, compute)
    given = mixtures(*pair.read((slice(0, 48),) * 3), learnt.settings.mixing)[0]
    made = predict(network, given, compute)
    inside = np.zeros(made.shape, bool)
    for region in pair.held:
        inside[region] = True
    real = correlation(made, data.truth, inside)
    assert real > 0.85
    assert learnt.model.card.training["quality"] == pytest.approx(real, abs=0.1)


def test_the_curves_that_are_measured_are_those_against_the_truth(learnt, result):
    """Without the truth, in the shells where the halves tell something."""
    volume, measures, _ = result
    raw, estimate = (
        np.array([np.nan if value is None else value for value in measures[name]])
        for name in ("fsc_raw", "fsc_denoised")
    )
    assert len(raw) == len(estimate) == len(measures["gains"]["raw"]) == 64
    frequency = (np.arange(64) + 0.5) / 128
    own = (np.arange(SHELLS) + 0.5) / (2 * SHELLS)
    truth_raw = np.interp(frequency, own, curve(learnt.data.raw, learnt.data.truth))
    truth_found = np.interp(frequency, own, curve(volume.data, learnt.data.truth))
    known = (raw > 0.5) & (frequency > 0.05) & (frequency < 0.3)
    assert known.sum() > 8
    assert np.abs(raw - truth_raw)[known].mean() < 0.1
    assert np.nanmean(np.abs(estimate - truth_found)[known]) < 0.1
    for gain in measures["gains"].values():
        assert min(gain) >= 0
        assert max(gain) <= 1


def test_grey_values_are_those_of_the_input(learnt, result):
    """What is denoised shrinks towards the mean, as any best estimate does, but not more."""
    truth = learnt.data.truth.ravel().astype(float)
    found = result[0].data.ravel().astype(float)
    slope, offset = np.polyfit(truth, found, 1)
    assert 0.75 < slope < 1.05
    assert slope * SHIFT + offset == pytest.approx(SHIFT, abs=0.1 * SCALE)
    assert found.mean() == pytest.approx(learnt.data.raw.mean(), rel=1e-6)


def test_what_is_known_about_the_volume_is_kept(learnt, result):
    volume, first = result[0], learnt.data.first
    assert volume.data.dtype == np.float32
    assert volume.shape == first.shape
    assert volume.voxel_size == first.voxel_size
    assert volume.origin == first.origin
    assert volume.name == "half 1 denoised"
    assert volume.path is None
    assert volume.history[0] == "Reconstructed."
    assert len(volume.history) == 2
    assert volume.history[1].startswith("Denoised by Noise2Noise, CryoNet ")


def test_training_reports_figures_and_says_where_it_runs(learnt):
    steps = learnt.report.steps
    assert learnt.report.said[0] == "Training on CPU, 1 thread, float32."
    assert steps[-1]["step"] == steps[-1]["done"] == 100
    qualities = [step["quality"] for step in steps if "quality" in step]
    assert len(qualities) == 4
    assert max(qualities) == pytest.approx(learnt.model.card.training["quality"], abs=1e-4)
    assert all(np.isfinite(step["loss"]) for step in steps if "loss" in step)


def test_the_card_says_what_the_model_is(learnt):
    card = learnt.model.card
    assert card.method == "noise2noise"
    assert TrainSettings.load(card.settings) == learnt.settings
    assert card.network == {"kind": "subpixel", "width": 8, "dropout": 0.0}
    assert card.voxel_size == (2.0, 2.0, 2.0)
    assert card.normalisation["kind"] == "standard"
    assert card.normalisation["shift"] == pytest.approx(SHIFT, abs=0.1)
    assert card.training["steps"] == 100
    assert [each["name"] for each in card.inputs] == ["half 1", "half 2"]
    assert card.extra["mixing"] == 0.5
    assert card.extra["rotations"] == "rotations"
    assert len(card.extra["gains"]["raw"]) == len(card.extra["gains"]["denoised"]) == 64
    assert card.created.endswith("+00:00")


# ----------------------------------------------------------------------------- applying


def test_a_single_volume_is_denoised_as_well(learnt):
    data = learnt.data
    single = replace(data.first, data=data.raw)
    report = RecordingReporter()
    volume, measures, _ = apply([single], learnt.model, apply_settings(), report)
    assert measures == {}
    found = correlation(volume.data, data.truth)
    assert found > best_gaussian(data) + 0.02
    assert volume.data.mean() == pytest.approx(data.raw.mean(), rel=1e-6)
    assert report.steps[-1]["done"] == report.steps[-1]["total"]


def test_keeping_nothing_gives_the_network_alone(learnt, small):
    alone, measures, _ = apply(
        small.pair, learnt.model, apply_settings(keep="off"), SilentReporter()
    )
    compute = choose("cpu", "float32")
    network, expected = load(learnt.model, compute), []
    both = np.stack([half.data for half in small.pair])
    scaled = ((both - both.mean()) / both.std()).astype(np.float32)
    for one, two in ((scaled[0], scaled[1]), (scaled[1], scaled[0])):
        expected.append(predict(network, mixtures(one, two, 0.5)[0], compute))
    mean = (expected[0] + expected[1]) / 2 * both.std() + both.mean()
    assert_near(alone.data, mean, 1e-5)
    assert measures["gains"] == {"raw": [0.0] * 64, "denoised": [1.0] * 64}
    assert len(measures["fsc_raw"]) == len(measures["fsc_denoised"]) == 64
    assert np.abs(applied(small.pair, learnt.model) - alone.data).max() > 0.01


def test_a_single_volume_without_gains_gives_the_network_alone(learnt, small):
    card = learnt.model.card
    bare = Model(
        card.model_copy(update={"extra": {**card.extra, "gains": {}}}), learnt.model.weights
    )
    np.testing.assert_array_equal(
        applied([small.first], bare), applied([small.first], learnt.model, keep="off")
    )


def test_the_order_of_the_halves_does_not_matter(learnt, small):
    there, back = (applied(pair, learnt.model) for pair in (small.pair, small.pair[::-1]))
    assert_near(there, back, 1e-4)


def test_a_model_from_a_file_gives_the_same(learnt, small, tmp_path):
    path = tmp_path / "model.safetensors"
    write_model(path, learnt.model)
    again = read_model(path)
    assert again.card.model_dump_json() == learnt.model.card.model_dump_json()
    assert TrainSettings.load(again.card.settings) == learnt.settings
    np.testing.assert_array_equal(applied(small.pair, again), applied(small.pair, learnt.model))
    np.testing.assert_array_equal(
        applied([small.first], again), applied([small.first], learnt.model)
    )


@pytest.mark.parametrize(("side", "margin"), [(16, None), (24, None), (20, 64)])
@pytest.mark.parametrize("count", [1, 2])
def test_the_size_of_the_pieces_does_not_matter(learnt, small, side, margin, count):
    things = small.pair[:count]
    whole = applied(things, learnt.model, keep="off")
    parts = applied(things, learnt.model, keep="off", tile=side, margin=margin)
    assert_near(parts, whole, 1e-5)


def test_the_size_of_the_pieces_matters_little_for_the_mixture(learnt, small):
    """Its filters and the measured spectra see the borders of pieces."""
    whole = applied(small.pair, learnt.model)
    parts = applied(small.pair, learnt.model, tile=16)
    span = whole.max() - whole.min()
    assert np.sqrt(((parts - whole) ** 2).mean()) < 0.03 * span
    good = correlation(whole, small.truth)
    assert correlation(parts, small.truth) == pytest.approx(good, abs=0.015)


def test_the_result_can_go_into_a_memory_map(learnt, small, tmp_path):
    expected = applied(small.pair, learnt.model)
    into = np.memmap(tmp_path / "out", np.float32, "w+", shape=small.first.shape)
    volume, _, _ = apply(small.pair, learnt.model, apply_settings(), SilentReporter(), into=into)
    assert volume.data is into
    into.flush()
    written = np.fromfile(tmp_path / "out", np.float32).reshape(into.shape)
    np.testing.assert_array_equal(written, expected)


def test_large_work_in_between_goes_to_the_disk(learnt, small, monkeypatch):
    expected = applied(small.pair, learnt.model)
    monkeypatch.setattr(denoise, "_IN_MEMORY", 0)
    scratch = []
    original = denoise.scratch
    monkeypatch.setattr(
        denoise, "scratch", lambda like: scratch.append(original(like)) or scratch[-1]
    )
    np.testing.assert_array_equal(applied(small.pair, learnt.model), expected)
    assert isinstance(scratch[0], np.memmap)


@pytest.mark.parametrize("kind", ["<i2", ">f4", "u1"])
def test_files_of_any_type_are_read_only_and_denoised(learnt, small, kind, tmp_path):
    pair = []
    for number, half in enumerate(small.pair):
        values = np.clip(np.rint(half.data), 0, 255).astype(kind)
        values.tofile(tmp_path / f"{number}")
        mapped = np.memmap(tmp_path / f"{number}", kind, "r", shape=values.shape)
        pair.append(replace(half, data=mapped))
    found = applied(pair, learnt.model)
    assert_near(found, applied(small.pair, learnt.model), 0.1)
    assert found.dtype == np.float32


def test_memory_that_runs_out_makes_the_pieces_smaller(learnt, small, monkeypatch):
    class Limited(nn.Module):
        """Has memory for few voxels only."""

        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network, self.multiple, self.reach = network, network.multiple, network.reach

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            if image.numel() > 25_000:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return self.network(image)

    values = {"keep": "off", "margin": 4}
    expected = applied(small.pair, learnt.model, tile=16, **values)
    monkeypatch.setattr(applying, "load", lambda *given: Limited(load(*given)))
    report = RecordingReporter()
    found, measures, _ = apply(small.pair, learnt.model, apply_settings(**values), report)
    assert report.said[-1] == "Memory ran out; going on with pieces of 16 voxels."
    assert_near(found.data, expected, 1e-5)
    known = [value for value in measures["fsc_raw"] if value is not None]
    assert known
    assert np.isfinite(known).all()


def test_the_turns_are_those_of_the_training(learnt, small, monkeypatch):
    used = []
    monkeypatch.setattr(denoise, "spread", lambda group, count: used.append((group, count)) or ())
    monkeypatch.setattr(applying, "predict", lambda network, values, *rest: values)
    applied(small.pair, learnt.model, passes=5)
    assert used == [("rotations", 5)]


@pytest.mark.parametrize("keep", ["auto", "off"])
def test_progress_runs_from_nothing_to_all(learnt, small, keep):
    report = RecordingReporter()
    apply(small.pair, learnt.model, apply_settings(keep=keep, tile=16, passes=2), report)
    done = np.array([step["done"] / step["total"] for step in report.steps])
    assert done[0] == 0
    assert done[-1] == pytest.approx(1)
    assert (np.diff(done) >= -1e-12).all()
    assert np.diff(done).max() < 0.2


@pytest.mark.parametrize("at_check", [1, 3, 30])
def test_applying_can_be_stopped(learnt, small, at_check):
    report = Stopping(at_check=at_check)
    with pytest.raises(Cancelled):
        apply(small.pair, learnt.model, apply_settings(tile=16, passes=2), report)
    assert report.checks == at_check


def test_another_voxel_size_is_warned_of(learnt, small):
    said = {}
    for size in (2.0, 2.15, 4.0):
        report = RecordingReporter()
        pair = [replace(half, voxel_size=(size,) * 3) for half in small.pair]
        apply(pair, learnt.model, apply_settings(keep="off"), report)
        said[size] = " ".join(report.said)
    assert "trained at 2 Å per voxel, these data have 4 Å" in said[4.0]
    assert "trained at" not in said[2.0] + said[2.15]


# ------------------------------------------------------------------------- what is wrong


def test_the_model_of_another_method_is_refused(learnt, small):
    other = Model(learnt.model.card.model_copy(update={"method": "picking"}), learnt.model.weights)
    with pytest.raises(ModelError, match="was made by picking and cannot be applied by noise2"):
        applied(small.pair, other)


def test_a_model_without_a_network_is_refused(small):
    with pytest.raises(ModelError, match="Update CryoNet"):
        applied(small.pair, Model(ModelCard(method="noise2noise"), {}))


@pytest.mark.parametrize(
    ("things", "words"),
    [
        (lambda one, two: [], "denoises one volume or two halves, not 0"),
        (lambda one, two: [one, two, one], "not 3"),
        (lambda one, two: [one, one], "one and the same volume"),
        (lambda one, two: [one, replace(two, data=two.data[1:])], "same shape"),
        (lambda one, two: [replace(one, data=one.data[None])], "needs volumes z, y, x"),
        (lambda one, two: [replace(one, data=one.data + 1j)], "of real numbers"),
        (lambda one, two: [replace(one, data=one.data * np.nan)], "not numbers"),
        (lambda one, two: [replace(one, data=one.data * 0)], "nothing to learn"),
    ],
    ids=["none", "three", "twice", "shape", "stack", "complex", "nan", "constant"],
)
def test_inputs_that_do_not_fit_are_refused(learnt, small, things, words):
    with pytest.raises(DataError, match=words):
        applied(things(*small.pair), learnt.model)


def test_no_pairs_are_refused():
    with pytest.raises(DataError, match="at least one pair of halves"):
        train([], train_settings(), SilentReporter())


# ------------------------------------------------------------------------ kinds of training


@pytest.fixture
def tiny(rng):
    return halves((24, 24, 24), rng, snr=0.5, scale=SCALE, shift=SHIFT)


def finite(things, model):
    found = applied(things, model)
    assert found.shape == things[0].shape
    assert np.isfinite(found).all()
    return found


@pytest.mark.parametrize(
    "values",
    [
        {"normalisation": "minmax"},
        {"normalisation": "none"},
        {"loss_power": 1.0},
        {"loss_power": 4.0},
        {"mixing": 1.0, "swap": False},
        {"sampling": "signal"},
        {"rotations": "none", "held_out": 0.0},
        {"batch": 3, "schedule": "exponential", "epochs": 1},
        {"precision": "bfloat16"},
        {"network": "unet", "depth": 1},
        {"network": "unet", "depth": 2, "transposed": True, "leak": 0.0},
        {"network": "unet", "depth": 1, "residual": True},
    ],
    ids=str,
)
def test_every_kind_of_training_gives_a_model_that_can_be_applied(tiny, values):
    settings = train_settings(**values)
    model = train([tiny.pair], settings, SilentReporter())
    assert model.card.normalisation["kind"] == settings.normalisation
    assert model.card.network["kind"] == settings.network
    assert ("quality" in model.card.training) is (settings.held_out > 0)
    found = finite(tiny.pair, model)
    assert found.mean() == pytest.approx(tiny.raw.mean(), rel=1e-5)
    assert correlation(found, tiny.raw) > 0.3


def test_equal_seeds_give_equal_models(tiny):
    one, two, other = (
        train([tiny.pair], train_settings(seed=seed), SilentReporter()) for seed in (1, 1, 2)
    )
    for name, value in one.weights.items():
        np.testing.assert_array_equal(value, two.weights[name])
    assert any((value != other.weights[name]).any() for name, value in one.weights.items())


def test_minmax_is_measured_again_where_a_model_is_applied(tiny):
    model = train([tiny.pair], train_settings(normalisation="minmax"), SilentReporter())
    assert model.card.normalisation["shift"] == pytest.approx(
        min(half.data.min() for half in tiny.pair)
    )
    other = [replace(half, data=half.data * 10 - 7) for half in tiny.pair]
    assert_near(applied(other, model), applied(tiny.pair, model) * 10 - 7, 1e-4)


def test_several_pairs_of_several_sizes_are_learnt_from(tiny, rng):
    thin = halves((12, 24, 30), rng, scale=7.0)
    settings = train_settings(batch=4, rotations="rotations")
    model = train([tiny.pair, thin.pair], settings, SilentReporter())
    assert len(model.card.inputs) == 4
    finite(thin.pair, model)


def test_validation_pairs_judge_and_nothing_is_held_out(tiny, rng, monkeypatch):
    other = halves((20, 20, 20), rng, snr=0.5)
    held = []
    original = prepare

    def watching(each, *rest, **named):
        pair = original(each, *rest, **named)
        held.append(len(pair.held))
        return pair

    monkeypatch.setattr("napari_cryonet.methods.noise2noise.train.prepare", watching)
    report = RecordingReporter()
    model = train([tiny.pair], train_settings(), report, validation=[other.pair])
    assert held[0] == 0
    assert held[1] > 0
    assert "quality" in model.card.training
    assert len(model.card.inputs) == 2


@pytest.mark.parametrize("shape", [(5, 24, 24), (24, 3, 24), (17, 19, 23)])
def test_thin_and_odd_volumes_are_learnt_from(shape, rng):
    data = halves(shape, rng, snr=0.5)
    report = RecordingReporter()
    model = train([data.pair], train_settings(batch=2), report)
    assert model.card.extra["rotations"] == "flips"
    assert "quality" in report.steps[-1]
    finite(data.pair, model)


def test_data_of_another_voxel_size_are_resampled_there_and_back(tiny):
    settings = train_settings(voxel_size=3.0, voxel_size_min=2.5)
    report = RecordingReporter(want=(slice(20, 24), slice(0, 24), slice(0, 24)))
    model = train([tiny.pair], settings, report)
    assert model.card.voxel_size == (3.0, 3.0, 3.0)
    assert "half 1 is resampled from 2 to 3 Å." in report.said
    assert report.previews[-1].shape == (3, 16, 16)
    into = np.zeros((24, 24, 24), np.float32)
    volume, _, _ = apply(tiny.pair, model, apply_settings(), SilentReporter(), into=into)
    np.testing.assert_array_equal(volume.data, into)
    assert volume.voxel_size == tiny.first.voxel_size
    assert volume.history[-1] == "Resampled back."
    assert into.mean() == pytest.approx(tiny.raw.mean(), rel=1e-5)


def test_previews_are_volumes_at_their_place(tiny):
    region = (slice(4, 5), slice(0, 20), slice(10, 24))
    report = RecordingReporter(want=region)
    train([tiny.pair], train_settings(), report)
    shown = report.previews[-1]
    assert shown.shape == (1, 20, 14)
    assert shown.origin == (8.0, 0.0, 20.0)
    assert shown.data.mean() == pytest.approx(SHIFT, abs=2 * SCALE)


# ------------------------------------------------------------------------ the run folder


def test_a_training_goes_on_where_it_was_stopped(tiny, tmp_path):
    settings = train_settings(steps=6, validate_every=2)
    whole = train([tiny.pair], settings, SilentReporter())
    quiet = Stopping()
    prepare(tiny.pair, settings, 4, quiet)
    stop = Stopping(at_check=quiet.checks + 4)
    parted = train([tiny.pair], settings, stop, folder=tmp_path)
    assert parted.card.training["ended"] == "stopped"
    assert parted.card.training["steps"] == 3
    report = RecordingReporter()
    found = train([tiny.pair], settings, report, folder=tmp_path, resume=True)
    assert "Resumed at step 3." in report.said
    for name, value in whole.weights.items():
        np.testing.assert_array_equal(found.weights[name], value)
    assert found.card.extra == whole.card.extra


def test_the_model_of_every_epoch_can_be_kept(tiny, tmp_path):
    settings = train_settings(epochs=2, keep_epochs=True)
    train([tiny.pair], settings, SilentReporter(), folder=tmp_path)
    paths = sorted((tmp_path / "models").iterdir())
    assert [path.name for path in paths] == ["epoch_0001.safetensors", "epoch_0002.safetensors"]
    for number, path in enumerate(paths, 1):
        model = read_model(path)
        assert model.card.training == {"epoch": number}
        finite([tiny.first], model)


def test_without_a_folder_nothing_is_written(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train([tiny.pair], train_settings(epochs=1, keep_epochs=True), SilentReporter())
    assert list(tmp_path.iterdir()) == []


def test_resuming_what_was_never_begun_is_said(tiny, tmp_path):
    with pytest.raises(FileProblem, match="There is no checkpoint"):
        train([tiny.pair], train_settings(), SilentReporter(), folder=tmp_path, resume=True)


def test_discarding_gives_no_model(tiny, tmp_path):
    report = RecordingReporter(stop_after=1, keep=False)
    with pytest.raises(Cancelled):
        train([tiny.pair], train_settings(steps=500), report, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
