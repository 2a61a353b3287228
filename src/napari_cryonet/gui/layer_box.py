"""The choice of one layer of a kind: a volume, a mask, painted regions or points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari
from napari.layers import Image, Labels, Points
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_cryonet.errors import DataError
from napari_cryonet.gui.layers import to_thing
from napari_cryonet.gui.preview import NAME as PREVIEW
from napari_cryonet.gui.things import KEY
from napari_cryonet.types import ModelCard, Volume
from napari_cryonet.types.model import voxel_size_warning


def is_volume(layer: Any) -> bool:
    """Whether a layer is a three-dimensional image that is not a preview."""
    if not isinstance(layer, Image) or layer.ndim != 3 or layer.rgb:
        return False
    return not layer.metadata.get(KEY, {}).get(PREVIEW)


def is_mask(layer: Any) -> bool:
    """Whether a layer can be a mask: a volume, or painted labels."""
    return is_volume(layer) or is_painted(layer)


def is_painted(layer: Any) -> bool:
    """Whether a layer holds painted labels along z, y, x."""
    return isinstance(layer, Labels) and layer.ndim == 3


def is_picks(layer: Any) -> bool:
    """Whether a layer holds points along z, y, x that are not those of a cloud."""
    if not isinstance(layer, Points) or layer.ndim != 3:
        return False
    return bool(layer.metadata.get(KEY, {}).get("kind") != "cloud")


class LayerBox(QComboBox):
    """A box with the layers of a kind; at first the selected one is chosen, or none.

    Parameters
    ----------
    viewer
        Its layers are on offer.
    suits
        Whether a layer is of that kind.
    none
        What it says where none is chosen, if none may be chosen; it is at first.

    Attributes
    ----------
    changed
        Emitted when another layer is chosen, or the chosen one is renamed or gets another scale.
    """

    changed = Signal()

    def __init__(
        self,
        viewer: napari.viewer.ViewerModel,
        suits: Callable[[Any], bool] = is_volume,
        none: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._suits = suits
        self._none = [none] if none else []
        self._offered: list[Any] = []
        self._followed: Any = None
        self._told: tuple[Any, str] = (None, "")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.currentIndexChanged.connect(self._on_choice)
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.renamed):
            event.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Offer the layers that are there now; keep the choice."""
        chosen = self.layer()
        self._offered = [layer for layer in self._viewer.layers if self._suits(layer)]
        if chosen not in self._offered:
            active = self._viewer.layers.selection.active
            chosen = active if active in self._offered else next(reversed(self._offered), None)
            chosen = None if self._none else chosen
        with QSignalBlocker(self):
            self.clear()
            self.addItems([*self._none, *(layer.name for layer in self._offered)])
            self.choose(chosen)
        self._on_choice()

    def choose(self, layer: Any) -> None:
        """Choose a layer that is on offer, or None."""
        first = len(self._none)
        self.setCurrentIndex(first - 1 if layer is None else first + self._offered.index(layer))

    def layer(self) -> Any:
        """Return the chosen layer, None if there is none."""
        index = self.currentIndex() - len(self._none)
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
            raise DataError(f"{layer.name} is not a volume z, y, x; choose another layer.")
        return thing

    def volume_or_none(self) -> Volume | None:
        """Return the chosen layer as a volume, None if none is chosen.

        Raises
        ------
        DataError
            If it is turned or not a volume.
        """
        return None if self.layer() is None else self.volume()

    def too_coarse(self, card: ModelCard) -> str:
        """Return a sentence if the chosen volume is coarser than what a model has learnt from."""
        size = None if self.layer() is None else self.volume().voxel_size
        coarser = size and card.voxel_size and max(size) > max(card.voxel_size)
        return voxel_size_warning(card, size) if coarser else ""

    def _on_choice(self) -> None:
        """Follow the scale of the chosen layer, and tell unless it is the same as before."""
        layer, name = self.layer(), self.currentText()
        if layer is not self._followed:
            if self._followed is not None:
                self._followed.events.scale.disconnect(self._on_scale)
            if layer is not None:
                layer.events.scale.connect(self._on_scale)
            self._followed = layer
        if (layer, name) != self._told:
            self._told = layer, name
            self.changed.emit()

    def _on_scale(self) -> None:
        """Tell that the chosen layer has another voxel size."""
        self.changed.emit()
