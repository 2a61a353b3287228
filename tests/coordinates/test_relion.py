"""What particles of RELION and Warp mean, by hand: shifts, centres, tomograms, optics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import starfile
from numpy.testing import assert_allclose

from napari_cryonet import Points, read, read_all, write
from napari_cryonet.errors import DataError, FileProblem, FormatError, SettingsError
from napari_cryonet.io import CoordinateSettings
from napari_cryonet.io.coordinates import write as write_several
from napari_cryonet.io.coordinates.relion import rotations

TOMOGRAMS = """
data_global

loop_
_rlnTomoName #1
_rlnTomoTiltSeriesPixelSize #2
_rlnTomoTomogramBinning #3
_rlnTomoSizeX #4
_rlnTomoSizeY #5
_rlnTomoSizeZ #6
01 2.0 4.0 480 360 161
TS_2 1.0 10.0 4000 3000 1000
"""


def loop(name: str, columns: str, *rows: str) -> str:
    """Return a block with a loop; `columns` without their prefix rln."""
    names = "\n".join(f"_rln{column}" for column in columns.split())
    return f"data_{name}\n\nloop_\n{names}\n" + "\n".join(rows) + "\n\n"


def made(path: Path, *blocks: str) -> Path:
    path.write_text("# version 50001\n\n" + "".join(blocks))
    return path


def opened(path: Path, **settings: Any) -> Points:
    found = read(path, settings=CoordinateSettings(**settings))
    assert isinstance(found, Points)
    return found


CENTRED = "TomoName CenteredCoordinateXAngst CenteredCoordinateYAngst CenteredCoordinateZAngst"
PLAIN = "TomoName CoordinateX CoordinateY CoordinateZ"


def test_the_centre_of_relion5_is_half_the_unbinned_size(tmp_path: Path) -> None:
    (tmp_path / "tomograms.star").write_text(TOMOGRAMS)
    path = made(tmp_path / "a.star", loop("particles", CENTRED, "01 0 8 -16"))
    found = opened(path)
    assert found.voxel_size == (8.0, 8.0, 8.0)
    assert found.volume == "01", "a name of digits stays a name"
    assert found.volume_shape == (40, 90, 120)
    assert_allclose(found.positions, [[161 / 8 - 2, 45 + 1, 60]])
    before = opened(path, origin="centre-1")
    assert_allclose(found.positions - before.positions, 0.25)


def test_the_size_may_be_given_instead(tmp_path: Path) -> None:
    path = made(tmp_path / "a.star", loop("particles", CENTRED, "TS 0 8 -16"))
    with pytest.raises(SettingsError) as caught:
        read(path)
    assert "the voxel size and the shape of the volume" in str(caught.value)
    assert "--voxel-size 10 --volume-shape" in str(caught.value)
    assert "RELION 5 of TS" in str(caught.value)
    found = opened(path, voxel_size=8, volume_shape=(40, 90, 120))
    assert_allclose(found.positions, [[18, 46, 60]])
    listed = tmp_path / "list.star"
    listed.write_text(TOMOGRAMS.replace("01 ", "TS "))
    with pytest.raises(SettingsError, match="contradict each other"):
        read(path, settings=CoordinateSettings(tomograms=listed, voxel_size=9, binning=4))


def test_several_tomograms_are_several_things(tmp_path: Path) -> None:
    (tmp_path / "tomograms.star").write_text(TOMOGRAMS)
    rows = ["TS_2 0 0 0", "01 8 0 0", "TS_2 10 0 0"]
    path = made(tmp_path / "a.star", loop("particles", CENTRED, *rows))
    first, second = read_all(path)
    assert isinstance(first, Points)
    assert isinstance(second, Points)
    assert (first.name, first.volume, len(first), len(second)) == ("a TS_2", "TS_2", 2, 1)
    assert (first.voxel_size, second.voxel_size) == ((10.0,) * 3, (8.0,) * 3)
    assert_allclose(first.positions, [[50, 150, 200], [50, 150, 201]])
    with pytest.raises(FormatError, match=r"2 tomograms, a TS_2, a 01; choose one"):
        read(path)
    assert len(opened(path, volume="01")) == 1
    with pytest.raises(DataError, match="no positions in 'TS_9'; its tomograms are TS_2, 01"):
        opened(path, volume="TS_9")
    write_several(tmp_path / "b.star", [first, second])
    table = starfile.read(tmp_path / "b.star", parse_as_string=["rlnTomoName"])
    assert list(table["rlnTomoName"]) == ["TS_2", "TS_2", "01"]
    assert_allclose(table["rlnCenteredCoordinateXAngst"], [0, 10, 8], atol=1e-6)


def test_shifts_are_applied_in_the_frame_of_the_subtomogram(tmp_path: Path) -> None:
    columns = f"{CENTRED} OriginXAngst OriginYAngst OriginZAngst"
    turned = f"{columns} TomoSubtomogramRot TomoSubtomogramTilt TomoSubtomogramPsi"
    known = {"voxel_size": 2, "volume_shape": (10, 10, 10)}
    upright = made(tmp_path / "a.star", loop("particles", columns, "T 0 0 0 2 4 6"))
    assert_allclose(opened(upright, **known).positions, [[5 - 3, 5 - 2, 5 - 1]])
    quarter = made(tmp_path / "b.star", loop("particles", turned, "T 0 0 0 2 4 6 90 0 0"))
    assert_allclose(opened(quarter, **known).positions, [[5 - 3, 5 + 1, 5 - 2]], atol=1e-9)
    assert "rlnOriginXAngst" not in opened(quarter, **known).features


def test_rotations_are_those_of_relion() -> None:
    rot, tilt, psi = np.deg2rad([33.0, 57.0, -101.0])
    sines, cosines = np.sin([rot, tilt, psi]), np.cos([rot, tilt, psi])

    def about_z(angle: int) -> np.ndarray[Any, Any]:
        sine, cosine = sines[angle], cosines[angle]
        return np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])

    about_y = np.array([[cosines[1], 0, -sines[1]], [0, 1, 0], [sines[1], 0, cosines[1]]])
    expected = about_z(2) @ about_y @ about_z(0)
    assert_allclose(rotations(np.array([[33.0, 57.0, -101.0]]))[0], expected, atol=1e-12)


def test_relion4_counts_unbinned_pixels(tmp_path: Path) -> None:
    optics = loop("optics", "OpticsGroup TomoTiltSeriesPixelSize", "1 2.0")
    path = made(tmp_path / "a.star", optics, loop("particles", PLAIN, "T 8 16 24"))
    left = opened(path)
    assert_allclose(left.positions, [[24, 16, 8]])
    assert left.voxel_size == (2.0, 2.0, 2.0)
    assert "left in unbinned pixels of 2 Å" in left.notes[0]
    for known in ({"binning": 4}, {"voxel_size": 8}):
        found = opened(path, **known)
        assert_allclose(found.positions, [[6, 4, 2]])
        assert (found.voxel_size, found.notes) == ((8.0,) * 3, ())
    bare = made(tmp_path / "b.star", loop("particles", PLAIN, "T 8 16 24"))
    with pytest.raises(SettingsError, match="binning of the volume is not known"):
        opened(bare, voxel_size=8)


def test_relion4_finds_the_list_beside(tmp_path: Path) -> None:
    (tmp_path / "tomograms.star").write_text(TOMOGRAMS)
    path = made(tmp_path / "a.star", loop("particles", PLAIN, "01 8 16 24"))
    assert_allclose(opened(path).positions, [[6, 4, 2]])


def test_relion31_shifts_in_angstrom(tmp_path: Path) -> None:
    columns = "MicrographName CoordinateX CoordinateY CoordinateZ OriginXAngst OriginYAngst " \
              "OriginZAngst OpticsGroup"  # fmt: skip
    optics = loop("optics", "OpticsGroup ImagePixelSize", "1 5.0")
    path = made(
        tmp_path / "a.star", optics, loop("particles", columns, "d/T.mrc 8 16 24 5 10 -5 1")
    )
    found = opened(path)
    assert_allclose(found.positions, [[25, 14, 7]])
    assert (found.volume, found.voxel_size) == ("T", (5.0,) * 3)
    assert "of the extracted particles" in found.notes[0]
    other = opened(path, voxel_size=10)
    assert_allclose(other.positions, [[24.5, 15, 7.5]])
    assert other.notes == ()
    sizeless = made(tmp_path / "b.star", loop("", columns, "d/T.mrc 8 16 24 5 10 -5 1"))
    with pytest.raises(SettingsError, match="shifts in Å and no rlnImagePixelSize"):
        opened(sizeless)


def test_warp_scores_and_pixels(tmp_path: Path) -> None:
    columns = "CoordinateX CoordinateY CoordinateZ MicrographName AutopickFigureOfMerit " \
              "Magnification DetectorPixelSize"  # fmt: skip
    path = made(tmp_path / "a.star", loop("", columns, "1 2 3 TS.tomostar 0.75 10000 10.0"))
    found = opened(path)
    assert (found.volume, found.voxel_size, found.header["format"]) == ("TS", (10.0,) * 3, "warp")
    assert list(found.features["score"]) == [0.75]


def test_columns_may_be_chosen(tmp_path: Path) -> None:
    columns = f"{PLAIN} GroupName LCCmax"
    path = made(tmp_path / "a.star", loop("", columns, "T 1 2 3 ring 0.5", "T 1 2 3 cage 0.25"))
    found = opened(path, class_column="rlnGroupName")
    assert list(found.features["class"]) == ["ring", "cage"]
    assert list(found.features["score"]) == [0.5, 0.25]
    with pytest.raises(DataError, match=r"no column 'fom'; it has rlnGroupName, score"):
        opened(path, score_column="fom")


def test_an_optimisation_set_names_both(tmp_path: Path) -> None:
    job = tmp_path / "project" / "Pick" / "job003"
    job.mkdir(parents=True)
    made(job / "particles.star", loop("particles", CENTRED, "01 0 8 -16"))
    (tmp_path / "project" / "t.star").write_text(TOMOGRAMS)
    wanted = job / "optimisation_set.star"
    text = "data_\n\n_rlnTomoParticlesFile {}\n_rlnTomoTomogramsFile t.star\n"
    wanted.write_text(text.format("Pick/job003/particles.star"))
    assert_allclose(opened(wanted).positions, [[18.125, 46, 60]])
    wanted.write_text(text.format("Pick/gone.star"))
    with pytest.raises(FileProblem, match=r"names the particles Pick/gone\.star, which are not"):
        opened(wanted)


def test_everything_else_is_kept(tmp_path: Path) -> None:
    general = "data_general\n\n_rlnTomoSubTomosAre2DStacks 1\n\n"
    optics = loop("optics", "OpticsGroup OpticsGroupName TomoTiltSeriesPixelSize Voltage",
                  "1 opticsGroup1 2.0 300.0", "2 opticsGroup2 2.0 300.0")  # fmt: skip
    columns = f"{CENTRED} AngleRot OpticsGroup TomoParticleName"
    rows = "T 0 8 -16 12.5 2 T/1", "T 8 8 8 -3 1 T/2"
    source = made(tmp_path / "a.star", general, optics, loop("particles", columns, *rows))
    found = opened(source, binning=4, volume_shape=(40, 90, 120))
    assert write(tmp_path / "b.star", found) == ()
    before, after = starfile.read(source), starfile.read(tmp_path / "b.star")
    assert list(after) == ["general", "optics", "particles"]
    assert after["general"] == before["general"]
    assert after["optics"].to_dict() == before["optics"].to_dict()
    for column in before["particles"].columns:
        left, right = (one["particles"][column].tolist() for one in (before, after))
        assert left == (pytest.approx(right) if isinstance(right[0], float) else right), column


def test_an_empty_block_does_not_take_the_place_of_the_next(tmp_path: Path) -> None:
    path = made(tmp_path / "a.star", "data_job\n\n", loop("particles", PLAIN, "T 1 2 3"))
    path.write_text(path.read_text() + "data_end\n")
    found = opened(path)
    assert_allclose(found.positions, [[3, 2, 1]])
    assert found.header["blocks"] == {}
