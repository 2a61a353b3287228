"""The command *Set voxel size…* in the menu Layers > Data."""

from __future__ import annotations

import napari.viewer
from napari.layers import Layer
from napari.utils.notifications import show_info
from qtpy.QtWidgets import QInputDialog

from napari_cryonet.gui.layers import set_voxel_size
from napari_cryonet.gui.things import factors

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
        _present(layers[0]),
        _LOWEST,
        _HIGHEST,
        _DECIMALS,
    )
    if accepted:
        for layer in layers:
            set_voxel_size(layer, size)
        viewer.reset_view()


def _present(layer: Layer) -> float:
    """Return the voxel size of a layer in Å, or its scale if its unit is no length."""
    (factor,) = factors({"units": layer.units}, 1)
    return float(layer.scale[-1]) * (factor or 1.0)
