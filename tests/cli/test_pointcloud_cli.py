"""``cryonet pointcloud``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_cryonet import PointCloud, read, write
from napari_cryonet.errors import FormatError
from napari_cryonet.io import image_set, poses

BRIEF = (
    *("--iterations", 2, "--passes", 1, "--views", 12, "--turns", 4, "--points", 40),
    *("--most-starts", 2, "--starts", 2, "--finest", 25, "--device", "cpu", "--quiet"),
)


@pytest.fixture
def simulated(cryonet: Any, tmp_path: Path) -> Path:
    """Simulate a few small images."""
    folder = tmp_path / "simulated"
    words = ("--count", 24, "--box", 24, "--pixel-size", 16, "--sigma", 16)
    made = cryonet("pointcloud", "simulate", "--output", folder, *words)
    assert made.code == 0, made.err
    return folder


def test_from_images_to_a_cloud_poses_and_their_score(
    cryonet: Any, simulated: Path, tmp_path: Path
) -> None:
    images, model, cloud = simulated / "images.fits", tmp_path / "m.safetensors", tmp_path / "c.ply"
    words = ("pointcloud", "train", images, "--output", model, "--cloud", cloud)
    trained = cryonet(*words, *BRIEF)
    assert trained.code == 0, trained.err
    assert "stuck" in trained.err or "hand" in trained.err
    found = read(cloud)
    assert isinstance(found, PointCloud)
    assert found.weights is not None
    table = tmp_path / "poses.csv"
    brief = ("--passes", 1, "--views", 20, "--turns", 6, "--candidates", 1, "--device", "cpu")
    words = ("pointcloud", "apply", model, images, "--output", table, "--json", "--quiet")
    applied = cryonet(*words, *brief)
    assert applied.code == 0, applied.err
    assert applied.json["images"] == 24
    assert Path(applied.json["rendered"]).name == "poses_rendered.fits"
    assert len(poses.read(table)) == 24
    truth = ("--own-poses", table, "--true-poses", simulated / "poses.csv")
    judged = cryonet("pointcloud", "score", cloud, simulated / "truth.ply", *truth, "--json")
    assert judged.code == 0, judged.err
    assert judged.json["rms_radius"] == pytest.approx(100, rel=0.01)
    assert set(judged.json) >= {"rmse", "chamfer", "hand", "pose_error_deg"}


def test_networks_of_poses_are_trained_and_applied(
    cryonet: Any, simulated: Path, tmp_path: Path
) -> None:
    images, table = simulated / "images.fits", tmp_path / "poses.csv"
    network = ("--network.steps", 2, "--network.batch", 8, "--device", "cpu", "--quiet")
    taught, joint = tmp_path / "taught.safetensors", tmp_path / "joint.safetensors"
    words = ("pointcloud", "train", images)
    made = cryonet(*words, "--learn-poses", "--output", taught, *BRIEF, *network[:4])
    assert made.code == 0, made.err
    engine = ("--engine", "network", "--network.fixed-points", "--output", joint)
    assert cryonet(*words, simulated / "truth.ply", *engine, *network).code == 0
    for model in (taught, joint):
        words = ("pointcloud", "apply", model, images, "--by", "network", "--no-refine", "--quiet")
        assert cryonet(*words, "--output", table, "--overwrite").code == 0
        assert len(poses.read(table)) == 24
    plain = tmp_path / "plain.safetensors"
    again = ("--start", taught, "--output", plain)
    refused = cryonet("pointcloud", "train", images, *again, *BRIEF)
    assert (refused.code, "learn_poses" in refused.sentence) == (2, True)
    assert cryonet("pointcloud", "train", images, *again, "--learn-poses", *network).code == 0


def test_the_mirrored_cloud_is_written_on_request(
    cryonet: Any, simulated: Path, tmp_path: Path
) -> None:
    clouds = []
    for number, more in enumerate(((), ("--mirror",))):
        cloud = tmp_path / f"{number}.ply"
        words = ("--output", tmp_path / f"{number}.safetensors", "--cloud", cloud)
        assert cryonet("pointcloud", "train", simulated, *words, *BRIEF, *more).code == 0
        clouds.append(read(cloud).vertices)
    np.testing.assert_allclose(clouds[1], clouds[0] * [-1, 1, 1])


def test_a_table_becomes_images(cryonet: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    lines = ["x,y,cell"]
    for group in range(3):
        lines += [f"{x},{y},{group}" for x, y in random.normal(group, 0.2, (20, 2))]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(lines))
    words = ("pointcloud", "render", table, "--output", tmp_path / "out", "--sigma", 10)
    refused = cryonet(*words, "--group-column", "cell")
    assert refused.code == 2
    assert "--unit" in refused.sentence
    made = cryonet(*words, "--group-column", "cell", "--unit", "um", "--pixel-size", 25)
    assert made.code == 0, made.err
    images = read(tmp_path / "out" / "images.fits")
    assert images.shape == (3, 64, 64)
    assert images.spot == 10
    assert (tmp_path / "out" / "particles.csv").read_text().startswith("image,group,x [nm],y [nm]")
    again = cryonet(*words, "--group-column", "cell", "--unit", "um")
    assert again.code == 2
    assert "already exists" in again.sentence


def test_what_is_no_cloud_is_refused(cryonet: Any, simulated: Path) -> None:
    images = simulated / "images.fits"
    made = cryonet("pointcloud", "score", images, simulated / "truth.ply")
    assert (made.code, "no cloud by its name" in made.sentence) == (2, True)
    alone = ("--own-poses", simulated / "poses.csv")
    made = cryonet("pointcloud", "score", *(simulated / "truth.ply",) * 2, *alone)
    assert (made.code, "--true-poses" in made.sentence) == (2, True)


def test_a_folder_of_images_is_one_stack(simulated: Path, tmp_path: Path) -> None:
    images = read(simulated / "images.fits")
    folder = tmp_path / "folder"
    folder.mkdir()
    for number, image in enumerate(images.data):
        write(folder / f"{number:03}.fits", replace(images, data=image))
    stack = image_set.read(folder)
    np.testing.assert_array_equal(stack.data, images.data)
    assert (stack.pixel_size, stack.spot) == ((16.0, 16.0), 16.0)
    write(folder / "other.fits", replace(images, data=images.data[:, :9]))
    with pytest.raises(FormatError, match="differ"):
        image_set.read(folder)
    with pytest.raises(FormatError, match="holds no image"):
        image_set.read(tmp_path)


def test_info_tells_what_a_cloud_is(cryonet: Any, simulated: Path) -> None:
    (entry,) = cryonet("info", simulated / "truth.ply", "--json").json
    assert (entry["kind"], entry["shape"], entry["units"]) == ("cloud", [260, 3], "nm")
    assert entry["notes"] == ["260 vertices, 0 triangles."]
