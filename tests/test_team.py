"""Several processes that train one network, started by torchrun on the CPU."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_cryonet.io import read_model, write
from napari_cryonet.nn.place import Place
from napari_cryonet.types import Volume

HALF_WAY = """
import sys, types
import numpy as np, torch
from napari_cryonet.nn.device import choose
from napari_cryonet.nn.place import Place
from napari_cryonet.nn.settings import Training
from napari_cryonet.nn.train import Loop
from napari_cryonet.reporting import Cancelled, SilentReporter

place = Place.find()


class Learner:
    network = torch.nn.Linear(1, 1, bias=False)
    steps_per_epoch = 10

    def loss(self, network, random):
        return (network.weight - 2.0 * place.number).square().sum()

    def validate(self, network):
        return {}


settings = Training(steps=300, max_minutes=None, learning_rate=0.05, weight_decay=0, seed=3)
loop = Loop(Learner(), settings, choose("cpu", "float32"), SilentReporter())
try:
    trained = loop.run()
except Cancelled:
    assert not place.leads
else:
    assert place.leads
    print("learnt", float(trained.weights["weight"]))
"""


def torchrun(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run something in two processes."""
    start = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*start, *map(str, words)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="torchrun is used on clusters")
def test_the_leader_gets_the_mean_of_all_gradients(tmp_path: Path) -> None:
    (tmp_path / "half_way.py").write_text(HALF_WAY, encoding="utf-8")
    done = torchrun(tmp_path, "half_way.py")
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("learnt"))
    assert float(line.split()[1]) == pytest.approx(1.0, abs=0.05), "one wants 0, the other 2"


@pytest.mark.skipif(sys.platform != "linux", reason="torchrun is used on clusters")
def test_two_processes_write_one_model(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        data = rng.standard_normal((24, 24, 24), dtype=np.float32)
        write(tmp_path / f"{name}.mrc", Volume(data, (2.0, 2.0, 2.0)))
    options = "--steps 4 --patch 16 --width 2 --held-out-side 8 --device cpu --precision float32"
    command = ("-m", "napari_cryonet.cli", "noise2noise", "train", "a.mrc", "b.mrc")
    done = torchrun(tmp_path, *command, "--output", "model.safetensors", *options.split())
    assert done.returncode == 0, done.stderr
    assert read_model(tmp_path / "model.safetensors").card.training["steps"] == 4
    (run,) = tmp_path.glob("*_run*")
    with (run / "metrics.csv").open(encoding="utf-8") as file:
        assert [row["step"] for row in csv.DictReader(file)][-1] in {"4", "4.0"}


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")
    assert Place.find() == Place()
    assert Place.find().leads
