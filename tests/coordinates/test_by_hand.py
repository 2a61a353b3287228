"""Small files written by hand: what their fields mean, and that none of them is lost."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from napari_cryonet import Points, read, read_all, write
from napari_cryonet.errors import FormatError
from napari_cryonet.io import CoordinateSettings
from napari_cryonet.io.coordinates import write as write_several


def opened(path: Path, **settings: Any) -> Points:
    found = read(path, settings=CoordinateSettings(**settings))
    assert isinstance(found, Points)
    return found


def dynamo_line(**fields: float) -> str:
    """Return a line of 42 columns, those of Dynamo's documentation by number."""
    line = ["0"] * 42
    for name, value in fields.items():
        line[int(name[1:]) - 1] = f"{value:g}"
    return " ".join(line) + "\n"


def test_dynamo(tmp_path: Path) -> None:
    path = tmp_path / "a.tbl"
    first = {"c1": 7, "c4": 0.5, "c5": -1, "c6": 2, "c7": 10, "c8": 20, "c9": 30, "c10": 0.25}
    place = {"c13": 1, "c20": 3, "c22": 2, "c24": 11, "c25": 21, "c26": 31, "c36": 8, "c42": 5}
    path.write_text(dynamo_line(**first, **place) + dynamo_line(c1=8, c20=3, c36=8))
    found = opened(path)
    assert_allclose(found.positions, [[32, 19, 10.5], [-1, -1, -1]])
    assert (found.voxel_size, found.volume) == ((8.0,) * 3, "3")
    expected = {"tag": [7, 8], "tdrot": [10, 0], "tilt": [20, 0], "narot": [30, 0], "ftype": [1, 0],
                "col42": [5, 0], "score": [0.25, 0], "class": [2, 0]}  # fmt: skip
    assert {name: values.tolist() for name, values in found.features.items()} == expected
    path.with_suffix(".doc").write_text("3 /data/TS_03.rec\n4 /data/TS_04.rec\n")
    assert opened(path).volume == "TS_03"
    write(tmp_path / "b.tbl", found)
    again = opened(tmp_path / "b.tbl")
    assert_allclose(again.positions, found.positions)
    assert again.volume == "3"
    assert list(again.features["tdrot"]) == [10, 0]
    assert list(again.features["tag"]) == [7, 8]


def test_motive_list_of_another_machine(tmp_path: Path) -> None:
    row = np.zeros((2, 20), ">f4")
    row[:, 7:10] = [[11, 21, 31], [5, 6, 7]]
    row[:, 10:13] = [[0.5, -1, 2], [0, 0, 0]]
    row[:, [0, 3, 4, 16, 17, 18, 19]] = [[0.5, 1, 2, 10, 20, 30, 4], [0.25, 2, 9, 0, 0, 0, 5]]
    head = struct.pack(">4B3i", 5, 0, 0, 5, 20, 2, 1).ljust(512, b"\0")
    (tmp_path / "a.em").write_bytes(head + row.tobytes())
    first, second = read_all(tmp_path / "a.em")
    assert isinstance(first, Points)
    assert isinstance(second, Points)
    assert_allclose(first.positions, [[32, 19, 10.5]])
    assert (first.volume, second.volume) == ("2", "9")
    names = ("score", "particle", "phi", "psi", "theta", "class")
    assert [first.features[name].item() for name in names] == [0.5, 1, 10, 20, 30, 4]
    assert write_several(tmp_path / "b.em", [first, second]) == ()
    again, _ = read_all(tmp_path / "b.em")
    assert isinstance(again, Points)
    assert_allclose(again.positions, first.positions)
    assert [again.features[name].item() for name in names] == [0.5, 1, 10, 20, 30, 4]


