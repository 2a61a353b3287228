"""Positions open where they belong, say what they lack, and are saved for every program."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import starfile
from napari.layers import Image, Labels, Layer
from napari.layers import Points as PointsLayer
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFileDialog

import napari_cryonet
from napari_cryonet import PointCloud, Points, Volume, read, write
from napari_cryonet.errors import FormatError, SettingsError
from napari_cryonet.gui import positions, positions_dialog
from napari_cryonet.gui.layers import layer_data, to_thing
from napari_cryonet.gui.places import Place
from napari_cryonet.gui.positions import in_place, read_positions, write_positions
from napari_cryonet.gui.positions_dialog import PositionsDialog
from napari_cryonet.gui.readers import get_reader, read_layers
from napari_cryonet.io import CoordinateSettings

SHAPE, VOXEL, ORIGIN = (20, 30, 40), 10.0, (100.0, -50.0, 7.0)
POSITIONS = np.array([[4.0, 5.5, 6.25], [10.0, 20.0, 30.0], [8.0, 7.0, 3.0]])
OPEN = Place("rec_TS_01", SHAPE, VOXEL, ORIGIN)


@pytest.fixture
def picks() -> Points:
    features = {"score": np.array([0.5, 0.25, 1.0]), "class": np.array(["ring", "cage", "ring"])}
    return Points(POSITIONS, features, (VOXEL,) * 3, "TS_01", volume_shape=SHAPE)


@pytest.fixture
def star(picks: Points, tmp_path: Path) -> Path:
    """The picks in RELION 5's way, which does not tell the volume."""
    write(tmp_path / "picks.star", picks)
    return tmp_path / "picks.star"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Place]:
    """The volumes that are open; change them as a user would."""
    places: list[Place] = []
    monkeypatch.setattr(positions, "open_places", lambda: places)
    monkeypatch.setattr(positions_dialog, "open_places", lambda: places)
    return places


@pytest.fixture
def said() -> Any:
    """What has been shown to the user in this test."""
    notification_manager.records.clear()
    return lambda: " ".join(record.message for record in notification_manager.records)


def one(path: Path, places: list[Place] | None = None) -> Any:
    (made,) = read_positions(path, places=places)
    return Layer.create(*made)


# ------------------------------------------------------------------ opening


def test_the_only_open_volume_that_fits_says_what_the_file_does_not(star):
    layer = one(star, [OPEN])
    assert isinstance(layer, PointsLayer)
    np.testing.assert_allclose(layer.data, POSITIONS, atol=1e-6)
    assert tuple(layer.scale) == (VOXEL,) * 3
    assert tuple(layer.translate) == ORIGIN
    assert [str(unit) for unit in layer.units] == ["angstrom"] * 3
    assert list(layer.features["class"]) == ["ring", "cage", "ring"]
    assert "Voxel size and shape are those of rec_TS_01." in layer.metadata["cryonet"]["history"]


def test_without_such_a_volume_there_is_one_clear_error(star):
    with pytest.raises(SettingsError, match="open the tomogram first") as caught:
        one(star, [])
    assert "the voxel size and the shape" in str(caught.value)
    assert "\n" not in str(caught.value)
    flat = replace(OPEN, shape=(4, 30, 40))
    with pytest.raises(SettingsError, match="no volume that is open fits"):
        one(star, [flat])
    others = [replace(OPEN, name=name, origin=(z, 0.0, 0.0)) for name, z in (("a", 0), ("b", 9))]
    with pytest.raises(SettingsError, match="2 volumes that are open fit; close all but one"):
        one(star, others)
    assert tuple(one(star, [*others, OPEN]).translate) == ORIGIN, "the name of the tomogram decides"


def test_the_name_of_a_tomogram_is_no_part_of_another():
    assert OPEN.is_called("TS_01")
    assert not OPEN.is_called("TS_0")
    assert not replace(OPEN, name="TS_011").is_called("TS_01")
    assert not OPEN.is_called("")


