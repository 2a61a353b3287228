"""What the tests of the command share: a way to call it, small halves, a trained model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_cryonet import Volume, write
from napari_cryonet.cli import main

_TINY = ("--width", "8", "--patch", "16", "--precision", "float32", "--held-out-side", "8")


@dataclass(frozen=True)
class Result:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """The last line on the standard error."""
        return self.err.splitlines()[-1]


Command = Callable[..., Result]


@pytest.fixture
def cryonet(capsys: pytest.CaptureFixture[str]) -> Command:
    """Call the command in this process."""

    def call(*words: object) -> Result:
        capsys.readouterr()
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return Result(code, said.out, said.err)

    return call


@pytest.fixture
def tiny() -> tuple[str, ...]:
    """Options of a training whose steps take no time."""
    return _TINY


@pytest.fixture(scope="session")
def halves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two halves of something smooth, 32 × 28 × 30 voxels of 2 Å."""
    folder = tmp_path_factory.mktemp("halves")
    random = np.random.default_rng(5)
    z, y, x = np.ogrid[:32, :28, :30]
    truth = np.sin(z / 3) + np.cos(y / 4) * np.sin(x / 5)
    paths = folder / "half1.mrc", folder / "half2.mrc"
    for path in paths:
        noisy = truth + random.normal(0, 1, truth.shape)
        write(path, Volume(noisy.astype(np.float32), (2.0, 2.0, 2.0), name=path.stem))
    return paths


@pytest.fixture(scope="session")
def model(halves: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained for six steps."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    words = ["noise2noise", "train", *halves, "--output", path, "--steps", 6, "--quiet", *_TINY]
    assert main([str(word) for word in words]) == 0
    return path
