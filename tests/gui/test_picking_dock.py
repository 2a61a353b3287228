"""The Picking dock: from labels to picks that were filtered, reviewed and saved."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow

import napari_cryonet
from napari_cryonet.errors import DataError
from napari_cryonet.gui.folders import runs_folder
from napari_cryonet.gui.picking.curating import Found
from napari_cryonet.gui.picking.labelled import inputs
from napari_cryonet.gui.picking.table import ACCEPTED, MANUAL, REJECTED, UNREVIEWED
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.widgets.picking import PickingWidget
from napari_cryonet.gui.widgets.pointcloud import PointCloudWidget
from napari_cryonet.io import CoordinateSettings, coordinates
from napari_cryonet.jobs import RunFolder
from napari_cryonet.signal.curation import Cut
from napari_cryonet.simulate.particles import DIAMETER, PickingSample, picking_sample
from napari_cryonet.types import Points, Volume

MANIFEST = Path(napari_cryonet.__file__).with_name("napari.yaml")
SOON = 90_000
SHAPE, VOXEL, ORIGIN = (24, 60, 80), (10.0, 10.0, 10.0), (100.0, -200.0, 0.0)
CURVE = {"score": [0.0, 1.0], "precision": [0.5, 1.0], "recall": [1.0, 0.5]}
BRIEF = {"steps": 4, "max_minutes": 0.5, "width": 4, "batch": 1, "validate_every": 2}


@pytest.fixture(scope="module")
def sample() -> PickingSample:
    return picking_sample((24, 96, 96), snr=0.3, counts=(8, 0, 0), vesicle=False)


@pytest.fixture
def model(qapp: Any) -> ViewerModel:
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def dock(qtbot: Any, model: ViewerModel, jobs: Runner) -> PickingWidget:
    made = PickingWidget(model, jobs)
    qtbot.addWidget(made)
    quick(made)
    made.show()
    return made


@pytest.fixture
def tomogram(model: ViewerModel, shown: Callable[..., Any]) -> Any:
    """Add an empty tomogram that lies somewhere."""
    volume = Volume(np.zeros(SHAPE, "f4"), VOXEL, ORIGIN, name="tomogram")
    return model.add_layer(shown(volume))


@pytest.fixture
def found(dock: PickingWidget, tomogram: Any) -> Found:
    """Show ten candidates in the dock: five of each class, their scores from 0.95 to 0.05."""
    places = np.array([(12.0, 20.0 + 20 * (n % 2), 4.0 + 8 * n) for n in range(10)])
    columns = {
        "score": np.linspace(0.95, 0.05, 10),
        "class": np.array(["a", "b"] * 5),
        "radius": np.full(10, 20.0),
    }
    candidates = Points(places, columns, VOXEL, "tomogram", volume_shape=SHAPE)
    estimates = {name: {"threshold": 0.5, "particles": 10, "curve": CURVE} for name in "ab"}
    made = Found(dock.data.chosen(), candidates, 40.0, Cut({"a": 0.5, "b": 0.5}, 26.0), estimates)
    dock.curating.begin(made)
    return made


def quick(dock: PickingWidget, **settings: Any) -> None:
    """Choose settings of a training that takes no time, as a user would."""
    for name, value in {**BRIEF, **settings}.items():
        widget = dock.train_form.widgets[name]
        widget.value = str(value) if isinstance(widget.value, str) else value
    dock.apply_form.widgets["passes"].value = 1


def done(qtbot: Any, jobs: Runner, count: int) -> None:
    """Wait until some jobs have ended well."""

    def ended() -> bool:
        """Whether all have, or one is the last."""
        all_there = len(jobs.works) == count or jobs.works[-1].state == "failed"
        return all_there and all(work.has_ended for work in jobs.works)

    qtbot.waitUntil(ended, timeout=SOON)
    assert [(work.state, work.error) for work in jobs.works] == [("done", "")] * count


def column(dock: PickingWidget, name: str) -> list[Any]:
    """Return a column of the layer of the picks."""
    return list(dock.curating.view.layer.features[name])


def settled(qtbot: Any) -> None:
    """Let the timers of the dock run out."""
    qtbot.wait(60)


# ------------------------------------------------------------------ labels


def test_new_labels_take_the_space_of_the_tomogram(dock, model, tomogram):
    dock.data.labels_button.click()
    assert dock.message.text() == "Give the diameter of the particles in Å first."
    dock.train_form.widgets["diameter"].value = "180"
    dock.data.kind.setText("ribosome")
    dock.data.labels_button.click()
    labels = model.layers["ribosome"]
    for name in ("scale", "translate", "units", "axis_labels"):
        assert np.array_equal(getattr(labels, name), getattr(tomogram, name))
    assert (labels.current_size, labels.mode, labels.ndim) == (18, "add", 3)
    assert model.layers.selection.active is labels
    assert dock.data.ticked() == [labels]
    labels.add((1, 2, 3))
    dock.data.labels_button.click()
    second = model.layers["ribosome [1]"]
    assert not np.array_equal(second.current_border_color, labels.current_border_color)
    second.add((4, 5, 6))
    row = dock.labelled()
    assert row.labels.positions.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert row.labels.features["class"].tolist() == ["ribosome", "ribosome"]
    assert row.labels.features["status"].tolist() == [ACCEPTED] * 2


def test_labels_of_another_scale_are_taken_where_they_lie(dock, model, tomogram):
    dock.train_form.widgets["diameter"].value = "180"
    model.add_points([[6, 7, 8]], scale=(2, 2, 2), units=("nm",) * 3, name="coarse")
    assert dock.labelled().labels.positions.tolist() == [[2, 34, 16]]
    model.layers["coarse"].affine = [[1, 0, 0, 5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    with pytest.raises(DataError, match="coarse is turned, sheared or moved"):
        dock.labelled()


def test_only_what_is_ticked_counts(dock, model, tomogram):
    dock.train_form.widgets["diameter"].value = "180"
    truth = model.add_points(np.ones((3, 3)), name="truth", visible=False)
    old = model.add_points(np.ones((3, 3)), name="old picks", features={"score": [1, 1, 1]})
    labels = model.add_points(np.ones((2, 3)), name="labels")
    assert dock.data.ticked() == [labels]
    dock.data.labels.item(0).setCheckState(Qt.CheckState.Checked)
    dock.data.labels.item(2).setCheckState(Qt.CheckState.Unchecked)
    assert dock.data.ticked() == [truth]
    old.name = "older"
    assert dock.data.labels.item(1).text() == "older"
    dock.data.labels.item(1).setCheckState(Qt.CheckState.Checked)
    old.features = {"status": [ACCEPTED, UNREVIEWED, REJECTED]}
    said = dock.labelled().labels.features["status"].tolist()
    assert said == [ACCEPTED] * 4 + [REJECTED], "nobody has looked at one of them"
    model.layers.remove(old)
    model.layers.remove(truth)
    with pytest.raises(DataError, match="There are no labels"):
        dock.labelled()


def test_regions_are_painted_in_the_space_of_the_tomogram(dock, model, tomogram):
    dock.train_form.widgets["diameter"].value = "180"
    assert not dock.data.legend.isVisible()
    dock.data.regions_button.click()
    regions = model.layers["regions"]
    assert isinstance(regions, Labels)
    assert dock.data.regions.layer() is regions
    assert dock.data.legend.isVisible()
    assert (regions.data.shape, regions.brush_size, regions.mode) == (SHAPE, 18, "paint")
    assert np.array_equal(regions.translate, tomogram.translate)
    assert list(regions.features["region"]) == [
        "unknown",
        "background",
        "fully annotated",
        "ignore",
    ]
    model.add_points(np.ones((2, 3)), name="labels")
    assert dock.labelled().regions.shape == SHAPE


def test_tomograms_are_kept_to_train_on(dock, model, tomogram, shown):
    dock.train_form.widgets["diameter"].value = "180"
    labels = model.add_points(np.full((2, 3), 110.0), name="labels")
    dock.data.add_button.click()
    assert dock.data.others.item(0).text() == "tomogram: 2 labels"
    model.add_layer(shown(Volume(np.zeros(SHAPE, "f4"), VOXEL, name="second")))
    dock.data.tomogram.setCurrentText("second")
    assert dock.data.ticked() == [], "they are labels of the first tomogram alone"
    others = model.add_points(np.full((3, 3), 100.0), name="labels")
    rows = dock.data.rows(dock.labelled())
    assert [(row.volume.name, len(row.labels)) for row in rows] == [("second", 3), ("tomogram", 2)]
    assert {name for row in rows for name in row.labels.features["class"]} == {"labels"}
    dock.data.add_button.click()
    dock.data.tomogram.setCurrentText("tomogram")
    assert dock.data.ticked() == [labels], "what was ticked is ticked again"
    rows = dock.data.rows(dock.labelled())
    assert [(row.volume.name, len(row.labels)) for row in rows] == [("tomogram", 2), ("second", 3)]
    tomogram.name = "renamed"
    assert len(dock.data.rows(dock.labelled())) == 2, "it is not taken twice"
    assert others in model.layers
    for _ in range(2):
        dock.data.others.itemDoubleClicked.emit(dock.data.others.item(0))
    assert not dock.data.others.isVisible()


def test_two_tomograms_of_one_name_are_two(dock, model, tomogram, shown):
    dock.train_form.widgets["diameter"].value = "180"
    model.add_points(np.full((2, 3), 110.0), name="labels")
    dock.data.add_button.click()
    other = model.add_layer(shown(Volume(np.ones(SHAPE, "f4"), VOXEL, ORIGIN, name="tomogram")))
    model.layers.remove(tomogram)
    other.name = "tomogram"
    model.add_points(np.full((3, 3), 110.0), name="labels")
    dock.data.add_button.click()
    texts = [dock.data.others.item(row).text() for row in range(2)]
    assert texts == ["tomogram: 2 labels", "tomogram (2): 3 labels"]
    names, given = inputs(dock.data.rows(dock.labelled()))
    assert len(names) == 2
    assert len(given) == 4
    assert given["layer: tomogram"].data.max() == 1
    assert given["layer: tomogram (2)"].data.max() == 0


def test_an_alt_click_on_the_plane_is_a_label(dock, model, tomogram):
    dock.train_form.widgets["diameter"].value = "180"
    labels = model.add_points(ndim=3, scale=(20, 20, 20), name="labels")
    tomogram.depiction = "plane"
    tomogram.plane.position, tomogram.plane.normal = (12, 30, 40), (1, 0, 0)
    event = SimpleNamespace(
        modifiers=("Alt",),
        position=(0.0, -40.0, 240.0),
        view_direction=(1.0, 0.0, 0.0),
        dims_displayed=(0, 1, 2),
        handled=False,
    )
    callback = model.mouse_drag_callbacks[-1]
    callback(model, event)
    assert event.handled
    assert labels.data.tolist() == [[11, -2, 12]]
    assert dock.labelled().labels.positions.tolist() == [[12, 16, 24]]
    event.modifiers = ()
    callback(model, event)
    assert len(labels.data) == 1
    dock.hide()
    assert callback not in model.mouse_drag_callbacks


def test_keys_go_to_the_dock_whose_tab_is_in_front(qtbot, model, jobs, dock, found):
    window, frames = QMainWindow(), []
    sorting = PointCloudWidget(model, jobs)
    qtbot.addWidget(sorting)
    for widget in (dock, sorting):
        frame = QDockWidget()
        frame.setWidget(widget)
        window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, frame)
        frames.append(frame)
    window.tabifyDockWidget(*frames)
    qtbot.addWidget(window)
    window.show()

    def served() -> set[Any]:
        """Return which boxes the keys belong to."""
        return {action.__self__ for action in model.keymap.values()}

    boxes = [dock.curating.review, sorting.data]
    for number in (0, 1, 0):
        frames[number].raise_()
        box = boxes[number]
        qtbot.waitUntil(lambda box=box: served() == {box}, timeout=5000)
    for frame, widget in zip(frames, (dock, sorting), strict=True):
        frame.close()
        widget.setParent(None)
    assert not model.keymap


# ------------------------------------------------------------------ whose picks they are


def test_what_was_said_stays_with_a_tomogram_that_is_renamed(dock, found, tomogram):
    dock.curating.view.step(1)
    dock.curating.view.decide(ACCEPTED)
    tomogram.name = "renamed"
    assert len(dock.curating.decided()) == 1
    dock.curating.begin(replace(found, row=dock.data.chosen()))
    assert len(dock.curating.decided()) == 1


@pytest.mark.parametrize("what", ["another layer of the same name", "another voxel size"])
def test_what_was_said_goes_to_no_other_tomogram(dock, model, found, tomogram, shown, what):
    dock.curating.view.step(1)
    dock.curating.view.decide(ACCEPTED)
    before = dock.curating.view.layer
    if what == "another voxel size":
        tomogram.scale = (20, 20, 20)
    else:
        model.layers.remove(tomogram)
        model.add_layer(shown(Volume(np.ones(SHAPE, "f4"), VOXEL, ORIGIN, name="tomogram")))
    assert dock.curating.decided() is None
    dock.curating.begin(replace(found, row=dock.data.chosen()))
    assert not len(dock.curating.decided())
    assert dock.curating.view.layer is not before


def test_picks_of_a_tomogram_that_is_gone_do_not_come_back(dock, model, found, shown):
    model.layers.clear()
    model.add_layer(shown(Volume(np.ones(SHAPE, "f4"), VOXEL, name="other")))
    dock.curating.filter.changed.emit()
    assert [layer.name for layer in model.layers] == ["other"]


def test_a_pick_that_is_dragged_and_accepted_at_once_is_where_it_was_dragged_to(dock, found):
    view = dock.curating.view
    view.step(1)
    index = view.current
    place = view.layer.data[index] + [1.0, 2.0, 3.0]
    view.layer.data[index] = place
    view.decide(ACCEPTED)
    assert (dock.curating.decided().positions == place).all(axis=1).any()


# ------------------------------------------------------------------ filter


def test_picks_are_shown_where_they_are(dock, found, tomogram):
    layer = dock.curating.view.layer
    assert layer.name == "tomogram picks"
    assert np.allclose(layer.data, found.candidates.positions[:5])
    assert np.array_equal(layer.translate, tomogram.translate)
    assert np.allclose(layer.size, 4)
    assert set(layer.features) == {"score", "class", "status", "source", "radius"}
    assert not layer.face_color.any()


def test_the_filter_follows_the_line(qtbot, dock, found):
    box = dock.curating.filter
    assert box.words.text() == ("5 picks (3 a, 2 b), expected precision 0.75, recall 0.75")
    box.histogram.line.setValue(0.0 + np.log(0.2 / 0.8))
    settled(qtbot)
    assert box.threshold.value() == pytest.approx(0.2)
    assert len(dock.curating.view.layer.data) == 8
    assert box.words.text().startswith("8 picks (4 a, 4 b), expected precision 0.60, recall 0.90")
    box.kind.setCurrentText("b")
    box.threshold.setValue(0.9)
    settled(qtbot)
    assert sorted(column(dock, "class")) == ["a"] * 4
    box.kind.setCurrentText("a")
    assert box.threshold.value() == pytest.approx(0.2)


def test_distance_border_and_mask_are_filters(qtbot, dock, found, model, tomogram):
    box, view = dock.curating.filter, dock.curating.view
    box.border.setValue(45)
    settled(qtbot)
    assert len(view.layer.data) == 4, "the first is 40 Å from the border"
    box.border.setValue(0)
    mask = np.zeros(SHAPE, int)
    mask[:, :, 15:] = 1
    layer = model.add_labels(mask, name="mask")
    box.mask.choose(layer)
    settled(qtbot)
    assert view.layer.data[:, 2].tolist() == [20, 28, 36]
    box.mask.setCurrentIndex(0)
    box.distance.setValue(200)
    settled(qtbot)
    assert len(view.layer.data) < 5
    assert view.candidates.thinned == 2
    box.mask.choose(model.add_labels(mask[:5], name="small"))
    settled(qtbot)
    assert "small has the shape (5, 60, 80)" in dock.message.text()


def test_there_are_no_picks_in_background_and_ignored_regions(qtbot, dock, found, model, tomogram):
    painted = np.zeros(SHAPE, int)
    painted[:, :, :8], painted[:, :, 8:16], painted[:, :, 16:24] = 1, 2, 3
    layer = model.add_labels(painted, name="regions")
    dock.data.regions.choose(layer)
    settled(qtbot)
    assert dock.curating.view.layer.data[:, 2].tolist() == [12, 28, 36]


# ------------------------------------------------------------------ review


def test_a_review_with_keys(dock, found, model):
    view = dock.curating.view

    def press(key):
        (action,) = [act for bound, act in model.keymap.items() if str(bound) == key]
        action(model)

    press("N")
    assert view.layer.features["score"][view.current] == pytest.approx(0.55), "nearest to 0.5"
    assert model.dims.point[-3:] == pytest.approx(
        view.layer.data_to_world(view.review.shown.positions[view.current])
    )
    assert view.layer.border_width[view.current] > view.layer.border_width.min()
    press("A")
    press("R")
    status = dict(zip(column(dock, "score"), column(dock, "status"), strict=True))
    assert [status[score] for score in sorted(status)] == [
        ACCEPTED,
        REJECTED,
        UNREVIEWED,
        UNREVIEWED,
        UNREVIEWED,
    ]
    assert "1 accepted" in dock.curating.review.words.text()
    assert "3 not reviewed" in dock.curating.review.words.text()
    assert dock.curating.filter.words.text().startswith("4 picks"), "one was rejected"
    press("Ctrl+Z")
    assert column(dock, "status").count(UNREVIEWED) == 4
    press("Ctrl+Shift+Z")
    assert column(dock, "status").count(UNREVIEWED) == 3
    at = view.current
    press("B")
    assert view.current == at, "there is nothing before it that nobody has looked at"
    dock.hide()
    assert not model.keymap
    assert not view.layer.keymap


def test_the_best_can_be_reviewed_first(dock, found):
    dock.curating.review.order.setCurrentIndex(1)
    dock.curating.review.buttons["following"].click()
    view = dock.curating.view
    assert view.layer.features["score"][view.current] == pytest.approx(0.95)


def test_points_that_are_added_moved_and_deleted_in_the_viewer(qtbot, dock, found):
    view = dock.curating.view
    view.layer.add((1.0, 2.0, 3.0))
    settled(qtbot)
    assert column(dock, "source").count(MANUAL) == 1
    assert column(dock, "status").count(ACCEPTED) == 1
    view.layer.selected_data = {0}
    view.layer.remove_selected()
    settled(qtbot)
    assert column(dock, "source").count(MANUAL) == 0
    view.layer._move([0], (12.0, 22.0, 5.0))
    view.layer._move([0], (12.0, 21.0, 6.0))
    qtbot.waitUntil(lambda: column(dock, "source").count(MANUAL) == 1, timeout=2000)
    assert len(view.layer.data) == 5
    for _ in range(3):
        view.turn(back=True)
    assert np.allclose(np.sort(view.layer.data, axis=0), np.sort(found.candidates.positions[:5], 0))


def test_another_model_keeps_what_was_said(dock, found):
    view = dock.curating.view
    view.step(1)
    place = view.review.shown.positions[view.current].copy()
    view.decide(REJECTED)
    moved = replace(found.candidates, positions=found.candidates.positions + 0.5)
    layer = view.layer
    dock.curating.begin(replace(found, candidates=moved))
    assert view.layer is layer
    status = np.array(column(dock, "status"))
    assert view.layer.data[status == REJECTED].tolist() == [place.tolist()]
    assert len(view.layer.data) == 5


def test_what_was_learnt_from_needs_no_review(dock, found):
    labels = found.candidates.kept(np.array([0, 2]))
    dock.curating.begin(replace(found, row=replace(found.row, labels=labels)))
    assert column(dock, "status") == [ACCEPTED, UNREVIEWED, ACCEPTED, UNREVIEWED, UNREVIEWED]


def test_a_removed_layer_comes_back(dock, found, model):
    model.layers.remove("tomogram picks")
    dock.curating.view.step(1)
    assert "tomogram picks" in model.layers
    assert dock.curating.view.layer.keymap


def test_picks_are_scored_against_a_truth(dock, found, model, tomogram):
    truth = found.candidates.positions[[0, 1, 9]] + [0, 0, 1]
    layer = model.add_points(
        truth, scale=VOXEL, translate=ORIGIN, units=("angstrom",) * 3, name="truth", visible=False
    )
    dock.curating.compare.truth.choose(layer)
    assert dock.curating.compare.words.text() == (
        "Precision 0.40, recall 0.67, F1 0.50, error 10 Å (2 of 3 found, 3 false)"
    )


def test_picks_are_saved_without_the_rejected(dock, found, tmp_path):
    view = dock.curating.view
    view.step(1)
    view.decide(REJECTED)
    dock.save_picks(tmp_path / "picks.csv", CoordinateSettings(format="auto"))
    (saved,) = coordinates.read(tmp_path / "picks.csv", CoordinateSettings(voxel_size=10.0))
    assert len(saved) == 4
    assert set(saved.features["status"]) == {UNREVIEWED}
    assert np.allclose(np.sort(saved.features["score"]), [0.65, 0.75, 0.85, 0.95])


def test_nothing_to_save_is_a_sentence(dock):
    dock.curating.save_button.click()
    assert dock.message.text().startswith("There are no picks yet")


def test_no_pick_is_left(qtbot, dock, found):
    dock.curating.filter.threshold.setValue(0.99)
    settled(qtbot)
    view = dock.curating.view
    assert len(view.layer.data) == 0
    view.step(1)
    assert view.current is None
    assert dock.curating.filter.words.text() == "0 picks (0 a, 0 b)"


# ------------------------------------------------------------------ training and picking


@pytest.fixture
def labelled(model: ViewerModel, dock: PickingWidget, sample: PickingSample, shown: Any) -> Any:
    """Open a tomogram with labels, and say how large its particles are."""
    layer = model.add_layer(shown(replace(sample.tomogram, origin=ORIGIN)))
    model.add_points(
        sample.particles.positions,
        name="barrel",
        **{name: getattr(layer, name) for name in ("scale", "translate", "units")},
    )
    dock.train_form.widgets["diameter"].value = f"{DIAMETER:g}"
    return layer


def test_train_and_pick_then_retrain(qtbot, dock, model, labelled, jobs, sample):
    view = dock.curating.view
    dock.train_button.click()
    assert dock.plot.isVisible()
    done(qtbot, jobs, 2)
    assert dock.tabs.tabText(dock.tabs.currentIndex()) == "Review"
    assert [layer.name for layer in model.layers] == [
        "simulated tomogram 0",
        "simulated tomogram 0 scores",
        "barrel",
        "simulated tomogram 0 picks",
    ]
    scores = dock.result
    assert tuple(scores.contrast_limits) == (0, 1)
    assert scores.blending == "additive"
    for name in ("scale", "translate", "units"):
        assert np.array_equal(getattr(scores, name), getattr(labelled, name))
    assert view.candidates.classes.tolist() == ["barrel"]
    first = dock.models.path
    dock.curating.filter.threshold.setValue(0.001)
    settled(qtbot)
    assert len(view.layer.data) > 2
    view.review.add(np.array([[12.0, 5.0, 5.0]]), "barrel")
    view.step(1)
    view.decide(REJECTED)
    dock.curating.retrain_button.click()
    done(qtbot, jobs, 4)
    assert dock.models.path != first
    folders = sorted(runs_folder().iterdir())
    job = RunFolder.existing(folders[2]).job()
    assert (job.action, Path(job.model)) == ("train", first)
    said = dock.labelled().labels.features["status"].tolist()
    assert (said.count(REJECTED), said.count(ACCEPTED)) == (1, 9)
    assert column(dock, "source").count(MANUAL) == 1
    assert column(dock, "status").count(REJECTED) == 1
    assert model.layers.index(dock.result) == 1


def test_stopping_keeps_what_was_learnt_and_picks(qtbot, dock, model, labelled, jobs):
    quick(dock, steps=100000, max_minutes=5)
    dock.train_button.click()
    (work,) = jobs.works
    qtbot.waitUntil(lambda: work.progress[0] > 0, timeout=SOON)
    work.stop()
    qtbot.waitUntil(lambda: len(jobs.works) == 2 and jobs.works[1].has_ended, timeout=SOON)
    assert [each.state for each in jobs.works] == ["stopped", "done"]
    assert dock.curating.view.volume.name == "simulated tomogram 0"


def test_what_is_wrong_is_one_sentence(qtbot, dock, model, labelled, jobs, shown):
    labels = model.layers["barrel"]
    labels.data = labels.data[:1]
    dock.train_button.click()
    work = dock.work
    qtbot.waitUntil(lambda: work.has_ended, timeout=SOON)
    assert work.state == "failed"
    assert "barrel holds 1 label of particles" in work.error
    labels.data = [[1.0, 2, 3], [500, 2, 3]]
    dock.train_button.click()
    work = dock.work
    qtbot.waitUntil(lambda: work.has_ended, timeout=SOON)
    assert "1 of 2 labels of barrel lie outside" in work.error
    model.layers.remove(labels)
    dock.train_button.click()
    assert dock.message.text().startswith("There are no labels")
    dock.curating.retrain_button.click()
    assert dock.message.text().startswith("There is no model yet")
    model.layers.clear()
    dock.train_button.click()
    assert dock.message.text() == "Open a map or a tomogram first."


def test_nothing_keeps_a_closed_dock(model, jobs):
    made = PickingWidget(model, jobs)
    made.show()
    gone = weakref.ref(made)
    gc.disable()
    try:
        made.close()
        del made
        assert gone() is None
    finally:
        gc.enable()
    model.add_points(np.ones((2, 3)), name="labels")


# ------------------------------------------------------------------ the real window


@pytest.fixture
def viewer(npe2pm: Any, make_napari_viewer: Any, jobs: Runner) -> Iterator[Any]:
    """A window that knows CryoNet and no other plugin."""
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        yield make_napari_viewer(show=True)


@pytest.mark.viewer
def test_a_walk_from_labels_to_reviewed_picks(viewer, qtbot, jobs, sample, shown):
    viewer.window.resize(1300, 900)
    viewer.add_layer(shown(sample.tomogram))
    _, dock = viewer.window.add_plugin_dock_widget("napari-cryonet", "Picking")
    quick(dock)
    dock.train_form.widgets["diameter"].value = f"{DIAMETER:g}"
    qtbot.mouseClick(dock.data.labels_button, Qt.MouseButton.LeftButton)
    for place in sample.particles.positions:
        viewer.layers["particle"].add(place)
    qtbot.mouseClick(dock.train_button, Qt.MouseButton.LeftButton)
    done(qtbot, jobs, 2)
    dock.curating.filter.threshold.setValue(0.001)
    settled(qtbot)
    view = dock.curating.view
    waiting = column(dock, "status").count(UNREVIEWED)
    assert waiting
    canvas = viewer.window._qt_viewer.canvas.native
    for key in (Qt.Key.Key_N, Qt.Key.Key_A):
        qtbot.keyClick(canvas, key)
    assert column(dock, "status").count(UNREVIEWED) == waiting - 1, "A is not napari's select all"
    assert not view.layer.selected_data
    qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert column(dock, "status").count(UNREVIEWED) == waiting
    assert dock.width() < 500, "nothing asks for more"
    for number in range(dock.tabs.count()):
        area = dock.tabs.widget(number)
        assert area.widget().minimumSizeHint().width() <= area.viewport().width(), "nothing is cut"
    viewer.window.remove_dock_widget(dock)
    assert not viewer.keymap
