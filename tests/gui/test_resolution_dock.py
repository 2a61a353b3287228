"""The Resolution dock: from two layers to curves, a coloured map, and files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Surface
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

import napari_cryonet
from napari_cryonet import Volume, read
from napari_cryonet.errors import DataError
from napari_cryonet.gui.folders import runs_folder
from napari_cryonet.gui.layer_box import LayerBox, is_mask
from napari_cryonet.gui.resolution_layer import coloured_surface, colours
from napari_cryonet.gui.resolution_plots import ResolutionHistogram, ResolutionPlot
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.widgets.resolution import ResolutionWidget
from napari_cryonet.gui.work import Work
from napari_cryonet.jobs import RunFolder
from napari_cryonet.simulate.graded import GradedHalfMaps, graded_half_maps
from napari_cryonet.types.fsc import Fsc

MANIFEST = Path(napari_cryonet.__file__).with_name("napari.yaml")
SOON = 60_000


@pytest.fixture(scope="module")
def case() -> GradedHalfMaps:
    return graded_half_maps(48, 1.2, 1)


@pytest.fixture
def model(qapp: Any) -> ViewerModel:
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def layers(model: ViewerModel, case: GradedHalfMaps, shown: Callable[..., Any]) -> list[Any]:
    """The halves and the mask as layers."""
    parts = (case.first, case.second, case.mask)
    names = ("half_map_1", "half_map_2", "mask")
    return [
        model.add_layer(shown(Volume(part.data, part.voxel_size, (1.0, 2.0, 3.0), name=name)))
        for name, part in zip(names, parts, strict=True)
    ]


@pytest.fixture
def dock(qtbot: Any, model: ViewerModel, jobs: Runner) -> ResolutionWidget:
    made = ResolutionWidget(model, jobs)
    qtbot.addWidget(made)
    made.local_form.widgets["device"].value = "cpu"
    return made


def done(qtbot: Any, work: Work | None) -> Work:
    """Wait until a work has ended well."""
    assert work is not None
    qtbot.waitUntil(lambda: work.has_ended, timeout=SOON)
    assert (work.state, work.error) == ("done", "")
    return work


def test_the_halves_are_found_and_their_curves_drawn(qtbot, dock, layers):
    assert dock.halves.second_layer() is layers[1]
    dock.mask.setCurrentText("mask")
    assert not dock.fsc_form.widgets["mask"].enabled
    assert not dock.curves_button.isEnabled()
    dock.fsc_button.click()
    done(qtbot, dock.work)
    fsc = dock.curves.fsc
    assert list(fsc.curves) == ["corrected", "masked", "unmasked", "randomised"]
    for name, curve in dock.curves.plot.curves.items():
        x, y = curve.getData()
        assert np.allclose(x, fsc.frequency)
        assert np.allclose(y, fsc.curves[name], atol=1e-5)
    text = dock.curves.figures.text()
    for label in ("corrected", "masked", "unmasked", "phase-randomised"):
        assert label in text
    assert str(fsc.crossing(0.143)) in text
    marks = [label.toPlainText() for _, label in dock.curves.plot.marks]
    assert marks == [f"{fsc.crossing(t).resolution:.2f} Å" for t in (0.143, 0.5)]
    assert dock.curves_button.isEnabled()
    dock.mask.setCurrentIndex(0)
    assert dock.fsc_form.widgets["mask"].enabled


def test_local_resolution_becomes_a_coloured_layer(qtbot, dock, layers, model, tmp_path, case):
    dock.mask.setCurrentText("mask")
    dock.local_form.widgets["radius"].value = "12.5"
    dock.local_button.click()
    work = done(qtbot, dock.work)
    found = dock.result
    assert found in model.layers
    assert found.name == "half_map_1 local resolution"
    assert found.colormap.name == colours().name
    assert found.colorbar.visible
    measures = work.outcome.measures
    assert tuple(found.contrast_limits) == pytest.approx((measures["finest"], measures["coarsest"]))
    data = np.asarray(found.data)
    assert np.array_equal(np.isnan(data), case.mask.data <= 0.5)
    assert tuple(found.translate) == (1, 2, 3)
    bars = dock.spread.histogram.bars.opts
    inside = data[np.isfinite(data)]
    assert sum(bars["height"]) == pytest.approx(100, abs=2.1)
    peak = bars["x0"][int(np.argmax(bars["height"]))]
    assert np.percentile(inside, 1) <= peak <= np.percentile(inside, 99)
    assert dock.spread.histogram.line.value() == pytest.approx(measures["global"])
    assert f"{measures['median']:.2f} Å" in dock.spread.figures.text()
    dock.save(tmp_path / "saved.mrc")
    saved = read(tmp_path / "saved.mrc")
    assert np.allclose(saved.data, data, equal_nan=True)
    folders = list(runs_folder().iterdir())
    job = RunFolder.existing(folders[0]).job()
    assert job.method == "local_fsc"
    assert len(job.inputs[0]) == 3


def test_a_mask_is_made_as_the_form_says(qtbot, dock, layers):
    dock.fsc_form.widgets["mask"].value = "sphere"
    dock.fsc_form.widgets["mask_radius"].value = "15"
    dock.local_button.click()
    done(qtbot, dock.work)
    inside = np.isfinite(np.asarray(dock.result.data))
    size = np.prod(dock.result.scale)
    assert inside.sum() * size == pytest.approx(4 / 3 * np.pi * (15 + 3.6) ** 3, rel=0.1)


def test_files(qtbot, dock, layers, model, tmp_path, monkeypatch):
    dock.local_button.click()
    done(qtbot, dock.work)
    dock.fsc_button.click()
    done(qtbot, dock.work)
    chosen = {"Save the curves": tmp_path / "c.star", "Save a script": tmp_path / "s"}

    def ask(parent: Any, title: str, *_: Any) -> tuple[str, str]:
        return str(chosen[title]), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    dock.curves_button.click()
    dock.script_button.click()
    assert dock.message.text() == ""
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"c.star", "s.cxc", "s_density.mrc", "s_resolution.mrc"}
    assert np.isfinite(read(tmp_path / "s_resolution.mrc").data).all()
    chosen["Save the curves"] = tmp_path / "c.doc"
    dock.curves_button.click()
    assert "c.doc is none of these" in dock.message.text()


def test_the_density_is_shown_in_the_same_colours(qtbot, dock, layers, model):
    dock.local_button.click()
    done(qtbot, dock.work)
    whole = dock.result
    dock.surface_button.click()
    made = model.layers[-1]
    assert isinstance(made, Surface)
    assert [layer for layer in model.layers if layer.visible] == [made]
    assert made.contrast_limits == pytest.approx(whole.contrast_limits)
    assert made.colormap.name == whole.colormap.name
    assert model.dims.ndisplay == 3
    assert dock.result is whole, "what is saved stays the map"
    vertices = made.data[0]
    low, high = np.array(layers[0].extent.world)
    assert (vertices >= low - 1).all()
    assert (vertices <= high + 1).all()


def test_what_is_wrong_is_one_sentence(dock, model, layers):
    layers[1].data = np.asarray(layers[0].data).copy()
    dock.fsc_button.click()
    assert "hold the same values" in dock.message.text()
    dock.halves.second.setCurrentIndex(0)
    dock.local_button.click()
    assert "choose half 2" in dock.message.text()
    dock.surface_button.setEnabled(True)
    dock.surface_button.click()
    assert "press Local resolution first" in dock.message.text()
    model.layers.clear()
    dock.fsc_button.click()
    assert dock.message.text().startswith("Open two half maps")
    assert dock.work is None


def test_a_mask_of_another_shape_fails_with_a_sentence(qtbot, dock, layers, model):
    model.add_labels(np.ones((4, 5, 6), int), name="small")
    dock.mask.setCurrentText("small")
    dock.fsc_button.click()
    work = dock.work
    qtbot.waitUntil(lambda: work.has_ended, timeout=SOON)
    assert work.state == "failed"
    assert "small has (4, 5, 6)" in work.error


def test_a_half_is_no_mask(dock, layers):
    dock.mask.setCurrentText("half_map_1")
    dock.local_button.click()
    assert "one of the halves" in dock.message.text()


# ------------------------------------------------------------------ a single map


def test_the_shipped_network_makes_a_coloured_layer(qtbot, dock, layers, model):
    room = dock.single
    assert room.models.currentText() == "Shipped: Resolution network"
    dock.mask.setCurrentText("mask")
    room.map.setCurrentText("half_map_1")
    room.apply_button.click()
    done(qtbot, room.work)
    assert room.result in model.layers
    assert room.result.name == "half_map_1 resolution"
    assert room.result.colormap.name == colours().name
    measures = room.work.outcome.measures
    assert f"{measures['median']:.2f} Å" in room.figures.text()
    assert sum(room.histogram.bars.opts["height"]) == pytest.approx(100, abs=2.1)


def test_a_network_is_trained_on_the_halves_and_chosen(qtbot, dock, layers):
    room = dock.single
    dock.halves.second.setCurrentIndex(0)
    room.train_button.click()
    assert "choose half 2" in room.message.text()
    dock.halves.second.setCurrentText("half_map_2")
    dock.mask.setCurrentText("mask")
    for name, value in (("steps", 2), ("width", 2)):
        room.train_form.widgets[name].value = value
    room.train_button.click()
    done(qtbot, room.work)
    assert room.models.currentText() == "half_map_1 resolution"
    assert room.models.count() == 2, "the shipped one stays on offer"


# ------------------------------------------------------------------ parts


def test_the_box_follows_the_layers(model, qtbot):
    box = LayerBox(model, is_mask, "made")
    qtbot.addWidget(box)
    assert (box.count(), box.layer(), box.volume_or_none()) == (1, None, None)
    image = model.add_image(np.zeros((3, 4, 5)), name="a")
    labels = model.add_labels(np.zeros((3, 4, 5), int), name="b")
    model.add_image(np.zeros((4, 5)), name="flat")
    model.add_points(np.zeros((1, 3)), name="points")
    assert [box.itemText(k) for k in range(1, box.count())] == ["a", "b"]
    box.setCurrentText("b")
    assert box.layer() is labels
    assert box.volume().shape == (3, 4, 5)
    labels.name = "c"
    assert box.currentText() == "c"
    model.layers.remove(labels)
    assert box.layer() is None
    assert image in model.layers


@pytest.mark.parametrize("values", [[1.0, 0.9, 0.8], [1.0, 0.05, 0.01]])
def test_curves_that_never_cross_have_no_mark(qtbot, values):
    plot = ResolutionPlot()
    qtbot.addWidget(plot)
    plot.show_curves(Fsc(np.arange(3) / 10, np.array(values)))
    assert plot.marks == []
    assert len(plot.curves["unmasked"].getData()[0]) == 3
    assert plot.curves["corrected"].getData()[0] is None
    plot.clear()
    assert plot.curves["unmasked"].getData()[0] is None


def test_a_histogram_without_values_or_line(qtbot):
    plot = ResolutionHistogram()
    qtbot.addWidget(plot)
    plot.show_values(np.array([np.nan, 3.0, 3.0, 0.0]), None)
    assert sum(plot.bars.opts["height"]) == pytest.approx(100)
    assert not plot.line.isVisible()
    plot.show_values(np.array([np.nan, 0.0]), 3.0)
    assert not len(plot.bars.opts["height"])


def test_a_surface_lies_on_its_contour():
    z, y, x = np.ogrid[-16:17, -16:17, -16:17]
    distance = np.sqrt(z * z + y * y + x * x).astype(np.float32)
    density = Volume(20 - distance, (2.0, 2.0, 2.0), (5.0, 0.0, -5.0))
    values = np.where(distance < 14, 3 + 0.1 * (x + 0 * z + 0 * y), np.nan)
    cloud = coloured_surface(density, Volume(values, (2.0, 2.0, 2.0)))
    centre = np.array((5.0, 0.0, -5.0)) + 32
    radii = np.linalg.norm(cloud.vertices - centre, axis=1)
    assert radii.std() < 0.1
    assert (4 / 3) * np.pi * (radii.mean() / 2) ** 3 == pytest.approx(
        0.35 * np.isfinite(values).sum(), rel=0.05
    )
    expected = 3 + 0.1 * (cloud.vertices[:, 2] - centre[2]) / 2
    assert np.abs(cloud.weights - expected).max() < 0.11
    with pytest.raises(DataError, match="shape"):
        coloured_surface(density, Volume(values[1:], (2.0, 2.0, 2.0)))


# ------------------------------------------------------------------ the real window


@pytest.fixture
def viewer(npe2pm: Any, make_napari_viewer: Any, jobs: Runner) -> Iterator[Any]:
    """A window that knows CryoNet and no other plugin."""
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        yield make_napari_viewer(show=True)


@pytest.mark.viewer
def test_a_walk_from_half_maps_to_a_coloured_slice_and_surface(viewer, qtbot, case, shown):
    viewer.window.resize(1300, 900)
    halves = [
        viewer.add_layer(shown(Volume(half.data, half.voxel_size, name=f"half_map_{n}")))
        for n, half in enumerate((case.first, case.second), 1)
    ]
    _, dock = viewer.window.add_plugin_dock_widget("napari-cryonet", "Resolution")
    dock.local_form.widgets["device"].value = "cpu"
    for button in (dock.fsc_button, dock.local_button):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        done(qtbot, dock.work)
    assert dock.width() < 500, "the plots do not ask for more"
    for half in halves:
        half.visible = False
    viewer.dims.set_point(0, 24 * 1.2)
    qtbot.wait(300)
    plane = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    coloured = np.ptp(plane, axis=-1) > 60
    middle = tuple(slice(n // 2 - 40, n // 2 + 40) for n in coloured.shape)
    assert coloured[middle].mean() > 0.9, "the molecule is in the middle"
    assert coloured[:20, :20].mean() == 0, "nothing is drawn outside the mask"
    qtbot.mouseClick(dock.surface_button, Qt.MouseButton.LeftButton)
    qtbot.wait(300)
    solid = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    assert (np.ptp(solid, axis=-1) > 60).mean() > 0.02
