"""Whole journeys in a real window: open, look, turn to 3D, save, open again."""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from napari.layers import Layer
from qtpy.QtWidgets import QApplication, QInputDialog

import napari_cryonet
from napari_cryonet import ImageStack, Points, Volume, write
from napari_cryonet.gui.layers import layer_data, to_thing
from napari_cryonet.gui.voxel_size import ask_voxel_size
from napari_cryonet.io import mrc_header
from napari_cryonet.types import Thing

pytestmark = pytest.mark.viewer

MANIFEST = Path(napari_cryonet.__file__).with_name("napari.yaml")
HUGE = (500, 1440, 1440)
LINUX = sys.platform == "linux"  # where the system tells which pages are those of files


@pytest.fixture
def viewer(npe2pm, make_napari_viewer):
    """A window that knows CryoNet and no other plugin."""
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        yield make_napari_viewer(show=True)


def shown(viewer: Any, thing: Thing, **options: Any) -> Any:
    (made,) = layer_data(thing, **options)
    return viewer.add_layer(Layer.create(*made))


def painted(viewer: Any) -> np.ndarray[Any, Any]:
    QApplication.processEvents()
    picture: np.ndarray[Any, Any] = viewer.screenshot(canvas_only=True, flash=False)
    return picture[..., :3]


def memory() -> tuple[float, float]:
    """Return the MB that are resident, and those of them that are no pages of files."""
    gc.collect()
    info = psutil.Process().memory_info()
    return info.rss / 1e6, (info.rss - getattr(info, "shared", 0)) / 1e6


@pytest.fixture
def huge(tmp_path):
    """A sparse file of 2 GB: 500 × 1440 × 1440 voxels of 16 bits, 10 Å."""
    path = tmp_path / "huge.mrc"
    header = mrc_header.build(HUGE, 1)
    mrc_header.set_cell(header, (10.0, 10.0, 10.0))
    with path.open("wb") as stream:
        stream.write(header.record.tobytes())
        stream.truncate(1024 + 2 * int(np.prod(HUGE)))
    yield path
    path.unlink()


def test_two_gigabytes_open_at_once_and_survive_3d(viewer, huge, tmp_path):
    write(tmp_path / "tiny.mrc", Volume(np.zeros((8, 64, 64), "i2"), (10.0,) * 3))
    viewer.open(tmp_path / "tiny.mrc", plugin="napari-cryonet")  # the canvas is napari's own
    painted(viewer)
    viewer.layers.clear()
    before, start = memory(), time.process_time()
    viewer.open(huge, plugin="napari-cryonet")
    painted(viewer)
    seconds = time.process_time() - start
    resident, own = (after - old for after, old in zip(memory(), before, strict=True))
    layer = viewer.layers[0]
    assert resident < 100, f"{resident:.0f} MB"
    assert own < (40 if LINUX else 100), f"{own:.0f} MB"
    assert seconds < 1.5, f"{seconds:.2f} s"
    assert layer.data.shape == HUGE
    assert tuple(layer.scale) == (10.0, 10.0, 10.0)
    viewer.dims.ndisplay = 3
    painted(viewer)
    assert layer.data_level == 2
    assert layer._data_view.shape == (125, 360, 360)
    viewer.dims.ndisplay = 2
    painted(viewer)
    assert to_thing(layer).data.shape == HUGE


def test_levels_show_the_same_thing_at_the_same_place(viewer, rng):
    data = np.zeros((48, 96, 96), "f4")
    data[20:28, 60:76, 12:28] = 1
    whole, coarse = (shown(viewer, Volume(data, (2.0,) * 3), max_3d_mb=mb) for mb in (1024, 0.1))
    viewer.dims.ndisplay = 3
    pictures = []
    for one in (whole, coarse):
        whole.visible, coarse.visible = one is whole, one is coarse
        pictures.append(painted(viewer).mean(-1) > 100)
    centres = [np.argwhere(picture).mean(0) for picture in pictures]
    assert np.abs(centres[0] - centres[1]).max() < 0.02 * max(pictures[0].shape)


