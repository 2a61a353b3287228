"""Resampling is exact for what fits on both grids."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryonet.signal.resample import resampled, rescaled
from napari_cryonet.types import Volume


def waves(shape, amounts=(1, 2, 3)):
    """A band-limited volume that any grid of at least 2 * amount + 1 samples holds exactly."""
    total = np.zeros(shape)
    for axis, amount in enumerate(amounts):
        along = np.sin(2 * np.pi * amount * np.arange(shape[axis]) / shape[axis] + axis)
        total = total + np.moveaxis(along.reshape(1, 1, -1), 2, axis)
    return total.astype(np.float32)


@pytest.mark.parametrize("voxel_size", [0.7, 1.0, 1.5, 3.0])
def test_a_constant_stays(voxel_size):
    volume = Volume(np.full((10, 12, 14), 3.5, np.float32), (1.0, 1.0, 1.0))
    found = resampled(volume, voxel_size)
    np.testing.assert_allclose(found.data, 3.5, rtol=1e-6)
    assert found.shape == tuple(round(side / voxel_size) for side in volume.shape)


@pytest.mark.parametrize("shape", [(9, 16, 25), (24, 11, 10), (8, 20, 30)])
def test_waves_are_exact_finer_and_coarser(shape):
    volume = Volume(waves((16, 20, 22)), (2.0, 2.0, 2.0))
    found = resampled(volume, 1.0, shape)
    np.testing.assert_allclose(found.data, waves(shape), atol=1e-5)


def test_there_and_back_is_the_same_volume(rng):
    volume = Volume(
        rng.standard_normal((7, 8, 9)).astype(np.float32),
        (3.0, 2.0, 1.5),
        origin=(4.0, 5.0, 6.0),
        history=("Measured.",),
    )
    fine = resampled(volume, 1.0)
    assert fine.shape == (21, 16, 14)
    back = resampled(fine, 3.0, volume.shape)
    np.testing.assert_allclose(back.data, volume.data, atol=1e-5)
    assert back.voxel_size == pytest.approx(volume.voxel_size)
    assert back.origin == volume.origin
    assert back.history[0] == "Measured."


def test_every_axis_has_the_voxel_size_that_its_voxels_allow():
    volume = Volume(np.zeros((10, 11, 12), np.float32), (2.0, 1.0, 3.0))
    found = resampled(volume, 2.5)
    assert found.shape == (8, 4, 14)
    assert found.voxel_size == pytest.approx((20 / 8, 11 / 4, 36 / 14))
    assert found.history == ("Resampled to 2.5 Å per voxel.",)


def test_too_coarse_a_grid_still_has_one_voxel(rng):
    volume = Volume(rng.standard_normal((4, 4, 4)), (1.0, 1.0, 1.0))
    found = resampled(volume, 100.0)
    assert found.shape == (1, 1, 1)
    assert float(found.data[0, 0, 0]) == pytest.approx(volume.data.mean(), abs=1e-6)


def test_counts_become_real_numbers(rng):
    counts = rng.integers(0, 255, (6, 6, 6), dtype=np.uint8)
    found = resampled(Volume(counts, (1.0, 1.0, 1.0)), 1.0)
    assert found.data.dtype == np.float32
    np.testing.assert_array_equal(found.data, counts)


def test_positions_find_their_way_to_another_grid_and_back(rng):
    fine, coarse = (40, 60, 80), (20, 15, 40)
    positions = rng.uniform(0, 19, (50, 3)) * np.array([0.5, 0.5, 1.0])
    there = rescaled(positions, coarse, fine)
    np.testing.assert_allclose(there, positions * (2, 4, 2))
    np.testing.assert_allclose(rescaled(there, fine, coarse), positions)
    assert rescaled(np.array([[19.9, 0, 0]]), coarse, fine)[0, 0] == 39
