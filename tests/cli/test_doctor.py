"""``cryonet doctor``."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from napari_cryonet.cli import doctor

INFO = """napari: 0.9.2
OpenGL:
  - PyOpenGL: 3.1.10
  - GL version:  4.5 (Compatibility Profile) Mesa 22.3.6
  - MAX_TEXTURE_SIZE: np.int32(16384)
  - GL_MAX_3D_TEXTURE_SIZE: 2048
"""


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What napari says of OpenGL; there is a screen, and the slow probe is left out."""
    said = [INFO]

    plain = subprocess.run

    def run(command: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
        if command[1:] != ["-m", "napari", "--info"]:
            return plain(command, **more)
        if not said:
            raise subprocess.TimeoutExpired(command, 60)
        return subprocess.CompletedProcess(command, 0, said[0], "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(doctor, "has_screen", lambda: True)
    monkeypatch.setattr("napari_cryonet.nn.device.bfloat16_is_faster", lambda: False)
    return said


def test_json(cryonet: Any, answer: list[str]) -> None:
    result = cryonet("doctor", "--json")
    assert result.code == 0
    found = result.json
    assert found["versions"]["python"] == sys.version.split()[0]
    assert found["versions"].keys() >= {"napari_cryonet", "torch", "numpy", "napari", "qt"}
    assert found["devices"][0]["name"] == "cpu"
    assert found["devices"][0]["memory_free"] > 0
    assert found["cpu_threads"] >= 1
    assert found["bfloat16_is_faster"] is False
    assert found["memory"]["total"] >= found["memory"]["free"] > 0
    assert found["disk_free"]["data"] > 0
    assert found["problems"] == []
    assert found["opengl"] == {
        "version": "4.5 (Compatibility Profile) Mesa 22.3.6",
        "max_texture_2d": 16384,
        "max_texture_3d": 2048,
    }


def test_for_people(cryonet: Any, answer: list[str]) -> None:
    assert "textures up to 16384 (2D), 2048 (3D)" in cryonet("doctor").out
    answer.clear()
    result = cryonet("doctor")
    assert (result.code, "OpenGL did not answer" in result.out) == (0, True)
    assert result.out.splitlines()[-1].split() == ["problems", "none"]


def test_without_screen(cryonet: Any, answer: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "has_screen", lambda: False)
    assert "no screen" in cryonet("doctor").out


def test_torch_that_does_not_load(
    cryonet: Any, answer: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "napari_cryonet.nn.device", None)
    monkeypatch.delattr("napari_cryonet.nn.device", raising=False)
    result = cryonet("doctor", "--json")
    assert result.code == 1
    assert "PyTorch cannot be loaded" in result.json["problems"][0]


def test_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not doctor.has_screen()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert doctor.has_screen()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert doctor.has_screen()
