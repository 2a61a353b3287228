"""What is written means the same to others: starfile, imodmodel, json, csv, and plain lines."""

from __future__ import annotations

import csv
import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import imodmodel
import numpy as np
import pytest
import starfile

from napari_cryonet import Points, write
from napari_cryonet.errors import SettingsError
from napari_cryonet.io import CoordinateSettings


@pytest.fixture
def xyz(picks: Points) -> np.ndarray[Any, Any]:
    return picks.positions[:, ::-1]


def test_relion5(picks: Points, xyz: Any, tmp_path: Path) -> None:
    write(tmp_path / "a.star", picks)
    table = starfile.read(tmp_path / "a.star")
    found = table[[f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"]].to_numpy()
    np.testing.assert_allclose(found, (xyz - [60, 45, 20]) * 8, atol=1e-3)
    assert set(table["rlnTomoName"]) == {"TS_01"}
    np.testing.assert_allclose(table["rlnAutopickFigureOfMerit"], picks.features["score"])
    assert list(table["rlnClassNumber"]) == [2, 1, 2, 3, 1, 2, 1]
    assert list(table["cryonet_class"]) == list(picks.features["class"])


def test_relion5_one_unbinned_pixel_before_the_centre(
    picks: Points, xyz: Any, tmp_path: Path
) -> None:
    settings = CoordinateSettings(origin="centre-1", binning=4)
    write(tmp_path / "a.star", picks, settings=settings)
    table = starfile.read(tmp_path / "a.star")
    expected = (xyz * 4 - (np.array([480, 360, 160]) / 2 - 1)) * 2
    found = table[[f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"]].to_numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)
    with pytest.raises(SettingsError, match="the binning must be known"):
        write(tmp_path / "b.star", picks, settings=CoordinateSettings(origin="centre-1"))


def test_relion4_and_warp(picks: Points, xyz: Any, tmp_path: Path) -> None:
    names = [f"rlnCoordinate{axis}" for axis in "XYZ"]
    with pytest.raises(SettingsError, match="RELION 4 counts unbinned pixels"):
        write(tmp_path / "a.star", picks, settings=CoordinateSettings(format="relion4"))
    write(tmp_path / "a.star", picks, settings=CoordinateSettings(format="relion4", binning=4))
    np.testing.assert_allclose(starfile.read(tmp_path / "a.star")[names], 4 * xyz, atol=1e-3)
    write(tmp_path / "b.star", picks, settings=CoordinateSettings(format="warp"))
    table = starfile.read(tmp_path / "b.star")
    np.testing.assert_allclose(table[names], xyz, atol=1e-4)
    assert set(table["rlnMicrographName"]) == {"TS_01.tomostar"}
    assert set(table["rlnDetectorPixelSize"] / table["rlnMagnification"] * 1e4) == {8.0}


def test_imod(picks: Points, xyz: Any, tmp_path: Path) -> None:
    write(tmp_path / "a.mod", picks)
    model = imodmodel.ImodModel.from_file(tmp_path / "a.mod")
    head = model.header
    assert (head.xmax, head.ymax, head.zmax, head.objsize) == (120, 90, 40, 3)
    assert head.pixelsize * 10 ** (head.units + 10) == pytest.approx(8.0)
    classes = picks.features["class"]
    assert [one.header.name for one in model.objects] == ["ring", "cage", "small"]
    for one in model.objects:
        (contour,) = one.contours
        which = classes == one.header.name
        np.testing.assert_allclose(contour.points, xyz[which] + [0.5, 0.5, 0], atol=1e-4)
        assert one.header.flags.scattered
        assert one.header.flags.open
        assert one.header.pdrawsize == round(60 / 8)
        np.testing.assert_allclose(contour.point_sizes, 7.5)
        assert [item.index for item in contour.extra] == list(range(which.sum()))
        values = [item.value for item in contour.extra]
        np.testing.assert_allclose(values, picks.features["score"][which], rtol=1e-6)
        (limits,) = one.extra
        assert (limits.index, limits.value) == pytest.approx((min(values), max(values)))


def test_a_model_of_imodmodel_is_read(picks: Points, xyz: Any, tmp_path: Path) -> None:
    from napari_cryonet import read

    contours = [imodmodel.models.Contour(points=part) for part in (xyz[:3], xyz[3:])]
    for contour in contours:
        contour.header.psize = len(contour.points)
    one = imodmodel.models.Object(contours=contours)
    model = imodmodel.ImodModel(objects=[one, one.model_copy()])
    model.to_file(tmp_path / "a.mod")
    found = read(tmp_path / "a.mod")
    assert isinstance(found, Points)
    expected = np.concatenate([picks.positions] * 2) - [0, 0.5, 0.5]
    np.testing.assert_allclose(found.positions, expected, atol=1e-4)
    assert list(found.features["class"]) == ["1"] * 7 + ["2"] * 7
    assert list(found.features["contour"]) == [1, 1, 1, 2, 2, 2, 2] * 2
    assert found.voxel_size is None
    assert found.volume_shape is None


def test_imod_points(plain: Points, tmp_path: Path) -> None:
    write(tmp_path / "a.txt", plain, settings=CoordinateSettings(format="imod-points"))
    assert np.loadtxt(tmp_path / "a.txt").tolist() == [[3.75, 3.0, 1.0], [6.5, 5.5, 4.0]]


def test_cbox(picks: Points, xyz: Any, tmp_path: Path) -> None:
    write(tmp_path / "a.cbox", picks)
    blocks = starfile.read(tmp_path / "a.cbox")
    assert list(blocks) == ["global", "cryolo", "cryolo_include"]
    table = blocks["cryolo"]
    assert list(table.columns) == [
        *("CoordinateX", "CoordinateY", "CoordinateZ", "Width", "Height", "Depth"),
        *("EstWidth", "EstHeight", "Confidence", "NumBoxes", "Angle"),
    ]
    assert set(table["Width"]) == {15.0}
    expected = xyz - [7.5, 7.5, 0]
    found = table[["CoordinateX", "CoordinateY", "CoordinateZ"]]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(table["Confidence"], picks.features["score"])
    slices = np.atleast_1d(blocks["cryolo_include"]["slice_index"])
    assert list(slices) == sorted(set(np.rint(xyz[:, 2]).astype(int)))
    unsized = replace(picks, features={})
    with pytest.raises(SettingsError, match="--diameter"):
        write(tmp_path / "b.cbox", unsized)
    write(tmp_path / "b.cbox", unsized, settings=CoordinateSettings(diameter=80))
    assert set(starfile.read(tmp_path / "b.cbox")["cryolo"]["Height"]) == {10.0}


def test_eman(picks: Points, xyz: Any, tmp_path: Path) -> None:
    path = tmp_path / "a_info.json"
    write(path, picks, settings=CoordinateSettings(binning=4))
    known = json.loads(path.read_text())
    assert known["apix_unbin"] == 2.0
    places = np.array([box[:3] for box in known["boxes_3d"]])
    np.testing.assert_allclose(places, (xyz - [60, 45, 20]) * 4, atol=1e-3)
    assert [box[4] for box in known["boxes_3d"]] == list(picks.features["score"])
    names = {int(number): entry["name"] for number, entry in known["class_list"].items()}
    assert [names[box[5]] for box in known["boxes_3d"]] == list(picks.features["class"])
    assert known["class_list"]["0"]["boxsize"] == 60
    with pytest.raises(SettingsError, match="the shape of the volume"):
        write(tmp_path / "b.json", replace(picks, volume_shape=None),
              settings=CoordinateSettings(binning=4))  # fmt: skip
    with pytest.raises(SettingsError, match="binning of the volume is not known"):
        write(tmp_path / "b.json", picks)


def test_copick(plain: Points, tmp_path: Path) -> None:
    settings = CoordinateSettings(format="copick", voxel_size=10, volume="run_1")
    write(tmp_path / "a.json", plain, settings=settings)
    known = json.loads((tmp_path / "a.json").read_text())
    assert known["points"][0]["location"] == {"x": 32.5, "y": 25.0, "z": 10.0}
    assert known["points"][1]["transformation_"] == np.eye(4).tolist()
    assert (known["run_name"], known["voxel_spacing"], known["unit"]) == ("run_1", 10, "angstrom")
    with pytest.raises(SettingsError, match="--voxel-size"):
        write(tmp_path / "b.json", plain, settings=CoordinateSettings(format="copick"))


def test_dynamo(picks: Points, xyz: Any, tmp_path: Path) -> None:
    write(tmp_path / "a.tbl", picks)
    table = np.loadtxt(tmp_path / "a.tbl")
    assert table.shape == (7, 41)
    np.testing.assert_allclose(table[:, 23:26], xyz + 1, rtol=1e-6)
    np.testing.assert_allclose(table[:, 9], picks.features["score"])
    assert list(table[:, 0]) == list(range(1, 8))
    assert set(table[:, 35]) == {8.0}
    assert not table[:, 3:6].any()


def test_motive_list(picks: Points, xyz: Any, tmp_path: Path) -> None:
    write(tmp_path / "a.em", picks)
    data = (tmp_path / "a.em").read_bytes()
    assert struct.unpack_from("<4B3i", data) == (6, 0, 0, 5, 20, 7, 1)
    table = np.frombuffer(data, "<f4", offset=512).reshape(7, 20)
    np.testing.assert_allclose(table[:, 7:10], xyz + 1, rtol=1e-6)
    np.testing.assert_allclose(table[:, 0], picks.features["score"])
    assert list(table[:, 19]) == [2, 1, 2, 3, 1, 2, 1]


def test_csv(picks: Points, xyz: Any, tmp_path: Path) -> None:
    write(tmp_path / "a.csv", picks)
    with (tmp_path / "a.csv").open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert list(lines[0]) == ["x", "y", "z", "score", "class", "radius", "tomogram"]
    found = np.array([[float(line[axis]) for axis in "xyz"] for line in lines])
    np.testing.assert_allclose(found, xyz, atol=1e-4)
    assert [line["class"] for line in lines] == list(picks.features["class"])
    assert [float(line["score"]) for line in lines] == list(picks.features["score"])


def test_coords(picks: Points, xyz: Any, tmp_path: Path) -> None:
    write(tmp_path / "a.coords", picks)
    table = np.loadtxt(tmp_path / "a.coords")
    np.testing.assert_allclose(table[:, :3], xyz, atol=1e-4)
    np.testing.assert_allclose(table[:, 3], picks.features["score"])
    write(tmp_path / "b.coords", replace(picks, features={}))
    assert np.loadtxt(tmp_path / "b.coords").shape == (7, 3)
