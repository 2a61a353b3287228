"""``cryonet picking``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_cryonet import write
from napari_cryonet.jobs.inputs import read_points
from napari_cryonet.simulate.particles import picking_sample
from napari_cryonet.types import Points

FAST = ("--precision", "float32", "--device", "cpu")
BRIEF = (*FAST, "--diameter", 216, "--steps", 2, "--width", 2, "--batch", 2, "--quiet")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Write a tomogram and its labels."""
    folder = tmp_path_factory.mktemp("picking")
    sample = picking_sample((32, 96, 96), counts=(14, 6, 1), snr=0.2, vesicle=False)
    paths = folder / "tomogram.mrc", folder / "labels.csv"
    write(paths[0], sample.tomogram)
    write(paths[1], sample.particles)
    return paths


def test_from_labels_to_picks_and_their_score(
    cryonet: Any, files: tuple[Path, Path], tmp_path: Path
) -> None:
    tomogram, labels = files
    model = tmp_path / "m.safetensors"
    trained = cryonet("picking", "train", *files, "--output", model, *BRIEF)
    assert trained.code == 0, trained.err
    assert "correlation" not in trained.out
    words = ("picking", "train", *files, "--start", model, "--output", tmp_path / "n.safetensors")
    again = cryonet(*words, *BRIEF)
    assert again.code == 0, again.err
    assert "starts from" in (tmp_path / "n_run" / "log.txt").read_text(encoding="utf-8")
    scores, picks = tmp_path / "scores.mrc", tmp_path / "picks.csv"
    words = ("picking", "apply", model, tomogram, "--output", scores, "--picks", picks)
    applied = cryonet(*words, "--threshold", 0, "--passes", 1, *FAST, "--quiet", "--json")
    assert applied.code == 0, applied.err
    found = applied.json
    assert found["picks"] == str(tmp_path / "scores_picks.star")
    count = found["classes"]["target"]
    assert len(read_points(picks, None)) == count > 0
    judged = cryonet(
        "picking", "score", found["picks"], labels, "--tomogram", tomogram, "--distance", 108,
        "--json",
    )  # fmt: skip
    assert judged.code == 0, judged.err
    assert (judged.json["picks"], judged.json["truths"]) == (count, 14)


def test_a_mask_restricts_the_picks(cryonet: Any, files: tuple[Path, Path], tmp_path: Path) -> None:
    tomogram, _ = files
    model = tmp_path / "m.safetensors"
    assert cryonet("picking", "train", *files, "--output", model, *BRIEF).code == 0
    words = ("picking", "apply", model, tomogram)
    more = ("--threshold", 0, "--passes", 1, *FAST, "--quiet", "--json", "--border", 300)
    whole = cryonet(*words, "--output", tmp_path / "a.mrc", *more[:-2])
    inner = cryonet(*words, "--output", tmp_path / "b.mrc", *more)
    assert 0 <= inner.json["classes"]["target"] < whole.json["classes"]["target"]


def test_figures_for_people(cryonet: Any, tmp_path: Path) -> None:
    size = (10.0, 10.0, 10.0)
    truth = Points(np.array([[5.0, 5, 5], [5, 5, 25]]), {"class": np.array(["a", "b"])}, size)
    write(tmp_path / "truth.csv", truth)
    write(tmp_path / "picks.csv", truth.kept(np.array([0])))
    words = ("picking", "score", tmp_path / "picks.csv", tmp_path / "truth.csv", "--distance", 20)
    result = cryonet(*words, "--voxel-size", 10)
    assert result.code == 0, result.err
    assert "1, of which 1 hit one of 2 particles" in result.out
    each = cryonet(*words, "--voxel-size", 10, "--classes", "--json")
    assert each.json["a"]["recall"] == 1
    assert each.json["b"]["recall"] == 0


def test_labels_are_needed(cryonet: Any, files: tuple[Path, Path], tmp_path: Path) -> None:
    result = cryonet("picking", "train", files[0], "--output", tmp_path / "m.safetensors")
    assert result.code != 0
    assert "TOMOGRAM PICKS" in result.sentence


def test_help(cryonet: Any) -> None:
    assert "--distance" in cryonet("picking", "score", "--help").out
    assert "--picks" in cryonet("picking", "apply", "--help").out