def test_a_volume_gives_a_list_its_voxel_size_and_its_place(tmp_path):
    (tmp_path / "a.coords").write_text("6 5 4\n30 20 10\n")
    layer = one(tmp_path / "a.coords", [OPEN])
    assert (tuple(layer.scale), tuple(layer.translate)) == ((VOXEL,) * 3, ORIGIN)
    (tmp_path / "far.coords").write_text("600 500 400\n")
    far = one(tmp_path / "far.coords", [OPEN])
    assert (tuple(far.scale), tuple(far.translate)) == ((1.0,) * 3, (0.0,) * 3)


def test_a_file_with_another_voxel_size_keeps_its_own(picks, tmp_path):
    write(tmp_path / "a.mod", replace(picks, voxel_size=(7.0,) * 3))
    layer = one(tmp_path / "a.mod", [OPEN])
    assert (tuple(layer.scale), tuple(layer.translate)) == ((7.0,) * 3, (0.0,) * 3)


def test_unbinned_pixels_become_voxels_of_the_volume(tmp_path):
    (tmp_path / "a.star").write_text(
        "data_optics\n\nloop_\n_rlnOpticsGroup\n_rlnTomoTiltSeriesPixelSize\n1 2.5\n\n"
        "data_particles\n\nloop_\n_rlnTomoName\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n"
        "TS_01 80 40 20\n"
    )
    layer = one(tmp_path / "a.star", [OPEN])
    assert layer.data.tolist() == [[5.0, 10.0, 20.0]]
    bare = one(tmp_path / "a.star", [])
    assert bare.data.tolist() == [[20.0, 40.0, 80.0]]
    np.testing.assert_allclose(bare.data * bare.scale, layer.data * layer.scale)


