"""Broken and hostile files: one sentence each, with the file, the line and the column."""

from __future__ import annotations

import json
import pickle  # noqa: TID251 - in order to be refused
import struct
from pathlib import Path

import numpy as np
import pytest

from napari_cryonet import Points, Volume, read, write
from napari_cryonet.errors import CryonetError, FormatError, SettingsError
from napari_cryonet.io import CoordinateSettings, read_volume

STAR = "data_\n\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n"
CBOX = "data_cryolo\n\nloop_\n_CoordinateX\n_CoordinateY\n_CoordinateZ\n_Width\n_Height\n"
BOX = '{"boxes_3d": [[1, 2, 3], %s]}'
POINT = '{"pickable_object_name": "a", "unit": "%s", "points": [%s]}'

FILES = [
    ("a.star", "", "is empty"),
    ("a.star", " \n\n", "is empty"),
    ("a.star", "hello\n", "line 1: 'hello' belongs to no block"),
    ("a.star", "# nothing\n", "no line that begins with data_"),
    ("a.star", "data_\n\n", "holds no positions"),
    ("a.star", "data_\nloop_\n_rlnVoltage\n300\n", "rlnVoltage was found"),
    ("a.star", STAR.replace("_rlnCoordinateZ\n", "") + "1 2\n", "but no rlnCoordinateZ"),
    ("a.star", STAR + "1 2 3\n1 2\n", "line 8: 2 values for 3 columns"),
    ("a.star", STAR + "1 2 3 4\n", "line 7: 4 values for 3 columns"),
    ("a.star", STAR + "1 2 3\n1 abc 3\n", "line 8, column rlnCoordinateY: 'abc'"),
    ("a.star", STAR + "1 2 3\n1 nan 3\n", "line 8: coordinate 2 is nan"),
    ("a.star", STAR + "1 2 3\n1 2 inf\n", "line 8: coordinate 3 is inf"),
    ("a.star", STAR + "1 2 '3\n", "line 7: a quotation mark"),
    ("a.star", "data_\n\n_rlnVoltage\n", "cannot be read as STAR"),
    ("a.star", "data_\n\nloop_\n_rlnTomoName\n_rlnTomoSizeX\nT 5\n", "a list of tomograms"),
    ("a.csv", "x,y\n1,2\n", "has the columns x, y;"),
    ("a.csv", "id,x [nm],y [nm]\n1,2,3\n", "has the columns id, x [nm], y [nm];"),
    ("a.csv", "1,2,3\n4,5,6\n", "line 1: a table begins with the names"),
    ("a.csv", "x,y,z\n1,2\n", "line 2: 2 values for 3 columns"),
    ("a.csv", "x,y,z\n1,2,3\n\n1,,3\n", "line 4, column y: ''"),
    ("a.csv", "x,y,z\n1,2,3\n1,2,NaN\n", "line 3: coordinate 3 is nan"),
    ("a.csv", "# only\n", "comments alone"),
    ("a.tsv", "image_name\trec_path\na\tb.rec\n", "lists tomograms, not positions"),
    ("a.tsv", "image_name\tx_coord\ty_coord\nT\t1\t2\n", "Choose positions in a volume"),
    ("a.txt", "1 2 3\n", "a bare list of numbers"),
    ("a.coords", "1 2\n", "line 1: 2 values; a line of this format (coords) has 3 or 4"),
    ("a.coords", "1 2 3\n# why\n1 2\n", "line 3: 2 values where the lines before have 3"),
    ("a.coords", "1 2 3\n1 2 three\n", "line 2, column 3: 'three' is not a number"),
    ("a.coords", "1 2 3\n1 nan 3\n", "line 2: coordinate 2 is nan"),
    ("a.tbl", "1 2 3\n", "3 columns; a Dynamo table has x, y, z"),
    ("a.box", "1 2 10 10\n3 4 10\n", "line 2: 3 values"),
    ("a.cbox", "data_global\n\n_cbox_format_version 1.0\n", "no block data_cryolo"),
    ("a.cbox", CBOX.replace("_Width\n", "") + "1 2 3 4\n", "no column _Width"),
    ("a.cbox", CBOX + "1 2 3 wide 4\n", "column _Width holds 'wide'"),
    ("a.cbox", CBOX + "1 2 3 4 4\n1 2 <NA> 4 4\n", "line 10: coordinate 3 is nan"),
    ("a.json", "{", "line 1, column 2: this is not JSON"),
    ("a.json", "[1]", "no object with names"),
    ("a.json", "[" * 100000, "nested too deeply"),
    ("a.json", "{}", "no list boxes_3d"),
    ("a.json", BOX % "[1, 2]", "box 2 of boxes_3d: [1, 2] is not x, y, z"),
    ("a.json", BOX % '["1", 2, 3]', "box 2 of boxes_3d"),
    ("a.json", BOX % "[1, 2, 3, 4, 5, 6, 7]", "box 2 of boxes_3d"),
    ("a.json", BOX % "[1, NaN, 3]", "position 2: coordinate 2 is nan"),
    ("a.json", POINT % ("angstrom", '{"location": {"x": 1}}'), "point 1: {'location': {'x': 1}}"),
    ("a.json", POINT % ("angstrom", "5"), "point 1: 5 has no location"),
    ("a.json", POINT % ("pixel", ""), "counts in 'pixel'"),
    ("a.json", '{"pickable_object_name": "a"}', "no points"),
]


