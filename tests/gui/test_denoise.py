"""The Denoise dock: from two halves to a saved result, whatever happens on the way."""

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
from qtpy.QtWidgets import QApplication, QFileDialog

import napari_cryonet
from napari_cryonet import Volume, read
from napari_cryonet.errors import DataError
from napari_cryonet.gui.folders import models_folder, runs_folder
from napari_cryonet.gui.jobs_panel import JobsPanel, JobView
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.widgets.denoise import DenoiseWidget
from napari_cryonet.gui.widgets.halves import HalvesPicker
from napari_cryonet.gui.work import Work
from napari_cryonet.io import mrc_header, read_card
from napari_cryonet.jobs import RunFolder

MANIFEST = Path(napari_cryonet.__file__).with_name("napari.yaml")
NONE = "none: a single volume"
SOON = 60_000

Pair = tuple[Volume, Volume]


@pytest.fixture
def model(qapp: Any) -> ViewerModel:
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def add(model: ViewerModel) -> Callable[..., Any]:
    """Add a small volume of a name."""

    def image(name: str, **options: Any) -> Any:
        return model.add_image(np.zeros((4, 5, 6)), name=name, **options)

    return image


@pytest.fixture
def picker(qtbot: Any, model: ViewerModel) -> HalvesPicker:
    made = HalvesPicker(model)
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def dock(qtbot: Any, model: ViewerModel, jobs: Runner, tiny: dict[str, Any]) -> DenoiseWidget:
    made = DenoiseWidget(model, jobs)
    qtbot.addWidget(made)
    quick(made, tiny)
    made.show()
    return made


def quick(dock: DenoiseWidget, tiny: dict[str, Any], **settings: Any) -> None:
    """Choose settings of a training that takes no time, as a user would."""
    values = {**tiny, "steps": 6, "max_minutes": 0.5, **settings}
    for parts in dock.parts.values():
        for name, value in values.items():
            widget = parts.train_form.widgets[name]
            widget.value = str(value) if isinstance(widget.value, str) else value
        parts.apply_form.widgets["passes"].value = 1


def chosen(picker: HalvesPicker) -> tuple[str, str]:
    return picker.first.currentText(), picker.second.currentText()


def offered(picker: HalvesPicker) -> list[str]:
    return [picker.second.itemText(n) for n in range(picker.second.count())]


# ------------------------------------------------------------------ choosing the halves


def test_nothing_is_chosen_where_nothing_is(picker):
    assert chosen(picker) == ("", NONE)
    with pytest.raises(DataError, match="Open two half maps"):
        picker.rows(training=True)


def test_halves_find_each_other_as_they_are_opened(picker, add):
    add("truth")
    assert chosen(picker) == ("truth", NONE)
    add("TS_01_ODD")
    assert chosen(picker) == ("truth", NONE)
    add("TS_01_EVN")
    assert chosen(picker) == ("TS_01_EVN", "TS_01_ODD")
    for name in ("result", "emd_half_map_1", "emd_half_map_2"):
        add(name)
    assert chosen(picker) == ("TS_01_EVN", "TS_01_ODD"), "a choice that stands is left alone"


def test_halves_that_are_there_already_are_chosen(qtbot, model, add):
    for name in ("mask", "half 2", "half 1"):
        add(name)
    picker = HalvesPicker(model)
    qtbot.addWidget(picker)
    assert chosen(picker) == ("half 1", "half 2")


def test_another_first_half_brings_its_own_second(picker, add):
    for name in ("a_even", "a_odd", "b_odd", "b_even", "tomogram"):
        add(name)
    picker.first.setCurrentText("b_even")
    assert chosen(picker) == ("b_even", "b_odd")
    picker.first.setCurrentText("tomogram")
    assert chosen(picker) == ("tomogram", NONE)


def test_a_choice_of_a_single_volume_stands(picker, add):
    add("half 1")
    add("half 2")
    picker.second.setCurrentText(NONE)
    assert [layer.name for layer in picker.layers()] == ["half 1"]
    add("half 1 denoised")
    assert chosen(picker) == ("half 1", NONE)


