"""``cryonet exploration``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_cryonet import write
from napari_cryonet.jobs.inputs import read_points
from napari_cryonet.simulate.particles import picking_sample

FAST = ("--precision", "float32", "--device", "cpu", "--quiet")


def test_from_a_tomogram_to_clusters(cryonet: Any, tmp_path: Path) -> None:
    sample = picking_sample((32, 96, 96), counts=(14, 6, 1), snr=0.2, vesicle=False)
    tomogram, model = tmp_path / "tomogram.mrc", tmp_path / "m.safetensors"
    write(tomogram, sample.tomogram)
    words = ("exploration", "train", tomogram, "--output", model)
    refused = cryonet(*words, *FAST)
    assert refused.code == 2
    assert "--diameter" in refused.err
    brief = ("--diameter", 216, "--steps", 2, "--width", 4, "--batch", 8, "--overwrite")
    trained = cryonet(*words, *brief, "--run-folder", tmp_path / "run", *FAST)
    assert trained.code == 0, trained.err
    strength = tmp_path / "strength.mrc"
    words = ("exploration", "apply", model, tomogram, "--output", strength, "--clusters", 3)
    applied = cryonet(*words, *FAST, "--json")
    assert applied.code == 0, applied.err
    found = applied.json
    assert found["candidates"] == str(tmp_path / "strength_candidates.star")
    points = read_points(Path(found["candidates"]), sample.tomogram)
    assert sum(found["clusters"].values()) == len(points) > 8
    assert set(points.features) >= {"score", "cluster", "class", "pc1", "e15"}
