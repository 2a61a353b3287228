"""Halves become pairs: checked, on one scale and grid, some cubes held out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_cryonet.errors import DataError
from napari_cryonet.methods.noise2noise.data import prepare, signal_voxels
from napari_cryonet.methods.noise2noise.settings import TrainSettings
from napari_cryonet.nn.patches import outside
from napari_cryonet.nn.source import describe, group_for, of_one_size, on_grid
from napari_cryonet.reporting import Cancelled, RecordingReporter, SilentReporter
from napari_cryonet.types import Volume
from phantom import Stopping, blobs, halves, noise


def settings_of(**values):
    return TrainSettings.load({"patch": 16, "held_out_side": 8, **values})


def prepared(data, multiple=4, report=None, held_out=None, **values):
    report = report or SilentReporter()
    return prepare(data.pair, settings_of(**values), multiple, report, held_out=held_out)


def volume(shape=(8, 8, 8), **fields):
    fields = {"voxel_size": (2.0, 2.0, 2.0), **fields}
    return Volume(np.arange(float(np.prod(shape))).reshape(shape), **fields)


def test_both_halves_are_read_on_one_scale(rng):
    data = halves((24, 24, 24), rng, scale=7.0, shift=-300.0)
    pair = prepared(data)
    whole = (slice(0, 24),) * 3
    first, second = pair.read(whole)
    both = np.stack([first, second])
    assert both.dtype == np.float32
    assert both.mean() == pytest.approx(0, abs=1e-4)
    assert both.std() == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(pair.scaling.backward(first), data.first.data, rtol=1e-4)
    corner = (slice(3, 9), slice(0, 5), slice(20, 24))
    np.testing.assert_array_equal(pair.read(corner)[1], second[corner])


def test_nothing_is_copied_of_data_that_stay_on_their_grid(rng):
    data = halves((16, 16, 16), rng)
    pair = prepared(data)
    assert pair.first is data.first.data
    assert pair.second is data.second.data


def test_cubes_are_held_out_and_patches_fit(rng):
    pair = prepared(halves((30, 24, 22), rng), multiple=8, held_out_side=8, held_out=0.2, patch=19)
    assert pair.sampler.sides == (16, 16, 16)
    assert pair.sampler.shape == (30, 24, 22)
    held = sum(np.prod([part.stop - part.start for part in region]) for region in pair.held)
    assert held / (30 * 24 * 22) == pytest.approx(0.2, abs=0.03)
    whole = (slice(0, 30), slice(0, 24), slice(0, 22))
    assert (~outside(pair.held, whole)).sum() == held


def test_the_part_held_out_can_be_told_from_outside(rng):
    data = halves((24, 24, 24), rng)
    assert prepared(data, held_out=0.0).held == ()
    assert len(prepared(data, held_out=0.5).held) == 13


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda first: {"data": np.zeros((8, 8, 9))}, "same shape"),
        (lambda first: {"voxel_size": (2.0, 2.0, 2.1)}, "same voxel size"),
        (lambda first: {"data": first.data}, "one and the same volume"),
        (lambda first: {"path": first.path}, "one and the same volume"),
        (lambda first: {"data": first.data * np.nan}, "not numbers"),
    ],
    ids=["shape", "voxel size", "array", "file", "nan"],
)
def test_halves_that_do_not_belong_together_are_refused(change, words):
    first = volume(path=Path("a.mrc"))
    second = replace(volume(path=Path("b.mrc")), **change(first))
    with pytest.raises(DataError, match=words):
        prepare((first, second), settings_of(), 4, SilentReporter())


@pytest.mark.parametrize("data", [np.zeros((2, 8, 8, 8)), np.ones((8, 8, 8), complex)])
def test_stacks_and_complex_volumes_are_refused(data):
    pair = Volume(data), Volume(data.copy())
    with pytest.raises(DataError, match="needs volumes z, y, x of real numbers; volume has"):
        prepare(pair, settings_of(), 4, SilentReporter())


def test_constant_halves_are_refused():
    pair = Volume(np.ones((8, 8, 8))), Volume(np.ones((8, 8, 8)))
    with pytest.raises(DataError, match="nothing to learn"):
        prepare(pair, settings_of(), 4, SilentReporter())


@pytest.mark.parametrize("at_check", [1, 2, 3, 10])
def test_stop_is_heard_while_data_are_read(at_check, rng):
    report = Stopping(at_check=at_check)
    with pytest.raises(Cancelled):
        prepared(halves((24, 24, 24), rng), report=report)
    assert report.checks == at_check


@pytest.mark.parametrize(
    ("shape", "voxel_size", "asked", "group"),
    [
        ((8, 8, 8), (2.0, 2.0, 2.0), "auto", "rotations"),
        ((8, 8, 8), None, "auto", "rotations"),
        ((8, 8, 8), (2.0, 2.001, 2.0), "auto", "rotations"),
        ((8, 8, 8), (2.0, 2.1, 2.0), "auto", "flips"),
        ((8, 8, 9), (2.0, 2.0, 2.0), "auto", "flips"),
        ((8, 8, 9), (2.0, 2.0, 2.0), "rotations", "rotations"),
        ((8, 8, 8), (2.0, 2.0, 2.0), "flips", "flips"),
        ((8, 8, 8), (2.0, 2.0, 2.0), "none", "none"),
    ],
)
def test_only_cubes_are_turned_in_all_ways(shape, voxel_size, asked, group):
    found = group_for(volume(shape, voxel_size=voxel_size), settings_of(rotations=asked))
    assert found == group


LIMITS = {"voxel_size": 4.0, "voxel_size_min": 1.5, "voxel_size_max": 3.0}


@pytest.mark.parametrize(
    ("voxel_size", "values", "shape"),
    [
        ((2.0, 2.0, 2.0), {}, (8, 12, 16)),
        ((2.0, 2.0, 2.0), LIMITS, (8, 12, 16)),
        ((1.5, 3.0, 3.0), LIMITS, (8, 12, 16)),
        ((1.0, 1.0, 1.0), LIMITS, (2, 3, 4)),
        ((1.0, 2.0, 2.0), LIMITS, (2, 6, 8)),
        ((8.0, 8.0, 8.0), LIMITS, (16, 24, 32)),
        (None, LIMITS, (8, 12, 16)),
        ((2.0, 2.0, 2.0), {"voxel_size": 4.0}, (8, 12, 16)),
    ],
)
def test_only_data_outside_the_limits_are_resampled(voxel_size, values, shape):
    report = RecordingReporter()
    given = volume((8, 12, 16), voxel_size=voxel_size)
    found = on_grid(given, settings_of(**values), report)
    assert found.shape == shape
    assert (found is given) is (shape == given.shape)
    assert bool(report.said) is (shape != given.shape)
    if report.said:
        assert "is resampled from" in report.said[0]
        assert report.said[0].endswith("to 4 Å.")
        assert found.voxel_size == pytest.approx((4.0, 4.0, 4.0))


def test_a_pair_is_prepared_on_the_new_grid(rng):
    pair = prepared(halves((24, 24, 24), rng), patch=40, **{**LIMITS, "voxel_size_min": 2.5})
    assert pair.first.shape == pair.second.shape == (12, 12, 12)
    assert pair.sampler.sides == (12, 12, 12)


@pytest.mark.parametrize("sign", [1, -1])
def test_signal_is_found_where_the_halves_agree_bright_or_dark(sign, rng):
    z, y, x = np.indices((32, 32, 32))
    distance = np.sqrt((z - 12) ** 2 + (y - 20) ** 2 + (x - 16) ** 2)
    ball = np.where(distance < 8, sign * 1.0, 0.0)
    first, second = (
        (ball + noise(ball.shape, rng) - ball.mean()).astype(np.float32) for _ in range(2)
    )
    places = signal_voxels(first, second)
    assert len(places) == pytest.approx(0.1 * ball.size, rel=0.02)
    at = distance[tuple(places.T)]
    assert (at < 9).mean() > 0.65
    assert (distance < 9).mean() < 0.1


def test_patches_are_drawn_around_signal_if_wanted(rng):
    truth = np.zeros((48, 48, 48), np.float32)
    truth[:20, :20, :20] = 4 * blobs((20, 20, 20), rng)
    pair = tuple(Volume(truth + noise(truth.shape, rng)) for _ in range(2))
    sampled = prepare(pair, settings_of(sampling="signal"), 4, SilentReporter()).sampler
    everywhere = prepare(pair, settings_of(), 4, SilentReporter()).sampler
    assert everywhere.centres is None

    def share(sampler):
        drawn = [sampler.draw(rng) for _ in range(200)]
        return np.mean([max(part.start for part in region) < 20 for region in drawn])

    assert share(sampled) > 3 * share(everywhere)


def test_patches_of_pairs_of_several_sizes_are_of_one_size(rng):
    pairs = [
        prepared(halves(shape, rng), patch=32, rotations=rotations)
        for shape, rotations in [((40, 40, 40), "flips"), ((12, 40, 24), "flips")]
    ]
    assert [pair.sampler.sides for pair in of_one_size(pairs)] == [(12, 32, 24)] * 2
    assert [pair.sampler.shape for pair in of_one_size(pairs)] == [(40, 40, 40), (12, 40, 24)]
    turned = [pairs[0], replace(pairs[1], rotations="rotations")]
    assert [pair.sampler.sides for pair in of_one_size(turned)] == [(12, 12, 12)] * 2


def test_the_card_names_shapes_and_content(rng):
    data = halves((16, 17, 18), rng)
    found = describe([data.pair])
    assert [each["name"] for each in found] == ["half 1", "half 2"]
    assert found[0]["shape"] == [16, 17, 18]
    assert len(found[0]["fingerprint"]) == 16
    assert found[0]["fingerprint"] != found[1]["fingerprint"]
    assert describe([data.pair]) == found