def test_a_volume_in_view_is_taken_before_a_hidden_one(picker, add, qtbot, model):
    add("truth", visible=False)
    assert chosen(picker) == ("truth", NONE)
    add("tomogram")
    assert chosen(picker) == ("tomogram", NONE)
    add("other")
    assert chosen(picker) == ("tomogram", NONE), "a choice that stands is left alone"
    add("mask", visible=False)
    model.layers.selection.active = model.layers["mask"]
    again = HalvesPicker(model)
    qtbot.addWidget(again)
    assert chosen(again) == ("other", NONE)
    model.layers.selection.active = model.layers["tomogram"]
    again = HalvesPicker(model)
    qtbot.addWidget(again)
    assert chosen(again) == ("tomogram", NONE), "what is selected comes first"


def test_removed_layers_are_not_chosen_any_more(picker, add, model):
    one, two = add("half 1"), add("half 2")
    other = add("other")
    model.layers.remove(two)
    assert chosen(picker) == ("half 1", NONE)
    assert offered(picker) == [NONE, "half 1", "other"]
    model.layers.remove(one)
    assert chosen(picker) == ("other", NONE)
    model.layers.remove(other)
    assert chosen(picker) == ("", NONE)


def test_renamed_layers_stay_chosen_under_their_new_names(picker, add, qtbot):
    one, two = add("half 1"), add("half 2")
    with qtbot.waitSignal(picker.changed):
        one.name = "better"
    assert chosen(picker) == ("better", "half 2")
    two.name = "best"
    assert chosen(picker) == ("better", "best")
    assert picker.layers() == [one, two]
    rows, given = picker.rows(training=True)
    assert rows == (("layer: better", "layer: best"),)
    assert [volume.name for volume in given.values()] == ["better", "best"]


def test_only_volumes_are_on_offer(picker, model):
    model.add_image(np.zeros((5, 6)), name="plane")
    model.add_image(np.zeros((3, 4, 5, 6)), name="stack")
    model.add_image(np.zeros((4, 5, 3)), name="colours", rgb=True)
    model.add_labels(np.zeros((4, 5, 6), int), name="labels")
    model.add_points(np.zeros((2, 3)), name="points")
    model.add_image(np.zeros((4, 5, 6)), name="preview", metadata={"cryonet": {"preview": True}})
    assert offered(picker) == [NONE]
    model.add_image([np.zeros((4, 8, 8)), np.zeros((4, 4, 4))], name="levels", multiscale=True)
    assert offered(picker) == [NONE, "levels"]


def test_a_choice_is_told(picker, add, qtbot):
    add("half 1")
    add("half 2")
    add("other")
    for box, name in ((picker.second, "other"), (picker.first, "other"), (picker.first, "half 2")):
        with qtbot.waitSignal(picker.changed):
            box.setCurrentText(name)


def test_another_scale_of_a_layer_is_told(qtbot, picker, model, add):
    layer = add("one")
    with qtbot.waitSignal(picker.changed, timeout=1000):
        layer.scale = (9, 9, 9)
    model.layers.remove(layer)
    with qtbot.assertNotEmitted(picker.changed):
        layer.scale = (8, 8, 8)


def test_rows_are_what_a_job_needs(picker, add):
    one, two = add("half 1", scale=(2, 2, 2)), add("half 2", scale=(2, 2, 2))
    rows, given = picker.rows(training=True)
    assert rows == (("layer: half 1", "layer: half 2"),)
    first, second = (given[name] for name in rows[0])
    assert first.data is one.data
    assert second.data is two.data
    assert first.voxel_size == (2, 2, 2)


def test_a_single_volume_can_be_denoised_but_not_trained_on(picker, add):
    add("tomogram")
    rows, _ = picker.rows(training=False)
    assert rows == (("layer: tomogram",),)
    with pytest.raises(DataError, match="choose half 2"):
        picker.rows(training=True)


def test_the_same_layer_twice_is_refused(picker, add):
    add("half 1")
    picker.second.setCurrentText("half 1")
    for training in (True, False):
        with pytest.raises(DataError, match="same layer; choose two halves"):
            picker.rows(training=training)


