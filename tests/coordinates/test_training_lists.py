"""The two lists of cet_pick and MiLoPYP, and what they give out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_cryonet import Points, read
from napari_cryonet.errors import DataError, FormatError, OutputExists
from napari_cryonet.io import CoordinateSettings
from napari_cryonet.io.coordinates import read_lists, write_lists

IMAGES = "image_name\trec_path\nTS_01\ta/TS_01.rec\nTS_02\t/data/TS_02.rec\n"
COORDINATES = "image_name\tx_coord\ty_coord\tz_coord\tclass\nTS_02\t1\t2\t3\tring\n" \
              "TS_01\t4\t5\t6\tcage\nTS_02\t7\t8\t9\tcage\n"  # fmt: skip


def test_lists_are_read(tmp_path: Path) -> None:
    (tmp_path / "imgs.txt").write_text(IMAGES)
    (tmp_path / "coords.txt").write_text(COORDINATES)
    (file2, picks2), (file1, picks1) = read_lists(tmp_path / "imgs.txt", tmp_path / "coords.txt")
    assert (file1, file2) == (tmp_path / "a" / "TS_01.rec", Path("/data/TS_02.rec"))
    assert picks2.positions.tolist() == [[3, 2, 1], [9, 8, 7]]
    assert list(picks2.features["class"]) == ["ring", "cage"]
    assert (picks1.volume, picks1.positions.tolist()) == ("TS_01", [[6, 5, 4]])
    sized = read_lists(tmp_path / "imgs.txt", tmp_path / "coords.txt",
                       CoordinateSettings(voxel_size=10))  # fmt: skip
    assert sized[0][1].voxel_size == (10.0, 10.0, 10.0)


def test_old_lists_of_images(tmp_path: Path) -> None:
    (tmp_path / "imgs.txt").write_text(IMAGES.replace("rec_path", "path"))
    (tmp_path / "coords.txt").write_text(COORDINATES)
    assert len(read_lists(tmp_path / "imgs.txt", tmp_path / "coords.txt")) == 2


def test_lists_are_written(picks: Points, tmp_path: Path) -> None:
    other = replace(picks, volume="TS_02", positions=picks.positions + 1)
    files = {"TS_01": Path("a/TS_01.rec"), "TS_02": Path("b/TS_02.rec")}
    paths = tmp_path / "imgs.txt", tmp_path / "coords.txt"
    said = write_lists(*paths, files, [picks, other])
    assert said == ("Positions were rounded: cet_pick trains from whole voxels.",)
    assert paths[0].read_text() == (
        "image_name\trec_path\nTS_01\ta/TS_01.rec\nTS_02\tb/TS_02.rec\n"
    )
    header, first, *_ = paths[1].read_text().splitlines()
    assert header.startswith("image_name\tx_coord\ty_coord\tz_coord\tscore\tclass")
    z, y, x = np.rint(picks.positions[0]).astype(int)
    assert first.startswith(f"TS_01\t{x}\t{y}\t{z}\t0.95\tring")
    (_, found), (_, second) = read_lists(*paths)
    assert np.abs(found.positions - picks.positions).max() <= 0.5
    np.testing.assert_allclose(found.features["score"], picks.features["score"])
    assert second.volume == "TS_02"
    with pytest.raises(OutputExists):
        write_lists(*paths, files, [picks, other])


def test_a_failed_list_leaves_no_other(picks: Points, tmp_path: Path) -> None:
    (tmp_path / "coords.txt").touch()
    files = {"TS_01": Path("TS_01.rec")}
    with pytest.raises(OutputExists):
        write_lists(tmp_path / "imgs.txt", tmp_path / "coords.txt", files, [picks])
    assert [path.name for path in tmp_path.iterdir()] == ["coords.txt"]


def test_every_tomogram_has_a_file(picks: Points, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No file is given for the tomogram of TS_01"):
        write_lists(tmp_path / "i.txt", tmp_path / "c.txt", {}, [picks])
    (tmp_path / "i.txt").write_text("image_name\trec_path\nTS_09\tx.rec\n")
    (tmp_path / "c.txt").write_text(COORDINATES)
    with pytest.raises(DataError, match="positions in TS_02, TS_01, which"):
        read_lists(tmp_path / "i.txt", tmp_path / "c.txt")
    with pytest.raises(FormatError, match="a list of tomograms has image_name and rec_path"):
        read_lists(tmp_path / "c.txt", tmp_path / "c.txt")


def test_results_are_x_z_y_and_the_score(tmp_path: Path) -> None:
    path = tmp_path / "TS_01.txt"
    path.write_text("60\t33\t169\t0.91\n179\t32\t71\t0.5\n")
    found = read(path, settings=CoordinateSettings(format="cet-pick-results"))
    assert isinstance(found, Points)
    assert found.positions.tolist() == [[33, 169, 60], [32, 71, 179]]
    assert list(found.features["score"]) == [0.91, 0.5]


@pytest.mark.parametrize(
    ("axes", "expected"), [("xzy", [2, 3, 1]), ("xyz", [3, 2, 1]), ("zxy", [1, 3, 2])]
)
def test_the_three_orders_of_cet_pick(axes: str, expected: list[int], tmp_path: Path) -> None:
    path = tmp_path / "TS_01.txt"
    path.write_text("1 2 3\n")
    settings = CoordinateSettings.load({"format": "coords", "axes": axes})
    found = read(path, settings=settings)
    assert isinstance(found, Points)
    assert found.positions.tolist() == [expected]
