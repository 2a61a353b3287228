"""``cryonet noise2noise apply``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_cryonet import Volume, read, write
from napari_cryonet.cli.denoising import crossing, results
from napari_cryonet.io import write_model
from napari_cryonet.jobs import Outcome
from napari_cryonet.reporting import Cancelled
from napari_cryonet.types import Model, ModelCard

Halves = tuple[Path, Path]
FAST = ("--passes", 1, "--precision", "float32")


def test_two_halves(cryonet: Any, halves: Halves, model: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.mrc"
    result = cryonet("noise2noise", "apply", model, *halves, "--output", output, *FAST)
    assert result.code == 0
    assert result.out.splitlines()[0].split() == ["output", str(output)]
    assert "resolution before" in result.out
    assert "resolution after" in result.out
    made = read(output)
    assert isinstance(made, Volume)
    assert (made.shape, made.voxel_size) == ((32, 28, 30), (2.0, 2.0, 2.0))
    assert made.data.dtype == np.float32


def test_json_of_one_volume_and_a_warning(
    cryonet: Any, halves: Halves, model: Path, tmp_path: Path
) -> None:
    half = read(halves[0])
    write(tmp_path / "large.mrc", Volume(np.asarray(half.data), (4.0, 4.0, 4.0)))
    words = ("noise2noise", "apply", model, tmp_path / "large.mrc", "--output")
    result = cryonet(*words, tmp_path / "o.mrc.gz", "--json", "--quiet", *FAST)
    assert result.code == 0
    assert result.json["output"] == str(tmp_path / "o.mrc.gz")
    (warning,) = result.err.splitlines()
    assert warning.startswith(
        "Warning: The model was trained at 2 Å per voxel, these data have 4 Å"
    )
    assert (tmp_path / "o.mrc.gz").read_bytes()[:2] == b"\x1f\x8b"


def test_json_of_two_halves(cryonet: Any, halves: Halves, model: Path, tmp_path: Path) -> None:
    settings = tmp_path / "s.toml"
    settings.write_text('passes = 24\nkeep = "off"\n')
    words = ("noise2noise", "apply", model, *halves, "--output", tmp_path / "o.mrc")
    result = cryonet(*words, "--settings", settings, "--json", "--quiet", *FAST)
    assert (result.code, result.err) == (0, "")
    found = result.json
    assert len(found["fsc_raw"]) == len(found["fsc_denoised"])
    assert found["resolution_0.5"].keys() == {"raw", "denoised"}
    assert found["voxel_size"] == 2.0


def test_nothing_is_done_before_everything_is_looked_at(
    cryonet: Any, halves: Halves, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_cryonet.cli.applying.do", None)
    there = tmp_path / "there.mrc"
    there.touch()
    words = ("noise2noise", "apply")
    for case, found in (
        ((model, *halves, "--output", there), "already exists"),
        ((model, *halves, "--output", tmp_path / "no" / "o.mrc"), "does not exist"),
        ((halves[0], *halves, "--output", tmp_path / "o.mrc"), "is not a model file"),
        ((model, *halves, "--output", tmp_path / "o.mrc", "--tile", 3), "Setting 'tile' is '3'"),
    ):
        result = cryonet(*words, *case)
        assert (result.code, result.out) == (2, "")
        assert found in result.err


def test_the_model_that_is_shipped(cryonet: Any, halves: Halves, tmp_path: Path) -> None:
    output = tmp_path / "o.mrc"
    result = cryonet("noise2noise", "apply", "shipped", *halves, "--output", output, *FAST)
    assert result.code == 0
    assert read(output).shape == (32, 28, 30)
    card = cryonet("noise2noise", "model", "shipped", "--json").json
    assert "simulated data alone" in card["extra"]["description"]
    result = cryonet("self2self", "apply", "shipped", halves[0], "--output", tmp_path / "p.mrc")
    assert result.code == 2
    assert "comes without a model" in result.err


def test_model_of_another_method(cryonet: Any, halves: Halves, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    write_model(path, Model(ModelCard(method="picking"), {"w": np.zeros(1, np.float32)}))
    for words in (("apply", path, *halves, "--output", tmp_path / "o.mrc"), ("model", path)):
        result = cryonet("noise2noise", *words)
        assert result.code == 2
        assert "was made by picking" in result.err


def test_cancelled_output_never_appears(
    cryonet: Any, halves: Halves, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: object, *args: object, **more: object) -> None:
        raise Cancelled

    monkeypatch.setattr("napari_cryonet.cli.console.ConsoleReporter.step", stop)
    words = ("noise2noise", "apply", model, *halves, "--output", tmp_path / "o.mrc", *FAST)
    result = cryonet(*words)
    assert (result.code, result.out) == (130, "")
    assert list(tmp_path.iterdir()) == []


def test_bad_input_ends_with_2(cryonet: Any, model: Path, tmp_path: Path) -> None:
    result = cryonet("noise2noise", "apply", model, "no.mrc", "--output", tmp_path / "o.mrc")
    assert (result.code, list(tmp_path.iterdir())) == (2, [])
    assert "no.mrc" in result.err


def test_crossing_is_interpolated() -> None:
    line = [1 - shell / 10 for shell in range(10)]  # 0.5 at shell 5, 0.275 cycles per voxel
    assert crossing(line, 2.0, 0.55) == pytest.approx(2 / 0.25)
    assert crossing([None, 0.9, None, 0.1], 1.0, 0.5) == pytest.approx(1 / (2.5 / 8))
    assert crossing([0.9, 0.8], 1.0, 0.5) is None
    assert crossing([0.9, 0.1], None, 0.5) is None
    assert crossing([], 1.0, 0.5) is None


def test_results_without_halves_or_voxel_size() -> None:
    told = results("across the halves")
    assert told(Outcome()) == ({}, {})
    volume = Volume(np.zeros((2, 2, 2), np.float32))
    measures = {"fsc_raw": [0.9, 0.1], "fsc_denoised": [0.9, None]}
    values, shown = told(Outcome(volume=volume, measures=measures))
    assert values["resolution_0.5"] == {"raw": None, "denoised": None}
    assert shown["resolution before"] == "not known without a voxel size"
    known = Volume(volume.data, (2.0, 2.0, 2.0))
    assert told(Outcome(volume=known, measures=measures))[1]["resolution after"] == "4 Å or finer"
