"""Exploration: candidates of a tomogram in clusters, without a label."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from napari_cryonet.errors import DataError, ModelError, SettingsError
from napari_cryonet.io import read_model, write, write_model
from napari_cryonet.jobs.inputs import read_points
from napari_cryonet.methods.exploration.apply import apply
from napari_cryonet.methods.exploration.data import Candidates, contrast, find_candidates, plan
from napari_cryonet.methods.exploration.network import NUMBERS, new_network
from napari_cryonet.methods.exploration.objective import SHIFT, redundancy, views
from napari_cryonet.methods.exploration.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.exploration.train import train
from napari_cryonet.reporting import RecordingReporter, SilentReporter
from napari_cryonet.signal.clusters import kmeans, principal_components
from napari_cryonet.signal.score import match
from napari_cryonet.simulate.particles import DIAMETER, PickingSample, picking_sample
from napari_cryonet.types import Model, ModelCard, Points, Volume
from phantom import one_thread, single_thread  # noqa: F401

HERE = {"device": "cpu", "precision": "float32"}
BRIEF = {**HERE, "diameter": DIAMETER, "max_minutes": None, "steps": 1, "batch": 8, "width": 4}


@pytest.fixture(scope="module")
def sample() -> PickingSample:
    return picking_sample((40, 128, 128), seed=3, snr=0.1, counts=(24, 24, 3), vesicle=False)


@pytest.fixture(scope="module")
def model(sample: PickingSample) -> Model:
    with single_thread():
        settings = TrainSettings.load({**BRIEF, "steps": 30, "batch": 32, "width": 24})
        return train([(sample.tomogram,)], settings, SilentReporter())


def explored(volume: Volume, model: Model, **settings: Any) -> Points:
    asked = ApplySettings.load({**HERE, **settings})
    return apply([volume], model, asked, SilentReporter()).others["candidates"]


def purity(groups: np.ndarray, kinds: np.ndarray) -> float:
    """Return which part of the things is of the kind that is commonest in its group."""
    most = [np.bincount(kinds[groups == one]).max() for one in np.unique(groups)]
    return float(sum(most) / len(kinds))


def test_clusters_tell_kinds_apart_better_than_those_of_voxels(sample, model):
    found = explored(sample.tomogram, model, clusters=6)
    places = found.positions * np.array(found.voxel_size)
    kinds = np.zeros(len(found), dtype=int)
    for number, truth in enumerate((sample.particles, sample.others), 1):
        true = truth.positions * np.array(truth.voxel_size)
        kinds[match(places, found.features["score"], true, DIAMETER / 2).hits] = number
    settings = TrainSettings(diameter=DIAMETER)
    raw = find_candidates(sample.tomogram, plan([sample.tomogram], settings), len(found))
    cubes = raw.cubes(settings.patch).reshape(len(found), -1)
    plain = kmeans(principal_components(cubes, NUMBERS), 6)
    learnt = purity(found.features["cluster"], kinds)
    assert learnt > purity(plain, kinds) + 0.1
    assert learnt > 0.65


def test_candidates_carry_all_that_is_known_also_through_a_file(sample, model, tmp_path):
    found = explored(sample.tomogram, model, clusters=4)
    assert set(found.features) == {
        "score", "cluster", "class", "pc1", "pc2", "radius", *(f"e{n}" for n in range(NUMBERS)),
    }  # fmt: skip
    assert np.all(found.features["radius"] == DIAMETER / 2)
    assert set(found.features["cluster"]) == {1, 2, 3, 4}
    means = [found.features["score"][found.features["cluster"] == n].mean() for n in (1, 2, 3, 4)]
    assert means == sorted(means, reverse=True)
    path = tmp_path / "candidates.csv"
    write(path, found)
    back = read_points(path, sample.tomogram)
    assert np.allclose(np.asarray(back.features["e7"], float), found.features["e7"], atol=1e-4)
    assert list(back.features["class"]) == list(found.features["class"])


def test_a_model_does_the_same_after_it_was_written(sample, model, tmp_path):
    write_model(tmp_path / "m.safetensors", model)
    first, second = (
        explored(sample.tomogram, each) for each in (model, read_model(tmp_path / "m.safetensors"))
    )
    assert np.array_equal(first.features["cluster"], second.features["cluster"])
    assert np.array_equal(first.features["e0"], second.features["e0"])


def test_the_strength_lies_on_the_grid_of_the_tomogram(sample, model):
    into = np.zeros(sample.tomogram.shape, np.float32)
    asked = ApplySettings.load(HERE)
    result = apply([sample.tomogram], model, asked, SilentReporter(), into=into)
    assert result.volume.shape == sample.tomogram.shape
    assert result.volume.voxel_size == sample.tomogram.voxel_size
    places = np.round(result.others["candidates"].positions[:20]).astype(int)
    assert into[tuple(places.T)].mean() > 4 * into.std()
    assert sum(result.measures["clusters"].values()) == result.measures["found"]


def test_dark_particles_are_found_where_bright_ones_were(sample):
    negative = sample.tomogram.changed(-sample.tomogram.data, "Turned over.")
    settings = TrainSettings(diameter=DIAMETER)
    plans = [plan([volume], settings) for volume in (sample.tomogram, negative)]
    assert [one.sign for one in plans] == [1, -1]
    bright, dark = (
        find_candidates(volume, one, 50)
        for volume, one in zip((sample.tomogram, negative), plans, strict=True)
    )
    assert np.allclose(bright.positions, dark.positions, atol=1e-3)
    assert contrast(-bright.values, 12) == -1


def test_cubes_are_centred_and_mirrored_at_the_border():
    values = np.arange(20**3, dtype=np.float32).reshape(20, 20, 20)
    places = np.array([[9.5, 9.5, 9.5], [0.0, 0.0, 0.0]])
    inside, corner = Candidates(values, values, places, np.ones(2)).cubes(8)
    assert np.array_equal(inside, values[6:14, 6:14, 6:14])
    assert np.array_equal(corner[:4, :4, :4], values[3::-1, 3::-1, 3::-1])


def test_views_without_noise_are_the_cube_moved_and_mirrored():
    settings = TrainSettings(noise=0, erased=0, patch=8)
    cubes = np.zeros((64, *(8 + 2 * SHIFT,) * 3), np.float32)
    cubes[:, 5, 5, 5] = 10
    made = views(cubes, settings, np.random.default_rng(0))
    assert made.shape == (64, 1, 8, 8, 8)
    peaks = np.array([np.unravel_index(int(one.argmax()), one.shape)[1:] for one in made])
    assert peaks.min() == 1
    assert peaks.max() == 6
    assert made.amax((1, 2, 3, 4)).min() > 9
    erased = views(cubes + 1, settings.updated({"erased": 1.0}), np.random.default_rng(0))
    assert ((erased == 0).flatten(1).sum(1) == 27).all()


def test_the_cost_is_zero_for_equal_views_with_independent_numbers():
    values = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert float(redundancy(values, values, 0.5)) == pytest.approx(0, abs=1e-6)
    assert float(redundancy(values, -values, 0.5)) == pytest.approx(8, rel=1e-3)
    repeated = values[:, [0, 0]]
    assert float(redundancy(repeated, repeated, 0.5)) == pytest.approx(1, rel=1e-3)


def test_a_description_is_that_of_the_network(sample):
    _, network = new_network(TrainSettings.load(BRIEF))
    assert network(torch.zeros(3, 1, 16, 16, 16)).shape == (3, NUMBERS)
    again = train([(sample.tomogram,)], TrainSettings.load(BRIEF), RecordingReporter())
    assert again.card.extra == {"diameter": DIAMETER, "sign": 1, "start": "random"}


def test_umap_lays_out_if_it_is_installed_and_is_asked_for_if_not(sample, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(SettingsError, match=r"napari-cryonet\[umap\]"):
        explored(sample.tomogram, model, coordinates="umap")

    class Umap:
        def __init__(self, n_neighbors: int, random_state: int, n_jobs: int) -> None:
            assert n_neighbors == 15

        def fit_transform(self, numbers: np.ndarray) -> np.ndarray:
            return numbers[:, :2] + 1

    fake = SimpleNamespace(UMAP=Umap, __spec__=object())
    monkeypatch.setitem(sys.modules, "umap", fake)
    found = explored(sample.tomogram, model, coordinates="umap")
    assert np.allclose(found.features["umap2"], found.features["e1"] + 1)
    assert "pc1" not in found.features


def test_what_cannot_be_explored_is_refused_in_one_sentence(sample, model):
    quiet, brief = SilentReporter(), TrainSettings.load(BRIEF)
    with pytest.raises(SettingsError, match="--diameter"):
        train([(sample.tomogram,)], TrainSettings(), quiet)
    with pytest.raises(DataError, match="rows of one tomogram"):
        train([], brief, quiet)
    with pytest.raises(DataError, match="no labels to judge by"):
        train([(sample.tomogram,)], brief, quiet, validation=[(sample.tomogram,)])
    small = Volume(sample.tomogram.data[:24, :24, :24], sample.tomogram.voxel_size, name="small")
    with pytest.raises(DataError, match=r"small has \d candidates of 216 Å that are bright"):
        explored(small, model)
    with pytest.raises(DataError, match="voxel size of bare"):
        explored(Volume(sample.tomogram.data, name="bare"), model)
    with pytest.raises(DataError, match="candidates farther than 800 Å"):
        explored(sample.tomogram, model, border=800)
    with pytest.raises(ModelError, match="made by picking"):
        explored(sample.tomogram, Model(ModelCard(method="picking"), {}))
    with pytest.raises(ModelError, match="how large its particles are"):
        explored(sample.tomogram, Model(ModelCard(method="exploration"), {}))
    with pytest.raises(SettingsError, match="multiple of 4"):
        TrainSettings.load({"patch": 10})
