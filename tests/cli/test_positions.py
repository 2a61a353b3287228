"""``cryonet convert`` and ``cryonet info`` of positions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import starfile
from numpy.testing import assert_allclose

from helpers import mrc_bytes
from napari_cryonet import Points, read, write
from napari_cryonet.io import CoordinateSettings

POSITIONS = np.array([[4.0, 5.5, 6.25], [10.0, 20.0, 30.0], [8.0, 7.0, 3.0], [1.0, 2.0, 3.0]])


@pytest.fixture
def star(tmp_path: Path) -> Path:
    """Four picks of two classes in RELION 5's way, which does not tell the volume."""
    features = {
        "score": np.array([0.5, 0.25, 1.0, 0.75]),
        "class": np.array(["ring", "cage", "ring", "ring"]),
    }
    picks = Points(POSITIONS, features, (10.0,) * 3, "TS_01", volume_shape=(20, 30, 40))
    write(tmp_path / "picks.star", picks)
    return tmp_path / "picks.star"


KNOWN = ("--voxel-size", 10, "--volume-shape", 20, 30, 40)


def test_a_star_becomes_a_model(cryonet: Any, star: Path, tmp_path: Path) -> None:
    model = tmp_path / "picks.mod"
    result = cryonet("convert", star, model, *KNOWN)
    assert (result.code, result.out) == (0, f"written  {model}\n")
    found = read(model)
    assert isinstance(found, Points)
    assert_allclose(found.positions, POSITIONS[[0, 2, 3, 1]], atol=1e-4)
    assert list(found.features["class"]) == ["ring", "ring", "ring", "cage"]
    assert_allclose(found.features["score"], [0.5, 1.0, 0.75, 0.25])
    assert (found.voxel_size, found.volume_shape) == ((10.0,) * 3, (20, 30, 40))


def test_the_target_has_settings_of_its_own(cryonet: Any, star: Path, tmp_path: Path) -> None:
    result = cryonet("convert", star, tmp_path / "a.txt", *KNOWN,
                     "--to.format", "imod-points", "--to.axes", "xzy")  # fmt: skip
    assert result.code == 0
    assert "note" in result.out
    assert "IMOD points files hold no scores" in result.out
    expected = POSITIONS[:, [2, 0, 1]] + [0.5, 0, 0.5]
    assert_allclose(np.loadtxt(tmp_path / "a.txt"), expected)
    result = cryonet("convert", star, tmp_path / "b.star", *KNOWN, "--binning", 4,
                     "--to.format", "relion4")  # fmt: skip
    assert result.code == 0
    table = starfile.read(tmp_path / "b.star")
    assert_allclose(table["rlnCoordinateX"], 4 * POSITIONS[:, 2])


def test_what_is_missing_is_named(cryonet: Any, star: Path, tmp_path: Path) -> None:
    result = cryonet("convert", star, tmp_path / "a.mod")
    assert (result.code, result.out) == (2, "")
    assert "--voxel-size 10 --volume-shape" in result.sentence
    assert not (tmp_path / "a.mod").exists()
    result = cryonet("convert", star, tmp_path / "a.mod", "--voxel-size", -1)
    assert result.code == 2
    assert "voxel" in result.sentence
    assert cryonet("convert", star, tmp_path / "a.xyz", *KNOWN).code == 2


def test_options_of_positions_do_nothing_for_a_volume(cryonet: Any, tmp_path: Path) -> None:
    (tmp_path / "a.mrc").write_bytes(mrc_bytes())
    result = cryonet("convert", tmp_path / "a.mrc", tmp_path / "b.mrc", "--binning", 2)
    assert result.code == 2
    assert "--binning is for positions" in result.sentence


def test_all_tomograms_of_a_file_are_converted(cryonet: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,z,tomogram\n1,2,3,A\n4,5,6,B\n7,8,9,A\n")
    assert cryonet("convert", tmp_path / "a.csv", tmp_path / "b.star",
                   "--to.format", "warp").code == 0  # fmt: skip
    names = starfile.read(tmp_path / "b.star")["rlnMicrographName"]
    assert list(names) == ["A.tomostar", "A.tomostar", "B.tomostar"]
    result = cryonet("convert", tmp_path / "a.csv", tmp_path / "b.coords")
    assert "belongs to one tomogram, and 2 were given" in result.sentence
    assert cryonet("convert", tmp_path / "a.csv", tmp_path / "b.coords", "--volume", "B").code == 0
    assert (tmp_path / "b.coords").read_text() == "4.0000 5.0000 6.0000\n"


def test_info(cryonet: Any, star: Path) -> None:
    (entry,) = cryonet("info", star, *KNOWN, "--json").json
    assert (entry["kind"], entry["count"], entry["shape"]) == ("positions in TS_01", 4, [4, 3])
    assert entry["classes"] == {"cage": 1, "ring": 3}
    assert (entry["statistics"]["min"], entry["statistics"]["max"]) == (0.25, 1.0)
    assert_allclose(entry["extent"], [[1, 2, 3], [10, 20, 30]], atol=1e-6)
    assert entry["voxel_size"] == [10.0, 10.0, 10.0]
    assert entry["convention"] == "RELION 5: x y z in Å, from the centre, W/2"
    first, *others = entry["preview"]
    assert len(others) == 2
    assert first == (
        "x y z -137.50 -95.00 -60.00  →  z y x 4.00 5.50 6.25 voxels  =  40.00 55.00 62.50 Å"
    )


def test_info_for_people(cryonet: Any, star: Path) -> None:
    out = cryonet("info", star, *KNOWN).out
    assert "4 × positions in TS_01" in out
    assert "scores      min 0.25  max 1" in out
    assert "classes     cage 1  ring 3" in out
    assert "extent      1 2 3 to 10 20 30" in out
    assert cryonet("info", star).code == 2


def test_info_of_a_list_without_picks(cryonet: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,z,score\n")
    (entry,) = cryonet("info", tmp_path / "a.csv", "--json").json
    assert (entry["count"], entry["extent"], entry["preview"]) == (0, [], [])


def test_settings_of_reading_may_come_from_python(star: Path) -> None:
    settings = CoordinateSettings(voxel_size=10, volume_shape=(20, 30, 40))
    found = read(star, settings=settings)
    assert isinstance(found, Points)
    assert_allclose(found.positions, POSITIONS, atol=1e-6)
