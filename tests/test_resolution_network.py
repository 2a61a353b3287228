"""The resolution network: against a known truth, invariances, training, what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import fft

from helpers import run_python
from napari_cryonet import Volume, read, write
from napari_cryonet.errors import DataError, ModelError, SettingsError
from napari_cryonet.io import read_model
from napari_cryonet.io.fragments import read_fragments, write_fragments
from napari_cryonet.jobs import Job, run
from napari_cryonet.methods import table
from napari_cryonet.methods.resolution.apply import apply
from napari_cryonet.methods.resolution.network import OriginalNetwork, build
from napari_cryonet.methods.resolution.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.resolution.train import train
from napari_cryonet.reporting import RecordingReporter, SilentReporter
from napari_cryonet.signal.resample import resampled
from napari_cryonet.signal.resolution_score import score_resolution
from napari_cryonet.signal.shells import frequency
from napari_cryonet.simulate.graded import Grade, GradedHalfMaps, graded_half_maps
from napari_cryonet.types import Model
from phantom import one_thread  # noqa: F401 - computes on one core

SIZE = 1.2
HOW = {"device": "cpu", "precision": "float32"}
METHOD = table.find("resolution")


@pytest.fixture(scope="module")
def case() -> GradedHalfMaps:
    """Resolution that goes evenly from 3.0 to 5.6 Å, in a molecule without any fold."""
    return graded_half_maps(80, SIZE, 1)


@pytest.fixture(scope="module")
def whole(case: GradedHalfMaps) -> Volume:
    data = (case.first.data + case.second.data) / np.float32(2)
    return Volume(data, (SIZE,) * 3, (1.0, 2.0, 3.0), name="whole")


@pytest.fixture(scope="module")
def shipped() -> Model:
    return read_model(METHOD.model_file(""))


def estimated(model: Model, *things: Volume, **settings: Any) -> tuple[Any, Any, list[str]]:
    """Return the estimate, the whole result, and what was said."""
    report = RecordingReporter()
    result = apply(things, model, ApplySettings(**HOW, **settings), report)
    return result.volume.data, result, report.said


def averaged(case: GradedHalfMaps) -> Volume:
    """Return the average of two half maps."""
    return Volume((case.first.data + case.second.data) / np.float32(2), case.first.voxel_size)


def scored(found: Any, case: GradedHalfMaps) -> dict[str, float]:
    return score_resolution(found, case.resolution.data, case.mask.data > 0.5)


# ------------------------------------------------------------------ against the truth


def test_the_shipped_network_beats_the_best_constant(case, whole, shipped) -> None:
    found, result, said = estimated(shipped, whole, case.mask)
    told = scored(found, case)
    assert told["mae"] < 0.3
    assert told["skill"] > 0.4
    assert told["correlation"] > 0.9
    assert np.isnan(found[case.mask.data <= 0.5]).all()
    assert (result.volume.voxel_size, result.volume.origin) == (whole.voxel_size, whole.origin)
    assert result.measures["finest"] < result.measures["median"] < result.measures["coarsest"]
    assert result.measures["noise_inside"] == pytest.approx(1, abs=0.1)
    assert len(said) == 1, "there is nothing to warn of"


def test_a_jump_is_found_where_it_is(shipped) -> None:
    jump = graded_half_maps(80, SIZE, 11, Grade((100.0, 335.0), abrupt=True))
    map_ = averaged(jump)
    found, _, _ = estimated(shipped, map_, jump.mask)
    told = scored(found, jump)
    assert told["mae"] < 0.3
    assert told["skill"] > 0.6


def test_coarse_maps_are_told_to_a_few_percent(shipped) -> None:
    coarse = graded_half_maps(64, 2.0, 12, Grade((200.0, 900.0), 5.0))
    told = scored(estimated(shipped, averaged(coarse), coarse.mask)[0], coarse)
    assert told["mae"] < 0.05 * coarse.resolution.data.mean()
    assert told["skill"] > 0.5


def test_another_voxel_size_gives_the_same(case, whole, shipped) -> None:
    plain, _, _ = estimated(shipped, whole, case.mask)
    for size in (1.0, 1.4):
        other, mask = resampled(whole, size), resampled(case.mask, size)
        found, _, _ = estimated(shipped, other, mask)
        places = np.argwhere(case.mask.data > 0.8)[::5]
        near = np.rint(places * SIZE / other.scale[0]).astype(int)
        away = np.abs(found[tuple(near.T)] - plain[tuple(places.T)])
        assert np.nanmean(away) < 0.1


def test_scale_offset_and_a_filter_change_little(case, whole, shipped) -> None:
    plain, _, _ = estimated(shipped, whole, case.mask)
    gain = np.exp(-15 * np.square(frequency(whole.shape, whole.scale)))
    smooth = fft.irfftn(fft.rfftn(whole.data) * gain, whole.shape).astype(np.float32)
    for data, most in ((7 * whole.data + 3, 0.01), (smooth, 0.12)):
        found, _, _ = estimated(shipped, whole.changed(data, "Changed."), case.mask)
        assert np.nanmean(np.abs(found - plain)) < most


def test_a_network_learns_from_one_pair_of_half_maps(case, whole) -> None:
    other = graded_half_maps(64, SIZE, 5, Grade((80.0, 350.0), 2.8))
    settings = TrainSettings(**HOW, steps=60, max_minutes=None, mask_lowpass=12.0)
    report = RecordingReporter()
    model = train([(other.first, other.second, other.mask)], settings, report)
    told = scored(estimated(model, whole, case.mask)[0], case)
    assert told["mae"] < 0.32
    assert told["skill"] > 0.4
    assert any("regions held out" in sentence for sentence in report.said)
    assert any("the best constant has" in sentence for sentence in report.said)
    assert {"mae", "constant"} <= set(model.card.extra)
    assert model.card.extra["mae"] < model.card.extra["constant"]


def test_whole_maps_are_held_out_where_there_are_several(case, whole) -> None:
    rows = [(whole, case.resolution, case.mask)] * 3
    report = RecordingReporter()
    model = train(rows, TrainSettings(**HOW, steps=2, max_minutes=None), report)
    assert model.card.extra["maps"] == 2
    assert not any("regions" in sentence for sentence in report.said)


def test_samples_give_an_uncertainty(case, whole, shipped) -> None:
    _, result, _ = estimated(shipped, whole, case.mask, samples=3)
    spread = result.others["uncertainty"].data
    inside = case.mask.data > 0.5
    assert (spread[inside] > 0).all()
    assert np.median(spread[inside]) < 0.5
    again = estimated(shipped, whole, case.mask, samples=3)[1].others["uncertainty"].data
    assert np.array_equal(spread, again, equal_nan=True)


# ------------------------------------------------------------------ what it refuses


def test_a_masked_map_is_refused(case, whole, shipped) -> None:
    masked = whole.changed(whole.data * case.mask.data, "Masked.")
    for things in ((masked, case.mask), (masked,)):
        with pytest.raises(DataError, match="voxels of solvent that are not of one value"):
            estimated(shipped, *things)


def test_a_map_that_was_cleared_outside_a_sphere_is_not(shipped) -> None:
    larger = graded_half_maps(96, SIZE, 1)
    z, y, x = (axis - 47.5 for axis in np.ogrid[:96, :96, :96])
    both = (larger.first.data + larger.second.data) / np.float32(2)
    data = np.where(z**2 + y**2 + x**2 < 47**2, both, np.float32(0))
    found, _, _ = estimated(shipped, Volume(data, (SIZE,) * 3), larger.mask)
    assert scored(found, larger)["skill"] > 0.4


def test_stronger_noise_inside_is_said(case, whole, shipped) -> None:
    noise = np.random.default_rng(3).standard_normal(whole.shape, dtype=np.float32)
    more = noise * case.mask.data * whole.data[case.mask.data == 0].std()
    _, result, said = estimated(shipped, whole.changed(whole.data + more, "Noisier."), case.mask)
    assert result.measures["noise_inside"] > 1.5
    assert "the noise is stronger inside" in said[-1]


def test_bad_input_is_said_in_one_sentence(case, whole, shipped) -> None:
    flat = Volume(np.zeros((32, 32, 32), np.float32), (SIZE,) * 3, name="flat")
    unsized = Volume(whole.data, name="unsized")
    small = Volume(np.ones((8, 8, 8), np.float32), (SIZE,) * 3, name="small")
    for things, words in (
        ((flat,), "All voxels of flat have the same value"),
        ((unsized,), "unsized has no voxel size"),
        ((whole, small), "A mask has the shape of its map"),
        ((whole, whole, whole), "takes one map"),
    ):
        with pytest.raises(DataError, match=words):
            estimated(shipped, *things)
    for row, words in (
        ((whole,), "rows of a map and its local resolution"),
        ((whole, small), "have the same shape"),
        ((unsized, case.resolution), "unsized has no voxel size"),
        ((whole, whole), "hold the same values"),
    ):
        with pytest.raises(DataError, match=words):
            train([row], TrainSettings(**HOW, steps=1), SilentReporter())
    with pytest.raises(DataError, match="at least one map"):
        train([], TrainSettings(**HOW, steps=1), SilentReporter())


# ------------------------------------------------------------------ the original network


def test_the_original_has_as_many_weights_as_the_paper_s() -> None:
    with torch.device("meta"):
        for kind, count in (("dropout", 103_524_417), ("batch", 103_528_385)):
            network = OriginalNetwork(64, kind)
            assert sum(each.numel() for each in network.parameters()) == count


def test_the_original_learns_from_voxels_and_gives_a_map(case, whole) -> None:
    settings = TrainSettings(
        **HOW, network="original", width=2, patch=16, batch=1, steps=3, max_minutes=None,
        held_out=0.0,
    )  # fmt: skip
    model = train([(whole, case.resolution, case.mask)], settings, SilentReporter())
    found, _, _ = estimated(model, whole, case.mask)
    assert np.array_equal(np.isfinite(found), case.mask.data > 0.5)
    assert model.card.voxel_size == pytest.approx((SIZE,) * 3)


def test_the_original_learns_from_fragments(tmp_path: Path, case, whole) -> None:
    path = tmp_path / "train.hdf5"
    target = np.where(case.mask.data > 0.5, case.resolution.data, np.float32(np.nan))
    write_fragments(path, [(whole, whole.changed(target, "Masked."))])
    row = read_fragments(path)
    how = {**HOW, "network": "original", "width": 2, "patch": 16, "steps": 2, "max_minutes": None}
    with pytest.raises(DataError, match="do not tell which map they are of"):
        train([row], TrainSettings(**how), SilentReporter())
    model = train([row], TrainSettings(**how, held_out=0.0), SilentReporter())
    assert 1 < model.card.extra["maps"] < len(row[0].data), "those without a target are left out"
    with pytest.raises(DataError, match="network = original"):
        train([row], TrainSettings(**HOW, held_out=0.0), SilentReporter())


def test_a_network_that_is_not_known_is_refused() -> None:
    older = {"kind": "bands", "bands": 31, "width": 16, "dropout": 0.05, "dilations": [1, 2, 4]}
    for spec in ({"kind": "transformer"}, {"kind": "bands", "colour": 1}, {}, older):
        with pytest.raises(ModelError, match="is unknown here"):
            build(spec)


# ------------------------------------------------------------------ what surrounds it


def test_the_shipped_model_is_small_and_says_what_it_is(shipped) -> None:
    path = METHOD.shipped_model
    assert path is not None
    assert path.stat().st_size < 1_000_000
    assert "No experimental map was used" in shipped.card.extra["description"]
    assert shipped.card.extra["mae"] < shipped.card.extra["constant"]


def test_a_job_without_a_model_takes_the_shipped_one(tmp_path: Path, case, whole) -> None:
    files = [tmp_path / "map.mrc", tmp_path / "mask.mrc"]
    for path, volume in zip(files, (whole, case.mask), strict=True):
        write(path, volume)
    job = Job(
        method="resolution",
        action="apply",
        inputs=(tuple(map(str, files)),),
        output=str(tmp_path / "found.mrc"),
        settings=HOW,
    )
    run(job, SilentReporter())
    found = read(tmp_path / "found.mrc")
    assert found.origin == whole.origin
    assert scored(found.data, case)["skill"] > 0.4
    with pytest.raises(SettingsError, match="Self2Self comes without a model"):
        run(job.updated({"method": "self2self", "output": ""}), SilentReporter())


def test_its_settings_load_no_torch() -> None:
    done = run_python(
        "import sys\n"
        "from napari_cryonet.methods import table\n"
        "table.find('resolution').settings('train')()\n"
        "assert table.find('resolution').model_file('').is_file()\n"
        "assert 'torch' not in sys.modules\n"
    )
    assert done.returncode == 0, done.stderr
