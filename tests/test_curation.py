"""Picks chosen from candidates are those that a fresh search would find."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from napari_cryonet.signal import curation
from napari_cryonet.signal.curation import Candidates, Cut, Expected, expected, most_doubtful
from napari_cryonet.signal.peaks import apart
from napari_cryonet.types import Points

SHAPE = (40, 60, 80)
VOXEL = (10.0, 10.0, 10.0)


def some(rng, count, classes=("a",)):
    """Return random candidates in no order."""
    features = {"score": rng.random(count), "class": rng.choice(classes, count)}
    positions = rng.uniform(0, 1, (count, 3)) * (np.array(SHAPE) - 1)
    return Points(positions, features, VOXEL, volume_shape=SHAPE)


def searched(points, cut):
    """Return the scores of what a fresh search above the thresholds keeps: apart within each
    class first, then all of them."""
    kept = []
    for name, threshold in cut.thresholds.items():
        own = np.flatnonzero(
            (points.features["class"] == name) & (points.features["score"] >= threshold)
        )
        places = points.positions[own] * np.array(VOXEL)
        kept.extend(own[apart(places, points.features["score"][own], cut.distance)])
    left = points.kept(np.array(kept))
    again = apart(left.positions * np.array(VOXEL), left.features["score"], cut.distance)
    return left.features["score"][again]


@pytest.mark.parametrize("classes", [("a",), ("a", "b", "c")])
@pytest.mark.parametrize("threshold", [0.0, 0.4, 0.9])
def test_a_threshold_keeps_what_a_fresh_search_finds(rng, classes, threshold):
    points = some(rng, 3000, classes)
    thresholds = {name: threshold + 0.03 * n for n, name in enumerate(classes)}
    cut = Cut(thresholds, 60.0)
    candidates = Candidates(points)
    kept = candidates.chosen(cut)
    assert candidates.scores[kept].tolist() == searched(points, cut).tolist()
    assert pdist(candidates.points.positions[kept] * 10).min() > 60


def test_only_another_distance_thins_anew(rng):
    candidates = Candidates(some(rng, 500, ("a", "b")))
    for threshold in np.linspace(0.1, 0.9, 20):
        candidates.chosen(Cut({"a": threshold, "b": 1 - threshold}, 50.0, 100 * threshold))
    assert candidates.thinned == 1
    candidates.chosen(Cut({"a": 0.5, "b": 0.5}, 51.0))
    assert candidates.thinned == 2


def test_border_and_mask_leave_picks_out(rng):
    candidates = Candidates(some(rng, 400))
    cut = Cut({"a": 0.0}, 1.0, border=85.0)
    inside = candidates.points.positions[candidates.chosen(cut)]
    assert (inside >= 8.5).all()
    assert (inside <= np.array(SHAPE) - 1 - 8.5).all()
    allowed = np.zeros(SHAPE, dtype=bool)
    allowed[:, :30] = True
    kept = candidates.chosen(Cut({"a": 0.0}, 1.0), candidates.values(allowed))
    assert kept.any()
    assert (np.round(candidates.points.positions[kept][:, 1]) < 30).all()


def test_a_neighbour_outside_still_keeps_others_away():
    points = Points(
        np.array([[2.0, 2, 2], [2.0, 2, 6]]),
        {"score": np.array([0.9, 0.8]), "class": np.array(["a", "a"])},
        VOXEL,
        volume_shape=SHAPE,
    )
    allowed = np.zeros(SHAPE, dtype=bool)
    allowed[:, :, 5:] = True
    candidates = Candidates(points)
    assert not candidates.chosen(Cut({"a": 0.0}, 50.0), candidates.values(allowed)).any()


def test_nothing_to_choose_from():
    nothing = Points(np.empty((0, 3)), {"score": np.empty(0), "class": np.empty(0, str)}, VOXEL)
    assert Candidates(nothing).chosen(Cut({}, 10.0)).shape == (0,)


def known(particles):
    """Return a class whose precision rises and recall falls with the score."""
    score = [0.0, 0.5, 1.0]
    curve = {"score": score, "precision": score, "recall": [1.0, 0.5, 0.0]}
    return Expected.read({"threshold": 0.5, "particles": particles, "curve": curve})


def test_expectations_are_read_off_the_curve():
    assert known(10).at(0.25) == (0.25, 0.75)
    assert known(10).at(2.0) == (1.0, 0.0)
    assert Expected.read({"threshold": 0.5}) is None


def test_classes_are_weighed_by_picks_and_particles():
    both = {"a": known(100), "b": known(300)}
    found = expected({"a": 30, "b": 10}, {"a": 0.8, "b": 0.2}, both)
    assert found == pytest.approx(((30 * 0.8 + 10 * 0.2) / 40, (100 * 0.2 + 300 * 0.8) / 400))
    assert expected({"a": 0, "b": 0}, {"a": 0.8, "b": 0.2}, both) is None
    assert expected({"a": 3, "c": 1}, {"a": 0.8, "c": 0.2}, both) is None


def test_the_most_doubtful_come_first_unless_they_are_neighbours():
    places = np.array([[0.0, 0, 0], [0, 0, 10], [0, 0, 500], [0, 0, 1000]])
    scores = np.array([0.5, 0.51, 0.7, 0.05])
    order = most_doubtful(places, scores, np.full(4, 0.5), 50.0)
    assert order.tolist() == [0, 2, 3, 1]
    assert most_doubtful(places, scores, np.full(4, 0.5), 1.0).tolist() == [0, 1, 2, 3]


def test_beyond_the_first_all_are_in_the_order_of_doubt(rng, monkeypatch):
    monkeypatch.setattr(curation, "_QUEUE", 10)
    scores = rng.random(50)
    order = most_doubtful(rng.uniform(0, 100, (50, 3)), scores, np.full(50, 0.5), 1000.0)
    assert sorted(order.tolist()) == list(range(50))
    doubt = np.abs(curation.log_odds(scores))
    assert np.all(np.diff(doubt[order]) >= 0), "all are neighbours, so nothing is put behind"