def test_a_layer_that_is_turned_is_refused(picker, add):
    add("half 1", rotate=(0, 0, 30))
    with pytest.raises(DataError, match="Alt-click"):
        picker.rows(training=False)


def test_more_pairs_are_found_by_their_names(picker, add, qtbot):
    add("half 1")
    add("half 2")
    names = [f"/data/TS_0{n}_{half}.mrc" for half in ("ODD", "EVN") for n in (1, 2)]
    picker.more.add_files([*names, "/data/alone_half1.mrc", "/data/TS_01.mrc"])
    listed = [picker.more.list.item(n).text() for n in range(picker.more.list.count())]
    assert listed == ["TS_01_EVN.mrc + TS_01_ODD.mrc", "TS_02_EVN.mrc + TS_02_ODD.mrc"]
    assert picker.more.list.isVisible()
    assert picker.more.alone.text() == "No other half: alone_half1.mrc, TS_01.mrc"
    assert picker.more.alone.isVisible()
    picker.more.add_files(names[:1] + names[2:3])
    assert picker.more.list.count() == 2, "no pair counts twice"
    expected = (("layer: half 1", "layer: half 2"), (names[2], names[0]), (names[3], names[1]))
    assert picker.rows(training=True)[0] == expected
    assert picker.rows(training=False)[0] == expected[:1]
    picker.more.list.setCurrentRow(0)
    picker.more.list.itemDoubleClicked.emit(picker.more.list.item(0))
    assert picker.rows(training=True)[0] == (expected[0], expected[2])
    picker.more.list.setCurrentRow(0)
    picker.more.list.itemDoubleClicked.emit(picker.more.list.item(0))
    assert not picker.more.list.isVisible()


def test_pairs_that_are_given_need_no_names(picker, add):
    add("half 1")
    add("half 2")
    given = ("/d/1.0/0552.map", "/d/2.0/0552.map"), ("/d/left.mrc", "/d/right.mrc")
    picker.more.add_pairs([*given, given[0]])
    picker.more.add_files(["/d/x_half1.mrc", "/d/x_half2.mrc"])
    listed = [picker.more.list.item(n).text() for n in range(picker.more.list.count())]
    assert listed == [
        "1.0/0552.map + 2.0/0552.map",
        "left.mrc + right.mrc",
        "x_half1.mrc + x_half2.mrc",
    ]
    assert picker.more.rows() == (*given, ("/d/x_half1.mrc", "/d/x_half2.mrc"))
    assert not picker.more.alone.isVisible()
    picker.more.list.setCurrentRow(0)
    picker.more.list.itemDoubleClicked.emit(picker.more.list.item(0))
    assert picker.more.rows()[0] == given[1]
    picker.pair(False)
    assert picker.more.rows()[:2] == (("/d/x_half1.mrc",), ("/d/x_half2.mrc",))
    picker.more.list.setCurrentRow(3)
    picker.more.list.itemDoubleClicked.emit(picker.more.list.item(3))
    assert sorted(picker.more.rows())[0] == ("/d/left.mrc",)
    assert len(picker.more.rows()) == 3


def test_files_are_chosen_in_a_dialog(picker, model, monkeypatch, shown, halves):
    asked: list[str] = []

    def answer(names: list[str]) -> None:
        def ask(parent: Any, title: str, folder: str, kinds: str) -> tuple[list[str], str]:
            asked.append(kinds)
            return names, ""

        monkeypatch.setattr(QFileDialog, "getOpenFileNames", staticmethod(ask))

    def opened(paths: list[str], plugin: str) -> list[Any]:
        assert plugin == "napari-cryonet"
        volumes = [replace(halves[0], name=Path(path).stem) for path in paths]
        return [model.add_layer(shown(volume)) for volume in volumes]

    monkeypatch.setattr(ViewerModel, "open", lambda self, *names, **more: opened(*names, **more))
    answer([])
    picker.open_button.click()
    picker.more_button.click()
    assert len(model.layers) == 0
    answer(["/d/x_half2.mrc", "/d/x_half1.mrc"])
    picker.more_button.click()
    assert picker.more.list.count() == 1
    picker.open_button.click()
    assert chosen(picker) == ("x_half1", "x_half2")
    answer(["/d/unlike.mrc", "/d/others.mrc"])
    picker.open_button.click()
    assert chosen(picker) == ("others", "unlike"), "two files that are opened together"
    answer(["/d/single.mrc"])
    picker.open_button.click()
    assert chosen(picker) == ("single", NONE)
    assert all("*.mrc.gz" in kinds for kinds in asked)


