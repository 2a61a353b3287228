"""``cryonet picking fibres`` and ``cryonet picking spikes``, called as the command would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cyclopts import App

from napari_cryonet import Volume, write
from napari_cryonet.cli import curating
from napari_cryonet.errors import FileProblem, SettingsError
from napari_cryonet.jobs.inputs import read_points
from napari_cryonet.types import Points


@pytest.fixture
def call() -> Any:
    """Return a function that runs one of the two commands."""
    app = App(result_action="return_value")
    app.command(curating.fibres, usage=curating.FIBRES_USAGE)
    app.command(curating.spikes, usage=curating.SPIKES_USAGE)

    def run(*words: object) -> int:
        made: int = app([str(word) for word in words], exit_on_error=False, print_error=False)
        return made

    return run


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """Write picks along a straight line, and one beside it."""
    along = np.arange(12.0)
    places = np.stack([0 * along + 5, 0 * along + 7, 5 * along], axis=1)
    picks = Points(
        np.concatenate([places, [[40.0, 40.0, 40.0]]]),
        {"score": np.linspace(0, 1, 13)},
        (10.0, 10.0, 10.0),
    )
    path = tmp_path / "picks.csv"
    write(path, picks)
    return path


def test_fibres_are_traced_from_file_to_file(call: Any, line: Path, capsys: Any) -> None:
    out = line.with_name("fibres.csv")
    size = ("--voxel-size", 10, "--output", out)
    words = ("fibres", line, *size, "--distance", 80, "--spacing", 25, "--json")
    assert call(*words) == 0
    assert json.loads(capsys.readouterr().out) == {
        "output": str(out), "fibres": 1, "positions": 23,
    }  # fmt: skip
    made = read_points(out, None)
    assert np.allclose(np.sort(made.positions[:, 2]), np.arange(0, 56, 2.5), atol=1e-3)
    assert np.allclose(np.abs(np.asarray(made.features["tangent_x"], dtype=float)), 1)
    assert set(np.asarray(made.features["fibre"], dtype=int)) == {0}


def test_spikes_are_merged_from_file_to_file(call: Any, line: Path, capsys: Any) -> None:
    out = line.with_name("spikes.csv")
    words = ("spikes", line, "--voxel-size", 10, "--output", out, "--distance", 60)
    assert call(*words, "--least", 2) == 0
    assert "positions" in capsys.readouterr().out
    made = read_points(out, None)
    assert np.allclose(made.positions, [[5, 7, 27.5]])
    with pytest.raises(FileProblem, match=r"spikes\.csv"):
        call(*words)


def test_files_that_count_from_the_middle_need_their_tomogram(call: Any, line: Path) -> None:
    tomogram, centred = line.with_name("tomogram.mrc"), line.with_name("centred.star")
    write(tomogram, Volume(np.zeros((40, 50, 60), np.float32), (10.0,) * 3))
    words = ("spikes", line, "--distance", 80, "--least", 1, "--output", centred)
    assert call(*words, "--tomogram", tomogram) == 0
    again = ("spikes", centred, "--distance", 80, "--least", 1, "--output", line.with_name("b.csv"))
    with pytest.raises(SettingsError, match="give --tomogram FILE"):
        call(*again)
    assert call(*again, "--tomogram", tomogram) == 0
