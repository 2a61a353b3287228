"""Where trainings start: from the weights that come with CryoNet, from a model, or by chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from napari_cryonet.io import read_model
from napari_cryonet.methods import table
from napari_cryonet.methods.noise2noise.apply import apply
from napari_cryonet.methods.noise2noise.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.noise2noise.train import train
from napari_cryonet.methods.self2self.settings import TrainSettings as SingleSettings
from napari_cryonet.methods.self2self.train import train as train_single
from napari_cryonet.reporting import RecordingReporter, SilentReporter
from napari_cryonet.signal.correlate import correlation
from napari_cryonet.simulate import even_odd_tomogram, half_map_pair
from napari_cryonet.simulate.halfmaps import HalfMaps
from napari_cryonet.types import Model
from phantom import one_thread, single_thread  # noqa: F401

HERE = {"device": "cpu", "precision": "float32"}
STILL = {**HERE, "max_minutes": None, "steps": 1, "learning_rate": 1e-9, "patch": 24, "width": 16}


@pytest.fixture(scope="module")
def sample() -> HalfMaps:
    return half_map_pair(56, 1.5, seed=5)


@pytest.fixture(scope="module")
def general() -> Model:
    return read_model(table.find("noise2noise").model_file(""))


def distance(one: Model, two: Model) -> float:
    """Return the largest difference of any weight."""
    return max(float(np.abs(one.weights[name] - two.weights[name]).max()) for name in one.weights)


def trained(sample: HalfMaps, report: RecordingReporter | None = None, **values: Any) -> Model:
    settings = TrainSettings.load({**STILL, **values})
    return train([(sample.first, sample.second)], settings, report or SilentReporter())


@pytest.mark.usefixtures("one_thread")
def test_a_training_starts_from_the_general_weights(sample, general):
    report = RecordingReporter()
    model = trained(sample, report)
    assert distance(model, general) < 1e-6
    assert model.card.extra["start"] == "denoising"
    assert any("starts from the general weights" in sentence for sentence in report.said)


@pytest.mark.usefixtures("one_thread")
def test_one_volume_starts_from_the_same(sample, general):
    settings = SingleSettings.load(STILL)
    model = train_single([(sample.first,)], settings, SilentReporter())
    assert model.card.method == "self2self"
    assert distance(model, general) < 1e-6


@pytest.mark.usefixtures("one_thread")
def test_chance_is_there_to_choose(sample, general):
    model = trained(sample, initial_weights="random")
    assert model.card.extra["start"] == "random"
    assert distance(model, general) > 0.1


@pytest.mark.usefixtures("one_thread")
def test_another_network_starts_by_chance(sample):
    report = RecordingReporter()
    model = trained(sample, report, width=4)
    assert model.card.extra["start"] == "random"
    assert any("another network" in sentence for sentence in report.said)


@pytest.mark.usefixtures("one_thread")
def test_dropout_does_not_make_it_another_network(sample, general):
    assert distance(trained(sample, dropout=0.2), general) < 1e-6


@pytest.mark.usefixtures("one_thread")
def test_the_general_denoiser_denoises_at_once(general):
    settings = ApplySettings.load({**HERE, "passes": 1})
    sample = even_odd_tomogram((32, 64, 64), seed=5, snr=0.1)
    halves, truth = (sample.even, sample.odd), sample.truth.data
    raw = (halves[0].data + halves[1].data) / 2
    gaussian = max(correlation(ndimage.gaussian_filter(raw, s), truth) for s in (1, 1.5, 2, 2.5))
    both = apply(halves, general, settings, SilentReporter()).volume
    assert correlation(both.data, truth) > gaussian + 0.02
    alone = halves[0].changed(raw, "Average.")
    one = apply([alone], general, settings, SilentReporter()).volume
    assert correlation(one.data, truth) > gaussian + 0.02
    assert both.voxel_size == halves[0].voxel_size