def test_a_picker_that_is_gone_hears_nothing(model, add, qapp):
    picker = HalvesPicker(model)
    gone = weakref.ref(picker)
    picker.deleteLater()
    del picker
    gc.collect()
    QApplication.processEvents()
    assert gone() is None
    add("half 1")


# ------------------------------------------------------------------ models


def test_models_of_the_method_are_on_offer(dock, add_model, qtbot):
    assert dock.models.count() == 1
    shipped = dock.models.chosen()
    assert read_card(shipped).method == "noise2noise"
    assert dock.apply_button.isEnabled(), "one comes with CryoNet"
    first = add_model("first")
    add_model("foreign", method="other")
    (models_folder() / "bad.safetensors").write_bytes(b"bad")
    qtbot.waitUntil(lambda: dock.models.count() == 2)
    assert dock.models.chosen() == shipped, "others may put models there: the list follows"
    dock.models.refresh(first)
    second = add_model("second")
    qtbot.waitUntil(lambda: dock.models.count() == 3)
    assert dock.models.chosen() == first, "the choice stands"
    first.unlink()
    qtbot.waitUntil(lambda: dock.models.count() == 2)
    assert dock.models.chosen() == second
    second.unlink()
    qtbot.waitUntil(lambda: dock.models.count() == 1)
    assert dock.models.chosen() == shipped


def test_a_model_of_another_voxel_size_is_doubted(dock, model, add_model, shown, halves):
    dock.choice.setCurrentText("Noise2Noise")
    dock.models.refresh(add_model("coarse", voxel_size=(8.0, 8.0, 8.0)))
    dock.tabs.setCurrentIndex(1)
    assert not dock.warning.isVisible()
    layer = model.add_layer(shown(halves[0]))
    assert dock.warning.isVisible(), "as soon as the data are there"
    assert "trained at 8 Å per voxel, these data have 4 Å" in dock.warning.text()
    layer.scale = (8, 8, 8)
    layer.name = "other"
    assert not dock.warning.isVisible()
    add_model("fine", voxel_size=(1.0, 1.0, 1.0))
    dock.models.refresh(models_folder() / "fine.safetensors")
    assert "trained at 1 Å" in dock.warning.text()


# ------------------------------------------------------------------ mistakes


def test_mistakes_are_sentences_in_the_dock(dock, model, add, add_model, tmp_path):
    dock.train_button.click()
    assert dock.message.text().startswith("Open two half maps")
    with pytest.raises(DataError, match="no result yet"):
        dock.save(tmp_path / "x.mrc")
    add("tomogram")
    dock.choice.setCurrentText("Noise2Noise")
    dock.train_button.click()
    assert "choose half 2" in dock.message.text()
    add("half 1")
    add("half 2")
    dock.train_form.widgets["max_minutes"].value = "soon"
    dock.train_button.click()
    assert dock.message.text() == ("Max minutes is 'soon'; a number is needed, or nothing at all.")
    assert dock.work is None
    assert "device" not in dock.train_form.widgets, "the preferences say it"


def test_a_job_that_fails_says_so_in_the_dock(dock, model, add, qtbot):
    add("half 1")
    model.add_image(np.zeros((4, 5, 7)), name="half 2")
    dock.train_button.click()
    qtbot.waitUntil(lambda: dock.work.has_ended, timeout=SOON)
    (view,) = dock.findChildren(JobView)
    assert view.state.text().startswith("Failed: Two halves have the same shape; half 1 is")
    assert dock.models.count() == 1, "the one that is shipped"
    assert dock.tabs.currentIndex() == 0


