"""The Deconvolve dock: from a layer to a saved result, whatever happens on the way."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog

import napari_cryonet
from napari_cryonet import Volume, read
from napari_cryonet.errors import DataError
from napari_cryonet.gui.folders import runs_folder
from napari_cryonet.gui.jobs_panel import JobView
from napari_cryonet.gui.layer_box import LayerBox
from napari_cryonet.gui.layers import set_voxel_size
from napari_cryonet.gui.plots import FilterPlot
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.widgets.deconvolve import DeconvolveWidget
from napari_cryonet.gui.work import Work
from napari_cryonet.io import mrc_header
from napari_cryonet.jobs import RunFolder
from napari_cryonet.signal import deconvolve as module
from napari_cryonet.signal.ctf import Deconvolution
from napari_cryonet.signal.deconvolve import deconvolve

MANIFEST = Path(napari_cryonet.__file__).with_name("napari.yaml")
SOON = 60_000


@pytest.fixture
def model(qapp: Any) -> ViewerModel:
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def dock(qtbot: Any, model: ViewerModel, jobs: Runner) -> DeconvolveWidget:
    made = DeconvolveWidget(model, jobs)
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def tomogram(rng: np.random.Generator) -> Volume:
    data = rng.normal(100, 5, (20, 24, 28)).astype(np.float32)
    return Volume(data, (8.0, 4.0, 4.0), (10.0, -20.0, 30.0), name="tomo")


@pytest.fixture
def layer(model: ViewerModel, tomogram: Volume, shown: Callable[..., Any]) -> Any:
    """The layer of the tomogram."""
    return model.add_layer(shown(tomogram))


def wait_for(qtbot: Any, work: Work) -> None:
    qtbot.waitUntil(lambda: work.has_ended, timeout=SOON)
    QApplication.processEvents()


def curve(plot: FilterPlot) -> tuple[Any, Any]:
    """Return the frequencies and the factors that are drawn."""
    x, y = plot._filter.getData()
    return (np.empty(0), np.empty(0)) if x is None else (x, y)


# ------------------------------------------------------------------ choosing the volume


def test_only_volumes_are_on_offer(qtbot, model):
    for name, shape in (("plane", (4, 5)), ("volume", (3, 4, 5)), ("stack", (2, 3, 4, 5))):
        model.add_image(np.zeros(shape), name=name)
    model.add_image(np.zeros((3, 4, 5, 3)), name="colours", rgb=True)
    model.add_labels(np.zeros((3, 4, 5), int), name="labels")
    model.add_image(np.zeros((3, 4, 5)), name="live", metadata={"cryonet": {"preview": True}})
    box = LayerBox(model)
    qtbot.addWidget(box)
    assert [box.itemText(n) for n in range(box.count())] == ["volume"]
    assert box.layer() is model.layers["volume"]


def test_the_selected_layer_is_chosen_and_stays_so(qtbot, model):
    one, two, three = (model.add_image(np.zeros((3, 4, 5)), name=n) for n in ("a", "b", "c"))
    model.layers.selection = [two]
    box = LayerBox(model)
    qtbot.addWidget(box)
    assert box.layer() is two
    model.add_image(np.zeros((3, 4, 5)), name="d")
    model.layers.remove(one)
    assert box.layer() is two
    with qtbot.waitSignal(box.changed):
        two.name = "other"
    assert box.currentText() == "other"
    with qtbot.waitSignal(box.changed):
        two.scale = (2, 2, 2)
    with qtbot.waitSignal(box.changed):
        box.setCurrentText("c")
    assert box.layer() is three
    with qtbot.assertNotEmitted(box.changed):
        two.scale = (3, 3, 3)
    model.layers.remove(three)
    assert box.layer() is not None
    model.layers.clear()
    assert box.layer() is None
    with pytest.raises(DataError, match="Open a map or a tomogram"):
        box.volume()


def test_a_box_that_is_gone_hears_nothing(model, qapp):
    layer = model.add_image(np.zeros((3, 4, 5)), name="a")
    box = LayerBox(model)
    gone = weakref.ref(box)
    box.deleteLater()
    del box
    gc.collect()
    QApplication.processEvents()
    assert gone() is None
    layer.scale = (2, 2, 2)
    model.add_image(np.zeros((3, 4, 5)), name="b")


# ------------------------------------------------------------------ the filter


def test_the_curve_follows_the_form_and_the_voxel_size(dock, layer):
    frequency, factors = curve(dock.plot)
    assert frequency[-1] == pytest.approx(1 / 8), "Nyquist of the finest axis"
    assert np.abs(factors).max() == pytest.approx(1)
    assert dock.figures.text().startswith("First CTF zero at 28.4 Å; the filter passes to")
    dock.form.widgets["defocus"].value = 1.0
    assert not np.allclose(curve(dock.plot)[1], factors)
    assert "at 14" in dock.figures.text()
    layer.scale = (40, 40, 40)
    assert curve(dock.plot)[0][-1] == pytest.approx(1 / 80)
    assert "beyond Nyquist" in dock.figures.text()


def test_a_missing_voxel_size_is_one_sentence(dock, model):
    assert dock.message.text() == "", "an empty window is no mistake"
    dock.button.click()
    assert dock.message.text() == "Open a map or a tomogram first."
    layer = model.add_image(np.random.default_rng(0).normal(size=(8, 9, 10)), name="bare")
    assert dock.message.text().startswith("The volume has no voxel size")
    assert curve(dock.plot)[0].size == 0
    assert dock.figures.text() == ""
    dock.button.click()
    assert dock.message.text().count("no voxel size") == 1
    assert dock.work is None
    set_voxel_size(layer, 5.0)
    assert dock.message.text() == ""
    assert curve(dock.plot)[0].size


def test_a_turned_layer_is_refused(dock, model):
    model.add_image(np.zeros((4, 5, 6)), name="turned", rotate=(0, 0, 30), scale=(2, 2, 2))
    assert "Alt-click" in dock.message.text()


# ------------------------------------------------------------------ from a layer to a result


def test_the_button_makes_a_layer_beside(dock, model, layer, tomogram, qtbot, tmp_path):
    with pytest.raises(DataError, match="no result yet"):
        dock.save(tmp_path / "x.mrc")
    dock.form.widgets["defocus"].value = 2.5
    dock.form.widgets["phase_flipped"].value = True
    qtbot.mouseClick(dock.button, Qt.MouseButton.LeftButton)
    assert dock.work.title == "Deconvolve tomo"
    wait_for(qtbot, dock.work)
    assert (dock.work.state, dock.work.error) == ("done", "")
    result = model.layers["tomo deconvolved"]
    for name in ("scale", "translate", "units", "axis_labels"):
        assert tuple(getattr(result, name)) == tuple(getattr(layer, name)), name
    settings = Deconvolution(defocus=2.5, phase_flipped=True)
    assert np.array_equal(result.data, deconvolve(tomogram.data, tomogram.voxel_size, settings)[0])
    assert dock.volume.layer() is layer, "the result is not taken for the next volume"
    (run,) = runs_folder().iterdir()
    job = RunFolder.existing(run).job()
    assert (job.method, job.model) == ("deconvolution", "")
    assert (job.settings["defocus"], job.settings["phase_flipped"]) == (2.5, True)
    assert not any("No defocus" in line for line in dock.work.log)
    dock.save(tmp_path / "saved.mrc")
    saved = read(tmp_path / "saved.mrc")
    assert isinstance(saved, Volume)
    assert saved.voxel_size == pytest.approx((8, 4, 4))
    assert saved.origin == pytest.approx((10, -20, 30))
    assert np.array_equal(saved.data, result.data)


def test_a_job_is_stopped_in_the_dock(dock, model, layer, qtbot, monkeypatch):
    monkeypatch.setattr(module, "_PIECE", 1)
    original, calls = module.fft.rfft2, []

    def slow(*args: Any, **more: Any) -> Any:
        calls.append(1)
        time.sleep(0.2)
        return original(*args, **more)

    monkeypatch.setattr(module.fft, "rfft2", slow)
    dock.button.click()
    qtbot.waitUntil(lambda: len(calls) > 1, timeout=SOON)
    (view,) = dock.findChildren(JobView)
    qtbot.mouseClick(view.stop, Qt.MouseButton.LeftButton)
    wait_for(qtbot, dock.work)
    assert dock.work.state == "stopped"
    assert view.state.text() == "Stopped before there was anything to keep"
    assert len(calls) < 15
    assert len(model.layers) == 1
    assert not dock.save_button.isEnabled()


def test_a_job_that_fails_says_so(dock, model, qtbot):
    model.add_image(np.ones((4, 5, 6)), name="flat", scale=(2, 2, 2))
    dock.button.click()
    wait_for(qtbot, dock.work)
    (view,) = dock.findChildren(JobView)
    assert view.state.text().startswith("Failed: All voxels have the same value, 1")


def test_jobs_may_be_queued(dock, model, layer, tomogram, shown, qtbot):
    other = model.add_layer(shown(tomogram))
    other.name = "other"
    first = dock.deconvolve()
    dock.volume.setCurrentText("other")
    second = dock.deconvolve()
    for work in (first, second):
        wait_for(qtbot, work)
    names = {layer.name for layer in model.layers}
    assert names == {"tomo", "other", "tomo deconvolved", "other deconvolved"}
    assert len(dock.findChildren(JobView)) <= 2


def test_a_dock_may_close_before_its_job_ends(model, jobs, layer, qtbot):
    dock = DeconvolveWidget(model, jobs)
    work, gone = dock.deconvolve(), weakref.ref(dock)
    gc.disable()
    try:
        dock.close()
        del dock
        assert gone() is None, "nothing keeps a closed dock"
    finally:
        gc.enable()
    wait_for(qtbot, work)
    assert (work.state, work.error) == ("done", "")
    assert len(model.layers) == 1


def test_the_result_is_saved_where_the_dialog_says(dock, layer, qtbot, monkeypatch, tmp_path):
    wait_for(qtbot, dock.deconvolve())
    asked: list[str] = []

    def ask(parent: Any, title: str, name: str, kinds: str) -> tuple[str, str]:
        asked.append(name)
        return str(tmp_path / "no" / "o.mrc") if len(asked) > 1 else "", ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", staticmethod(ask))
    dock.save_button.click()
    assert dock.message.text() == "", "nothing was chosen"
    dock.save_button.click()
    assert asked == ["tomo deconvolved.mrc"] * 2
    assert "does not exist" in dock.message.text()


# ------------------------------------------------------------------ in a real window


@pytest.fixture
def viewer(npe2pm: Any, make_napari_viewer: Any, jobs: Runner) -> Iterator[Any]:
    """A window that knows CryoNet and no other plugin."""
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        yield make_napari_viewer(show=True)


@pytest.mark.viewer
def test_a_walk_from_the_sample_to_a_saved_tomogram(viewer, qtbot, tmp_path):
    viewer.open_sample("napari-cryonet", "tomograms")
    _, dock = viewer.window.add_plugin_dock_widget("napari-cryonet", "Deconvolve")
    even = viewer.layers["simulated even tomogram"]
    assert dock.volume.layer() is even
    even.metadata["cryonet_header"] = mrc_header.build(even.data.shape, 2)
    mrc_header.add_labels(even.metadata["cryonet_header"], ("written by a friend",))
    dock.form.widgets["defocus"].value = 5.0
    qtbot.mouseClick(dock.button, Qt.MouseButton.LeftButton)
    wait_for(qtbot, dock.work)
    assert (dock.work.state, dock.work.error) == ("done", "")
    result = viewer.layers["simulated even tomogram deconvolved"]
    for name in ("scale", "translate", "units", "axis_labels"):
        assert tuple(getattr(result, name)) == tuple(getattr(even, name)), name
    assert len({str(unit) for unit in viewer.layers.units}) == 1
    assert float(np.std(result.data)) == pytest.approx(float(np.std(even.data)), rel=1e-3)
    path = tmp_path / "deconvolved.mrc"
    dock.save(path)
    (again,) = viewer.open(path, plugin="napari-cryonet")
    assert np.array_equal(again.data, result.data)
    labels = again.metadata["cryonet_header"].labels()
    assert "written by a friend" in labels
    assert any(label.startswith("Deconvolution, 5 um") for label in labels)


@pytest.mark.viewer
def test_the_dock_fits_beside_the_canvas(viewer, qtbot):
    viewer.window.resize(1300, 800)
    _, dock = viewer.window.add_plugin_dock_widget("napari-cryonet", "Deconvolve")
    QApplication.processEvents()
    assert dock.width() < 500, "the plot does not ask for more"
