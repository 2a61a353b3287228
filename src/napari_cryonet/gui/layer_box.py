"""The choice of one volume among the layers."""

from __future__ import annotations

from typing import Any

import napari
from napari.layers import Image
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_cryonet.errors import DataError
from napari_cryonet.gui.layers import to_thing
from napari_cryonet.gui.preview import NAME as PREVIEW
from napari_cryonet.gui.things import KEY
from napari_cryonet.types import Volume


class LayerBox(QComboBox):
    """A box with the layers that are volumes; at first the selected one is chosen.

    Parameters
    ----------
    viewer
        Its image layers are on offer.

    Attributes
    ----------
    changed
        Emitted when another layer is chosen, or the chosen one is renamed or gets another scale.
    """

    changed = Signal()

    def __init__(self, viewer: napari.viewer.ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._offered: list[Any] = []
        self._followed: Any = None
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.currentIndexChanged.connect(self._on_choice)
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.renamed):
            event.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Offer the volumes that are there now; keep the choice."""
        chosen = self.layer()
        self._offered = [layer for layer in self._viewer.layers if is_volume(layer)]
        if chosen not in self._offered:
            active = self._viewer.layers.selection.active
            chosen = active if active in self._offered else next(reversed(self._offered), None)
        with QSignalBlocker(self):
            self.clear()
            self.addItems([layer.name for layer in self._offered])
            self.setCurrentIndex(-1 if chosen is None else self._offered.index(chosen))
        self._on_choice()

    def layer(self) -> Any:
        """Return the chosen layer, None if there is none."""
        index = self.currentIndex()
        return self._offered[index] if 0 <= index < len(self._offered) else None

    def volume(self) -> Volume:
        """Return the chosen layer as a volume.

        Raises
        ------
        DataError
            If there is none, or if it is turned or not a volume.
        """
        layer = self.layer()
        if layer is None:
            raise DataError("Open a map or a tomogram first.")
        thing = to_thing(layer)
        if not isinstance(thing, Volume):
            raise DataError(f"{layer.name} is not a volume z, y, x.")
        return thing

    def _on_choice(self) -> None:
        """Follow the scale of the chosen layer, and tell."""
        layer = self.layer()
        if layer is not self._followed:
            if self._followed is not None:
                self._followed.events.scale.disconnect(self._on_scale)
            if layer is not None:
                layer.events.scale.connect(self._on_scale)
            self._followed = layer
        self.changed.emit()

    def _on_scale(self) -> None:
        """Tell that the chosen layer has another voxel size."""
        self.changed.emit()


def is_volume(layer: Any) -> bool:
    """Whether a layer is a three-dimensional image that is not a preview."""
    if not isinstance(layer, Image) or layer.ndim != 3 or layer.rgb:
        return False
    return not layer.metadata.get(KEY, {}).get(PREVIEW)
