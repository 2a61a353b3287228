"""The Explore dock: from a tomogram to candidates, selected in a map, that are labels."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

import napari_cryonet
from napari_cryonet.gui.exploring.candidates import COLOURS, is_explored, selected
from napari_cryonet.gui.layers import layer_data
from napari_cryonet.gui.positions import save_positions
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.widgets.explore import ExploreWidget
from napari_cryonet.gui.widgets.picking import PickingWidget
from napari_cryonet.io import CoordinateSettings, coordinates
from napari_cryonet.simulate.particles import DIAMETER, PickingSample, picking_sample
from napari_cryonet.types import Points, Volume

MANIFEST = Path(napari_cryonet.__file__).with_name("napari.yaml")
SOON = 60_000
SHAPE, VOXEL, ORIGIN = (24, 60, 80), (10.0, 10.0, 10.0), (100.0, -200.0, 0.0)
BRIEF = {"steps": 2, "width": 4, "batch": 8}
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture(scope="module")
def sample() -> PickingSample:
    return picking_sample((24, 96, 96), snr=0.3, counts=(20, 0, 0), vesicle=False)


@pytest.fixture
def model(qapp: Any) -> ViewerModel:
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def dock(qtbot: Any, model: ViewerModel, jobs: Runner) -> ExploreWidget:
    made = ExploreWidget(model, jobs)
    qtbot.addWidget(made)
    quick(made)
    made.resize(420, 800)
    made.show()
    return made


@pytest.fixture
def found(dock: ExploreWidget, model: ViewerModel, shown: Callable[..., Any], qtbot: Any) -> Any:
    """Show ten candidates on a line in the map: four, three and three of each cluster."""
    model.add_layer(shown(Volume(np.zeros(SHAPE, "f4"), VOXEL, ORIGIN, name="tomogram")))
    places = np.array([(12.0, 20.0 + 20 * (n % 2), 4.0 + 8 * n) for n in range(10)])
    columns = {
        "score": np.linspace(9, 3, 10),
        "cluster": np.array([1, 1, 1, 1, 2, 2, 2, 3, 3, 3]),
        "class": np.array(["cluster 1"] * 4 + ["cluster 2"] * 3 + ["cluster 3"] * 3),
        "pc1": np.arange(10.0),
        "pc2": np.array([0.0, 1.0] * 5),
        "radius": np.full(10, 90.0),
    }
    points = Points(places, columns, VOXEL, "tomogram", name="candidates", volume_shape=SHAPE)
    layer = model.add_layer(Layer.create(*layer_data(points, origin=ORIGIN)[0]))
    dock.tabs.setCurrentIndex(2)
    qtbot.waitUntil(lambda: dock.map.plot.isVisible() and len(dock.map.plot.points.data) == 10)
    dock.map.plot.view.setRange(xRange=(-1, 10), yRange=(-0.5, 1.5))
    QApplication.processEvents()
    return layer


def quick(dock: ExploreWidget) -> None:
    """Choose settings of a training that takes no time, as a user would."""
    for name, value in BRIEF.items():
        dock.train_form.widgets[name].value = value


def mouse(dock: ExploreWidget, places: Any, qtbot: Any, keys: Any = None) -> None:
    """Press the left button at the first of some places in the map and move to the last."""
    view = dock.map.plot.view
    widget = dock.map.plot._plot.viewport()
    kinds = [QEvent.Type.MouseButtonPress, *[QEvent.Type.MouseMove] * (len(places) - 1)]
    for kind, place in zip([*kinds, QEvent.Type.MouseButtonRelease], [*places, places[-1]]):  # noqa: B905
        scene = view.mapViewToScene(QPointF(*place))
        spot = QPointF(dock.map.plot._plot.mapFromScene(scene))
        left = Qt.MouseButton.LeftButton
        held = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else left
        button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else left
        where = QPointF(widget.mapToGlobal(spot.toPoint()))
        keys = keys or Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(widget, QMouseEvent(kind, spot, where, button, held, keys))
        qtbot.wait(15)  # pyqtgraph leaves out moves that follow each other faster


def box(left: float, right: float) -> list[tuple[float, float]]:
    """Return the corners of a box in the map that is as high as all points."""
    return [(left, -0.3), (right, -0.3), (right, 1.3), (left, 1.3)]


def chosen(layer: Any) -> list[int]:
    return np.flatnonzero(selected(layer)).tolist()


def rings(dock: ExploreWidget) -> list[float]:
    """Return where along the map there are rings around points."""
    return sorted(dock.map.plot.selected.data["x"].tolist())


# ------------------------------------------------------------------ the map


def test_the_map_has_the_colours_of_the_layer(dock, found):
    drawn = dock.map.plot.points.data
    assert drawn["x"].tolist() == found.features["pc1"].tolist()
    said = [brush.color().getRgb()[:3] for brush in drawn["brush"]]
    assert said == [COLOURS[0]] * 4 + [COLOURS[1]] * 3 + [COLOURS[2]] * 3
    assert np.allclose(found.border_color[:, :3] * 255, said, atol=1)
    assert np.allclose(found.size, 18)
    rows = [dock.map.list.item(row).text() for row in range(dock.map.list.count())]
    assert rows == ["Cluster 1: 4", "Cluster 2: 3", "Cluster 3: 3"]


def test_a_line_around_points_selects_them(qtbot, dock, found):
    mouse(dock, box(1.5, 4.5), qtbot)
    qtbot.waitUntil(lambda: rings(dock) == [2, 3, 4])
    assert chosen(found) == [2, 3, 4]
    assert (found.border_width > 0.1).tolist() == [index in (2, 3, 4) for index in range(10)]
    assert dock.map.words.text() == "3 of 10 candidates selected, 10 shown"
    mouse(dock, box(7.5, 8.5), qtbot, SHIFT)
    assert chosen(found) == [2, 3, 4, 8]
    mouse(dock, box(-0.5, 0.5), qtbot)
    assert chosen(found) == [0]
    with qtbot.waitActive(dock):
        dock.activateWindow()
    dock.map.plot._plot.setFocus()
    qtbot.keyClick(dock.map.plot._plot, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: rings(dock) == [])
    assert chosen(found) == []
    assert np.ptp(found.border_width) == 0


def test_a_click_on_a_point_goes_there(qtbot, dock, found, model):
    found.selected_data = {1}
    mouse(dock, [(3.0, 1.0)], qtbot)
    place = found.data_to_world(found.data[3])
    assert model.dims.point == pytest.approx(place)
    assert tuple(model.scene.camera.center)[-2:] == pytest.approx(tuple(place[1:]))
    mouse(dock, [(3.5, 0.5)], qtbot)
    assert model.dims.point == pytest.approx(place), "there is no point"
    assert chosen(found) == [1]


def test_what_is_selected_or_deleted_in_the_viewer_is_so_in_the_map(qtbot, dock, found):
    found.selected_data = {0, 9}
    qtbot.waitUntil(lambda: rings(dock) == [0, 9])
    found.remove_selected()
    qtbot.waitUntil(lambda: len(dock.map.plot.points.data) == 8)
    assert rings(dock) == []
    assert dock.map.list.item(0).text() == "Cluster 1: 3"
    found.selected_data = set(range(8))
    found.remove_selected()
    qtbot.waitUntil(lambda: dock.map.words.text().startswith("0 of 0"))
    assert dock.map.list.count() == 0


def test_hidden_clusters_are_neither_drawn_nor_selected(qtbot, dock, found):
    found.selected_data = {3, 4, 5}
    dock.map.list.item(1).setCheckState(Qt.CheckState.Unchecked)
    assert found.shown.tolist() == [True] * 4 + [False] * 3 + [True] * 3
    qtbot.waitUntil(lambda: len(dock.map.plot.points.data) == 7)
    assert chosen(found) == [3]
    assert dock.map.list.item(1).checkState() == Qt.CheckState.Unchecked
    mouse(dock, box(-0.5, 9.5), qtbot)
    assert chosen(found) == [0, 1, 2, 3, 7, 8, 9]
    dock.map.list.item(1).setCheckState(Qt.CheckState.Checked)
    assert found.shown.all()
    dock.map.list.itemDoubleClicked.emit(dock.map.list.item(1))
    assert chosen(found) == [4, 5, 6]


def test_the_selection_becomes_labels_that_picking_takes(qtbot, dock, found, model, jobs):
    dock.map.labels_button.click()
    assert dock.message.text().startswith("No candidate is selected")
    found.selected_data = {2, 5}
    dock.map.kind.setText("ribosome")
    dock.map.labels_button.click()
    labels = model.layers["ribosome"]
    for name in ("scale", "translate", "units", "axis_labels"):
        assert np.array_equal(getattr(labels, name), getattr(found, name))
    assert np.array_equal(labels.data, found.data[[2, 5]])
    assert np.allclose(labels.size, 18)
    assert not labels.face_color.any()
    assert not is_explored(labels)
    assert model.layers.selection.active is labels
    picking = PickingWidget(model, jobs)
    qtbot.addWidget(picking)
    picking.train_form.widgets["diameter"].value = "180"
    picking.data.tomogram.choose(model.layers["tomogram"])
    assert picking.data.ticked() == [labels]
    row = picking.labelled()
    assert np.allclose(row.labels.positions, found.data[[2, 5]])
    assert set(row.labels.features["class"]) == {"ribosome"}


def test_candidates_that_are_shown_are_saved(dock, found, tmp_path):
    dock.map.list.item(0).setCheckState(Qt.CheckState.Unchecked)
    data, attributes = dock.map.saved()
    path = tmp_path / "candidates.star"
    save_positions(path, data, attributes, CoordinateSettings())
    known = CoordinateSettings(voxel_size=10.0, volume_shape=SHAPE)
    (saved,) = coordinates.read(path, known)
    assert np.allclose(saved.positions, found.data[4:], atol=1e-3)
    assert is_explored(Layer.create(*layer_data(saved)[0])), "the file can be explored on"


def test_without_candidates_the_map_is_empty(qtbot, dock, found, model):
    model.layers.remove(found)
    assert not dock.map.plot.isEnabled()
    assert len(dock.map.plot.points.data) == dock.map.list.count() == 0
    assert dock.map.words.text().startswith("Candidates are shown here")


# ------------------------------------------------------------------ learning and exploring


def test_what_is_wrong_is_one_sentence(dock, model, add_model, sample, shown):
    dock.train_button.click()
    assert dock.message.text() == "Give the diameter of the particles in Å first."
    dock.train_form.widgets["diameter"].value = f"{DIAMETER:g}"
    dock.train_button.click()
    assert dock.message.text() == "Open a map or a tomogram first."
    model.add_layer(shown(sample.tomogram))
    dock.apply_button.setEnabled(True)
    dock.apply_button.click()
    assert dock.message.text().startswith("There is no model yet")
    extra, size = {"diameter": 300.0}, (13.5,) * 3
    add_model("other", method="exploration", extra=extra, voxel_size=size)
    dock.models.refresh()
    assert dock.warning.text().startswith("The model looks for particles of 300 Å.")
    dock.train_form.widgets["diameter"].value = "300"
    assert dock.warning.text() == ""
    model.layers[0].scale = (40.0, 40.0, 40.0)
    assert "trained at 13.5 Å per voxel" in dock.warning.text()


def test_nothing_keeps_a_closed_dock(model, jobs):
    made = ExploreWidget(model, jobs)
    made.show()
    gone = weakref.ref(made)
    gc.disable()
    try:
        made.close()
        del made
        assert gone() is None
    finally:
        gc.enable()
    model.add_points(np.ones((2, 3)), name="points")


@pytest.fixture
def viewer(npe2pm: Any, make_napari_viewer: Any, jobs: Runner) -> Iterator[Any]:
    """A window that knows CryoNet and no other plugin."""
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        yield make_napari_viewer(show=True)


@pytest.mark.viewer
def test_a_walk_from_a_tomogram_to_labels(viewer, qtbot, jobs, sample, shown):
    viewer.window.resize(1300, 900)
    tomogram = viewer.add_layer(shown(sample.tomogram))
    _, dock = viewer.window.add_plugin_dock_widget("napari-cryonet", "Explore")
    quick(dock)
    dock.train_form.widgets["diameter"].value = f"{DIAMETER:g}"
    for button in (dock.train_button, dock.apply_button):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        work = dock.work
        qtbot.waitUntil(lambda work=work: work.has_ended, timeout=SOON)
        assert (work.state, work.error) == ("done", "")
    name = tomogram.name
    assert [layer.name for layer in viewer.layers] == [
        name,
        f"{name} strength",
        f"{name} candidates",
    ]
    assert not dock.result.visible
    layer = viewer.layers[-1]
    assert dock.map.box.layer() is layer
    assert dock.tabs.tabText(dock.tabs.currentIndex()) == "Map"
    dock.map.list.itemDoubleClicked.emit(dock.map.list.item(0))
    qtbot.mouseClick(dock.map.labels_button, Qt.MouseButton.LeftButton)
    assert len(viewer.layers["particle"].data) == (layer.features["cluster"] == 1).sum()
    qtbot.mouseClick(dock.apply_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dock.work.has_ended and dock.work is not work, timeout=SOON)
    qtbot.waitUntil(lambda: dock.map.box.layer() is viewer.layers[-1])
    assert len(viewer.layers) == 4, "older candidates are replaced"
    assert dock.width() < 500, "nothing asks for more"
    for number in range(dock.tabs.count()):
        area = dock.tabs.widget(number)
        assert area.widget().minimumSizeHint().width() <= area.viewport().width(), "nothing is cut"