def test_copick_turned_and_shifted(tmp_path: Path) -> None:
    matrix = [[0, -1, 0, 5], [1, 0, 0, 0], [0, 0, 1, -5], [0, 0, 0, 1]]
    point = {"location": {"x": 15, "y": 20, "z": 35}, "transformation_": matrix, "instance_id": 4}
    known = {"pickable_object_name": "gal", "user_id": "me", "session_id": "9", "run_name": "R",
             "voxel_spacing": 10, "unit": "angstrom", "points": [point]}  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(known))
    found = opened(tmp_path / "a.json")
    assert_allclose(found.positions, [[3, 2, 2]])
    assert found.features["instance_id"].tolist() == [4]
    write(tmp_path / "b.json", found)
    again = json.loads((tmp_path / "b.json").read_text())
    assert (again["user_id"], again["session_id"], again["trust_orientation"]) == ("me", "9", True)
    (moved,) = again["points"]
    assert moved["location"] == {"x": 20.0, "y": 20.0, "z": 30.0}
    assert moved["transformation_"] == [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert moved["instance_id"] == 4


def test_eman_of_both_ages(tmp_path: Path) -> None:
    boxes = {"boxes_3d": [[1, 2, 3], [4, 5, 6, "tm", 0.5, 1]]}
    (tmp_path / "old.json").write_text(json.dumps(boxes))
    old = opened(tmp_path / "old.json")
    assert old.positions.tolist() == [[3, 2, 1], [6, 5, 4]]
    assert list(old.features["class"]) == [0, 1]
    assert list(old.features["score"]) == [1.0, 0.5]
    classes = {"0": {"name": "a", "boxsize": 40}, "1": {"name": "b", "boxsize": 24}}
    named = {**boxes, "apix_unbin": 2.0, "class_list": classes}
    (tmp_path / "new.json").write_text(json.dumps(named))
    new = opened(tmp_path / "new.json", binning=4, volume_shape=(10, 20, 30))
    assert_allclose(new.positions, [[5.75, 10.5, 15.25], [6.5, 11.25, 16]])
    assert new.voxel_size == (8.0, 8.0, 8.0)
    write(tmp_path / "again.json", new)
    again = json.loads((tmp_path / "again.json").read_text())
    assert again["class_list"] == named["class_list"]
    assert [box[3] for box in again["boxes_3d"]] == ["", "tm"]


def test_cbox_keeps_its_boxes(tmp_path: Path) -> None:
    (tmp_path / "a.cbox").write_text(
        "data_global\n\n_cbox_format_version 1.0\n\ndata_cryolo\n\nloop_\n_CoordinateX\n"
        "_CoordinateY\n_CoordinateZ\n_Width\n_Height\n_Depth\n_EstWidth\n_EstHeight\n_Confidence\n"
        "_NumBoxes\n_Angle\n_filamentid\n10 20 30 8 6 4 7 <NA> 0.5 3 <NA> 2\n"
        "1 2 3 8 6 4 7 <NA> 0.25 2 <NA> 2\n\ndata_cryolo_include\n\nloop_\n_slice_index\n30\n"
    )
    found = opened(tmp_path / "a.cbox")
    assert_allclose(found.positions, [[30, 23, 14], [3, 5, 5]])
    kept = {"Width", "Height", "Depth", "EstWidth", "score", "NumBoxes", "filamentid"}
    assert set(found.features) == kept
    assert write(tmp_path / "b.cbox", found) == ()
    again = opened(tmp_path / "b.cbox")
    assert_allclose(again.positions, found.positions)
    for name in kept:
        assert list(again.features[name]) == list(found.features[name]), name


def test_a_flat_cbox_needs_its_section(tmp_path: Path) -> None:
    (tmp_path / "a.cbox").write_text(
        "data_cryolo\n\nloop_\n_CoordinateX\n_CoordinateY\n_CoordinateZ\n_Width\n_Height\n"
        "1 2 <NA> 4 4\n5 6 <NA> 4 4\n"
    )
    assert opened(tmp_path / "a.cbox", section=7.5).positions.tolist() == [[7.5, 4, 3], [7.5, 8, 7]]


def test_points_of_imod_with_object_and_contour(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1 1 1.5 2.5 3\n2 1 4.5 5.5 6\n")
    found = opened(tmp_path / "a.txt", format="imod-points")
    assert found.positions.tolist() == [[3, 2, 1], [6, 5, 4]]
    assert (list(found.features["class"]), list(found.features["contour"])) == ([1, 2], [1, 1])
    (tmp_path / "b.txt").write_text("1 2 3 4 5 6\n")
    with pytest.raises(FormatError, match="has 3 or 4 or 5"):
        opened(tmp_path / "b.txt", format="imod-points")


def test_a_column_that_one_tomogram_lacks(plain: Points, tmp_path: Path) -> None:
    first = replace(plain, volume="A", features={"score": np.array([0.5, 1.0])})
    second = replace(plain, volume="B", features={"class": np.array(["x", "y"])})
    write_several(tmp_path / "a.csv", [first, second])
    one, two = read_all(tmp_path / "a.csv")
    assert isinstance(one, Points)
    assert isinstance(two, Points)
    assert list(one.features["score"]) == [0.5, 1.0]
    assert np.isnan(two.features["score"]).all()
    assert list(one.features["class"]) == ["", ""]
    assert list(two.features["class"]) == ["x", "y"]


@pytest.mark.parametrize("separator", [",", "\t", ";", " "])
def test_tables_with_any_separator(separator: str, tmp_path: Path) -> None:
    lines = (["Z", "Y", "X", "Score", "name"], ["1", "2", "3", "0.5", "a"])
    (tmp_path / "a.csv").write_text("\n".join(separator.join(line) for line in lines))
    found = opened(tmp_path / "a.csv")
    assert found.positions.tolist() == [[1, 2, 3]]
    assert list(found.features["score"]) == [0.5]
    assert list(found.features["name"]) == ["a"]


def test_an_imod_model_that_was_saved_flipped_is_turned_back(tmp_path: Path) -> None:
    plain, flipped = tmp_path / "plain.mod", tmp_path / "flipped.mod"
    place = Points(np.array([[30.0, 199.5, 99.5]]), volume_shape=(60, 400, 300))
    write(plain, place)
    data = bytearray(plain.read_bytes())
    start = data.index(b"CONT") + 20
    for first in (8 + 128 + 4, start + 4):  # ymax and zmax of the model, y and z of the point
        y, z = data[first : first + 4], data[first + 4 : first + 8]
        data[first : first + 8] = z + y
    flags = struct.unpack_from(">I", data, 8 + 128 + 16)[0]
    struct.pack_into(">I", data, 8 + 128 + 16, flags | 1 << 16)
    flipped.write_bytes(data)
    one, two = opened(plain), opened(flipped)
    assert_allclose(two.positions, one.positions)
    assert two.volume_shape == one.volume_shape == (60, 400, 300)
    assert any("exchanged" in note for note in two.notes)
    assert not any("exchanged" in note for note in one.notes)


def test_names_that_look_like_numbers_stay_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "x,y,z,class,session,group,large,p\n1,2,3,1_1,20240305_001,007,99999999999999999999,.5\n"
        "4,5,6,11,2024_0305001,008,1,1e-3\n"
    )
    features = opened(tmp_path / "a.csv").features
    assert features["class"].tolist() == ["1_1", "11"]
    assert features["session"].tolist() == ["20240305_001", "2024_0305001"]
    assert features["group"].tolist() == ["007", "008"]
    assert features["large"].tolist() == ["99999999999999999999", "1"]
    assert features["p"].tolist() == [0.5, 1e-3]


def test_names_of_groups_stay_names_in_star_files(tmp_path: Path) -> None:
    path = tmp_path / "a.star"
    path.write_text(
        "data_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n_rlnCoordinateZ #3\n"
        "_rlnGroupName #4\n1 2 3 0012\n4 5 6 2024_01\n"
    )
    assert opened(path).features["rlnGroupName"].tolist() == ["0012", "2024_01"]


def test_small_scores_survive_a_star_file(tmp_path: Path) -> None:
    scores = np.array([4e-7, 1e-7, 0.5])
    picks = Points(np.arange(9.0).reshape(3, 3), {"score": scores}, (10.0,) * 3,
                   volume_shape=(50, 60, 70))  # fmt: skip
    write(tmp_path / "a.star", picks)
    found = opened(tmp_path / "a.star", voxel_size=10, volume_shape=(50, 60, 70))
    assert_allclose(found.features["score"], scores, rtol=1e-6)


@pytest.mark.parametrize("name", ["a.mod", "a.json", "a.em", "a.tbl"])
def test_gaps_and_text_in_columns_do_not_hinder_writing(name: str, tmp_path: Path) -> None:
    picks = Points(
        np.arange(9.0).reshape(3, 3),
        {
            "radius": np.array([50.0, np.nan, 50.0]),
            "particle": np.array(["one", "two", "three"]),
            "tdrot": np.array(["one", "two", "three"]),
        },
        (10.0,) * 3,
        volume="TS_01",
        volume_shape=(50, 60, 70),
    )
    known = {"voxel_size": 10, "binning": 1, "volume_shape": (50, 60, 70)}
    write(tmp_path / name, picks, settings=CoordinateSettings(**known))
    assert_allclose(opened(tmp_path / name, **known).positions, picks.positions, atol=1e-3)


@pytest.mark.parametrize(
    ("instances", "written"), [(["a", "b"], [0, 0]), ([1.0, np.nan], [1, 0])], ids=str
)
def test_copick_numbers_what_has_numbers(
    instances: list[Any], written: list[int], tmp_path: Path
) -> None:
    picks = Points(np.ones((2, 3)), {"instance_id": np.array(instances)}, (10.0,) * 3)
    settings = CoordinateSettings(format="copick")
    lost = write(tmp_path / "a.json", picks, settings=settings)
    found = json.loads((tmp_path / "a.json").read_text())["points"]
    assert [point["instance_id"] for point in found] == written
    assert any("instance_id" in sentence for sentence in lost) == isinstance(instances[0], str)