def test_several_tomograms_are_several_layers(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,z,tomogram\n1,2,3,A\n4,5,6,B\n7,8,9,A\n")
    layers = [Layer.create(*made) for made in read_positions(tmp_path / "a.csv", places=[])]
    assert [(layer.name, len(layer.data)) for layer in layers] == [("a A", 2), ("a B", 1)]


def test_picks_are_coloured_by_class_else_by_score_and_as_large_as_particles(picks):
    (made,) = layer_data(replace(picks, features={**picks.features, "radius": [40.0, np.nan, 60]}))
    layer = Layer.create(*made)
    ring, cage, again = (tuple(colour) for colour in layer.border_color)
    assert ring == again != cage
    assert list(layer.size) == [8.0, 10.0, 12.0]
    scores = {"score": picks.features["score"], "Width": np.array([9.0, 9.0, 9.0])}
    (made,) = layer_data(replace(picks, features=scores))
    layer = Layer.create(*made)
    assert len({tuple(colour) for colour in layer.border_color}) == 3
    assert set(layer.size) == {9.0}


def test_what_a_file_held_comes_back_from_its_layer(tmp_path, said):
    (tmp_path / "a.json").write_text(
        json.dumps({"boxes_3d": [[1, 2, 3, "tm", 0.5, 0]], "class_list": {"0": {"name": "r"}}})
    )
    thing = to_thing(one(tmp_path / "a.json", []))
    assert isinstance(thing, Points)
    assert thing.header["class_list"] == {"0": {"name": "r"}}
    assert list(thing.features["method"]) == ["tm"]
    assert "No voxel size is given" in said()


def test_the_shape_comes_back_from_a_layer(picks):
    (made,) = layer_data(picks)
    thing = to_thing(Layer.create(*made))
    assert isinstance(thing, Points)
    assert thing.volume_shape == SHAPE


# ------------------------------------------------------------------ which files are ours


OURS = [
    ("a.star", "data_\n"),
    ("a.csv", "index,axis-0,axis-1,axis-2\n"),
    ("a.csv", "X,Y,Z\n1,2,3\n"),
    ("a.txt", "image_name\tx_coord\ty_coord\tz_coord\n"),
    ("a.txt", "  1.5 2.5 3\n"),
    ("a.json", '{"boxes_3d": []}'),
    ("a.mod", "IMODV1.2"),
    ("a.tloc", "\x80\x05"),
    ("a.coords", ""),
]
THEIRS = [
    ("a.csv", "name,age\nAnna,5\n"),
    ("a.txt", "Dear diary,\n1 2 3\n"),
    ("a.json", '{"version": 3}'),
    ("a.mod", "M.K. tracker"),
    ("a.em", "x" * 600),
    ("a.tbl", "| RA | DEC |\n"),
    ("a.star", "\0\0"),
    ("a.tsv", "gene\tcount\n"),
]


@pytest.mark.parametrize(("name", "text"), OURS)
def test_our_files_are_accepted(name, text, tmp_path):
    (tmp_path / name).write_text(text, encoding="latin-1")
    assert get_reader(str(tmp_path / name)) is not None


@pytest.mark.parametrize(("name", "text"), THEIRS)
def test_files_of_others_are_left_to_them(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    assert get_reader(str(tmp_path / name)) is None


def test_a_bare_list_says_where_to_choose(tmp_path):
    (tmp_path / "a.txt").write_text("1 2 3\n")
    with pytest.raises(FormatError, match="a bare list of numbers"):
        read_layers(tmp_path / "a.txt")


# ------------------------------------------------------------------ saving


def saved(layer: Any, path: Path, writer: Any = write_positions) -> Path:
    data, attributes, _ = layer.as_layer_data_tuple()
    assert writer(str(path), data, attributes) == [str(path)]
    return path


def test_a_layer_is_saved_for_every_program(picks, tmp_path, opened):
    (made,) = layer_data(picks)
    layer = Layer.create(*made)
    for name in ("a.csv", "a.mod", "a.star", "a.tbl", "a.coords", "a.em"):
        known = CoordinateSettings(voxel_size=VOXEL, volume_shape=SHAPE)
        found = read(saved(layer, tmp_path / name), settings=known)
        assert isinstance(found, Points)
        distances = np.linalg.norm(found.positions[:, None] - POSITIONS, axis=2)
        assert distances.min(axis=1).max() < 1e-3
    table = starfile.read(saved(layer, tmp_path / "w.star", positions.write_warp))
    assert set(table["rlnMicrographName"]) == {"TS_01.tomostar"}
    with pytest.raises(SettingsError, match="RELION 4 counts unbinned pixels"):
        saved(layer, tmp_path / "r.star", positions.write_relion4)


def test_what_is_lost_is_said(picks, tmp_path, opened, said):
    (made,) = layer_data(picks)
    saved(Layer.create(*made), tmp_path / "a.coords")
    assert "a.coords: TomoTwin files do not hold class." in said()


def test_clicks_are_saved_in_the_voxels_of_the_open_volume(tmp_path, opened):
    opened.append(OPEN)
    clicked = PointsLayer(
        POSITIONS * VOXEL + ORIGIN, ndim=3, scale=(1.0,) * 3, units=("angstrom",) * 3
    )
    path = saved(clicked, tmp_path / "a.star", positions.write_relion5)
    table = starfile.read(path)
    expected = (POSITIONS[:, 2] - SHAPE[2] / 2) * VOXEL
    np.testing.assert_allclose(table["rlnCenteredCoordinateXAngst"], expected, atol=1e-4)
    assert set(table["rlnTomoName"]) == {"rec_TS_01"}
    opened.clear()
    with pytest.raises(SettingsError, match="the shape of the volume"):
        saved(clicked, tmp_path / "b.star", positions.write_relion5)


def test_points_that_lie_nowhere_stay_as_they_are(picks):
    far = replace(picks, positions=POSITIONS + 1000)
    assert in_place(far, {}, [OPEN]) is far
    layer = {"translate": ORIGIN, "scale": (VOXEL,) * 3, "units": ("angstrom",) * 3}
    assert in_place(picks, layer, [OPEN]).positions == pytest.approx(POSITIONS)


def test_points_in_nanometres_are_saved_where_they_lie(tmp_path, opened):
    opened.append(OPEN)
    place = np.array(ORIGIN) / 10 + 0.3
    clicked = PointsLayer(
        (POSITIONS * VOXEL + ORIGIN) / 10 - place, ndim=3, units=("nm",) * 3, translate=place
    )
    found = read(saved(clicked, tmp_path / "a.csv"))
    assert isinstance(found, Points)
    assert found.positions == pytest.approx(POSITIONS, abs=1e-3)


def test_a_cloud_is_not_saved_as_picks(tmp_path, opened):
    (made,) = layer_data(PointCloud(POSITIONS))
    with pytest.raises(FormatError, match="a point cloud"):
        saved(Layer.create(*made), tmp_path / "a.star")


# ------------------------------------------------------------------ the dialogs


def test_a_dialog_previews_every_choice(tmp_path, qtbot, opened, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("6.75 4 6\n30.5 10 20.5\n")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    opened.append(OPEN)
    texts = []

    def use(dialog: PositionsDialog) -> bool:
        qtbot.addWidget(dialog)
        ready = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
        assert not ready.isEnabled()
        texts.append(dialog.shown.text())
        dialog.form.widgets["format"].value = "imod-points"
        dialog.form.widgets["axes"].value = "xzy"
        assert ready.isEnabled()
        texts.append(dialog.shown.text())
        return True

    monkeypatch.setattr(PositionsDialog, "exec", use)
    added: list[Any] = []
    positions_dialog.open_positions(type("Viewer", (), {"add_layer": added.append})())
    assert "a bare list of numbers" in texts[0]
    assert "x z y 6.75 4.00 6.00  →  z y x 4.00 5.50 6.25 voxels  =  40.00 55.00 62.50" in texts[1]
    (layer,) = added
    np.testing.assert_allclose(layer.data, POSITIONS[:2])
    assert tuple(layer.translate) == ORIGIN


def test_a_dialog_saves_with_every_choice(picks, tmp_path, qtbot, opened, monkeypatch):
    path = tmp_path / "a.star"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))

    def use(dialog: PositionsDialog) -> bool:
        qtbot.addWidget(dialog)
        assert "section" not in dialog.form.widgets
        dialog.form.widgets["format"].value = "relion4"
        dialog.form.widgets["binning"].value = "4"
        return True

    monkeypatch.setattr(PositionsDialog, "exec", use)
    (made,) = layer_data(picks)

    class Chosen:
        active: Any = Layer.create(*made)

    viewer = type("Viewer", (), {"layers": type("Layers", (), {"selection": Chosen})})()
    positions_dialog.save_selected_positions(viewer)
    np.testing.assert_allclose(starfile.read(path)["rlnCoordinateZ"], 4 * POSITIONS[:, 0])
    monkeypatch.setattr(PositionsDialog, "exec", lambda _: QDialog.DialogCode.Rejected)
    path.unlink()
    positions_dialog.save_selected_positions(viewer)
    assert not path.exists()


# ------------------------------------------------------------------ the real window


@pytest.mark.viewer
def test_a_star_is_dropped_onto_its_tomogram_and_saved_again(
    star, tmp_path, npe2pm, make_napari_viewer
):
    manifest = Path(napari_cryonet.__file__).with_name("napari.yaml")
    with npe2pm.tmp_plugin(manifest=str(manifest)):
        viewer = make_napari_viewer()
        (made,) = layer_data(Volume(np.zeros(SHAPE, "f4"), (VOXEL,) * 3, ORIGIN, "TS_01"))
        viewer.add_layer(Image(made[0], **made[1]))
        viewer.add_layer(Labels(np.zeros(SHAPE, int)))
        (layer,) = viewer.open(str(star), plugin="napari-cryonet")
        np.testing.assert_allclose(layer.data, POSITIONS, atol=1e-6)
        assert (tuple(layer.scale), tuple(layer.translate)) == ((VOXEL,) * 3, ORIGIN)
        layer.add([1.0, 2.0, 3.0])
        assert layer.save(str(tmp_path / "again.star")) == [str(tmp_path / "again.star")]
    known = CoordinateSettings(voxel_size=VOXEL, volume_shape=SHAPE)
    again = read(tmp_path / "again.star", settings=known)
    assert isinstance(again, Points)
    np.testing.assert_allclose(again.positions, [*POSITIONS, [1, 2, 3]], atol=1e-6)
    assert again.volume == "TS_01"