def test_the_device_is_what_the_preferences_say(dock, model, shown, halves, monkeypatch, qtbot):
    chosen = {"device": "cuda:99"}
    monkeypatch.setattr(
        "napari_cryonet.gui.room.preference", lambda _, name, default: chosen.get(name, default)
    )
    for volume in halves:
        model.add_layer(shown(volume))
    work = dock.train()
    qtbot.waitUntil(lambda: work.has_ended, timeout=SOON)
    assert "The device 'cuda:99' is not available" in work.error


# ------------------------------------------------------------------ from halves to a result


@pytest.fixture
def opened(dock: DenoiseWidget, model: ViewerModel, shown: Any, halves: Pair) -> list[Any]:
    """The layers of two halves."""
    return [model.add_layer(shown(volume)) for volume in halves]


def wait_for(qtbot: Any, work: Work) -> None:
    qtbot.waitUntil(lambda: work.has_ended, timeout=SOON)
    QApplication.processEvents()


def test_a_training_becomes_a_model_and_a_model_a_result(dock, model, opened, qtbot, tmp_path):
    qtbot.mouseClick(dock.train_button, Qt.MouseButton.LeftButton)
    training = dock.work
    assert training.title == "Train on half 1"
    assert dock.training_plot.isVisible()
    wait_for(qtbot, training)
    assert (training.state, training.error) == ("done", "")
    assert len(dock.training_plot._quality.getData()[0]) > 0
    assert dock.models.currentText() == "half 1"
    assert dock.tabs.currentIndex() == 1, "what can be done next is in view"
    assert "preview" in model.layers
    assert not dock.save_button.isEnabled()
    qtbot.mouseClick(dock.apply_button, Qt.MouseButton.LeftButton)
    wait_for(qtbot, dock.work)
    assert (dock.work.state, dock.work.error) == ("done", "")
    result = model.layers["half 1 denoised"]
    for name in ("scale", "translate", "units", "axis_labels"):
        assert tuple(getattr(result, name)) == tuple(getattr(opened[0], name)), name
    assert result.data.shape == opened[0].data.shape
    assert "preview" not in model.layers
    assert dock.fsc_plot.isVisible()
    assert "across halves" in dock.fsc_plot._plot.getPlotItem().titleLabel.text
    assert not dock.training_plot.isVisible()
    assert chosen(dock.halves) == ("half 1", "half 2"), "the result is not taken for a half"
    dock.save(tmp_path / "saved.mrc")
    saved = read(tmp_path / "saved.mrc")
    assert isinstance(saved, Volume)
    assert saved.voxel_size == pytest.approx((4, 2, 2))
    assert saved.origin == pytest.approx((10, -20, 30))
    assert np.array_equal(saved.data, result.data)


def test_the_settings_of_the_form_are_those_of_the_job(dock, opened, qtbot):
    quick(dock, {}, width=4, patch=16, held_out_side=8, steps=3, learning_rate=2.5e-4)
    dock.train_form.widgets["mixing"].value = 0.75
    dock.train()
    wait_for(qtbot, dock.work)
    card = read_card(models_folder() / "half 1.safetensors")
    settings = card.settings
    assert (settings["learning_rate"], settings["mixing"], settings["steps"]) == (2.5e-4, 0.75, 3)
    (path,) = runs_folder().iterdir()
    job = RunFolder.existing(path).job()
    assert job.settings["max_minutes"] == 0.5
    assert [Path(name).name for name in job.inputs[0]] == ["half 1.mrc", "half 2.mrc"]
    assert all(Path(name).is_relative_to(path) for name in job.inputs[0]), "made in the window"


def test_a_training_is_stopped_in_the_dock_and_kept(dock, opened, qtbot, tiny):
    quick(dock, tiny, steps=10**6, max_minutes=5)
    seen: list[Any] = []
    dock.train()
    dock.work.stepped.connect(lambda *step: seen.append(step))
    qtbot.waitUntil(lambda: len(seen) > 1, timeout=SOON)
    (view,) = dock.findChildren(JobView)
    qtbot.mouseClick(view.stop, Qt.MouseButton.LeftButton)
    assert view.state.text() == "Stopping…"
    wait_for(qtbot, dock.work)
    assert view.state.text() == "Stopped, what was learnt is kept"
    assert dock.models.currentText() == "half 1"


