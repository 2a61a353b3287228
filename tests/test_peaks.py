"""Peaks of maps whose peaks are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from napari_cryonet.signal import peaks
from napari_cryonet.signal.peaks import apart, blobs, find_peaks, local_maxima


def bumps(shape, places, heights, sigma=2.0):
    """Return the largest of some Gaussian bumps at each voxel."""
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    each = [
        height * np.exp(-((grid - place) ** 2).sum(-1) / (2 * sigma**2))
        for place, height in zip(places, heights, strict=True)
    ]
    return np.max(each, axis=0).astype(np.float32)


def test_peaks_are_found_between_voxels_the_highest_first():
    places = np.array([[8.3, 10.2, 12.4], [20.0, 20.7, 9.6], [15.1, 30.4, 30.0]])
    data = bumps((40, 40, 40), places, [0.5, 1.0, 0.8])
    found, scores = find_peaks(data, 5.0, 0.2)
    assert np.allclose(found, places[[1, 2, 0]], atol=0.1)
    assert np.all(np.diff(scores) < 0)


@pytest.mark.parametrize("corner", [(0, 0, 0), (23, 0, 31), (23, 27, 31)])
def test_peaks_at_the_border_are_kept_and_stay_inside(corner):
    data = bumps((24, 28, 32), [np.array(corner)], [1.0])
    found, _ = find_peaks(data, 5.0, 0.1)
    assert found.tolist() == [list(corner)]


def test_slabs_change_nothing(rng, monkeypatch):
    data = rng.random((50, 20, 20))
    whole = local_maxima(data, 0.5)
    monkeypatch.setattr(peaks, "_SLAB", 7)
    assert np.array_equal(local_maxima(data, 0.5), whole)


def test_offsets_lead_to_the_centre():
    centre = np.array([6.4, 7.8, 8.1])
    data = np.zeros((14, 16, 18), np.float32)
    data[5, 8, 9] = 1
    offsets = np.moveaxis(centre - np.stack(np.indices(data.shape), -1), -1, 0)
    found, _ = find_peaks(data, 3.0, 0.5, offsets=offsets)
    assert np.allclose(found, [centre])


def test_a_plateau_is_one_peak():
    data = np.zeros((12, 12, 12), np.float32)
    data[4:7, 4:7, 4:7] = 1
    found, _ = find_peaks(data, 4.0, 0.5)
    assert len(found) == 1


def test_distance_is_a_ball_in_angstrom():
    data = np.zeros((9, 9, 30), np.float32)
    data[4, 4, 5], data[4, 4, 10] = 1.0, 0.9
    assert len(find_peaks(data, 9.0, 0.5, scale=(1, 1, 2))[0]) == 2
    assert len(find_peaks(data, 11.0, 0.5, scale=(1, 1, 2))[0]) == 1


def test_chosen_points_keep_apart_and_no_other_could_be_added(rng):
    places, scores = rng.uniform(0, 30, (500, 3)), rng.random(500)
    kept = apart(places, scores, 4.0)
    assert pdist(places[kept]).min() > 4.0
    gaps = np.linalg.norm(places[:, None] - places[kept][None], axis=-1)
    blocked = (gaps <= 4.0) & (scores[kept][None] >= scores[:, None])
    assert blocked.any(axis=1).all()
    assert np.all(np.diff(scores[kept]) <= 0)


def test_nothing_is_found_in_an_empty_map():
    found, scores = find_peaks(np.zeros((5, 6, 7)), 3.0, 0.1)
    assert found.shape == (0, 3)
    assert scores.shape == (0,)


def test_blobs_prefer_their_diameter():
    wide, narrow = (bumps((48, 48, 48), [np.full(3, 24.0)], [1.0], s) for s in (4.0, 1.0))
    assert blobs(wide, 16.0)[24, 24, 24] > 2 * blobs(narrow, 16.0)[24, 24, 24]
    assert abs(blobs(np.full((20, 20, 20), 3.0), 8.0)).max() < 1e-5
