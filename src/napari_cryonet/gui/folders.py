"""Where the window keeps runs and models."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from napari_cryonet.errors import FileProblem
from napari_cryonet.gui.preferences import preference
from napari_cryonet.io.atomic import free_path
from napari_cryonet.io.model import SUFFIX
from napari_cryonet.io.text import file_stem

_promised: set[Path] = set()
"""Names of models that queued trainings will make."""


def data_folder() -> Path:
    """Return the folder of everything that is kept between sessions."""
    chosen = preference("folders", "library", "")
    return Path(chosen) if chosen else platformdirs.user_data_path("napari-cryonet", False)


def runs_folder() -> Path:
    """Return the folder in which each run has one of its own."""
    return data_folder() / "runs"


def models_folder() -> Path:
    """Return the folder of the models that the window lists, making it if need be.

    Raises
    ------
    FileProblem
        If it cannot be made.
    """
    folder = data_folder() / "models"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileProblem(
            f"Cannot make the folder {folder}: {error.strerror}. Choose another one for models and "
            f"runs in the preferences."
        ) from error
    return folder


def free_name(folder: Path, stem: str) -> Path:
    """Return the path of a model file that is not there yet, and that no other training will write.

    Parameters
    ----------
    folder
        Where it will be.
    stem
        What to call it; ``-2``, ``-3``, … is added if the name is taken.
    """
    path = free_path(folder / f"{file_stem(stem, 'model')}{SUFFIX}", _promised)
    _promised.add(path)
    return path


def release(path: Path) -> None:
    """Let the name of a model be given again, once its training has ended, unless it is there."""
    _promised.discard(path)
