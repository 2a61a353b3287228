"""``cryonet simulate``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_cryonet import Volume, read
from napari_cryonet.signal.simulation_settings import (
    HalfMapSettings,
    ParticlesSettings,
    TomogramSettings,
)
from napari_cryonet.simulate import even_odd_tomogram, half_map_pair
from napari_cryonet.simulate.particles import picking_sample

PDB = """\
ATOM      1  N   GLY A   1       1.000   0.000   2.000  1.00 20.00           N
ATOM      2  CA  GLY A   1       2.450   0.300   2.100  1.00 20.00           C
ATOM      3  C   GLY A   1       3.000   1.600   1.500  1.00 20.00           C
END
"""


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_half_maps(cryonet: Any, tmp_path: Path) -> None:
    words = ("simulate", "halfmaps", "--output", tmp_path / "new", "--side", 48, "--seed", 3)
    made = cryonet(*words, "--resolution", 5)
    assert made.code == 0, made.err
    assert files(tmp_path / "new") == ["half1.mrc", "half2.mrc", "mask.mrc", "truth.mrc"]
    first = read(tmp_path / "new/half1.mrc")
    assert isinstance(first, Volume)
    assert (first.data == half_map_pair(48, seed=3, resolution=5).first.data).all()
    again = cryonet(*words)
    assert again.code != 0
    assert "half1.mrc" in again.err


def test_a_molecule(cryonet: Any, tmp_path: Path) -> None:
    (tmp_path / "a.pdb").write_text(PDB)
    words = ("simulate", "structure", tmp_path / "a.pdb", "--output", tmp_path, "--side", 32)
    made = cryonet(*words)
    assert made.code == 0, made.err
    names = ["half1.mrc", "half2.mrc", "map.mrc", "mask.mrc", "truth.mrc"]
    assert files(tmp_path) == ["a.pdb", *names]
    graded = cryonet(*words, "--graded", 50, 200, "--overwrite")
    assert graded.code == 0, graded.err
    resolution = read(tmp_path / "resolution.mrc")
    assert isinstance(resolution, Volume)
    assert resolution.data.min() >= 2


def test_tomograms(cryonet: Any, tmp_path: Path) -> None:
    small = ("--shape", 32, 40, 48)
    assert cryonet("simulate", "tomogram", "--output", tmp_path / "a", *small).code == 0
    assert files(tmp_path / "a") == ["even.mrc", "odd.mrc", "particles.csv", "truth.mrc"]
    few = ("--counts", 2, 1, 0, "--no-vesicle")
    made = cryonet("simulate", "particles", "--output", tmp_path / "b", *small, *few)
    assert made.code == 0, made.err
    assert files(tmp_path / "b") == ["others.csv", "particles.csv", "tomogram.mrc"]
    truth = picking_sample((32, 40, 48), counts=(2, 1, 0), vesicle=False).particles
    assert np.allclose(read(tmp_path / "b/particles.csv").positions, truth.positions)


def test_molecules_are_those_of_point_clouds(cryonet: Any, tmp_path: Path) -> None:
    words = ("--count", 4, "--box", 24)
    assert cryonet("simulate", "molecules", "--output", tmp_path, *words).code == 0
    assert files(tmp_path) == ["images.fits", "poses.csv", "truth.ply"]


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        (HalfMapSettings, half_map_pair),
        (TomogramSettings, even_odd_tomogram),
        (ParticlesSettings, picking_sample),
    ],
)
def test_settings_are_the_arguments(kind: type[Any], function: Callable[..., Any]) -> None:
    defaults = {name: each.default for name, each in inspect.signature(function).parameters.items()}
    assert kind().model_dump() == defaults
