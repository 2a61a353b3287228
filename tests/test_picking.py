"""Picking from a few labels to all particles of a tomogram that was never seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from napari_cryonet.errors import DataError, ModelError
from napari_cryonet.io import read_model, write, write_model
from napari_cryonet.jobs import Job, run
from napari_cryonet.jobs.inputs import read_points
from napari_cryonet.methods.picking.apply import apply
from napari_cryonet.methods.picking.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.picking.train import train
from napari_cryonet.reporting import RecordingReporter, SilentReporter
from napari_cryonet.signal.peaks import blobs, find_peaks
from napari_cryonet.signal.score import score
from napari_cryonet.simulate.particles import PickingSample, picking_sample
from napari_cryonet.types import Model, ModelCard, Points, Volume
from phantom import one_thread, single_thread  # noqa: F401

DIAMETER = 150.0
"""Å across a barrel: the smaller and weaker of two kinds of particles is to be found."""

HERE = {"device": "cpu", "precision": "float32"}
BRIEF = {**HERE, "diameter": DIAMETER, "max_minutes": None, "width": 2, "steps": 2, "batch": 2}
NEAR = DIAMETER / 2


def apply_settings(**values: Any) -> ApplySettings:
    return ApplySettings.load({**HERE, "passes": 1, **values})


def sample(seed: int) -> PickingSample:
    return picking_sample((32, 112, 112), seed=seed, snr=0.3, counts=(10, 20, 0), vesicle=False)


@dataclass(frozen=True)
class Learnt:
    """What was learnt from, the model, and a tomogram that it has never seen."""

    seen: PickingSample
    labels: Points
    unseen: PickingSample
    model: Model
    report: RecordingReporter


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    with single_thread():
        seen, unseen = sample(0), sample(1)
        labels = seen.others.kept(np.arange(14))
        report = RecordingReporter()
        settings = TrainSettings.load(
            {
                **HERE,
                "diameter": DIAMETER,
                "max_minutes": None,
                "steps": 150,
                "width": 16,
                "held_out": 0.4,
            }
        )
        model = train([(seen.tomogram, labels)], settings, report)
    return Learnt(seen, labels, unseen, model, report)


@pytest.fixture(scope="module")
def brief() -> Model:
    """Return a model that has learnt nothing."""
    seen = sample(0)
    with single_thread():
        return train([(seen.tomogram, seen.others)], TrainSettings.load(BRIEF), SilentReporter())


def by_blobs(volume: Volume) -> Points:
    """Return what a difference of Gaussians picks."""
    strength = blobs(volume.data, DIAMETER / volume.scale[0])
    places, scores = find_peaks(strength, 0.65 * DIAMETER, 0.0, scale=volume.scale)
    return Points(places, {"score": scores}, volume.voxel_size)


def test_an_unseen_tomogram_is_picked_better_than_by_blobs(learnt):
    result = apply([learnt.unseen.tomogram], learnt.model, apply_settings(), SilentReporter())
    made = score(result.others["picks"], learnt.unseen.others, NEAR)
    plain = score(by_blobs(learnt.unseen.tomogram), learnt.unseen.others, NEAR)
    assert made.f1 > plain.best_f1 + 0.1
    assert made.f1 > 0.7
    assert made.median_error < 2 * learnt.unseen.tomogram.scale[0]


def test_the_threshold_of_the_model_is_near_the_best(learnt):
    every = apply_settings(threshold=0.002)
    result = apply([learnt.unseen.tomogram], learnt.model, every, SilentReporter())
    best = score(result.others["picks"], learnt.unseen.others, NEAR).best_f1
    own = apply([learnt.unseen.tomogram], learnt.model, apply_settings(), SilentReporter())
    assert score(own.others["picks"], learnt.unseen.others, NEAR).f1 > best - 0.2


def test_training_says_what_it_does_and_the_card_what_it_is(learnt):
    card = learnt.model.card
    assert card.extra["classes"] == ["lookalike"]
    assert card.extra["diameters"] == {"lookalike": DIAMETER}
    assert card.extra["labels"] == [14]
    assert 0 < card.extra["thresholds"]["lookalike"]["threshold"] < 1
    assert card.voxel_size == pytest.approx((15.0, 15.0, 15.0))
    assert card.training["quality"] > 0.2


def test_scores_lie_on_the_grid_of_the_tomogram(learnt):
    volume = learnt.unseen.tomogram
    into = np.full(volume.shape, -1, np.float32)
    result = apply([volume], learnt.model, apply_settings(), SilentReporter(), into=into)
    assert result.volume.data is into
    assert 0 <= into.min() <= into.max() <= 1
    assert result.volume.voxel_size == volume.voxel_size
    picks = result.others["picks"]
    places = np.round(picks.positions).astype(int)
    assert np.median(into[tuple(places.T)]) > 20 * np.median(into)
    assert picks.volume_shape == volume.shape
    assert set(picks.features) == {"score", "class", "radius"}


def test_tiles_change_nothing(learnt):
    volume = learnt.unseen.tomogram
    whole, cut = (
        apply([volume], learnt.model, apply_settings(tile=tile), SilentReporter())
        for tile in (256, 16)
    )
    assert np.allclose(whole.volume.data, cut.volume.data, atol=1e-5)


def test_border_and_mask_leave_picks_out(learnt):
    volume = learnt.unseen.tomogram
    every = apply([volume], learnt.model, apply_settings(threshold=0.01), SilentReporter())
    inner = apply_settings(threshold=0.01, border=135.0)
    rim = apply([volume], learnt.model, inner, SilentReporter()).others["picks"]
    assert 0 < len(rim) < len(every.others["picks"])
    assert rim.positions.min() >= 10
    mask = volume.changed(np.zeros(volume.shape, np.float32), "A mask.")
    mask.data[:, :56] = 1
    half = apply([volume, mask], learnt.model, apply_settings(threshold=0.01), SilentReporter())
    assert 0 < len(half.others["picks"]) < len(every.others["picks"])
    assert half.others["picks"].positions[:, 1].max() < 56


def test_equal_seeds_repeat_a_training(brief):
    seen = sample(0)
    again = train([(seen.tomogram, seen.others)], TrainSettings.load(BRIEF), SilentReporter())
    for name, value in brief.weights.items():
        assert np.array_equal(value, again.weights[name])


def test_a_training_starts_from_a_model(learnt):
    row, settings = (learnt.seen.tomogram, learnt.labels), {**BRIEF, "width": 16, "steps": 1}
    report = RecordingReporter()
    again = train([row], TrainSettings.load(settings), report, start=learnt.model)
    bare = train([row], TrainSettings.load(settings), SilentReporter())
    assert any("starts from" in sentence for sentence in report.said)
    old, near, far = (model.weights["head.weight"] for model in (learnt.model, again, bare))
    assert np.abs(near - old).max() < 0.1 * np.abs(far - old).max()
    found = apply([learnt.unseen.tomogram], again, apply_settings(), SilentReporter())
    assert score(found.others["picks"], learnt.unseen.others, NEAR).f1 > 0.6


def test_a_model_of_other_classes_is_no_start(learnt):
    seen = sample(0)
    kinds = np.array(["a", "b"])[np.arange(20) % 2]
    row = (seen.tomogram, replace(seen.others, features={"class": kinds}))
    report = RecordingReporter()
    made = train([row], TrainSettings.load(BRIEF), report, start=learnt.model)
    assert made.card.extra["classes"] == ["a", "b"]
    assert any("another network" in sentence for sentence in report.said)
    with pytest.raises(ModelError, match="noise2noise"):
        train(
            [row],
            TrainSettings.load(BRIEF),
            report,
            start=Model(ModelCard(method="noise2noise"), {}),
        )


@pytest.mark.parametrize("options", [{"contrast": 0.1, "temperature": 0.02}, {"consistency": 1.0}])
def test_views_can_be_made_to_agree(options):
    seen = sample(0)
    settings = TrainSettings.load({**BRIEF, **options})
    model = train([(seen.tomogram, seen.others)], settings, SilentReporter())
    assert all(np.isfinite(value).all() for value in model.weights.values())
    assert ("looks.weight" in model.weights) == ("contrast" in options)
    found = apply([seen.tomogram], model, apply_settings(threshold=0.0), SilentReporter())
    assert len(found.others["candidates"])


def test_several_classes_and_tomograms():
    seen = sample(0)
    kinds = np.array(["a", "b"])[np.arange(20) % 2]
    labels = replace(seen.others, features={"class": kinds})
    rows = [(seen.tomogram, labels), (sample(1).tomogram, sample(1).others)]
    model = train(rows, TrainSettings.load(BRIEF), SilentReporter())
    assert model.card.extra["classes"] == ["a", "b", "lookalike"]
    result = apply([seen.tomogram], model, apply_settings(threshold=0.0), SilentReporter())
    assert set(result.measures["classes"]) == {"a", "b", "lookalike"}
    assert sum(result.measures["classes"].values()) == len(result.others["picks"])


def test_a_model_survives_its_file(learnt, tmp_path):
    write_model(tmp_path / "m.safetensors", learnt.model)
    known = read_model(tmp_path / "m.safetensors")
    volume = learnt.unseen.tomogram
    one, two = (
        apply([volume], model, apply_settings(), SilentReporter()).others["picks"]
        for model in (learnt.model, known)
    )
    assert np.array_equal(one.positions, two.positions)


def test_jobs_read_labels_and_write_picks(tmp_path):
    seen = sample(0)
    write(tmp_path / "tomogram.mrc", seen.tomogram)
    write(tmp_path / "labels.csv", seen.others)
    row = [[str(tmp_path / "tomogram.mrc"), str(tmp_path / "labels.csv")]]
    model = str(tmp_path / "m.safetensors")
    job = Job.load({"method": "picking", "inputs": row, "output": model, "settings": BRIEF})
    assert run(job, SilentReporter()).model.card.extra["labels"] == [20]
    asked = {
        "method": "picking",
        "action": "apply",
        "inputs": [row[0][:1]],
        "model": model,
        "output": str(tmp_path / "scores.mrc"),
        "settings": {**HERE, "passes": 1, "threshold": 0.0},
    }
    outcome = run(Job.load(asked), SilentReporter())
    assert [path.name for path in outcome.files] == [
        "scores.mrc",
        "scores_picks.star",
        "scores_candidates.star",
    ]
    picks = outcome.others["picks"]
    assert len(picks) == outcome.measures["picked"] > 0
    known = read_points(tmp_path / "scores_picks.star", outcome.volume)
    assert np.allclose(known.positions, picks.positions, atol=1e-3)
    assert len(known) == len(picks)
    assert np.allclose(known.features["score"], picks.features["score"], atol=1e-4)


def test_what_cannot_be_picked_is_refused(brief):
    volume = sample(0).tomogram
    with pytest.raises(DataError, match="at least one tomogram"):
        train([], TrainSettings(), SilentReporter())
    with pytest.raises(DataError, match="voxel size"):
        apply([replace(volume, voxel_size=None)], brief, apply_settings(), SilentReporter())
    small = Volume(np.ones((3, 3, 3)), volume.voxel_size)
    with pytest.raises(DataError, match="mask is a volume"):
        apply([volume, small], brief, apply_settings(), SilentReporter())
    other = Model(ModelCard(method="noise2noise"), {})
    with pytest.raises(ModelError, match="noise2noise"):
        apply([volume], other, apply_settings(), SilentReporter())
    bare = replace(brief, card=brief.card.model_copy(update={"extra": {}}))
    with pytest.raises(ModelError, match="damaged"):
        apply([volume], bare, apply_settings(), SilentReporter())


def test_a_tomogram_of_a_few_planes_is_refused():
    whole = sample(0)
    thin = whole.tomogram.changed(whole.tomogram.data[:3], "Cut.")
    labels = replace(whole.particles, positions=whole.particles.positions * [0, 1, 1])
    with pytest.raises(DataError, match="voxels thick where a particle has 10 across; 4 are"):
        train([(thin, labels)], TrainSettings.load(BRIEF), SilentReporter())


def test_coarse_voxels_are_warned_of(brief):
    volume = replace(sample(0).tomogram, voxel_size=(40.0, 40.0, 40.0))
    report = RecordingReporter()
    apply([volume], brief, apply_settings(), report)
    assert any("detail is missing" in sentence for sentence in report.said)
