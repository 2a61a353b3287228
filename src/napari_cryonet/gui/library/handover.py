"""Handing pairs of a library on: into the viewer, to a dock that trains, into a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import napari

from napari_cryonet.gui.preferences import PLUGIN
from napari_cryonet.io.atomic import replacing
from napari_cryonet.library import Pair
from napari_cryonet.library.records import training_table


def open_pair(viewer: napari.viewer.Viewer, folder: Path, pair: Pair) -> list[Any]:
    """Open the halves of a pair, and return their layers.

    Parameters
    ----------
    viewer
        Where they are shown.
    folder
        The library.
    pair
        A pair in it.
    """
    opened: list[Any] = viewer.open(list(_files(folder, pair)), plugin=PLUGIN)
    return opened


def hand_over(
    viewer: napari.viewer.Viewer, where: str, folder: Path, pairs: Sequence[Pair]
) -> None:
    """Have a dock train on pairs: on the first as layers, on the others as files.

    Parameters
    ----------
    viewer
        In which the dock is opened unless it is.
    where
        The dock, ``Denoise`` or ``Resolution``.
    folder
        The library.
    pairs
        At least one pair in it; what their files are called does not matter.
    """
    layers = open_pair(viewer, folder, pairs[0])
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, where)
    dock.halves.choose(*layers)
    dock.halves.more.add_pairs(_files(folder, pair) for pair in pairs[1:])


def save_table(path: Path, folder: Path, pairs: Sequence[Pair]) -> str:
    """Write pairs as a table to train with, and return what was done in a sentence.

    Parameters
    ----------
    path
        The table; replaced if it is there.
    folder
        The library.
    pairs
        Pairs in it.

    Raises
    ------
    FileProblem
        If it cannot be written.
    """
    with replacing(path, overwrite=True) as part:
        part.write_text(training_table(folder, pairs), encoding="utf-8", newline="")
    return f"{path} is written; cryonet noise2noise train --pairs takes it."


def _files(folder: Path, pair: Pair) -> tuple[str, ...]:
    """Return the files of a pair."""
    return tuple(str(folder / path) for path in pair.paths)