def test_the_name_of_a_training_that_was_discarded_is_given_again(dock, opened, qtbot, tiny):
    quick(dock, tiny, steps=10**6, max_minutes=5)
    dock.train()
    dock.work.stop(keep=False)
    wait_for(qtbot, dock.work)
    quick(dock, tiny)
    dock.train()
    wait_for(qtbot, dock.work)
    names = {dock.models.itemText(n) for n in range(dock.models.count())}
    assert names == {"half 1", "Shipped: Noise2Noise"}


def test_jobs_may_be_queued_and_each_shows_its_result(dock, model, opened, qtbot, add_model):
    dock.train()
    first = dock.work
    dock.train()
    assert dock.work is not first
    wait_for(qtbot, dock.work)
    names = {dock.models.itemText(n) for n in range(dock.models.count())}
    assert names == {"half 1", "half 1-2", "Shipped: Noise2Noise"}
    assert (first.state, dock.work.state) == ("done", "done")
    applied = [dock.apply()]
    dock.halves.first.setCurrentText("half 2")
    applied.append(dock.apply())
    dock.halves.first.setCurrentText("half 1")
    for work in applied:
        wait_for(qtbot, work)
        assert work.state == "done", work.error
    assert {"half 1 denoised", "half 2 denoised"} <= {layer.name for layer in model.layers}


def test_layers_that_are_removed_during_a_job_harm_nothing(dock, model, opened, qtbot):
    work = dock.train()
    for layer in opened:
        model.layers.remove(layer)
    wait_for(qtbot, work)
    assert (work.state, work.error) == ("done", "")
    assert dock.parts["noise2noise"].models.currentText() == "half 1"
    dock.train_button.click()
    assert dock.message.text().startswith("Open two half maps")


def test_a_result_is_named_after_what_was_denoised(dock, model, opened, qtbot, add):
    dock.train()
    wait_for(qtbot, dock.work)
    work = dock.apply()
    for layer in opened:
        model.layers.remove(layer)
    add("other")
    wait_for(qtbot, work)
    assert "half 1 denoised" in model.layers


def test_a_dock_may_close_before_its_job_ends(model, jobs, shown, halves, qtbot, tiny):
    dock = DenoiseWidget(model, jobs)
    quick(dock, tiny, steps=30)
    for volume in halves:
        model.add_layer(shown(volume))
    work, gone = dock.train(), weakref.ref(dock)
    gc.disable()
    try:
        dock.close()
        del dock
        assert gone() is None, "nothing keeps a closed dock, so that it cannot act on its own"
    finally:
        gc.enable()
    model.layers.clear()
    model.add_image(np.zeros((4, 5, 6)), name="another")
    wait_for(qtbot, work)
    assert (work.state, work.error) == ("done", "")
    assert read_card(models_folder() / "half 1.safetensors").training["steps"] == 30


# ------------------------------------------------------------------ in a real window


@pytest.fixture
def viewer(npe2pm: Any, make_napari_viewer: Any, jobs: Runner) -> Iterator[Any]:
    """A window that knows CryoNet and no other plugin."""
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        yield make_napari_viewer(show=True)


