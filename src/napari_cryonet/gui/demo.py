"""The window of ``cryonet demo``: the noisy and the denoised map side by side.

Run as ``python -m napari_cryonet.gui.demo FOLDER [--pictures]``; with ``--pictures`` it
takes pictures of the window into the folder and closes it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import napari
from napari.layers import Layer
from qtpy.QtCore import QTimer

from napari_cryonet.errors import DataError
from napari_cryonet.gui.layers import layer_data
from napari_cryonet.io import read

_FILES = ("half1.mrc", "denoised.mrc")
_SIZE = (1500, 950)
_SETTLE_MS = 1500


def open_window(folder: Path) -> napari.Viewer:
    """Open the two maps of a demo in a window with the Denoise dock.

    Parameters
    ----------
    folder
        It holds ``half1.mrc`` and ``denoised.mrc``.

    Raises
    ------
    FileProblem
        If one of them is not there.
    """
    maps = [read(folder / name) for name in _FILES]
    viewer = napari.Viewer(title="CryoNet demo")
    for each in maps:
        for data in layer_data(each):
            layer = viewer.add_layer(Layer.create(*data))
            layer.rendering = "iso"
            layer.iso_threshold = sum(layer.contrast_limits) / 2
    viewer.canvas.grid.enabled = True
    _, dock = viewer.window.add_plugin_dock_widget("napari-cryonet", "Denoise")
    dock.choice.setCurrentText("Noise2Noise")  # what the denoised map was made with
    viewer.window.resize(*_SIZE)
    viewer.dims.set_point(0, sum(viewer.dims.range[0][:2]) / 2)
    viewer.reset_view()
    return viewer


def take_pictures(viewer: napari.Viewer, folder: Path) -> None:
    """Take a picture of the slices and one of the volumes, then close the window.

    Parameters
    ----------
    viewer
        An open window.
    folder
        Where ``slices.png`` and ``volumes.png`` go.
    """

    def slices() -> None:
        viewer.screenshot(str(folder / "slices.png"), canvas_only=False, flash=False)
        viewer.dims.ndisplay = 3
        viewer.reset_view()
        later(volumes)

    def volumes() -> None:
        viewer.screenshot(str(folder / "volumes.png"), canvas_only=False, flash=False)
        viewer.close()

    def later(action: Callable[[], None]) -> None:
        QTimer.singleShot(_SETTLE_MS, action)

    later(slices)


def main(arguments: Sequence[str]) -> None:
    """Open the window, or take its pictures.

    Parameters
    ----------
    arguments
        The folder, and perhaps ``--pictures``.

    Raises
    ------
    DataError
        If no folder is named.
    """
    folders = [Path(each) for each in arguments if not each.startswith("--")]
    if len(folders) != 1:
        raise DataError("Name one folder, that of cryonet demo.")
    viewer = open_window(folders[0])
    if "--pictures" in arguments:
        take_pictures(viewer, folders[0])
    napari.run()


if __name__ == "__main__":
    main(sys.argv[1:])
