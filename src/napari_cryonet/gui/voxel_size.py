"""The command *Set voxel size…* in the menu Layers > Data."""

from __future__ import annotations

import napari.viewer
from napari.utils.notifications import show_info
from qtpy.QtWidgets import QInputDialog

from napari_cryonet.gui.layers import set_voxel_size

_LOWEST, _HIGHEST, _DECIMALS = 0.0001, 100000.0, 4


def ask_voxel_size(viewer: napari.viewer.Viewer) -> None:
    """Ask for a voxel size in Å and give it to the selected layers.

    Parameters
    ----------
    viewer
        The viewer whose selected layers are meant.
    """
    layers = list(viewer.layers.selection)
    if not layers:
        show_info("Select the layers whose voxel size is to be set.")
        return
    size, accepted = QInputDialog.getDouble(
        None,
        "Set voxel size",
        f"Å per voxel of {', '.join(layer.name for layer in layers)}",
        float(layers[0].scale[-1]),
        _LOWEST,
        _HIGHEST,
        _DECIMALS,
    )
    if accepted:
        for layer in layers:
            set_voxel_size(layer, size)
        viewer.reset_view()
