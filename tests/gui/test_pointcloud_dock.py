"""The Point cloud dock: from images or a table to a cloud, its poses and their files."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt

import napari_cryonet
from napari_cryonet import read, write
from napari_cryonet.gui.pointcloud.table_dialog import TableDialog
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.widgets.pointcloud import PointCloudWidget
from napari_cryonet.io import poses as poses_file
from napari_cryonet.signal.smlm_settings import SmlmSettings
from napari_cryonet.simulate.smlm import SmlmSample, smlm_images
from napari_cryonet.types import ImageStack

MANIFEST = Path(napari_cryonet.__file__).with_name("napari.yaml")
SOON = 90_000
COUNT = 26
BRIEF = {
    "points": 40, "starts": 2, "most_starts": 2, "iterations": 3, "passes": 2, "views": 12,
    "turns": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def sample() -> SmlmSample:
    return smlm_images(SmlmSettings(count=COUNT, box=24, pixel_size=25, sigma=25, seed=2))


@pytest.fixture
def model(qapp: Any) -> ViewerModel:
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def dock(qtbot: Any, model: ViewerModel, jobs: Runner) -> PointCloudWidget:
    made = PointCloudWidget(model, jobs)
    qtbot.addWidget(made)
    quick(made)
    made.show()
    return made


@pytest.fixture
def layer(model: ViewerModel, sample: SmlmSample, shown: Callable[..., Any]) -> Any:
    return model.add_layer(shown(sample.images))


def quick(dock: PointCloudWidget) -> None:
    """Choose settings that take no time, as a user would."""
    for name, value in BRIEF.items():
        dock.train_form.widgets[name].value = value
    for name, value in {"candidates": 1, "views": 12, "turns": 4, "passes": 1}.items():
        dock.apply_form.widgets[name].value = value


def done(qtbot: Any, dock: PointCloudWidget, state: str = "done") -> None:
    """Wait until the newest job has ended, and look how."""
    qtbot.waitUntil(lambda: dock.work.has_ended, timeout=SOON)
    assert (dock.work.state, dock.work.error) == (state, "")


# ------------------------------------------------------------------ images


def test_images_are_accepted_and_rejected_one_by_one(dock, model, layer):
    buttons = dock.data.buttons
    assert dock.data.words.text().startswith(f"{COUNT} of {COUNT} images are accepted.")
    model.dims.set_point(0, 0)
    for name in ("following", "reject", "accept", "reject", "before"):
        buttons[name].click()
    assert dock.data.current == 3
    assert dock.data.words.text() == (
        f"{COUNT - 2} of {COUNT} images are accepted. "
        f'Image 3 is <b style="color: #ff5f56">rejected</b>.'
    )
    buttons["accept"].click()
    assert dock.data.chosen().numbers.tolist() == [0, *range(2, COUNT)]
    model.dims.set_point(0, COUNT - 1)
    buttons["following"].click()
    assert dock.data.current == COUNT - 1


def test_a_key_says_nothing_of_an_image_that_is_not_in_view(dock, model, layer):
    model.dims.ndisplay = 3
    assert dock.data.current is None
    dock.data.buttons["reject"].click()
    assert model.dims.ndisplay == 2
    assert len(dock.data.chosen().numbers) == COUNT


def test_images_and_clouds_are_drawn_in_one_unit(dock, model, layer, sample, shown):
    model.add_layer(shown(sample.truth))
    model.add_layer(shown(sample.images))
    assert {str(unit) for unit in model.layers.extent.units} == {"nanometer"}
    assert dock.data.chosen().images.pixel_size == (25.0, 25.0)


def test_without_images_everything_says_what_to_do(dock):
    assert not dock.data.buttons["reject"].isEnabled()
    dock.train_button.click()
    assert dock.message.text().startswith("Open images of single molecules first")
    dock.page.save_cloud_button.click()
    assert dock.message.text().startswith("There is no cloud yet")


def test_a_table_becomes_images(dock, model, tmp_path, rng, qtbot):
    path = tmp_path / "table.csv"
    rows = [
        (1000 * group + x, 50 + y, group)
        for group in range(5)
        for x, y in rng.normal(0, 30, (20, 2))
    ]
    np.savetxt(path, rows, delimiter=",", header="x,y,cluster", comments="")
    dialog = TableDialog(path, model, dock)
    dialog.accept()
    assert "gives" in dialog.words.text()
    assert "without a unit" in dialog.words.text()
    assert dialog.images is None
    dialog.columns.widgets["unit"].value = "nm"
    dialog.drawing.widgets["box"].value = 32
    dialog.accept()
    assert dialog.images.shape == (5, 32, 32)
    dock.data.add(dialog.images)
    assert dock.data.images.layer() is model.layers["table particles"]
    assert dock.data.chosen().images.spot == 7.5
    model.add_points([[0, 50, 0], [0, 50, 2000]], ndim=3, units=("nm",) * 3, name="picks")
    dialog.picks.choose(model.layers["picks"])
    dialog.accept()
    assert dialog.images.shape == (2, 32, 32)


def test_a_folder_of_files_becomes_one_stack(dock, model, tmp_path, sample, monkeypatch):
    for number, picture in enumerate(sample.images.data[:3]):
        write(tmp_path / f"{number}.fits", ImageStack(picture, (25.0, 25.0), "nm", spot=25.0))
    chosen = "napari_cryonet.gui.pointcloud.data.QFileDialog.getExistingDirectory"
    monkeypatch.setattr(chosen, lambda *_: str(tmp_path))
    dock.data.folder_button.click()
    assert dock.data.chosen().images.shape == (3, 24, 24)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setattr(chosen, lambda *_: str(empty))
    dock.data.folder_button.click()
    assert "holds no image" in dock.message.text()


# ------------------------------------------------------------------ clouds


def test_a_cloud_grows_and_is_shown_mirrored_and_saved(dock, model, layer, qtbot, tmp_path):
    grown = []
    model.layers.events.inserted.connect(lambda event: grown.append(event.value.name))
    rejected = dock.data.current
    dock.data.buttons["reject"].click()
    dock.train_button.click()
    done(qtbot, dock)
    assert grown == ["simulated cloud"]
    assert (model.dims.ndisplay, layer.visible) == (3, False)
    page, shown = dock.page, model.layers["simulated cloud"]
    assert page.particle.maximum() == COUNT - 2
    assert len(page.views.dots.data) == COUNT - 1
    final = np.array(shown.data)
    page.level.setValue(0)
    assert not np.allclose(shown.data[: len(final)], final, atol=1)
    page.level.setValue(page.level.maximum())
    np.testing.assert_allclose(shown.data, final)
    dock.data.buttons["following"].click()
    assert (model.dims.ndisplay, layer.visible, shown.visible) == (2, True, False)
    page.mirror_button.click()
    assert (model.dims.ndisplay, layer.visible, shown.visible) == (3, False, True)
    np.testing.assert_allclose(shown.data, final * [-1, 1, 1])
    for name in ("cloud.ply", "cloud.obj", "cloud.csv"):
        dock.save_cloud(tmp_path / name)
    assert "no weights" not in dock.message.text()
    np.testing.assert_allclose(read(tmp_path / "cloud.ply").vertices, shown.data, rtol=1e-5)
    table = np.loadtxt(tmp_path / "cloud.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(table[:, 2::-1], shown.data, rtol=1e-5)
    dock.save_poses(tmp_path / "poses.csv")
    assert len(poses_file.read(tmp_path / "poses.csv")) == COUNT - 1
    assert f"\n{rejected}," not in (tmp_path / "poses.csv").read_text()


def test_two_reconstructions_in_the_queue_grow_on_layers_of_their_own(
    dock, model, layer, sample, shown, qtbot
):
    other = model.add_layer(shown(replace(sample.images, name="other")))
    dock.train_button.click()
    dock.data.images.choose(other)
    dock.train_button.click()
    done(qtbot, dock)
    names = {each.name for each in model.layers}
    assert {"simulated cloud", "other cloud"} <= names


def test_stop_keeps_the_cloud_and_says_that_nothing_was_compared(dock, layer, model, qtbot):
    dock.train_form.widgets["iterations"].value = 500
    dock.train_button.click()
    qtbot.waitUntil(lambda: "simulated cloud" in model.layers, timeout=SOON)
    dock.work.stop(keep=True)
    done(qtbot, dock, "stopped")
    assert len(dock.page.found.cloud)
    assert "before two searches" in dock.page.doubt.text()
    assert not dock.page.level.isEnabled()


def test_poses_of_further_images_are_found_with_the_model(dock, layer, qtbot, sample):
    dock.train_button.click()
    done(qtbot, dock)
    for _ in range(3):
        dock.data.buttons["reject"].click()
    dock.apply_button.click()
    done(qtbot, dock)
    page = dock.page
    left = COUNT - len(layer.metadata["cryonet"]["rejected"])
    assert len(page.found.poses) == left < COUNT
    image, drawn, _ = page.found.tiles(1)
    number = page.found.poses.features["image"][1]
    np.testing.assert_array_equal(image, sample.images.data[number])
    assert drawn.sum() == pytest.approx(image.sum(), rel=0.2)
    page.particle.setValue(1)
    assert page.particle.text() == f"1 (image {number})"
    assert "unexplained" in page.particle_words.text()


def test_a_closed_dock_leaves_nothing_behind(qtbot, model, layer, jobs):
    dock = PointCloudWidget(model, jobs)
    dock.show()
    assert model.keymap
    dock.hide()
    assert not model.keymap
    gone = weakref.ref(dock)
    dock.deleteLater()
    del dock
    qtbot.wait(50)
    gc.collect()
    model.dims.set_point(0, 3)
    assert gone() is None


# ------------------------------------------------------------------ the real window


@pytest.fixture
def viewer(npe2pm: Any, make_napari_viewer: Any, jobs: Runner) -> Iterator[Any]:
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        yield make_napari_viewer(show=True)


@pytest.mark.viewer
def test_a_walk_from_keys_to_a_cloud_that_opens_again(viewer, qtbot, sample, shown, tmp_path):
    viewer.window.resize(1300, 900)
    layer = viewer.add_layer(shown(sample.images))
    _, dock = viewer.window.add_plugin_dock_widget("napari-cryonet", "Point cloud")
    quick(dock)
    viewer.dims.set_point(0, 0)
    qtbot.waitUntil(dock.isVisible)
    canvas = viewer.window._qt_viewer.canvas.native
    for key in (Qt.Key.Key_N, Qt.Key.Key_R, Qt.Key.Key_A, Qt.Key.Key_B):
        qtbot.keyClick(canvas, key)
    assert layer.metadata["cryonet"]["rejected"] == [1]
    assert dock.data.current == 2
    qtbot.mouseClick(dock.train_button, Qt.MouseButton.LeftButton)
    done(qtbot, dock)
    assert dock.tabs.currentIndex() == 2
    qtbot.mouseClick(dock.page.mirror_button, Qt.MouseButton.LeftButton)
    dock.save_cloud(tmp_path / "cloud.ply")
    (again,) = viewer.open(tmp_path / "cloud.ply", plugin="napari-cryonet")
    np.testing.assert_allclose(again.data, viewer.layers["simulated cloud"].data, rtol=1e-5)
    assert dock.width() < 500, "nothing asks for more"
    for number in range(dock.tabs.count()):
        area = dock.tabs.widget(number)
        assert area.widget().minimumSizeHint().width() <= area.viewport().width(), "nothing is cut"
    viewer.window.remove_dock_widget(dock)
    assert not viewer.keymap