@pytest.mark.viewer
def test_a_whole_walk_from_the_sample_to_a_saved_map(viewer, qtbot, tiny, tmp_path):
    _, dock = viewer.window.add_plugin_dock_widget("napari-cryonet", "Denoise")
    _, panel = viewer.window.add_plugin_dock_widget("napari-cryonet", "Jobs")
    _, models = viewer.window.add_plugin_dock_widget("napari-cryonet", "Models")
    assert isinstance(panel, JobsPanel)
    dock.train_button.click()
    assert dock.message.text().startswith("Open two half maps")
    viewer.open_sample("napari-cryonet", "half_maps")
    assert chosen(dock.halves) == ("simulated half map 1", "simulated half map 2")
    half = viewer.layers["simulated half map 1"]
    half.metadata["cryonet_header"] = mrc_header.build(half.data.shape, 2)
    mrc_header.add_labels(half.metadata["cryonet_header"], ("written by a friend",))
    viewer.dims.set_point(0, float(half.data_to_world((30, 0, 0))[0]))
    quick(dock, tiny, steps=10**6, max_minutes=5, validate_every=10**6)
    dock.train_button.click()
    qtbot.waitUntil(lambda: "preview" in viewer.layers or dock.work.has_ended, timeout=SOON)
    assert dock.work.state == "running", dock.work.error
    preview = viewer.layers["preview"]
    assert preview.translate[0] == pytest.approx(half.data_to_world((30, 0, 0))[0])
    assert offered(dock.halves).count("preview") == 0
    viewer.dims.set_point(0, float(half.data_to_world((50, 0, 0))[0]))
    there = half.data_to_world((50, 0, 0))[0]
    qtbot.waitUntil(lambda: abs(preview.translate[0] - there) < 1e-3, timeout=SOON)
    panel.views[0].stop.click()
    qtbot.waitUntil(lambda: dock.work.has_ended, timeout=SOON)
    assert dock.work.state == "stopped", dock.work.error
    assert dock.models.currentText() == "simulated half map 1"
    qtbot.waitUntil(lambda: models.table.rowCount() == 1, timeout=SOON)
    dock.apply_button.click()
    qtbot.waitUntil(lambda: dock.work.has_ended, timeout=SOON)
    result = viewer.layers["simulated half map 1 denoised"]
    for name in ("scale", "translate", "units", "axis_labels"):
        assert tuple(getattr(result, name)) == tuple(getattr(half, name)), name
    assert len({str(unit) for unit in viewer.layers.units}) == 1
    path = tmp_path / "denoised.mrc"
    dock.save(path)
    (again,) = viewer.open(path, plugin="napari-cryonet")
    assert tuple(again.scale) == pytest.approx(tuple(half.scale))
    assert np.array_equal(again.data, result.data)
    labels = again.metadata["cryonet_header"].labels()
    assert "written by a friend" in labels
    assert any("Noise2Noise" in label for label in labels)
    half.scale = (3, 3, 3)
    dock.look_at_model()
    dock.tabs.setCurrentIndex(1)
    assert "these data have 3 Å" in dock.warning.text()


@pytest.mark.viewer
def test_a_closed_dock_leaves_its_job_running(viewer, qtbot, tiny, shown, halves, jobs):
    frame, dock = viewer.window.add_plugin_dock_widget("napari-cryonet", "Denoise")
    for name in ("half 1", "half 2", "other", "another"):  # napari with Mesa dies of a last layer
        viewer.add_layer(shown(replace(halves[name == "half 2"], name=name)))
    quick(dock, tiny, steps=40)
    work, gone = dock.train(), weakref.ref(dock)
    frame.destroyOnClose()
    del dock, frame
    QApplication.processEvents()
    gc.collect()
    assert gone() is None
    viewer.dims.set_point(0, 20)
    viewer.layers.remove("half 1")
    wait_for(qtbot, work)
    assert (work.state, work.error) == ("done", "")
    assert (models_folder() / "half 1.safetensors").is_file()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cryonet", "Denoise")
    assert dock.parts["noise2noise"].models.currentText() == "half 1"


@pytest.mark.viewer
def test_a_window_that_closes_in_the_middle_harms_nothing(
    npe2pm, make_napari_viewer, jobs, qtbot, tiny, shown, halves
):
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        viewer = make_napari_viewer(show=True)
        _, dock = viewer.window.add_plugin_dock_widget("napari-cryonet", "Denoise")
        viewer.window.add_plugin_dock_widget("napari-cryonet", "Jobs")
        for volume in halves:
            viewer.add_layer(shown(volume))
        quick(dock, tiny, steps=10**6, max_minutes=5)
        work = dock.train()
        qtbot.waitUntil(lambda: work.state == "running", timeout=SOON)
        del dock
        viewer.close()
        work.stop()
        wait_for(qtbot, work)
        assert work.state in ("stopped", "discarded"), work.error
        assert work.error == ""