def test_a_map_is_the_same_after_saving_and_opening_again(viewer, tmp_path):
    grey = np.arange(3 * 5 * 4, dtype="i2").reshape(3, 5, 4)
    header = mrc_header.build(grey.shape, 1)
    mrc_header.add_labels(header, ("written by a friend",))
    volume = Volume(grey, (4.0, 3.0, 2.0), (7.0, -8.0, 9.0), header=header)
    write(tmp_path / "first.mrc", volume)
    (first,) = viewer.open(tmp_path / "first.mrc", plugin="napari-cryonet")
    first.save(str(tmp_path / "second.mrc.gz"))
    (second,) = viewer.open(tmp_path / "second.mrc.gz", plugin="napari-cryonet")
    assert np.array_equal(second.data, grey)
    for attribute in ("scale", "translate", "units", "axis_labels"):
        assert tuple(getattr(first, attribute)) == tuple(getattr(second, attribute)), attribute
    assert "written by a friend" in second.metadata["cryonet_header"].labels()


def test_layers_of_all_kinds_share_their_units(viewer):
    grey = np.zeros((4, 5, 6), "f4")
    things = [
        Volume(grey, (10.0,) * 3, name="tomogram"),
        Volume(np.stack([grey, grey]), (5.0,) * 3, name="stack"),
        Volume(grey, None, name="unknown"),
        ImageStack(grey[0], (1.0, 1.0), "nm", name="image"),
        Points(np.zeros((2, 3)), {}, (10.0,) * 3),
    ]
    for thing in things:
        shown(viewer, thing)
    viewer.canvas.overlays.scale_bar.visible = True
    painted(viewer)
    units = [str(unit) for unit in viewer.layers.units]
    assert units[-2:] == ["angstrom", "angstrom"]
    assert viewer.layers.extent.units is not None


@pytest.mark.parametrize("dtype", ["f2", ">f4", ">i2", "?", "c8", "u1"])
@pytest.mark.parametrize("limit", [1024, 0.001])
def test_every_kind_of_number_is_drawn(viewer, dtype, limit):
    data = np.zeros((12, 24, 24), dtype)
    data[:, 6:18, 6:18] = 1
    shown(viewer, Volume(data, (2.0,) * 3), max_3d_mb=limit)
    for dimensions in (2, 3):
        viewer.dims.ndisplay = dimensions
        viewer.reset_view()
        assert painted(viewer).max() > 150, dimensions


@pytest.mark.parametrize("sample", ["half_maps", "tomograms"])
def test_samples_open_from_the_menu(viewer, sample):
    viewer.open_sample("napari-cryonet", sample)
    assert [str(unit) for unit in viewer.layers.units] == ["angstrom"] * 3
    assert painted(viewer).std() > 10


def test_the_voxel_size_is_set_for_all_selected_layers(viewer, monkeypatch):
    asked: list[str] = []

    def answer(*arguments: Any) -> tuple[float, bool]:
        asked.append(arguments[2])
        return 3.5, True

    monkeypatch.setattr(QInputDialog, "getDouble", staticmethod(answer))
    for name in ("first", "second"):
        shown(viewer, Volume(np.zeros((4, 5, 6)), None, name=name))
    viewer.layers.selection = set()
    ask_voxel_size(viewer)
    assert not asked
    viewer.layers.selection = set(viewer.layers)
    ask_voxel_size(viewer)
    assert [to_thing(layer).voxel_size for layer in viewer.layers] == [(3.5,) * 3] * 2


def test_the_present_voxel_size_is_offered_in_angstroms(viewer, monkeypatch):
    monkeypatch.setattr(QInputDialog, "getDouble", staticmethod(lambda *given: (given[3], True)))
    images = viewer.add_image(np.zeros((4, 5, 6)), scale=(1, 6.25, 6.25), units=["nm"] * 3)
    plain = viewer.add_image(np.zeros((4, 5, 6)), scale=(2, 2, 2))
    for layer, size in ((images, 62.5), (plain, 2.0)):
        viewer.layers.selection = {layer}
        ask_voxel_size(viewer)
        assert to_thing(layer).voxel_size[-1] == pytest.approx(size)
