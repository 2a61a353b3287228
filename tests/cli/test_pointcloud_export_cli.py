"""``cryonet pointcloud``: the order of rows, halves, pictures and films."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import pytest

from napari_cryonet import read
from napari_cryonet.io import read_card
from napari_cryonet.io.image_set import FLIPPED
from napari_cryonet.jobs import RunFolder

BRIEF = (
    *("--iterations", 2, "--passes", 1, "--views", 12, "--turns", 4, "--points", 40),
    *("--most-starts", 2, "--starts", 2, "--finest", 25, "--device", "cpu", "--quiet"),
)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of molecules, large enough a set to be halved."""
    from napari_cryonet.cli import main

    folder = tmp_path_factory.mktemp("images")
    words = ("--count", 48, "--box", 24, "--pixel-size", 16, "--sigma", 16)
    assert main([str(w) for w in ("pointcloud", "simulate", "--output", folder, *words)]) == 0
    return folder / "images.fits"


@pytest.fixture(scope="module")
def flipped(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the flipped images."""
    from napari_cryonet.cli import main

    model = tmp_path_factory.mktemp("model") / "m.safetensors"
    words = ("pointcloud", "train", images, "--output", model, "--fits-rows", "flipped", *BRIEF)
    assert main([str(word) for word in words]) == 0
    return model


def test_flipped_rows_are_remembered_wherever_it_matters(
    cryonet: Any, images: Path, flipped: Path, tmp_path: Path
) -> None:
    (entry,) = read_card(flipped).inputs
    assert entry["history"][-1] == FLIPPED
    run = RunFolder.existing(flipped.with_name("m_run"))
    assert run.job().fits_rows == "flipped"
    table = tmp_path / "poses.csv"
    brief = ("--passes", 1, "--views", 12, "--turns", 4, "--candidates", 1, "--quiet")
    words = ("pointcloud", "apply", flipped, images, "--output", table, "--json", *brief)
    left = []
    for rows in ("flipped", "stored"):
        made = cryonet(*words, "--fits-rows", rows, "--overwrite")
        assert made.code == 0, made.err
        left.append(made.json["residual"])
    assert left[0] != left[1]
    again = cryonet("pointcloud", "train", "--resume", run.path, "--quiet")
    assert again.code == 0, again.err
    refused = cryonet("pointcloud", "train", "--resume", run.path, "--fits-rows", "stored")
    assert (refused.code, "other images or settings" in refused.sentence) == (2, True)


def test_halves_are_reconstructed_and_compared(cryonet: Any, images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "halves"
    made = cryonet("pointcloud", "halves", images, "--output", folder, *BRIEF, "--json")
    assert made.code == 0, made.err
    names = {path.name for path in folder.iterdir()}
    models = {"even.safetensors", "odd.safetensors", "even_run", "odd_run"}
    assert names == {"halves.json", "even.ply", "odd.ply", *models}
    kept = json.loads((folder / "halves.json").read_text())
    assert made.json == {"output": str(folder), **kept}
    assert 0 < kept["rmse"] < kept["other_rmse"] < kept["rms_radius"]
    assert len(kept["fsc"]) == len(kept["frequency"]) > 5
    assert read_card(folder / "odd.safetensors").settings["images"] == "odd"
    score = cryonet("pointcloud", "score", folder / "odd.ply", folder / "even.ply", "--json").json
    assert score["hand"] == "same", "the second cloud lies on the first"
    assert score["rmse"] == pytest.approx(kept["rmse"], rel=0.05)
    again = cryonet("pointcloud", "halves", images, "--output", folder, *BRIEF)
    assert (again.code, "already exists" in again.sentence) == (2, True)


def test_what_halves_do_not_take_is_said(cryonet: Any, images: Path, tmp_path: Path) -> None:
    words = ("pointcloud", "halves", images, "--output", tmp_path, "--images", "even")
    made = cryonet(*words)
    assert (made.code, "leave out --images" in made.sentence) == (2, True)
    made = cryonet("pointcloud", "halves", "--output", tmp_path)
    assert (made.code, "Name the images" in made.sentence) == (2, True)


def test_a_montage_and_films_of_a_model(
    cryonet: Any, images: Path, flipped: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "m.png"
    words = ("pointcloud", "montage", flipped, images, "--output", picture)
    made = cryonet(*words, "--count", 4, "--columns", 2, "--side", 48)
    assert made.code == 0, made.err
    assert iio.imread(picture).shape == (2 * 52 + 4, 2 * (3 * 48 + 20) + 4, 3)
    for name, of in (("turn.gif", "turn"), ("history.gif", "history")):
        film = ("pointcloud", "animate", flipped, "--output", tmp_path / name, "--of", of)
        made = cryonet(*film, "--frames", 3, "--side", 64, "--quiet")
        assert made.code == 0, made.err
        assert iio.imread(tmp_path / name).shape == (3, 64, 64, 3)


def test_a_cloud_is_filmed_without_a_model(cryonet: Any, images: Path, tmp_path: Path) -> None:
    truth = images.with_name("truth.ply")
    assert len(read(truth)) == 260
    words = ("pointcloud", "animate", truth, "--frames", 2, "--side", 64, "--quiet")
    assert cryonet(*words, "--output", tmp_path / "pictures").code == 0
    assert len(list((tmp_path / "pictures").iterdir())) == 2
    made = cryonet(*words, "--output", tmp_path / "a.gif", "--of", "history")
    assert (made.code, "has no history" in made.sentence) == (2, True)
    assert not (tmp_path / "a.gif").exists()


def test_a_montage_needs_the_images_of_its_model(
    cryonet: Any, images: Path, flipped: Path, tmp_path: Path
) -> None:
    words = ("pointcloud", "montage", flipped, "--output", tmp_path / "m.png")
    made = cryonet(*words, images, images)
    assert (made.code, "96 images were given and the model holds 48" in made.sentence) == (2, True)
    assert "Name the images" in cryonet(*words).sentence
