"""``cryonet demo``."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_cryonet import Volume, read, simulate
from napari_cryonet.cli import demo

FILES = {"half1.mrc", "half2.mrc", "truth.mrc", "mask.mrc", "model.safetensors", "denoised.mrc"}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small sample, and no probe of the precision."""
    random = np.random.default_rng(0)
    truth = np.sin(np.indices((24, 24, 24)) / 3).prod(axis=0)

    def volume(noise: float) -> Volume:
        data = truth + random.normal(0, noise, truth.shape)
        return Volume(data.astype(np.float32), (2.0, 2.0, 2.0))

    mask = Volume(np.ones(truth.shape, np.float32))
    sample = simulate.HalfMaps(volume(0.5), volume(0.5), volume(0), mask)
    monkeypatch.setattr(simulate, "half_map_pair", lambda **_: sample)
    monkeypatch.setattr("napari_cryonet.nn.device.bfloat16_is_faster", lambda: False)


def test_twice_without_window(cryonet: Any, tmp_path: Path) -> None:
    words = ("demo", "--no-window", "--output", tmp_path / "demo", "--minutes", 0.01)
    result = cryonet(*words)
    assert result.code == 0
    assert {path.name for path in (tmp_path / "demo").iterdir()} == FILES | {"run"}
    assert "average of the halves" in result.out
    assert "gain" in result.out
    denoised = read(tmp_path / "demo" / "denoised.mrc")
    assert isinstance(denoised, Volume)
    assert denoised.shape == (24, 24, 24)
    again = cryonet(*words, "--json", "--quiet")
    assert (again.code, again.err) == (0, "")
    figures = again.json
    assert figures["gain"] == pytest.approx(figures["denoised"] - figures["raw"])
    assert {path.name for path in (tmp_path / "demo").iterdir()} == FILES | {"run"}


def test_stopped_training_ends_the_demo(
    cryonet: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_cryonet.jobs import Outcome

    monkeypatch.setattr(demo, "do", lambda *_, **__: Outcome(measures={"ended": "stopped"}))
    result = cryonet("demo", "--output", tmp_path / "demo", "--quiet")
    assert (result.code, result.out) == (130, "")
    assert "model.safetensors" in result.err


def test_folder_that_cannot_be_used(cryonet: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert cryonet("demo", "--output", tmp_path / "file").code == 2


@pytest.mark.parametrize(("screen", "code"), [(True, 0), (True, 3), (False, 0), (False, 3)])
def test_window_or_pictures(
    screen: bool,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    called: list[list[str]] = []

    def run(command: Any, **more: Any) -> subprocess.CompletedProcess[str]:
        called.append(list(command))
        return subprocess.CompletedProcess(command, code)

    def patiently(command: Any) -> int:
        called.append(list(command))
        (tmp_path / "new.png").touch()
        return code

    (tmp_path / "old.png").touch()
    monkeypatch.setattr(demo, "has_screen", lambda: screen)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(demo, "_patiently", patiently)
    assert demo._window(tmp_path) == (1 if code else 0)
    (command,) = called
    program = [sys.executable, "-m", "napari_cryonet.gui.demo", str(tmp_path)]
    if screen:
        assert command == program
    else:
        assert command == [
            *("xvfb-run", "-a", "-s", "-screen 0 1600x1000x24"),
            *program,
            "--pictures",
        ]
        assert not (tmp_path / "old.png").exists()
        assert capfd.readouterr().out == ("" if code else f"{tmp_path / 'new.png'}\n")


def test_neither_screen_nor_virtual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "has_screen", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert demo._window(tmp_path) == 0
    assert "no xvfb-run" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="groups of processes are POSIX")
def test_patience_ends(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(demo, "_PICTURE_SECONDS", 0.3)
    assert demo._patiently((sys.executable, "-c", "import time; time.sleep(60)")) == 1
    assert demo._patiently((sys.executable, "-c", "")) in (0, 1)
    assert "longer than" in capfd.readouterr().err
