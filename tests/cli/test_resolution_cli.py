"""``cryonet resolution``: curves, local resolution, scripts, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from napari_cryonet import Volume, read, write
from napari_cryonet.errors import DataError
from napari_cryonet.io.chimerax import COLOURS, colour_limits, write_chimerax
from napari_cryonet.simulate.graded import GradedHalfMaps, graded_half_maps

FAST = ("--device", "cpu", "--radius", "12.5", "--quiet")


@pytest.fixture(scope="module")
def case() -> GradedHalfMaps:
    return graded_half_maps(48, 1.2, 1)


@pytest.fixture
def files(case: GradedHalfMaps, tmp_path: Path) -> tuple[Path, Path, Path]:
    """Two halves, and a mask, of the same molecule."""
    made = []
    for name, part in (("x_half1", case.first), ("x_half2", case.second), ("mask", case.mask)):
        path = tmp_path / f"{name}.mrc"
        write(path, Volume(part.data, part.voxel_size, (3.0, 4.0, 5.0), name=name))
        made.append(path)
    return made[0], made[1], made[2]


def test_curves_are_printed_and_written(cryonet: Any, files: Any, tmp_path: Path) -> None:
    first, second, mask = files
    outputs = [tmp_path / f"fsc.{kind}" for kind in ("xml", "star", "csv", "png")]
    words = [word for path in outputs for word in ("--output", path)]
    result = cryonet("resolution", "fsc", first, second, "--mask-file", mask, *words, "--quiet")
    assert result.code == 0
    lines = result.out.splitlines()
    assert [Path(line.split()[-1]) for line in lines[:4]] == outputs
    assert lines[4].startswith("FSC 0.143, corrected")
    assert lines[4].endswith("Å")
    assert sum(line.startswith("FSC 0.5, ") for line in lines) == 3
    assert ElementTree.parse(outputs[0]).getroot().attrib["title"].endswith("corrected")
    again = cryonet("resolution", "fsc", first, second, "--output", outputs[0])
    assert again.code == 2
    assert "already exists" in again.err


def test_a_figure_that_cannot_be_drawn_is_refused_before_the_work(
    cryonet: Any, files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_cryonet.io.fsc.find_spec", lambda _: None)
    words = ("--output", tmp_path / "fsc.csv", "--output", tmp_path / "fsc.png")
    result = cryonet("resolution", "fsc", *files[:2], *words)
    assert (result.code, "needs matplotlib" in result.err) == (2, True)
    assert not list(tmp_path.glob("fsc.*"))


def test_the_other_half_is_found_by_its_name(cryonet: Any, files: Any) -> None:
    first, second, mask = files
    words = ("--mask-file", mask, "--json", "--quiet")
    alone = cryonet("resolution", "fsc", first, *words).json
    both = cryonet("resolution", "fsc", first, second, *words).json
    assert alone == both
    assert both["names"] == ["x_half1", "x_half2"]
    assert both["resolution"]["0.143"]["masked"] == pytest.approx(3.6, abs=0.5)
    assert both["resolution"].keys() == {"0.143", "0.5"}
    assert len(both["frequency"]) == len(both["corrected"]) == 25
    lonely = first.with_name("map.mrc")
    shutil.copy(first, lonely)
    refused = cryonet("resolution", "fsc", lonely)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "name of its other half" in refused.err


def test_settings_choose_the_mask(cryonet: Any, files: Any, tmp_path: Path) -> None:
    settings = tmp_path / "s.toml"
    settings.write_text('mask = "sphere"\nmask_radius = 18.0\n')
    words = ("resolution", "fsc", files[0], "--json", "--quiet")
    sphere = cryonet(*words, "--settings", settings).json
    none = cryonet(*words, "--mask", "none").json
    assert "masked" in sphere
    assert "masked" not in none
    assert none["unmasked"] == sphere["unmasked"]


def test_local_resolution_is_written_with_a_script(
    cryonet: Any, files: Any, tmp_path: Path
) -> None:
    first, second, mask = files
    output, script = tmp_path / "local.mrc", tmp_path / "colours.cxc"
    words = (first, second, "--mask-file", mask, "--output", output, "--chimerax", script)
    result = cryonet("resolution", "local", *words, *FAST)
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[2].startswith("median")
    found = read(output)
    assert isinstance(found, Volume)
    assert found.origin == (3.0, 4.0, 5.0)
    assert np.isnan(found.data).any()
    density, coloured = (
        read(tmp_path / f"colours_{what}.mrc") for what in ("density", "resolution")
    )
    assert isinstance(density, Volume)
    assert isinstance(coloured, Volume)
    halves = [np.asarray(getattr(read(path), "data", 0)) for path in (first, second)]
    assert np.allclose(density.data, (halves[0] + halves[1]) / 2)
    assert np.isfinite(coloured.data).all()
    text = script.read_text()
    assert 'open "colours_density.mrc"' in text
    finest = np.nanpercentile(found.data, 2)
    assert f"color sample #1 map #2 palette {finest:.2f},{COLOURS[0]}:" in text
    values = cryonet("resolution", "local", *words, *FAST, "--overwrite", "--json").json
    assert values.keys() == {
        "output", "median", "finest", "coarsest", "global", "threshold", "radius", "nyquist",
        "unresolved",
    }  # fmt: skip


def test_a_density_of_ones_own_is_coloured(cryonet: Any, files: Any, tmp_path: Path) -> None:
    words = ("resolution", "local", *files[:2], "--output", tmp_path / "l.mrc", *FAST)
    refused = cryonet(*words, "--density", files[0])
    assert refused.code == 2
    assert "--chimerax" in refused.err
    assert not (tmp_path / "l.mrc").exists()
    own = cryonet(*words, "--density", files[0], "--chimerax", tmp_path / "c.cxc")
    assert own.code == 0
    assert np.array_equal(read(tmp_path / "c_density.mrc").data, read(files[0]).data)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("fsc",), "HALF1"),
        (("local", "{0}", "{1}"), "output"),
        (("fsc", "{0}", "{0}"), "hold the same values"),
        (("fsc", "{0}", "{1}", "--output", "a.txt"), ".xml"),
        (("fsc", "{0}", "{1}", "--mask", "tight"), "tight"),
        (("fsc", "{0}", "{1}", "--mask", "threshold"), "none is given"),
        (("local", "{0}", "{1}", "--output", "o.mrc", "--threshold", "2"), "threshold"),
        (("fsc", "{0}", "missing.mrc"), "missing.mrc"),
    ],
)
def test_what_is_wrong_is_one_sentence(cryonet: Any, files: Any, words: Any, found: str) -> None:
    result = cryonet("resolution", *(word.format(*files) for word in words))
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    assert found in result.err


def test_a_mask_of_another_shape(cryonet: Any, files: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.mrc"
    write(other, Volume(np.ones((8, 9, 10), np.float32), (1.2,) * 3))
    result = cryonet("resolution", "fsc", *files[:2], "--mask-file", other, "--quiet")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "shape of its map, (48, 48, 48); other has (8, 9, 10)" in result.err


def test_colours_run_from_fine_to_coarse(tmp_path: Path) -> None:
    assert colour_limits(3.0, 6.0) == (3.0, 6.0)
    low, high = colour_limits(3.0, 3.0)
    assert high - low == pytest.approx(0.2)
    with pytest.raises(DataError, match="finer to a coarser"):
        write_chimerax(tmp_path / "a.cxc", tmp_path / "d", tmp_path / "r", (5.0, 3.0))
    write_chimerax(tmp_path / "a.cxc", tmp_path / "d.mrc", tmp_path / "x" / "r.mrc", (3.0, 5.0))
    text = (tmp_path / "a.cxc").read_text()
    assert 'open "x/r.mrc"' in text
    assert f"3.00,{COLOURS[0]}" in text
    assert f"5.00,{COLOURS[-1]}" in text
    assert f"key {COLOURS[0]}:3.0" in text