@pytest.mark.parametrize(("name", "text", "said"), FILES)
def test_a_broken_file_is_one_sentence(name: str, text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(FormatError) as caught:
        read(path)
    message = str(caught.value)
    assert said in message
    assert message.startswith(str(path))
    assert "\n" not in message


BYTES = [
    ("a.star", b"data_\n\xff\xfe", "not a text file (byte 6)"),
    ("a.csv", b"x,y,z\n\0\0", "not a text file (byte 6)"),
    ("a.coords", bytes(100), "not a text file"),
    ("a.mod", b"IMODV1.2" + bytes(100), "no IMOD model"),
    ("a.mod", b"JPEG" + bytes(500), "no IMOD model"),
    ("a.mod", b"IMODV1.2" + bytes(232), "cut short or damaged: at byte 240"),
    ("a.mod", b"IMODV1.2" + bytes(232) + b"IEOF", "without points"),
    ("a.em", bytes(100), "has 100 bytes"),
    ("a.em", struct.pack("<4B3i", 6, 0, 0, 5, 64, 64, 64).ljust(600, b"\0"), "64 × 64 × 64"),
    ("a.em", struct.pack("<4B3i", 6, 0, 0, 5, 20, 10**9, 1).ljust(600, b"\0"), "cut short"),
]


@pytest.mark.parametrize(("name", "content", "said"), BYTES)
def test_broken_bytes(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        read(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("count", [-1, 10**9, 2**31 - 1])
def test_a_model_that_lies_about_its_points(count: int, tmp_path: Path) -> None:
    contour = b"CONT" + struct.pack(">iIii", count, 0, 0, 0)
    path = tmp_path / "a.mod"
    path.write_bytes(b"IMODV1.2" + bytes(232) + b"OBJT" + bytes(176) + contour + bytes(24))
    with pytest.raises(FormatError, match="goes past the end"):
        read(path)


def test_every_cut_of_a_model_is_refused(picks: Points, tmp_path: Path) -> None:
    write(tmp_path / "whole.mod", picks)
    whole = (tmp_path / "whole.mod").read_bytes()
    path = tmp_path / "a.mod"
    for length in range(1, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(FormatError):
            read(path)


class _Opened:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.mark), "w")


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("name", ["a.tloc", "a.star", "a.coords", "a.mod", "a.json"])
def test_a_pickle_is_refused_unopened(name: str, protocol: int, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(pickle.dumps(_Opened(tmp_path / "mark"), protocol))
    with pytest.raises(FormatError, match="is a pickle"):
        read(path)
    assert not (tmp_path / "mark").exists()


def test_a_tloc_that_is_no_pickle(tmp_path: Path) -> None:
    (tmp_path / "a.tloc").write_text("1 2 3\n")
    with pytest.raises(FormatError, match="no name of a format of coordinates"):
        read(tmp_path / "a.tloc")


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(CryonetError, match="Cannot read"):
        read(tmp_path / "a.star")


def test_a_wrong_list_of_tomograms(tmp_path: Path) -> None:
    (tmp_path / "a.star").write_text(STAR + "1 2 3\n")
    with pytest.raises(FormatError, match="no list of tomograms"):
        read(tmp_path / "a.star", settings=CoordinateSettings(tomograms=tmp_path / "a.star"))


def test_positions_are_no_volume(plain: Points, tmp_path: Path) -> None:
    write(tmp_path / "a.csv", plain)
    with pytest.raises(FormatError, match="holds positions; one volume is needed"):
        read_volume(tmp_path / "a.csv")
    with pytest.raises(FormatError, match="Cannot write Volume"):
        write(tmp_path / "b.csv", Volume(np.zeros((2, 2, 2))))


@pytest.mark.parametrize("shape", ["0 5 5", "1 2", "a b c", (1, 2, -3)])
def test_a_shape_has_three_lengths(shape: object) -> None:
    with pytest.raises(SettingsError, match="volume_shape"):
        CoordinateSettings.load({"volume_shape": shape})


def test_a_shape_may_be_one_line() -> None:
    for line in ("300 960 928", "300, 960, 928", "(300, 960, 928)", "300 × 960 × 928"):
        assert CoordinateSettings.load({"volume_shape": line}).volume_shape == (300, 960, 928)
    assert CoordinateSettings.load({"volume_shape": ""}).volume_shape is None


def test_json_stays_json(picks: Points, tmp_path: Path) -> None:
    write(tmp_path / "a.star", picks, settings=CoordinateSettings(format="warp"))
    found = read(tmp_path / "a.star")
    assert isinstance(found, Points)
    assert json.loads(json.dumps(found.header)) == found.header
