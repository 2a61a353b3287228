"""Self2Self from one volume to a denoised one, measured against a truth it never saw."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import spearmanr

from napari_cryonet.errors import DataError, ModelError, SettingsError, TrainingError
from napari_cryonet.io import read_model, write_model
from napari_cryonet.methods.self2self import apply as applying
from napari_cryonet.methods.self2self.apply import apply
from napari_cryonet.methods.self2self.data import cut
from napari_cryonet.methods.self2self.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.self2self.train import train
from napari_cryonet.reporting import Cancelled, RecordingReporter, SilentReporter
from napari_cryonet.signal.correlate import correlation
from napari_cryonet.types import Model, Volume
from phantom import Floats, Stopping, blobs, noise, one_thread, single_thread  # noqa: F401

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
LEARNING = {
    "steps": 150,
    "width": 8,
    "patch": 24,
    "batch": 2,
    "learning_rate": 8e-3,
    "warmup": 5,
    "average": 0.9,
    "held_out_side": 12,
    "validate_every": 50,
}
SCALE, SHIFT = 3.0, 50.0
SHAPE = (48, 48, 48)
MODES = ("bernoulli", "fourier", "noise")


def train_settings(**values):
    return TrainSettings.load({**BRIEF, **values})


def apply_settings(**values):
    return ApplySettings.load({**HERE, "passes": 2, **values})


def noisy(shape, rng, *, white, snr=0.5, **fields):
    """A volume with noise, and the truth behind it: bodies with edges, and nothing between."""
    bodies = blobs(shape, rng, density=0.0004) > 1
    truth = ndimage.gaussian_filter(bodies.astype(np.float32), 0.6, mode="wrap")
    truth = (truth - truth.mean()) / truth.std()
    grain = rng.standard_normal(shape).astype(np.float32) if white else noise(shape, rng, 0.7)
    data = np.float32(SCALE) * (truth + grain / np.float32(snr**0.5)) + np.float32(SHIFT)
    return Volume(data, **{"voxel_size": (2.0, 2.0, 2.0), "name": "one", **fields}), truth


def best_gaussian(data: Floats, truth: Floats) -> float:
    return max(
        correlation(ndimage.gaussian_filter(data, sigma, mode="wrap"), truth)
        for sigma in np.arange(0.4, 3, 0.1)
    )


@dataclass(frozen=True)
class Learnt:
    """A volume, its truth, and what each mode makes of it."""

    volume: Volume
    truth: Floats
    models: dict[str, Model]
    quality: dict[str, float]
    said: dict[str, list[str]]


@pytest.fixture(scope="module", params=[True, False], ids=["white", "correlated"])
def learnt(request) -> Learnt:
    """All modes after 150 steps of eight channels on one core, and the automatic one."""
    volume, truth = noisy(SHAPE, np.random.default_rng(5), white=request.param)
    models, quality, said = {}, {}, {}
    with single_thread():
        for mode in (*MODES, "auto"):
            report = RecordingReporter()
            models[mode] = train([(volume,)], train_settings(mode=mode, **LEARNING), report)
            found = apply([volume], models[mode], apply_settings(passes=4), SilentReporter())
            quality[mode] = correlation(found.volume.data, truth)
            said[mode] = report.said
    return Learnt(volume, truth, models, quality, said)


@pytest.fixture
def tiny(rng) -> Volume:
    """A small volume with correlated noise."""
    return noisy((24, 24, 24), rng, white=False)[0]


@pytest.fixture(scope="module")
def brief() -> Model:
    """A model after three steps, in mode noise."""
    volume, _ = noisy((24, 24, 24), np.random.default_rng(3), white=False)
    with single_thread():
        return train([(volume,)], train_settings(), SilentReporter())


# ---------------------------------------------------------------------------- how good


def test_the_automatic_mode_is_the_right_one(learnt):
    """Masks where the noise is white, noise of the same kind where it is correlated."""
    chosen = learnt.models["auto"].card.extra["mode"]
    white = learnt.models["auto"].card.extra["noise"]["reach"] == 1
    assert chosen == ("bernoulli" if white else "noise")
    assert learnt.quality["auto"] == learnt.quality[chosen]
    assert learnt.quality["auto"] > max(learnt.quality.values()) - 0.01
    if not white:
        assert learnt.quality["auto"] > learnt.quality["bernoulli"] + 0.05


def test_no_mode_loses_to_the_raw_volume_and_the_chosen_one_beats_the_best_gaussian(learnt):
    raw = correlation(learnt.volume.data, learnt.truth)
    assert min(learnt.quality.values()) > raw + 0.02
    gaussian = best_gaussian(learnt.volume.data, learnt.truth)
    assert learnt.quality["auto"] > gaussian + 0.02


def test_what_was_found_is_said(learnt):
    sentences = " ".join(learnt.said["auto"])
    assert "one: The noise is " in sentences
    assert f"Mode {learnt.models['auto'].card.extra['mode']}: " in sentences


@pytest.mark.parametrize(("mode", "least"), [("noise", 0.3), ("auto", 0.25)])
def test_the_uncertainty_is_large_where_the_error_is(mode, least, learnt):
    settings = apply_settings(passes=24, uncertainty=True)
    found = apply([learnt.volume], learnt.models[mode], settings, SilentReporter())
    unsure = found.others["uncertainty"]
    slope, offset = np.polyfit(learnt.truth.ravel(), found.volume.data.ravel(), 1)
    error = np.abs(found.volume.data - slope * learnt.truth - offset)
    assert spearmanr(unsure.data.ravel(), error.ravel())[0] > least
    assert unsure.name == "one uncertainty"
    assert unsure.voxel_size == learnt.volume.voxel_size
    assert unsure.data.min() >= 0


def test_grey_values_and_everything_else_are_kept(learnt):
    model = learnt.models["noise"]
    into = np.zeros(SHAPE, np.float32)
    volume = replace(learnt.volume, origin=(5.0, 6.0, 7.0), history=("Reconstructed.",))
    found = apply([volume], model, apply_settings(), SilentReporter(), into=into).volume
    assert found.data is into
    assert found.data.mean() == pytest.approx(volume.data.mean(), rel=1e-4)
    assert (found.origin, found.voxel_size) == (volume.origin, volume.voxel_size)
    assert found.history[0] == "Reconstructed."
    assert "Self2Self, mode noise" in found.history[-1]


def test_the_measured_curves_are_those_against_the_truth(learnt):
    measures = apply(
        [learnt.volume], learnt.models["noise"], apply_settings(), SilentReporter()
    ).measures
    assert len(measures["fsc_raw"]) == len(measures["fsc_denoised"]) == 64
    known = [
        (raw, own)
        for raw, own in zip(measures["fsc_raw"], measures["fsc_denoised"], strict=True)
        if own is not None
    ]
    raw, own = np.mean(known, axis=0)
    assert own > raw


def test_the_quality_in_the_card_is_near_that_against_the_truth(learnt):
    for mode in ("bernoulli", "noise"):
        estimate = learnt.models[mode].card.training["quality"]
        assert estimate == pytest.approx(learnt.quality[mode], abs=0.15)


# ----------------------------------------------------------------------- what options do


def test_passes_are_averaged(learnt):
    """The more of them, the less of the masks is left in the result."""
    model = learnt.models["bernoulli"]
    found = [
        correlation(
            apply(
                [learnt.volume], model, apply_settings(passes=count, keep="off"), SilentReporter()
            ).volume.data,
            learnt.truth,
        )
        for count in (1, 8)
    ]
    assert found[1] > found[0] + 0.003


def test_total_variation_makes_smoother(tiny):
    rough = []
    for weight in (0.0, 20.0):
        settings = train_settings(
            mode="bernoulli", steps=60, width=4, total_variation=weight, learning_rate=8e-3
        )
        model = train([(tiny,)], settings, SilentReporter())
        made = apply([tiny], model, apply_settings(keep="off"), SilentReporter()).volume.data
        rough.append(sum(np.abs(np.diff(made, axis=axis)).sum() for axis in range(3)))
    assert rough[1] < 0.7 * rough[0]


def test_dropout_makes_passes_differ(tiny):
    spread = []
    for dropout in (0.0, 0.5):
        settings = train_settings(mode="noise", steps=30, width=4, dropout=dropout, mixing=0.05)
        model = train([(tiny,)], settings, SilentReporter())
        wanted = apply_settings(passes=4, uncertainty=True)
        found = apply([tiny], model, wanted, SilentReporter())
        spread.append(found.others["uncertainty"].data.mean() * 0.05)
    assert spread[1] > 2 * spread[0]


@pytest.mark.parametrize(
    "values",
    [
        {"mode": "bernoulli", "masks": "both", "samples": 3, "block_side": 3},
        {"mode": "bernoulli", "loss": "norm", "total_variation": 1e-4, "dropout": 0.3},
        {"mode": "fourier", "fourier_target": "others", "samples": 2},
        {"mode": "noise", "rotations": "none", "network": "unet", "depth": 2, "dropout": 0.3},
    ],
)
def test_options_work_together(values, tiny):
    model = train([(tiny,)], train_settings(**values), SilentReporter())
    found = apply([tiny], model, apply_settings(), SilentReporter()).volume
    assert np.isfinite(found.data).all()


def test_a_box_is_trained_on_alone(tiny, monkeypatch):
    whole = replace(tiny, data=np.where(np.arange(24)[:, None, None] < 16, tiny.data, 1e6))
    settings = train_settings(box=(0, 16, 2, 24, 4, 24))
    model = train([(whole,)], settings, SilentReporter())
    assert model.card.normalisation["shift"] == pytest.approx(
        whole.data[:16, 2:, 4:].mean(), rel=1e-5
    )
    assert model.card.inputs[0]["shape"] == [24, 24, 24]


def test_a_box_lies_at_its_place(tiny):
    part = cut(replace(tiny, origin=(1.0, 2.0, 3.0)), (2, 20, 0, 24, 5, 24))
    assert part.shape == (18, 24, 19)
    assert part.origin == (5.0, 2.0, 13.0)
    np.testing.assert_array_equal(part.data, tiny.data[2:20, :, 5:])


@pytest.mark.parametrize("box", [(0, 30, 0, 24, 0, 24), (5, 5, 0, 24, 0, 24), (0, 4, 0, 24, 0, 24)])
def test_a_box_that_does_not_fit_is_refused(box, tiny):
    with pytest.raises(DataError, match="has to lie inside one"):
        train([(tiny,)], train_settings(box=box), SilentReporter())


def test_training_on_deconvolved(tiny):
    settings = train_settings(deconvolution={"defocus": 3.0, "snr_falloff": 0.5})
    report = RecordingReporter()
    model = train([(tiny,)], settings, report)
    assert any("is deconvolved: 3 um" in said for said in report.said)
    report = RecordingReporter()
    found = apply([tiny], model, apply_settings(), report).volume
    assert any("is deconvolved" in said for said in report.said)
    assert any("Deconvolution, 3 um" in line for line in found.history)
    with pytest.raises(DataError, match="no voxel size"):
        train([(replace(tiny, voxel_size=None),)], settings, SilentReporter())


def test_many_volumes_are_learnt_from(tiny, rng):
    other, _ = noisy((12, 30, 26), rng, white=False, name="two")
    model = train([(tiny,), (other,)], train_settings(batch=4), SilentReporter())
    assert [each["name"] for each in model.card.inputs] == ["one", "two"]
    report = RecordingReporter()
    train([(tiny,)], train_settings(), report, validation=[(other,)])
    assert "quality" in report.steps[-1]


@pytest.mark.parametrize("shape", [(5, 24, 24), (17, 19, 23)])
def test_thin_and_odd_volumes(shape, rng):
    volume, _ = noisy(shape, rng, white=True)
    model = train([(volume,)], train_settings(), SilentReporter())
    found = apply([volume], model, apply_settings(uncertainty=True), SilentReporter())
    assert found.volume.shape == found.others["uncertainty"].shape == shape


def test_data_of_another_voxel_size_are_resampled_there_and_back(tiny):
    settings = train_settings(voxel_size=3.0, voxel_size_min=2.5)
    model = train([(tiny,)], settings, SilentReporter())
    into = np.zeros((24, 24, 24), np.float32)
    wanted = apply_settings(uncertainty=True)
    volume, _, others = apply([tiny], model, wanted, SilentReporter(), into=into)
    assert volume.data is into
    assert into.std() > 0
    assert volume.voxel_size == others["uncertainty"].voxel_size == tiny.voxel_size
    assert others["uncertainty"].shape == (24, 24, 24)
    assert others["uncertainty"].data.min() >= 0


# ---------------------------------------------------------------------- stop and go on


def test_a_resumed_training_ends_as_one_that_was_not_stopped(tiny, tmp_path):
    for mode in MODES:
        settings = train_settings(mode=mode, steps=8, dropout=0.2)
        whole = train([(tiny,)], settings, SilentReporter())
        folder = tmp_path / mode
        folder.mkdir()
        train([(tiny,)], settings, RecordingReporter(stop_after=3), folder=folder)
        resumed = train([(tiny,)], settings, SilentReporter(), folder=folder, resume=True)
        for name, value in whole.weights.items():
            np.testing.assert_array_equal(resumed.weights[name], value)


def test_nothing_to_resume_from_is_said(tiny):
    with pytest.raises(TrainingError, match="run folder"):
        train([(tiny,)], train_settings(), SilentReporter(), resume=True)


def test_equal_seeds_give_equal_results(tiny, brief):
    wanted = apply_settings(uncertainty=True)
    one, two = (apply([tiny], brief, wanted, SilentReporter()) for _ in range(2))
    np.testing.assert_array_equal(one.volume.data, two.volume.data)
    np.testing.assert_array_equal(one.others["uncertainty"].data, two.others["uncertainty"].data)
    other = apply([tiny], brief, apply_settings(seed=1), SilentReporter())
    assert (other.volume.data != one.volume.data).any()


def test_tiles_change_little(learnt):
    """Each tile draws its own noise, so the results differ by what that leaves."""
    model = learnt.models["noise"]
    whole, tiled = (
        apply([learnt.volume], model, apply_settings(passes=8, tile=tile), SilentReporter())
        for tile in (256, 24)
    )
    assert correlation(whole.volume.data, tiled.volume.data) > 0.985


@pytest.mark.parametrize("at_check", [1, 5, 12])
def test_applying_can_be_stopped(at_check, tiny, brief):
    report = Stopping(at_check=at_check, keep=False)
    with pytest.raises(Cancelled):
        apply([tiny], brief, apply_settings(passes=8, tile=16), report)
    assert report.checks == at_check


def test_the_model_file_holds_everything(tiny, brief, tmp_path):
    path = tmp_path / "model.safetensors"
    write_model(path, brief)
    again = apply([tiny], read_model(path), apply_settings(), SilentReporter()).volume
    expected = apply([tiny], brief, apply_settings(), SilentReporter()).volume
    np.testing.assert_array_equal(again.data, expected.data)


def test_previews_are_of_the_region_that_is_wanted(tiny):
    for mode in MODES:
        report = RecordingReporter(want=(slice(10, 11), slice(0, 24), slice(4, 24)))
        train([(tiny,)], train_settings(mode=mode), report)
        assert report.previews[-1].shape == (1, 24, 20)
        assert report.previews[-1].origin == (20.0, 0.0, 8.0)


# ------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (lambda one: [], "at least one volume"),
        (lambda one: [(one, one)], "one volume in each row"),
        (lambda one: [(replace(one, data=one.data[None]),)], "needs volumes z, y, x"),
        (lambda one: [(replace(one, data=one.data * np.nan),)], "not numbers"),
        (lambda one: [(replace(one, data=one.data * 0),)], "nothing to learn"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(rows, words, tiny):
    with pytest.raises(DataError, match=words):
        train(rows(tiny), train_settings(), SilentReporter())


def test_what_cannot_be_denoised_is_refused(tiny, brief):
    with pytest.raises(DataError, match="one volume at a time, not 2"):
        apply([tiny, tiny], brief, apply_settings(), SilentReporter())
    with pytest.raises(SettingsError, match="two are needed"):
        apply([tiny], brief, apply_settings(passes=1, uncertainty=True), SilentReporter())
    other = replace(brief, card=brief.card.model_copy(update={"method": "noise2noise"}))
    with pytest.raises(ModelError, match="cannot be applied by self2self"):
        apply([tiny], other, apply_settings(), SilentReporter())
    empty = replace(brief, card=brief.card.model_copy(update={"extra": {}}))
    with pytest.raises(ModelError, match="does not tell in which mode"):
        apply([tiny], empty, apply_settings(), SilentReporter())


def test_memory_that_runs_out_halves_the_tiles(tiny, brief, monkeypatch):
    original = applying.predict

    def limited(network, values, *rest):
        if values.size > 20**3 and values.shape[0] != 24:
            raise MemoryError
        return original(network, values, *rest)

    expected = apply([tiny], brief, apply_settings(keep="off"), SilentReporter()).volume
    monkeypatch.setattr(applying, "predict", limited)
    report = RecordingReporter()
    wanted = apply_settings(keep="off", tile=20, margin=2)
    found = apply([tiny], brief, wanted, report).volume
    assert np.isfinite(found.data).all()
    assert correlation(found.data, expected.data) > 0.5


def test_a_box_counts_voxels_of_the_volume_however_it_is_resampled(tiny):
    settings = train_settings(box=(0, 24, 6, 24, 12, 24), voxel_size=3.0, voxel_size_min=2.5)
    report = RecordingReporter(want=(slice(0, 1), slice(0, 18), slice(0, 12)))
    train([(tiny,)], settings, report)
    preview = report.previews[-1]
    assert preview.origin == (0.0, 12.0, 24.0)
    assert preview.shape == (1, 12, 8)
