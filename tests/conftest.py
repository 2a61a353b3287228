"""No test touches the user's folders; every test draws the same random numbers."""

from pathlib import Path

import numpy as np
import pytest

_FOLDERS = {
    "HOME": "",
    "USERPROFILE": "",
    "XDG_CACHE_HOME": "cache",
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "XDG_STATE_HOME": "state",
    "WIN_PD_OVERRIDE_APPDATA": "data",
    "WIN_PD_OVERRIDE_LOCAL_APPDATA": "data",
}


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point everything that keeps files of the user at an empty folder."""
    home = tmp_path_factory.mktemp("home")
    for name, folder in _FOLDERS.items():
        (home / folder).mkdir(exist_ok=True)
        monkeypatch.setenv(name, str(home / folder))
    monkeypatch.setenv("NAPARI_CONFIG", str(home / "napari.yaml"))
    return home


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same in every run."""
    return np.random.default_rng(20240607)
