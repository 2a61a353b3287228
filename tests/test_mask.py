"""Masks: closed forms of spheres and edges, and a molecule found in noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from napari_cryonet.errors import DataError, SettingsError
from napari_cryonet.signal.mask import (
    filled,
    given_mask,
    low_passed,
    make_mask,
    soft_edge,
    soft_sphere,
)
from napari_cryonet.signal.resolution_settings import Masking

SIZE = (2.0, 2.0, 2.0)


def molecule(shape: tuple[int, ...], rng: np.random.Generator, noise: float) -> tuple[Any, Any]:
    """Return two separate blobs in noise, and where they are."""
    inside = np.zeros(shape, bool)
    middle = [count // 2 for count in shape]
    inside[middle[0] - 5 : middle[0] + 5, 8:20, 8:20] = True
    inside[middle[0] - 5 : middle[0] + 5, -20:-8, -20:-8] = True
    return inside + noise * rng.standard_normal(shape), inside


@pytest.mark.parametrize("shape", [(40, 40, 40), (31, 44, 37)])
def test_a_sphere_has_the_volume_of_a_sphere_and_its_edge_is_a_cosine(shape: Any) -> None:
    size = (1.5, 2.0, 1.0)
    mask = soft_sphere(shape, size, 12.0, 0)
    assert mask.sum() * 3.0 == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.05)
    soft = soft_sphere((41, 41, 41), (1, 1, 1), 10.0, 8)[20, 20, 20:]
    assert (soft[:11] == 1).all()
    assert soft[14] == pytest.approx(0.5)
    assert soft[12] == pytest.approx(0.5 + 0.5 * np.cos(np.pi / 4))
    assert (soft[18:] == 0).all()


def test_the_largest_sphere_that_fits_ends_at_the_faces() -> None:
    mask = soft_sphere((40, 60, 60), SIZE, None, 6)
    assert mask[20, 30, 30] == 1
    assert mask[0].max() < 0.1
    assert mask[:, 0].max() == 0


def test_an_edge_falls_with_the_distance_in_angstrom() -> None:
    inside = np.zeros((21, 21, 31), bool)
    inside[10, 10, 10:20] = True
    how = Masking(mask_extend=2, mask_edge=4)
    mask = soft_edge(inside, (1, 1, 1), how)
    assert list(mask[10, 10, 19:22]) == [1, 1, 1]
    assert mask[10, 10, 23] == pytest.approx(0.5)
    assert mask[10, 10, 25] == pytest.approx(0)
    stretched = soft_edge(inside, (1, 1, 2), how)
    assert stretched[10, 10, 20] == 1, "2 Å, one voxel of 2 Å"
    assert stretched[10, 10, 21] == pytest.approx(0.5)
    assert soft_edge(inside, (1, 1, 1), Masking(mask_extend=0, mask_edge=0)).sum() == 10


@pytest.mark.parametrize("shape", [(40, 48, 44), (33, 45, 51)])
@pytest.mark.parametrize("noise", [0.0, 1.5])
def test_the_automatic_mask_holds_all_parts_and_little_else(
    shape: Any, noise: float, rng: np.random.Generator
) -> None:
    data, inside = molecule(shape, rng, noise)
    mask = make_mask(data, SIZE, Masking())
    assert mask is not None
    assert mask.dtype == np.float32
    assert mask[inside].mean() > 0.97
    near = ndimage.binary_dilation(inside, iterations=9)
    assert mask[~near].mean() < 0.01


def test_holes_are_filled_and_islands_of_noise_left_out() -> None:
    data = np.zeros((48, 48, 48))
    data[8:40, 8:40, 8:40] = 1
    data[18:30, 18:30, 18:30] = 0
    data[2:4, 2:4, 2:4] = 1
    hollow = make_mask(data, (4, 4, 4), Masking(mask_lowpass=4, mask_extend=0, mask_edge=0))
    assert hollow is not None
    assert hollow[24, 24, 24] == 1
    assert hollow[3, 3, 3] == 0


def test_a_threshold_is_that_of_the_low_passed_map(rng: np.random.Generator) -> None:
    data, _ = molecule((40, 48, 44), rng, 0.5)
    how = Masking(mask="threshold", mask_threshold=0.4, mask_extend=0, mask_edge=0)
    mask = make_mask(data, SIZE, how)
    assert np.array_equal(mask, low_passed(data, SIZE, 15.0) > 0.4)
    with pytest.raises(SettingsError, match="none is given"):
        make_mask(data, SIZE, Masking(mask="threshold"))
    with pytest.raises(SettingsError, match="above the threshold 1000"):
        make_mask(data, SIZE, Masking(mask="threshold", mask_threshold=1000))
    assert make_mask(data, SIZE, Masking(mask="none")) is None


def test_a_low_pass_is_a_half_at_its_resolution() -> None:
    wave = np.cos(2 * np.pi * np.arange(60) * 8 / 60) + np.zeros((60, 60, 1))
    smooth = low_passed(wave * np.ones((60, 60, 60)), SIZE, 15.0)
    assert smooth.max() / wave.max() == pytest.approx(0.5, abs=1e-4), "8 waves on 120 Å are 15 Å"
    with pytest.raises(DataError, match="same value"):
        make_mask(np.ones((20, 20, 20)), SIZE, Masking())


def test_a_given_mask_is_brought_to_1_and_refused_if_it_does_not_fit() -> None:
    shape = (8, 9, 10)
    mask = np.zeros(shape, np.int8)
    mask[2:5] = 127
    mask[6] = -3
    found = given_mask(mask, shape, "m")
    assert (found.min(), found.max(), found.dtype) == (0, 1, np.float32)
    for wrong, sentence in (
        (mask[:7], r"shape of its map, \(8, 9, 10\); m has \(7, 9, 10\)"),
        (0 * mask, "0 everywhere"),
        (np.full(shape, np.nan), "not numbers"),
    ):
        with pytest.raises(DataError, match=sentence):
            given_mask(wrong, shape, "m")


def test_values_outside_become_their_nearest_inside() -> None:
    data = np.full((5, 5, 9), np.nan)
    data[2, 2, 2], data[2, 2, 6] = 3.0, 7.0
    found = filled(data)
    assert found[2, 2, :4].tolist() == [3, 3, 3, 3]
    assert found[2, 2, 5:].tolist() == [7, 7, 7, 7]
    assert set(np.unique(found)) == {3.0, 7.0}
    with pytest.raises(DataError, match="no value"):
        filled(np.zeros((3, 3, 3)))


def test_a_map_out_of_which_nothing_stands() -> None:
    values = np.ones((24, 24, 24), np.float32)
    values[:7] = 0  # what is cleared is darker than the rest, and the rest is all alike
    with pytest.raises(DataError, match="Nothing stands out"):
        make_mask(values, SIZE, Masking())
