"""The choice of a mask among the layers, or of one that is made."""

from __future__ import annotations

from typing import Any

import napari
from napari.layers import Image, Labels
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QWidget

from napari_cryonet.errors import DataError
from napari_cryonet.gui.layers import to_thing
from napari_cryonet.types import Volume

_MADE = "made from the halves, as below"


class MaskBox(QComboBox):
    """A box with the layers that can be a mask; at first one is made.

    Parameters
    ----------
    viewer
        Its image and labels layers are on offer.
    """

    def __init__(self, viewer: napari.viewer.ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._offered: list[Any] = []
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.renamed):
            event.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Offer the layers that are there now; keep the choice."""
        chosen = self.layer()
        self._offered = [layer for layer in self._viewer.layers if _suits(layer)]
        index = 1 + self._offered.index(chosen) if chosen in self._offered else 0
        with QSignalBlocker(self):
            self.clear()
            self.addItems([_MADE, *(layer.name for layer in self._offered)])
            self.setCurrentIndex(index)
        self.currentIndexChanged.emit(index)

    def layer(self) -> Any:
        """Return the chosen layer, None if a mask is to be made."""
        index = self.currentIndex()
        return self._offered[index - 1] if index >= 1 else None

    def volume(self) -> Volume | None:
        """Return the chosen mask, None if one is to be made.

        Raises
        ------
        DataError
            If the layer is turned or not a volume.
        """
        layer = self.layer()
        if layer is None:
            return None
        thing = to_thing(layer)
        if not isinstance(thing, Volume):
            raise DataError(f"{layer.name} is not a volume z, y, x; choose another mask.")
        return thing


def _suits(layer: Any) -> bool:
    """Whether a layer can be a mask: three-dimensional, an image or painted labels."""
    if not isinstance(layer, Image | Labels) or layer.ndim != 3:
        return False
    return not getattr(layer, "rgb", False)
