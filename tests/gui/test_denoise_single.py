"""The Denoise dock with one volume: the method follows the data, and all ends well or is said."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Shapes
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

import napari_cryonet
from napari_cryonet import Volume, read
from napari_cryonet.gui.folders import models_folder, runs_folder
from napari_cryonet.gui.jobs_panel import JobView
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.widgets.denoise import DenoiseWidget
from napari_cryonet.gui.work import Work
from napari_cryonet.io import read_card
from napari_cryonet.jobs import RunFolder

MANIFEST = Path(napari_cryonet.__file__).with_name("napari.yaml")
NONE = "none: a single volume"
SOON = 60_000
SCALE, ORIGIN = (4.0, 2.0, 2.0), (10.0, -20.0, 30.0)


@pytest.fixture
def model(qapp: Any) -> ViewerModel:
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def dock(qtbot: Any, model: ViewerModel, jobs: Runner, tiny: dict[str, Any]) -> DenoiseWidget:
    made = DenoiseWidget(model, jobs)
    qtbot.addWidget(made)
    quick(made, tiny)
    made.show()
    return made


@pytest.fixture
def tomogram(dock: DenoiseWidget, model: ViewerModel, shown: Any, halves: Any) -> Any:
    """The layer of the only volume."""
    return model.add_layer(shown(single(halves)))


def single(halves: Any) -> Volume:
    """Return a noisy volume of which there are no halves, as long as wide, not as high."""
    data = np.concatenate((halves[0].data, halves[1].data), axis=1)
    return Volume(data[:, :40], SCALE, ORIGIN, name="tomogram")


def quick(dock: DenoiseWidget, tiny: dict[str, Any], **settings: Any) -> None:
    """Choose settings of a Self2Self training that takes no time, as a user would."""
    values = {**tiny, "steps": 6, "max_minutes": 0.5, **settings}
    parts = dock.parts["self2self"]
    for name, value in values.items():
        widget = parts.train_form.widgets[name]
        widget.value = str(value) if isinstance(widget.value, str) else value
    parts.apply_form.widgets["passes"].value = 2


def wait_for(qtbot: Any, work: Work) -> None:
    qtbot.waitUntil(lambda: work.has_ended, timeout=SOON)
    QApplication.processEvents()


def draw(dock: DenoiseWidget, model: ViewerModel, low: Any, high: Any) -> None:
    """Draw a rectangle in the plane of low."""
    dock.box.button.click()
    shapes = model.layers["training box"]
    assert isinstance(shapes, Shapes)
    z, (y0, x0), (y1, x1) = low[0], low[1:], high[1:]
    shapes.add(np.array([(z, y0, x0), (z, y0, x1), (z, y1, x1), (z, y1, x0)]))


# ------------------------------------------------------------------ the method follows the data


def test_the_method_is_what_the_data_allow(dock, model, shown, halves):
    assert dock.method.name == "noise2noise", "nothing is known yet"
    first = model.add_layer(shown(halves[0]))
    assert dock.method.name == "self2self"
    assert dock.about.text().startswith("Self2Self. One volume: ")
    model.add_layer(shown(halves[1]))
    assert dock.method.name == "noise2noise"
    assert dock.about.text().startswith("Noise2Noise. Two halves: ")
    dock.halves.second.setCurrentText(NONE)
    assert dock.method.name == "self2self"
    model.layers.remove(first)
    assert dock.method.name == "self2self"


def test_a_method_that_is_chosen_stays(dock, model, shown, halves):
    dock.choice.setCurrentText("Self2Self")
    for volume in halves:
        model.add_layer(shown(volume))
    assert dock.method.name == "self2self"
    assert "Takes half 1 alone" in dock.about.text()
    rows, given = dock.halves.rows(training=True)
    assert rows == (("layer: half 1",),)
    assert list(given) == ["layer: half 1"]
    dock.choice.setCurrentText("auto")
    assert dock.method.name == "noise2noise"
    dock.choice.setCurrentText("Noise2Noise")
    dock.halves.second.setCurrentText(NONE)
    assert dock.method.name == "noise2noise"
    assert "models that were trained on halves denoise it" in dock.about.text()


def test_the_forms_of_both_methods_keep_their_values(dock):
    dock.choice.setCurrentText("Noise2Noise")
    dock.train_form.widgets["max_minutes"].value = "7"
    assert "mixing" in dock.train_form.widgets
    assert not dock.box.isVisible()
    dock.choice.setCurrentText("Self2Self")
    assert dock.train_form.widgets["max_minutes"].value == "0.5"
    assert dock.train_form.isVisible()
    assert dock.box.isVisible()
    assert not dock.parts["noise2noise"].train_form.isVisible()
    dock.train_form.widgets["max_minutes"].value = "8"
    dock.choice.setCurrentText("Noise2Noise")
    assert dock.train_form.value().max_minutes == 7
    dock.tabs.setCurrentIndex(1)
    assert dock.apply_form.isVisible()
    assert not dock.parts["self2self"].apply_form.isVisible()


def test_untouched_forms_are_the_default_settings(qtbot, model, jobs):
    dock = DenoiseWidget(model, jobs)
    qtbot.addWidget(dock)
    for parts in dock.parts.values():
        assert parts.train_form.value() == parts.method.settings("train")()
        assert parts.apply_form.value() == parts.method.settings("apply")()


def test_models_of_the_method_in_force_are_on_offer(dock, add_model, tomogram):
    pair, alone = add_model("pair"), add_model("alone", method="self2self")
    for parts, path in zip(dock.parts.values(), (pair, alone), strict=True):
        parts.models.refresh(path)
    assert (dock.models.count(), dock.models.path) == (1, alone)
    dock.choice.setCurrentText("Noise2Noise")
    assert (dock.models.count(), dock.models.path) == (2, pair), "one is shipped"
    alone.unlink()
    dock.parts["self2self"].models.refresh()
    assert dock.apply_button.isEnabled(), "that of the method in force is there"
    dock.choice.setCurrentText("auto")
    assert not dock.apply_button.isEnabled()


def test_further_files_are_volumes_or_halves(dock, tomogram):
    names = ["/d/TS_01_EVN.mrc", "/d/TS_02.mrc", "/d/TS_01_ODD.mrc"]
    dock.halves.more.add_files(names)
    listed = [dock.halves.more.list.item(n).text() for n in range(dock.halves.more.list.count())]
    assert listed == [Path(name).name for name in names]
    assert not dock.halves.more.alone.isVisible()
    rows, _ = dock.halves.rows(training=True)
    assert rows == (("layer: tomogram",), *((name,) for name in names))
    assert dock.halves.rows(training=False)[0] == rows[:1]
    dock.choice.setCurrentText("Noise2Noise")
    assert dock.halves.more.list.count() == 1
    assert dock.halves.more.alone.text() == "No other half: TS_02.mrc"
    dock.choice.setCurrentText("auto")
    dock.halves.more.list.setCurrentRow(1)
    dock.halves.more.list.itemDoubleClicked.emit(dock.halves.more.list.item(1))
    rows, _ = dock.halves.rows(training=True)
    assert rows == (("layer: tomogram",), (names[0],), (names[2],))


# ------------------------------------------------------------------ from a volume to a result


def test_a_volume_becomes_a_model_a_result_and_its_uncertainty(
    dock, model, tomogram, qtbot, tmp_path
):
    qtbot.mouseClick(dock.train_button, Qt.MouseButton.LeftButton)
    wait_for(qtbot, dock.work)
    assert (dock.work.state, dock.work.error) == ("done", "")
    assert read_card(models_folder() / "tomogram.safetensors").method == "self2self"
    assert dock.models.currentText() == "tomogram"
    assert dock.tabs.currentIndex() == 1
    assert "preview" in model.layers
    dock.apply_form.widgets["uncertainty"].value = True
    qtbot.mouseClick(dock.apply_button, Qt.MouseButton.LeftButton)
    wait_for(qtbot, dock.work)
    assert (dock.work.state, dock.work.error) == ("done", "")
    result, unsure = model.layers["tomogram denoised"], model.layers["tomogram uncertainty"]
    for layer in (result, unsure):
        for name in ("scale", "translate", "units", "axis_labels"):
            assert tuple(getattr(layer, name)) == tuple(getattr(tomogram, name)), name
        assert layer.data.shape == tomogram.data.shape
    assert (result.colormap.name, unsure.colormap.name) == ("gray", "inferno")
    assert (result.visible, unsure.visible) == (True, False), "one click on the eye shows it"
    assert model.layers.selection.active is result
    assert (np.asarray(unsure.data) >= 0).all()
    assert np.std(unsure.data) > 0
    assert "preview" not in model.layers
    assert dock.fsc_plot.isVisible()
    assert "estimated from the noise" in dock.fsc_plot._plot.getPlotItem().titleLabel.text
    assert dock.halves.first.currentText() == "tomogram", "the result is not taken for the data"
    dock.save(tmp_path / "saved.mrc")
    saved = read(tmp_path / "saved.mrc")
    assert isinstance(saved, Volume)
    assert np.array_equal(saved.data, result.data), "the denoised volume is what is saved"


def test_the_uncertainty_comes_back_from_a_process_of_its_own(
    dock, model, tomogram, qtbot, preferences
):
    wait_for(qtbot, dock.train())
    preferences["isolation"] = "process"
    dock.apply_form.widgets["uncertainty"].value = True
    work = dock.apply()
    wait_for(qtbot, work)
    assert (work.state, work.error) == ("done", "")
    names = [path.name for path in work.outcome.files]
    assert names == ["result.mrc", "result_uncertainty.mrc"]
    unsure = model.layers["tomogram uncertainty"]
    assert unsure.data.shape == tomogram.data.shape
    assert np.std(unsure.data) > 0


def test_without_uncertainty_there_is_one_layer_more(dock, model, tomogram, qtbot):
    wait_for(qtbot, dock.train())
    work = dock.apply()
    wait_for(qtbot, work)
    assert [layer.name for layer in model.layers] == ["tomogram", "tomogram denoised"]


def test_training_on_a_box_previews_its_place(dock, model, tomogram, qtbot, tiny):
    quick(dock, tiny, steps=10**6, max_minutes=5, patience=0, patch=8)
    draw(dock, model, (5, 8, 4), (5, 31, 23))
    dock.train_form.widgets["box"].value = "4 20 8 32 4 24"
    assert "z 4–20, y 8–32, x 4–24" in dock.box.words.text()
    for plane, expected in ((10, 10), (0, 4), (23, 19)):
        place = tomogram.data_to_world((plane, 20, 12))
        model.dims.set_point(0, place[0])
        if dock.work is None:
            dock.train()
        there = tomogram.data_to_world((expected, 8, 4))
        qtbot.waitUntil(
            lambda there=there: dock.work.has_ended
            or ("preview" in model.layers
                and abs(model.layers["preview"].translate[0] - there[0]) < 1e-3),
            timeout=SOON,
        )  # fmt: skip
        assert dock.work.state == "running", dock.work.error
        preview = model.layers["preview"]
        assert preview.data.shape == (1, 24, 20)
        assert preview.translate[1] == pytest.approx(there[1])
        beside = preview.translate[2] - there[2]
        assert beside == pytest.approx(1.04 * np.ptp(tomogram.extent.world[:, 2]))
    dock.work.stop()
    wait_for(qtbot, dock.work)
    assert dock.work.state == "stopped", dock.work.error
    card = read_card(models_folder() / "tomogram.safetensors")
    assert card.settings["box"] == [4, 20, 8, 32, 4, 24]
    (path,) = runs_folder().iterdir()
    assert RunFolder.existing(path).job().settings["box"] == [4, 20, 8, 32, 4, 24]


def test_training_on_deconvolved_data_is_on_the_card(dock, tomogram, qtbot):
    group = dock.train_form.widgets["deconvolution"]
    group.native.click()
    group.form.widgets["defocus"].value = 5.5
    wait_for(qtbot, dock.train())
    assert (dock.work.state, dock.work.error) == ("done", "")
    card = read_card(models_folder() / "tomogram.safetensors")
    assert card.settings["deconvolution"]["defocus"] == 5.5


def test_a_model_of_halves_denoises_one_volume(dock, model, shown, halves, qtbot, tiny):
    for volume in halves:
        model.add_layer(shown(volume))
    for name, value in {**tiny, "steps": 3}.items():
        widget = dock.train_form.widgets[name]
        widget.value = str(value) if isinstance(widget.value, str) else value
    wait_for(qtbot, dock.train())
    assert dock.work.outcome.model.card.method == "noise2noise"
    dock.choice.setCurrentText("Noise2Noise")
    dock.halves.second.setCurrentText(NONE)
    wait_for(qtbot, dock.apply())
    assert (dock.work.state, dock.work.error) == ("done", "")
    assert "half 1 denoised" in model.layers


def test_a_model_that_comes_after_another_method_was_chosen_waits_in_its_list(
    dock, model, tomogram, qtbot
):
    work = dock.train()
    dock.choice.setCurrentText("Noise2Noise")
    wait_for(qtbot, work)
    assert work.state == "done", work.error
    assert dock.tabs.currentIndex() == 0, "the user is busy with something else"
    assert dock.models.count() == 1, "the one that is shipped"
    dock.choice.setCurrentText("auto")
    assert dock.models.currentText() == "tomogram"


# ------------------------------------------------------------------ mistakes and ends


def failure(dock: DenoiseWidget, qtbot: Any) -> str:
    """Return what a job that has to fail says in the dock."""
    wait_for(qtbot, dock.work)
    assert dock.work.state == "failed"
    (view,) = dock.findChildren(JobView)
    assert view.state.text().startswith("Failed: ")
    return str(view.state.text())


def test_training_on_half_a_pair_says_what_is_missing(dock, tomogram):
    dock.choice.setCurrentText("Noise2Noise")
    dock.train_button.click()
    assert "choose half 2, open its file, or take Self2Self" in dock.message.text()
    assert dock.work is None


@pytest.mark.parametrize(
    ("low", "high"), [((5, 8, 4), (5, 10, 30)), ((5, -9, 4), (5, -4, 20)), ((5, 50, 4), (5, 90, 9))]
)
def test_a_box_that_is_too_small_or_outside_is_a_sentence(dock, model, tomogram, qtbot, low, high):
    draw(dock, model, low, high)
    dock.train_button.click()
    said = failure(dock, qtbot)
    assert "has to lie inside" in said
    assert "with at least 8 voxels along each axis" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [("1 2 3", "6 numbers"), ("a b c d e f", "6 numbers"), ("0 20 0 20 0 2.5", "6 numbers")],
)
def test_a_box_that_cannot_be_read_is_a_sentence(dock, tomogram, text, said):
    dock.train_form.widgets["box"].value = text
    dock.train_button.click()
    assert said in dock.message.text()
    assert dock.work is None


def test_a_volume_without_a_voxel_size_cannot_be_deconvolved(dock, model, halves, qtbot):
    model.add_image(single(halves).data, name="tomogram")
    dock.train_form.widgets["deconvolution"].native.click()
    dock.train_button.click()
    assert "voxel size" in failure(dock, qtbot)


def test_an_uncertainty_of_one_pass_is_a_sentence(dock, tomogram, qtbot):
    wait_for(qtbot, dock.train())
    dock.apply_form.widgets["passes"].value = 1
    dock.apply_form.widgets["uncertainty"].value = True
    dock.apply_button.click()
    assert "two are needed at least" in failure(dock, qtbot)
    assert not dock.save_button.isEnabled()


def test_a_further_file_that_is_gone_is_a_sentence(dock, tomogram, qtbot, tmp_path):
    dock.halves.more.add_files([str(tmp_path / "gone.mrc")])
    dock.train_button.click()
    assert "gone.mrc" in failure(dock, qtbot)
    assert dock.models.count() == 0


def test_a_constant_volume_is_a_sentence(dock, model, qtbot):
    model.add_image(np.zeros((24, 24, 24), "f4"), name="empty")
    dock.train_button.click()
    assert failure(dock, qtbot)


@pytest.mark.parametrize(("keep", "state"), [(True, "stopped"), (False, "discarded")])
def test_a_training_ends_when_it_is_told_to(dock, tomogram, qtbot, tiny, keep, state):
    quick(dock, tiny, steps=10**6, max_minutes=5, patience=0)
    seen: list[Any] = []
    work = dock.train()
    work.stepped.connect(lambda *step: seen.append(step))
    qtbot.waitUntil(lambda: len(seen) > 1 or work.has_ended, timeout=SOON)
    work.stop(keep=keep)
    wait_for(qtbot, work)
    assert (work.state, work.error) == (state, "")
    assert dock.models.count() == int(keep)


def test_layers_that_are_removed_during_a_job_harm_nothing(dock, model, tomogram, qtbot):
    draw(dock, model, (5, 8, 2), (5, 31, 21))
    work = dock.train()
    model.layers.clear()
    assert dock.train_form.widgets["box"].value == ""
    wait_for(qtbot, work)
    assert (work.state, work.error) == ("done", "")
    assert dock.models.currentText() == "tomogram"


def test_a_dock_may_close_before_its_job_ends(model, jobs, shown, halves, qtbot, tiny):
    dock = DenoiseWidget(model, jobs)
    quick(dock, tiny, steps=20)
    model.add_layer(shown(single(halves)))
    draw(dock, model, (5, 8, 2), (5, 31, 21))
    work, gone = dock.train(), weakref.ref(dock)
    gc.disable()
    try:
        dock.close()
        del dock
        assert gone() is None, "nothing keeps a closed dock, so that it cannot act on its own"
    finally:
        gc.enable()
    model.layers.clear()
    wait_for(qtbot, work)
    assert (work.state, work.error) == ("done", "")
    assert read_card(models_folder() / "tomogram.safetensors").training["steps"] == 20


# ------------------------------------------------------------------ in a real window


@pytest.fixture
def viewer(npe2pm: Any, make_napari_viewer: Any, jobs: Runner) -> Iterator[Any]:
    """A window that knows CryoNet and no other plugin."""
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        yield make_napari_viewer(show=True)


def drag(viewer: Any, qtbot: Any, start: Any, stop: Any) -> None:
    """Drag the mouse over the canvas, between two places of its width and height."""
    canvas = viewer.window._qt_viewer.canvas.native
    places = [
        QPoint(
            round(canvas.width() * (a + share * (b - a))),
            round(canvas.height() * (c + share * (d - c))),
        )
        for share in (0, 0.5, 1)
        for (a, c), (b, d) in ((start, stop),)
    ]
    button = Qt.MouseButton.LeftButton
    qtbot.mouseMove(canvas, places[0])
    qtbot.mousePress(canvas, button, pos=places[0])
    for place in places[1:]:
        qtbot.wait(30)  # vispy leaves out moves that follow each other at once
        moved = QMouseEvent(
            QMouseEvent.Type.MouseMove,
            QPointF(place),
            QPointF(canvas.mapToGlobal(place)),
            Qt.MouseButton.NoButton,
            button,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(canvas, moved)
    qtbot.mouseRelease(canvas, button, pos=places[-1])
    QApplication.processEvents()


@pytest.mark.viewer
def test_a_whole_walk_with_one_tomogram(viewer, qtbot, tiny, tmp_path):
    viewer.open_sample("napari-cryonet", "tomogram")
    _, dock = viewer.window.add_plugin_dock_widget("napari-cryonet", "Denoise")
    assert (dock.halves.first.currentText(), dock.method.name) == (
        "simulated tomogram",
        "self2self",
    )
    noisy = viewer.layers["simulated tomogram"]
    viewer.dims.set_point(0, float(noisy.data_to_world((30, 0, 0))[0]))
    viewer.reset_view()
    QApplication.processEvents()
    dock.box.button.click()
    drag(viewer, qtbot, (0.4, 0.35), (0.55, 0.6))
    shapes = viewer.layers["training box"]
    assert shapes.nshapes == 1
    box = dock.train_form.value().box
    assert box[:2] == (0, 64)
    assert 0 < box[2] < box[3] < 160
    assert 0 < box[4] < box[5] < 160
    qtbot.waitUntil(lambda: shapes.mode == "pan_zoom")
    quick(dock, tiny, steps=10**6, max_minutes=5, patience=0, validate_every=10**6)
    dock.train_button.click()
    qtbot.waitUntil(lambda: "preview" in viewer.layers or dock.work.has_ended, timeout=SOON)
    assert dock.work.state == "running", dock.work.error
    preview = viewer.layers["preview"]
    assert preview.data.shape == (1, box[3] - box[2], box[5] - box[4])
    assert preview.translate[:2] == pytest.approx(noisy.data_to_world((30, box[2], 0))[:2])
    dock.work.stop()
    qtbot.waitUntil(lambda: dock.work.has_ended, timeout=SOON)
    assert dock.work.state == "stopped", dock.work.error
    dock.apply_form.widgets["uncertainty"].value = True
    dock.apply_button.click()
    qtbot.waitUntil(lambda: dock.work.has_ended, timeout=2 * SOON)
    assert (dock.work.state, dock.work.error) == ("done", "")
    result = viewer.layers["simulated tomogram denoised"]
    unsure = viewer.layers["simulated tomogram uncertainty"]
    assert len({str(unit) for unit in viewer.layers.units}) == 1
    dock.save(tmp_path / "denoised.mrc")
    unsure.save(str(tmp_path / "uncertainty.mrc"), plugin="napari-cryonet")
    for layer, name in ((result, "denoised"), (unsure, "uncertainty")):
        (again,) = viewer.open(tmp_path / f"{name}.mrc", plugin="napari-cryonet")
        assert np.array_equal(again.data, layer.data), name
        assert tuple(again.scale) == tuple(noisy.scale), name


@pytest.mark.viewer
def test_the_dock_fits_into_a_window_of_usual_height(viewer, qtbot):
    viewer.window.resize(1400, 860)
    viewer.open_sample("napari-cryonet", "tomogram")
    _, dock = viewer.window.add_plugin_dock_widget("napari-cryonet", "Denoise")
    dock.choice.setCurrentText("Self2Self")
    dock.training_plot.setVisible(True)
    QApplication.processEvents()
    assert dock.width() < 500
    assert viewer.window._qt_window.height() <= 900
