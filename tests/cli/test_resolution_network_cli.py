"""``cryonet resolution`` for single maps: train, apply, prepare, score."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_cryonet import Volume, read, write
from napari_cryonet.cli.app import call
from napari_cryonet.io import read_card
from napari_cryonet.io.fragments import read_fragments
from napari_cryonet.simulate.graded import graded_half_maps
from phantom import one_thread  # noqa: F401 - computes on one core

CPU = ("--device", "cpu", "--precision", "float32")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a map, its half maps, its mask and its true resolution."""
    folder = tmp_path_factory.mktemp("maps")
    case = graded_half_maps(64, 1.2, 4)
    whole = (case.first.data + case.second.data) / np.float32(2)
    parts = {
        "map": Volume(whole, (1.2,) * 3),
        "half1": case.first,
        "half2": case.second,
        "mask": case.mask,
        "truth": case.resolution,
    }
    for name, volume in parts.items():
        write(folder / f"{name}.mrc", volume.changed(np.array(volume.data), "Written."))
    return folder


def test_the_shipped_model_is_applied_and_scored(files, tmp_path, capsys) -> None:
    out = tmp_path / "found.mrc"
    names = [str(files / f"{name}.mrc") for name in ("map", "mask", "truth")]
    assert call(["resolution", "apply", *names[:2], "--output", str(out), "--json", *CPU]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["output"] == str(out)
    assert told["finest"] < told["median"] < told["coarsest"]
    assert call(["resolution", "score", str(out), names[2], names[1], "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["skill"] > 0.3
    assert call(["resolution", "score", str(out), names[2]]) == 0
    assert "of the best constant" in capsys.readouterr().out


def test_the_card_of_a_model_is_printed(capsys) -> None:
    assert call(["resolution", "model", "shipped", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["method"] == "resolution"


def test_half_maps_train_a_model_that_is_applied(files, tmp_path, capsys) -> None:
    model, out = tmp_path / "own.safetensors", tmp_path / "found.mrc"
    halves = [str(files / f"half{number}.mrc") for number in (1, 2)]
    short = ("--steps", "2", "--width", "4")
    assert call(["resolution", "train", *halves, "--output", str(model), *short, *CPU]) == 0
    assert "the best constant" in "".join(capsys.readouterr())
    given = [str(files / "map.mrc"), str(files / "mask.mrc")]
    own = ("--model", str(model), "--output", str(out))
    assert call(["resolution", "apply", *given, *own, "--samples", "2", *CPU]) == 0
    assert read(tmp_path / "found_uncertainty.mrc").shape == (64, 64, 64)


def test_fragments_are_split_by_map(files, tmp_path, capsys) -> None:
    row = [str(files / "map.mrc"), str(files / "truth.mrc")]
    folder = tmp_path / "sets"
    assert call(["resolution", "prepare", *row * 3, "--output", str(folder)]) == 0
    counts = [
        len(read_fragments(folder / f"{name}_repository.hdf5")[0].data)
        for name in ("train", "valid")
    ]
    assert counts == [128, 64], "two maps and one, of 64 fragments each"
    assert call(["resolution", "prepare", *row, "--output", str(folder)]) == 2, "nothing is lost"
    assert call(["resolution", "prepare", row[0], "--output", str(folder)]) == 2
    assert "each followed by its local resolution" in capsys.readouterr().err


def test_a_set_of_fragments_trains_the_original_network(files, tmp_path, capsys) -> None:
    row = [str(files / "map.mrc"), str(files / "truth.mrc")]
    folder, model = tmp_path / "sets", tmp_path / "own.safetensors"
    assert call(["resolution", "prepare", *row * 3, "--output", str(folder)]) == 0
    sets = [str(folder / f"{name}_repository.hdf5") for name in ("train", "valid")]
    words = ["resolution", "train", sets[0], "--output", str(model), *CPU]
    assert call(words) == 2, "the default network needs solvent"
    assert "network = original" in capsys.readouterr().err
    small = ("--network", "original", "--width", "2", "--patch", "16", "--batch", "1")
    short = ("--steps", "2", "--validation", sets[1], "--overwrite")
    assert call([*words, *small, *short, "--run-folder", str(tmp_path / "run")]) == 0
    card = read_card(model)
    assert card.extra["maps"] == 128
    assert card.extra["mae"] > 0
    assert not (tmp_path / "run" / "inputs").exists(), "nothing is copied"
