"""Picks against the truth, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryonet.errors import DataError
from napari_cryonet.signal.score import curve, fbeta, match, score, score_classes
from napari_cryonet.types import Points

SIZE = (10.0, 10.0, 10.0)


def points(places, voxel_size=SIZE, **features):
    values = {name: np.asarray(column) for name, column in features.items()}
    return Points(np.asarray(places, dtype=float).reshape(-1, 3), values, voxel_size)


TRUTH = points([[5, 5, 5], [5, 5, 15], [5, 15, 5], [5, 15, 15]])


def test_perfect_picks():
    made = score(points(TRUTH.positions, score=[4, 3, 2, 1]), TRUTH, 20.0)
    assert (made.precision, made.recall, made.f1, made.f4) == (1, 1, 1, 1)
    assert (made.average_precision, made.best_f1, made.best_threshold) == (1, 1, 1)
    assert (made.hits, made.duplicates, made.median_error) == (4, 0, 0)


def test_figures_by_hand():
    # hit, false, hit (1 voxel away), duplicate of the first
    picks = points([[5, 5, 5], [5, 30, 30], [5, 5, 16], [6, 5, 5]], score=[0.9, 0.8, 0.7, 0.6])
    made = score(picks, TRUTH, 20.0)
    assert (made.hits, made.duplicates) == (2, 1)
    assert made.precision == 0.5
    assert made.recall == 0.5
    assert made.f4 == pytest.approx(17 * 0.25 / (16 * 0.5 + 0.5))
    assert made.best_f1 == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))
    assert made.best_threshold == 0.7
    assert made.average_precision == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)
    assert made.median_error == pytest.approx(5.0)


def test_distances_are_in_angstrom_of_each_voxel_size():
    coarse = points([[2.5, 2.5, 2.5]], (20.0, 20.0, 20.0))
    assert score(coarse, points([[5, 5, 5]]), 0.1).hits == 1
    flat = points([[5, 5, 6]], (10.0, 10.0, 40.0))
    assert score(flat, points([[5, 5, 5]], (10.0, 10.0, 40.0)), 39.0).hits == 0
    assert score(flat, points([[5, 5, 5]], (10.0, 10.0, 40.0)), 41.0).hits == 1


def test_a_truth_is_found_once_and_the_nearest_is_taken():
    truth = np.array([[0.0, 0, 0], [0, 0, 6]])
    found = match(np.array([[0.0, 0, 4], [0, 0, 3]]), np.array([2.0, 1.0]), truth, 5.0)
    assert found.partner.tolist() == [1, 0]
    assert found.error.tolist() == [2, 3]


def test_leaving_out_low_scores_changes_nothing_above(rng):
    picks, truth = rng.uniform(0, 50, (60, 3)), rng.uniform(0, 50, (30, 3))
    scores = rng.random(60)
    whole = match(picks, scores, truth, 9.0)
    high = scores >= 0.5
    part = match(picks[high], scores[high], truth, 9.0)
    assert part.partner.tolist() == whole.partner[high].tolist()
    assert len(set(whole.partner[whole.hits])) == whole.hits.sum()


def test_equal_scores_are_one_threshold():
    found = match(np.zeros((3, 3)), np.ones(3), np.zeros((1, 3)), 1.0)
    threshold, precision, recall = curve(np.ones(3), found)
    assert threshold.tolist() == [1]
    assert precision.tolist() == [1 / 3]
    assert recall.tolist() == [1]


@pytest.mark.parametrize(("ours", "theirs"), [(0, 3), (3, 0), (0, 0)])
def test_nothing_to_match(ours, theirs):
    made = score(points(np.zeros((ours, 3))), points(np.ones((theirs, 3))), 1.0)
    assert (made.f1, made.average_precision, made.hits) == (0, 0, 0)
    assert made.median_error is None


def test_classes_are_scored_apart():
    truth = points([[5, 5, 5], [5, 5, 30]], **{"class": ["a", "b"]})
    picks = points([[5, 5, 5], [5, 5, 30]], **{"class": ["a", "a"]})
    made = dict(score_classes(picks, truth, 10.0))
    assert (made["a"].precision, made["a"].recall) == (0.5, 1)
    assert (made["b"].picks, made["b"].recall) == (0, 0)


def test_fbeta_of_equal_figures_is_that_figure():
    for beta in (0.5, 1, 4):
        assert fbeta(0.3, 0.3, beta) == pytest.approx(0.3)


def test_bad_input_is_refused():
    with pytest.raises(DataError, match="voxel size"):
        score(points([[1, 1, 1]], None), TRUTH, 1.0)
    with pytest.raises(DataError, match="not numbers"):
        score(points([[1, 1, 1]], score=[np.nan]), TRUTH, 1.0)
    with pytest.raises(DataError, match="no column 'class'"):
        dict(score_classes(TRUTH, TRUTH, 1.0))
