"""The choice of the data: two halves or one volume among the layers, and further files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import napari
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_cryonet.errors import DataError
from napari_cryonet.gui.layer_box import is_volume
from napari_cryonet.gui.layers import to_thing
from napari_cryonet.gui.layout import empty_form, row, tipped_button
from napari_cryonet.gui.preferences import PLUGIN
from napari_cryonet.gui.widgets.more_files import MoreFiles
from napari_cryonet.io.halves import other_half, pairs
from napari_cryonet.io.mrc import SUFFIXES
from napari_cryonet.jobs.job import Rows
from napari_cryonet.types import Volume

_FILTER = f"Maps and tomograms ({' '.join(f'*{suffix} *{suffix}.gz' for suffix in SUFFIXES)})"
_NONE = "none: a single volume"


class HalvesPicker(QWidget):
    """Two boxes with layers, and a list of further files to train on.

    Parameters
    ----------
    viewer
        Its image layers are on offer.

    Attributes
    ----------
    changed
        Emitted when other layers are chosen, or layers are renamed or get another scale.
    more
        The further files.
    """

    changed = Signal()

    def __init__(self, viewer: napari.viewer.ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.first, self.second = QComboBox(), QComboBox()
        self.first.setToolTip(
            "The first half map, the tomogram of the even frames or tilts, or a single volume"
        )
        self.second.setToolTip("The other half, of the same shape, with independent noise")
        self.open_button = tipped_button(
            "Open files…", "Open half maps, even and odd tomograms or volumes as layers"
        )
        self.more_button = QPushButton("More files…")
        self.more = MoreFiles()
        self._offered: list[Any] = []
        form = empty_form()
        form.addRow("Half 1", self.first)
        form.addRow("Half 2", self.second)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addWidget(row(self.open_button, self.more_button))
        layout.addWidget(self.more)
        self.first.currentIndexChanged.connect(self._find_other)
        self.second.currentIndexChanged.connect(self._tell)
        self.open_button.clicked.connect(self._on_open)
        self.more_button.clicked.connect(self._on_more)
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.renamed):
            event.connect(self.refresh)
        self.pair(True)
        self.refresh()

    def pair(self, paired: bool) -> None:
        """Take halves, in pairs; or single volumes, of the chosen layers the first."""
        self._paired = paired
        self.more_button.setToolTip(
            "Choose many files to train on; halves are paired by name"
            if paired
            else "Choose many files to train on; each is a volume of its own"
        )
        self.more.pair(paired)

    def refresh(self) -> None:
        """Offer the image layers that are there now; keep the choice, or take a new pair."""
        before, chosen = self._offered, (self.first_layer(), self.second_layer())
        self._offered = [layer for layer in self._viewer.layers if is_volume(layer)]
        new = [layer for layer in self._offered if layer not in before]
        for layer in new:
            layer.events.scale.connect(self._tell)
        for layer in before:
            if layer not in self._offered:
                layer.events.scale.disconnect(self._tell)
        first, second = self._choice(*chosen, new)
        names = [layer.name for layer in self._offered]
        for box, items in ((self.first, names), (self.second, [_NONE, *names])):
            with QSignalBlocker(box):
                box.clear()
                box.addItems(items)
        self.choose(first, second)

    def first_layer(self) -> Any:
        """Return the layer that is chosen as half 1, None if there is none."""
        index = self.first.currentIndex()
        return self._offered[index] if index >= 0 else None

    def second_layer(self) -> Any:
        """Return the layer that is chosen as half 2, None if there is none."""
        index = self.second.currentIndex()
        return self._offered[index - 1] if index >= 1 else None

    def layers(self) -> list[Any]:
        """Return the layers that are taken: two halves, or one volume.

        Raises
        ------
        DataError
            If none is chosen.
        """
        if self.first_layer() is None:
            raise DataError("Open two half maps, an even and an odd tomogram, or a volume first.")
        second = self.second_layer() if self._paired else None
        return [layer for layer in (self.first_layer(), second) if layer is not None]

    def rows(self, *, training: bool) -> tuple[Rows, Mapping[str, Volume]]:
        """Return the inputs of a job, and the volumes that its names stand for.

        Parameters
        ----------
        training
            Whether further files count, and two halves are needed where halves are taken.

        Raises
        ------
        DataError
            If the choice does not suit.
        """
        layers = self.layers()
        if training and self._paired and len(layers) < 2:
            raise DataError(
                "Noise2Noise learns from two halves with independent noise; choose half 2, open "
                "its file, or take Self2Self."
            )
        given: dict[str, Volume] = {}
        for layer in layers:
            thing = to_thing(layer)
            if not isinstance(thing, Volume):
                raise DataError(f"{layer.name} is not a volume z, y, x.")
            given[f"layer: {layer.name}"] = thing
        if len(given) < len(layers):
            raise DataError("Half 1 and half 2 are the same layer; choose two halves.")
        return (tuple(given), *(self.more.rows() if training else ())), given

    def _choice(self, first: Any, second: Any, new: list[Any]) -> tuple[Any, Any]:
        """Return which layers to choose: the same as before, or what has come.

        A pair that has come is taken, and a volume in view in the place of a hidden one.
        """
        offered = self._offered
        if first in offered and second in offered:
            return first, second
        by_name = {layer.name: layer for layer in offered}
        found = [(by_name[one], by_name[two]) for one, two in pairs(by_name)[0]]
        if first in offered:
            found = [pair for pair in found if any(layer in new for layer in pair)]
            return found[0] if found else (_seen(new, first), None)
        return found[0] if found else (_seen(offered, self._active()), None)

    def _active(self) -> Any:
        """Return the selected layer if it is on offer, else the first that is, or None."""
        active = self._viewer.layers.selection.active
        return active if active in self._offered else next(iter(self._offered), None)

    def choose(self, first: Any, second: Any) -> None:
        """Choose two of the layers on offer.

        Parameters
        ----------
        first, second
            The layers of the halves; None for none.
        """
        with QSignalBlocker(self.first), QSignalBlocker(self.second):
            self.first.setCurrentIndex(-1 if first is None else self._offered.index(first))
            self.second.setCurrentIndex(0 if second is None else 1 + self._offered.index(second))
        self.changed.emit()

    def _find_other(self) -> None:
        """Choose the other half by the name of the first."""
        first = self.first_layer()
        by_name = {layer.name.lower(): layer for layer in self._offered}
        others = other_half(first.name) if first is not None else ()
        self.choose(first, next((by_name[each] for each in others if each in by_name), None))

    def _tell(self) -> None:
        """Tell that another half 2 was chosen, or that a layer has another voxel size."""
        self.changed.emit()

    def _on_open(self) -> None:
        """Open files as layers and choose the pair among them."""
        names, _ = QFileDialog.getOpenFileNames(self, "Open two halves or a volume", "", _FILTER)
        if not names:
            return
        opened = self._viewer.open(sorted(names), plugin=PLUGIN)
        layers = [layer for layer in opened if is_volume(layer)]
        if len(layers) == 2:
            self.choose(*layers)
        elif layers:
            self.first.setCurrentIndex(self._offered.index(layers[0]))

    def _on_more(self) -> None:
        """Add files to train on."""
        names, _ = QFileDialog.getOpenFileNames(self, "Choose files to train on", "", _FILTER)
        self.more.add_files(names)


def _seen(layers: list[Any], otherwise: Any) -> Any:
    """Return a layer; in the place of a hidden one the uppermost that is in view, if any is."""
    if otherwise is not None and otherwise.visible:
        return otherwise
    return next((layer for layer in reversed(layers) if layer.visible), otherwise)
