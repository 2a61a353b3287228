"""What is written is read again, by us: positions, scores, classes, and all else that fits."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_cryonet import Points, read, write
from napari_cryonet.errors import FormatError, SettingsError
from napari_cryonet.io import CoordinateSettings
from napari_cryonet.io.coordinates import FORMATS, preview

KNOWN = {"voxel_size": 8.0, "volume_shape": (40, 90, 120), "binning": 4.0}
CASES = [
    ("relion5", "a.star", True),
    ("relion4", "a.star", True),
    ("warp", "a.star", True),
    ("csv", "a.csv", True),
    ("coords", "a.coords", False),
    ("imod", "a.mod", True),
    ("imod-points", "a.txt", False),
    ("cbox", "a.cbox", False),
    ("eman", "a_info.json", True),
    ("dynamo", "a.tbl", False),
    ("motl", "a.em", False),
    ("cet-pick-results", "a.txt", False),
]


def order_of(found: Points, expected: Points) -> np.ndarray[Any, Any]:
    """Return which pick each one became; the positions are the same to a thousandth."""
    distances = np.linalg.norm(found.positions[:, None] - expected.positions[None], axis=2)
    order = distances.argmin(axis=1)
    assert sorted(order) == list(range(len(expected)))
    assert distances.min(axis=1).max() < 1e-3
    return order


@pytest.mark.parametrize(("kind", "name", "classes"), CASES, ids=[case[0] for case in CASES])
def test_positions_scores_and_classes_come_back(
    kind: Any, name: str, classes: bool, picks: Points, tmp_path: Path
) -> None:
    settings = CoordinateSettings(format=kind, **KNOWN)
    said = write(tmp_path / name, picks, settings=settings)
    found = read(tmp_path / name, settings=settings)
    assert isinstance(found, Points)
    order = order_of(found, picks)
    if kind == "imod-points":
        assert any("no scores" in sentence for sentence in said)
    else:
        np.testing.assert_allclose(found.features["score"], picks.features["score"][order])
    if classes:
        assert list(found.features["class"]) == list(picks.features["class"][order])
    else:
        assert "class" in found.features or any("class" in sentence for sentence in said)
    assert found.voxel_size == (8.0, 8.0, 8.0)


@pytest.mark.parametrize("kind", ["dynamo", "motl"])
def test_numbered_classes_are_explained(kind: Any, picks: Points, tmp_path: Path) -> None:
    path = tmp_path / "a.tbl"
    said = write(path, picks, settings=CoordinateSettings(format=kind))
    assert "This format numbers classes: 1 cage, 2 ring, 3 small." in said
    assert "This format numbers tomograms: 1 TS_01." in said
    found = read(path, settings=CoordinateSettings(format=kind))
    assert isinstance(found, Points)
    assert list(found.features["class"]) == [2, 1, 2, 3, 1, 2, 1]
    assert found.volume == "1"


def test_whole_classes_stay_whole(picks: Points, tmp_path: Path) -> None:
    numbers = np.array([2, 5, 2, 1, 5, 2, 5])
    numbered = replace(picks, features={**picks.features, "class": numbers})
    for name in ("a.csv", "b.star", "c.tbl"):
        assert not [one for one in write(tmp_path / name, numbered) if "classes" in one]
        found = read(tmp_path / name, settings=CoordinateSettings(**KNOWN))
        assert isinstance(found, Points)
        assert list(found.features["class"]) == list(numbers)


def test_one_class_of_copick(picks: Points, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"one object, and these picks are ring, cage, small"):
        write(tmp_path / "a.json", picks, settings=CoordinateSettings(format="copick"))
    rings = picks.kept(picks.features["class"] == "ring")
    write(tmp_path / "a.json", rings, settings=CoordinateSettings(format="copick"))
    found = read(tmp_path / "a.json")
    assert isinstance(found, Points)
    assert (found.volume, found.voxel_size) == ("TS_01", (8.0,) * 3)
    np.testing.assert_allclose(found.positions, rings.positions)
    np.testing.assert_allclose(found.features["score"], rings.features["score"])
    assert set(found.features["class"]) == {"ring"}


def test_boxes_lie_in_one_section(picks: Points, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"no z, and these positions lie in sections"):
        write(tmp_path / "a.box", picks)
    flat = picks.positions.copy()
    flat[:, 0] = 12.0
    said = write(tmp_path / "a.box", replace(picks, positions=flat))
    assert "The positions lie in section 12; a .box does not say so." in said
    assert any("no scores" in one for one in said)
    with pytest.raises(SettingsError, match="--section"):
        read(tmp_path / "a.box")
    found = read(tmp_path / "a.box", settings=CoordinateSettings(section=12))
    assert isinstance(found, Points)
    np.testing.assert_allclose(found.positions, flat, atol=1e-3)


@pytest.mark.parametrize("axes", ["xyz", "xzy", "yxz", "yzx", "zxy", "zyx"])
@pytest.mark.parametrize("count_from", ["0", "1"])
@pytest.mark.parametrize("half_voxel", ["none", "xy", "xyz"])
def test_every_choice_is_undone_by_itself(
    axes: Any, count_from: Any, half_voxel: Any, picks: Points, tmp_path: Path
) -> None:
    settings = CoordinateSettings(axes=axes, count_from=count_from, half_voxel=half_voxel)
    write(tmp_path / "a.coords", picks, settings=settings)
    found = read(tmp_path / "a.coords", settings=settings)
    assert isinstance(found, Points)
    np.testing.assert_allclose(found.positions, picks.positions, atol=1e-4)


@pytest.mark.parametrize("unit", ["voxels", "unbinned", "angstrom"])
@pytest.mark.parametrize("origin", ["corner", "centre", "centre-1"])
def test_every_unit_and_origin_is_undone_by_itself(
    unit: Any, origin: Any, picks: Points, tmp_path: Path
) -> None:
    settings = CoordinateSettings(unit=unit, origin=origin, half_voxel="xy", **KNOWN)
    write(tmp_path / "a.csv", picks, settings=settings)
    found = read(tmp_path / "a.csv", settings=settings)
    assert isinstance(found, Points)
    np.testing.assert_allclose(found.positions, picks.positions, atol=1e-4)


def test_no_picks_at_all(picks: Points, tmp_path: Path) -> None:
    none = picks.kept(np.zeros(len(picks), dtype=bool))
    for kind, name in (("relion5", "a.star"), ("csv", "a.csv"), ("eman", "a.json")):
        settings = CoordinateSettings(format=kind, **KNOWN)  # type: ignore[arg-type]
        write(tmp_path / name, none, settings=settings)
        assert len(read(tmp_path / name, settings=settings)) == 0  # type: ignore[arg-type]
    write(tmp_path / "a.mod", none)
    found = read(tmp_path / "a.mod")
    assert isinstance(found, Points)
    assert found.positions.shape == (0, 3)


def test_positions_alone_are_enough(plain: Points, tmp_path: Path) -> None:
    for name in ("a.csv", "a.coords", "a.mod", "a.tbl", "a.em", "a.tsv"):
        write(tmp_path / name, plain)
        found = read(tmp_path / name)
        assert isinstance(found, Points)
        assert np.abs(found.positions - plain.positions).max() <= (0.5 if name == "a.tsv" else 1e-3)


def test_a_compressed_file(picks: Points, tmp_path: Path) -> None:
    write(tmp_path / "a.star.gz", picks)
    assert gzip.decompress((tmp_path / "a.star.gz").read_bytes()).startswith(b"# Created")
    found = read(tmp_path / "a.star.gz", settings=CoordinateSettings(**KNOWN))
    assert isinstance(found, Points)
    order_of(found, picks)


def test_the_format_they_came_from_is_kept(picks: Points, tmp_path: Path) -> None:
    write(tmp_path / "a.star", picks, settings=CoordinateSettings(format="warp"))
    found = read(tmp_path / "a.star")
    assert isinstance(found, Points)
    write(tmp_path / "b.star", found)
    again = read(tmp_path / "b.star")
    assert isinstance(again, Points)
    assert again.header["format"] == "warp"
    assert again.voxel_size == (8.0, 8.0, 8.0)


def test_names_that_tell_no_format(picks: Points, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="not tell the format"):
        write(tmp_path / "a.txt", picks)
    with pytest.raises(FormatError, match="only read"):
        write(tmp_path / "a.star", picks, settings=CoordinateSettings(format="relion30"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_every_format_says_what_its_numbers_are(kind: str) -> None:
    sentence = FORMATS[kind].convention.sentence()
    assert FORMATS[kind].title
    assert " in " in sentence


def test_a_preview_shows_three_positions_in_three_ways(picks: Points, tmp_path: Path) -> None:
    settings = CoordinateSettings(format="imod-points", voxel_size=8, axes="xzy")
    write(tmp_path / "a.txt", picks, settings=settings)
    shown = preview(tmp_path / "a.txt", settings)
    assert shown.stored.shape == (3, 3)
    z, y, x = picks.positions[0]
    np.testing.assert_allclose(shown.stored[0], [x + 0.5, z, y + 0.5], atol=1e-4)
    np.testing.assert_allclose(shown.voxels, picks.positions[:3], atol=1e-4)
    assert shown.angstrom is not None
    np.testing.assert_allclose(shown.angstrom, 8 * picks.positions[:3], atol=1e-3)
    (first, *_) = shown.rows()
    assert first.startswith(f"x z y {x + 0.5:.2f} {z:.2f} {y + 0.5:.2f}")
    assert preview(tmp_path / "a.txt", CoordinateSettings(format="imod-points")).angstrom is None


def test_every_format_and_every_choice_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "picks-files.md").read_text(encoding="utf-8")
    for name in [*FORMATS, *CoordinateSettings.model_fields]:
        assert f"`{name}`" in text, name


def test_scores_that_are_not_numbers(picks: Points, tmp_path: Path) -> None:
    scores = picks.features["score"].copy()
    scores[2] = np.nan
    some = replace(picks, features={"score": scores})
    for name in ("a.json", "a.tbl"):
        said = write(tmp_path / name, some, settings=CoordinateSettings(**KNOWN))
        assert "Scores that are not numbers became 0." in said
        found = read(tmp_path / name, settings=CoordinateSettings(**KNOWN))
        assert isinstance(found, Points)
        assert found.features["score"][2] == 0
    for name in ("a.csv", "a.star", "a.mod", "a.em"):
        write(tmp_path / name, some)
        found = read(tmp_path / name, settings=CoordinateSettings(**KNOWN))
        assert isinstance(found, Points)
        np.testing.assert_allclose(found.features["score"], scores, rtol=1e-6)


def test_a_column_of_scores_holds_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,z,score,p\n1,2,3,good,0.5\n")
    with pytest.raises(FormatError, match=r"the scores hold 'good'; a score is a number"):
        read(tmp_path / "a.csv")
    found = read(tmp_path / "a.csv", settings=CoordinateSettings(score_column="p"))
    assert isinstance(found, Points)
    assert list(found.features["score"]) == [0.5]
    (tmp_path / "b.csv").write_text("x,y,z,score\n1,2,3,\n4,5,6,<NA>\n")
    assert "score" not in read(tmp_path / "b.csv").features  # type: ignore[union-attr]


def test_names_that_a_model_cannot_hold(picks: Points, tmp_path: Path) -> None:
    named = replace(picks, features={"class": np.array(["β-gal"] * 7)})
    assert write(tmp_path / "a.mod", named) == (
        "IMOD shortens names to 63 ASCII characters: β-gal.",
    )


def test_the_name_of_a_thing_is_that_of_its_file(picks: Points, tmp_path: Path) -> None:
    for name, expected in (("a.v2.csv", "a.v2"), ("b.csv.gz", "b"), ("c.star", "c")):
        write(tmp_path / name, picks, settings=CoordinateSettings(**KNOWN))
        found = read(tmp_path / name, settings=CoordinateSettings(**KNOWN))
        assert (found.name, found.path) == (expected, tmp_path / name)


def test_a_tomogram_that_has_no_name_is_said(plain: Points, tmp_path: Path) -> None:
    (said,) = write(tmp_path / "a.star", plain, settings=CoordinateSettings(format="warp"))
    assert said == "The tomogram is called picks; if it has another name, give it (volume)."
    named = CoordinateSettings(format="warp", volume="TS_3")
    assert write(tmp_path / "b.star", plain, settings=named) == ()
    found = read(tmp_path / "b.star")
    assert isinstance(found, Points)
    assert found.volume == "TS_3"
