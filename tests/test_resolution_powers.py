"""What the resolution network is given: bands, windows, tiles, and the answers to choose among."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from napari_cryonet import Volume
from napari_cryonet.methods.resolution import measuring
from napari_cryonet.methods.resolution.answers import ANSWERS, answers
from napari_cryonet.methods.resolution.measuring import BANDS
from napari_cryonet.methods.resolution.powers import CHANNELS, MIDDLE, Field, powers, undone
from napari_cryonet.nn.device import choose
from napari_cryonet.reporting import SilentReporter
from napari_cryonet.simulate.graded import Grade, GradedHalfMaps, graded_half_maps
from phantom import one_thread  # noqa: F401 - computes on one core

SIZE = 1.2


@pytest.fixture(scope="module")
def case() -> GradedHalfMaps:
    """Resolution that goes evenly from 3.0 to 5.6 Å, in a molecule without any fold."""
    return graded_half_maps(80, SIZE, 1)


def seen(case: GradedHalfMaps) -> Field:
    """Return what a network is given of the average of two half maps."""
    whole = Volume((case.first.data + case.second.data) / np.float32(2), case.first.voxel_size)
    return powers(whole, case.mask.data, choose("cpu", "float32"), SilentReporter())


def test_the_bands_do_not_depend_on_the_map() -> None:
    centres = [band.centre for band in BANDS]
    assert centres == sorted(centres)
    assert 1 / centres[0] == pytest.approx(20)
    assert 1 / centres[-1] < 2
    for low, high in pairwise(BANDS):
        assert high.centre - low.centre < low.half_width, "no frequency is passed over"


def test_undoing_the_blur_sharpens_a_jump() -> None:
    step = np.where(np.arange(24) < 12, 5.0, 1.0) * np.ones((12, 12, 1))
    blurred = ndimage.gaussian_filter(step, 0.9, mode="nearest").astype(np.float32)
    found = undone(blurred, 0.9)
    beyond = np.s_[6, 6, 13]
    assert found[beyond] - 1 < 0.3 * (blurred[beyond] - 1), "strong power next to weak one"
    even = np.full((6, 6, 6), 2, np.float32)
    assert undone(even, 0.9) == pytest.approx(even)


def test_the_answers_of_an_even_change_and_of_a_jump() -> None:
    inside = np.zeros((20, 20, 30), bool)
    inside[3:-3, 3:-3, 3:-3] = True
    along = np.broadcast_to(np.arange(30) / 30, inside.shape).astype(np.float32)
    jump = np.where(along < 0.5, 0, 1).astype(np.float32)
    for values in (along, jump):
        low, high, sharp, very, little = answers(values, values, inside)
        assert len(answers(values, values, inside)) == ANSWERS
        assert (low[inside] <= sharp[inside]).all()
        assert (sharp[inside] <= high[inside]).all()
        assert np.isfinite([low, high, sharp, very, little]).all()
    flat = answers(along, along, inside)[3]
    once = answers(along, along, inside)[4]
    assert np.abs(flat - along)[inside].mean() < 0.05, "a slope survives the strong smoothing"
    assert np.abs(once - along)[inside].mean() < 0.02
    low, high = answers(jump, jump, inside)[:2]
    assert high[10, 10, 15] > 0.9
    assert low[10, 10, 14] < 0.1


def test_tiles_give_the_same_as_the_whole(monkeypatch) -> None:
    case = graded_half_maps(56, 2.0, 3, Grade((200.0, 900.0), 5.0))
    one = seen(case)
    assert one.values.shape[0] == CHANNELS
    monkeypatch.setattr(measuring, "_SIDE", 32)
    many = seen(case)
    inside = np.asarray(one.at(case.mask.data > 0.5), bool)
    assert np.abs(many.values - one.values)[:, inside].mean() < 0.01


def test_the_border_of_a_molecule_is_no_coarser_than_its_middle(case) -> None:
    field = seen(case)
    depth = field.at(ndimage.distance_transform_edt(case.mask.data > 0.5)) * SIZE
    error = MIDDLE * np.exp(field.values[-1]) - field.at(case.resolution.data)
    border, middle = (error[part].mean() for part in ((depth > 0) & (depth < 5), depth > 12))
    assert abs(border - middle) < 0.35
