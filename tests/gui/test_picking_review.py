"""What is said of picks is kept, can be taken back, and outlasts thresholds and models."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image

from napari_cryonet.gui.picking.labelled import Labelled, inputs, training_labels
from napari_cryonet.gui.picking.plane import meeting, plane_hit
from napari_cryonet.gui.picking.review import Review, Walk, far_from
from napari_cryonet.gui.picking.table import ACCEPTED, MANUAL, REJECTED, UNREVIEWED, full, joined
from napari_cryonet.types import Points, Volume

DIAMETER = 40.0
VOXEL = (10.0, 10.0, 10.0)


def picks(*places, scores=None, name="picks"):
    """Return picks at places along x, 10 voxels apart."""
    positions = np.array([(5.0, 5.0, 10.0 * place) for place in places]).reshape(-1, 3)
    values = np.linspace(0.9, 0.1, len(places)) if scores is None else np.array(scores)
    kinds = np.full(len(places), "a")
    table = Points(positions, {"score": values, "class": kinds}, VOXEL, name=name)
    return full(table, DIAMETER / 2)


@pytest.fixture
def review():
    return Review(picks(0, 1, 2, 3), DIAMETER)


def seen(review):
    """Return what is in view: place and status."""
    return {
        (float(place[2]) / 10, str(status))
        for place, status in zip(
            review.shown.positions, review.shown.features["status"], strict=True
        )
    }


def test_at_first_nobody_has_looked(review):
    assert seen(review) == {(n, UNREVIEWED) for n in range(4)}
    assert review.waiting.all()
    assert len(review.decided) == 0


def test_decisions_and_their_undoing(review):
    review.decide(1, ACCEPTED)
    review.decide(review.row(np.array([5.0, 5.0, 20.0])), REJECTED)
    said = {(0, UNREVIEWED), (1, ACCEPTED), (2, REJECTED), (3, UNREVIEWED)}
    assert seen(review) == said
    review.decide(review.row(np.array([5.0, 5.0, 10.0])), REJECTED)
    assert (1, REJECTED) in seen(review)
    assert review.undo()
    assert seen(review) == said
    assert review.undo()
    assert review.undo()
    assert not review.undo()
    assert review.waiting.all()
    assert review.redo()
    assert review.redo()
    assert seen(review) == said
    review.decide(review.row(np.array([5.0, 5.0, 0.0])), ACCEPTED)
    assert review.redo() is False, "a new word ends what could be said again"


def test_what_was_said_outlasts_another_threshold(review):
    review.decide(3, ACCEPTED)
    review.keep(np.array([True, False, False, False]))
    assert seen(review) == {(0, UNREVIEWED), (3, ACCEPTED)}
    review.undo()
    assert seen(review) == {(0, UNREVIEWED)}


def test_what_was_said_outlasts_another_model(review):
    review.decide(0, ACCEPTED)
    review.decide(review.row(np.array([5.0, 5.0, 10.0])), REJECTED)
    review.take(picks(0.1, 1.19, 2.21, 3))
    assert seen(review) == {(0, ACCEPTED), (1, REJECTED), (2.21, UNREVIEWED), (3, UNREVIEWED)}
    review.undo()
    assert (1.19, UNREVIEWED) in seen(review)


def test_a_pick_of_a_person_is_accepted(review):
    review.add(np.array([[5.0, 5.0, 70.0]]), "b")
    index = review.row(np.array([5.0, 5.0, 70.0]))
    row = {name: values[index] for name, values in review.shown.features.items()}
    assert row == {"score": 1, "class": "b", "status": ACCEPTED, "source": MANUAL, "radius": 20}
    assert len(review.shown) == 5
    review.undo()
    assert len(review.shown) == 4


def test_what_was_deleted_does_not_come_back(review):
    review.decide(0, ACCEPTED)
    review.remove(np.array([0, 2]))
    assert seen(review) == {(1, UNREVIEWED), (3, UNREVIEWED)}
    review.take(picks(0.1, 1, 2, 3))
    assert seen(review) == {(1, UNREVIEWED), (3, UNREVIEWED)}
    assert len(review.decided) == 0
    review.undo()
    assert seen(review) == {(0, ACCEPTED), (1, UNREVIEWED), (2, UNREVIEWED), (3, UNREVIEWED)}


def test_what_was_moved_is_accepted_where_it_is_now(review):
    review.decide(0, REJECTED)
    review.move(np.array([0, 1]), np.array([[5.0, 5.0, 1.0], [5.0, 5.0, 14.0]]))
    assert seen(review) == {(0.1, ACCEPTED), (1.4, ACCEPTED), (2, UNREVIEWED), (3, UNREVIEWED)}
    review.undo()
    assert (0, REJECTED) in seen(review)


def test_a_walk_leaves_out_what_is_known(review):
    walk = Walk(review.shown.kept(np.array([2, 0, 3, 1])))
    assert walk.step(review, 1) == 2
    assert walk.step(review, -1) is None
    place = review.shown.positions[0]
    review.decide(0, ACCEPTED)
    assert review.row(place) == 0
    assert walk.step(review, 1) == 3
    assert walk.step(review, 1) == 1
    assert walk.step(review, 1) is None
    assert walk.step(review, -1) == 3


def test_later_words_count_for_the_training():
    decided = picks(1.1, 5)
    decided.features["status"][:] = [REJECTED, ACCEPTED]
    made = training_labels(picks(0, 1), decided, DIAMETER)
    assert (made.positions[:, 2] / 10).tolist() == pytest.approx([0, 1.1, 5])
    assert made.features["status"].tolist() == [UNREVIEWED, REJECTED, ACCEPTED]


def test_far_from_nothing():
    assert far_from(picks(0, 1), picks(), 10.0).all()
    assert far_from(picks(), picks(1), 10.0).shape == (0,)
    assert far_from(picks(0, 1), picks(1.05), 10.0).tolist() == [True, False]


def test_tables_are_joined_in_the_volume_of_the_first():
    both = joined([picks(0, name="one"), picks(1, 2, name="two")])
    assert (len(both), both.name, both.voxel_size) == (3, "one", VOXEL)


def test_rows_have_the_names_of_their_tomograms():
    one, two = (Volume(np.zeros((2, 3, 4)), VOXEL, name=name) for name in ("a", "b"))
    rows, given = inputs([Labelled(one, picks(0)), Labelled(two, None, one)])
    assert rows == (("layer: a", "labels of a"), ("layer: b", "regions of b"))
    assert set(given) == {name for row in rows for name in row}
    assert given["regions of b"] is one


# ------------------------------------------------------------------ the plane


def test_a_line_meets_a_plane_where_both_are():
    start, direction = np.array([0.0, 0, 0]), np.array([1.0, 2, 3])
    place, normal = np.array([4.0, 0, 0]), np.array([1.0, 0, 0])
    assert meeting(start, direction, place, normal).tolist() == [4, 8, 12]
    assert meeting(start, -direction, place, 2 * normal).tolist() == [4, 8, 12]
    assert meeting(start, np.array([0.0, 1, 0]), place, normal) is None


def click(position, direction, displayed=(0, 1, 2)):
    """Return a mouse event."""
    return SimpleNamespace(position=position, view_direction=direction, dims_displayed=displayed)


def test_a_click_meets_the_plane_in_voxels():
    layer = Image(np.zeros((10, 20, 30)), scale=(2, 2, 2), translate=(100, 0, 0), depiction="plane")
    layer.plane.position, layer.plane.normal = (5, 10, 15), (1, 0, 0)
    assert plane_hit(layer, click((0, 14, 16), (1, 0, 0))).tolist() == pytest.approx([5, 7, 8])
    slanted = plane_hit(layer, click((100, 14, 6), (1, 0, 1)))
    assert slanted.tolist() == pytest.approx([5, 7, 8])
    assert plane_hit(layer, click((0, 14, 100), (1, 0, 0))) is None, "beside the volume"
    assert plane_hit(layer, click((0, 14, 16), (1, 0, 0), (1, 2))) is None, "in two dimensions"
    layer.depiction = "volume"
    assert plane_hit(layer, click((0, 14, 16), (1, 0, 0))) is None
