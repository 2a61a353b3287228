"""The choice of the data: two halves among the layers, and further pairs among the files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import napari
from napari.layers import Image
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_cryonet.errors import DataError
from napari_cryonet.gui.layers import to_thing
from napari_cryonet.io.halves import other_half, pairs
from napari_cryonet.io.mrc import SUFFIXES
from napari_cryonet.jobs.job import Rows
from napari_cryonet.types import Volume

_FILTER = f"Maps and tomograms ({' '.join(f'*{suffix} *{suffix}.gz' for suffix in SUFFIXES)})"
_NONE = "none: a single volume"


class HalvesPicker(QWidget):
    """Two boxes with layers, and a list of further pairs of files.

    Parameters
    ----------
    viewer
        Its image layers are on offer.
    """

    def __init__(self, viewer: napari.viewer.ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.first, self.second = QComboBox(), QComboBox()
        self.first.setToolTip("The first half map, or the tomogram of the even frames or tilts")
        self.second.setToolTip("The other half, of the same shape, with independent noise")
        self.open_button = QPushButton("Open files…")
        self.open_button.setToolTip("Open half maps or even and odd tomograms as layers")
        self.more_button = QPushButton("More pairs…")
        self.more_button.setToolTip("Choose many files to train on; halves are paired by name")
        self.more = QListWidget()
        self.more.setMaximumHeight(90)
        self.more.setVisible(False)
        self.more.setToolTip("Further pairs to train on; double-click to take one off the list")
        self._pairs: list[tuple[str, str]] = []
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Half 1", self.first)
        form.addRow("Half 2", self.second)
        buttons = QHBoxLayout()
        buttons.addWidget(self.open_button)
        buttons.addWidget(self.more_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addLayout(buttons)
        layout.addWidget(self.more)
        self.first.currentTextChanged.connect(self._find_other)
        self.open_button.clicked.connect(self._on_open)
        self.more_button.clicked.connect(self._on_more)
        self.more.itemDoubleClicked.connect(self._on_less)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Offer the image layers that are there now."""
        names = [layer.name for layer in self._viewer.layers if _suits(layer)]
        for box, extra in ((self.first, []), (self.second, [_NONE])):
            chosen = box.currentText()
            box.blockSignals(True)
            box.clear()
            box.addItems([*extra, *names])
            box.setCurrentText(chosen if chosen in names else (names or extra or [""])[0])
            box.blockSignals(False)
        found, _ = pairs(names)
        if found and self.second.currentText() in ("", _NONE, self.first.currentText()):
            self.first.setCurrentText(found[0][0])
            self.second.setCurrentText(found[0][1])

    def layers(self) -> list[Any]:
        """Return the layers that are chosen: two halves, or one.

        Raises
        ------
        DataError
            If none is, or the layer is gone.
        """
        names = [self.first.currentText(), self.second.currentText()]
        chosen = [name for name in names if name in self._viewer.layers]
        if not chosen:
            raise DataError("Open two half maps, or an even and an odd tomogram, first.")
        return [self._viewer.layers[name] for name in chosen]

    def rows(self, *, training: bool) -> tuple[Rows, Mapping[str, Volume]]:
        """Return the inputs of a job, and the volumes that its names stand for.

        Parameters
        ----------
        training
            Whether two halves are needed, and further pairs count.

        Raises
        ------
        DataError
            If the choice does not suit.
        """
        layers = self.layers()
        if training and len(layers) < 2:
            raise DataError(
                "Noise2Noise learns from two halves with independent noise; choose half 2, or "
                "open its file."
            )
        given: dict[str, Volume] = {}
        for layer in layers:
            thing = to_thing(layer)
            if not isinstance(thing, Volume):
                raise DataError(f"{layer.name} is not a volume z, y, x.")
            given[f"layer: {layer.name}"] = thing
        if len(given) < len(layers):
            raise DataError("Half 1 and half 2 are the same layer; choose two halves.")
        return (tuple(given), *(self._pairs if training else ())), given

    def _find_other(self, name: str) -> None:
        """Choose the other half by its name."""
        by_name = {self.second.itemText(n).lower(): n for n in range(self.second.count())}
        found = next((by_name[each] for each in other_half(name) if each in by_name), None)
        self.second.setCurrentIndex(0 if found is None else found)

    def _on_open(self) -> None:
        """Open files as layers and choose the pair among them."""
        names, _ = QFileDialog.getOpenFileNames(self, "Open two halves", "", _FILTER)
        if not names:
            return
        layers = self._viewer.open(names, plugin="napari-cryonet")
        self.first.setCurrentText(layers[0].name)
        if len(layers) == 2:
            self.second.setCurrentText(layers[1].name)

    def _on_more(self) -> None:
        """Add pairs of files to train on."""
        names, _ = QFileDialog.getOpenFileNames(self, "Choose pairs of halves", "", _FILTER)
        self.add_pairs(names)

    def add_pairs(self, names: list[str]) -> None:
        """Add files, paired by their names, to what is trained on.

        Parameters
        ----------
        names
            Files; those whose other half is missing are left out and named in the list.
        """
        found, rest = pairs(names)
        for pair in found:
            self._pairs.append(pair)
            self.more.addItem(" + ".join(Path(name).name for name in pair))
        self.more.setVisible(bool(self._pairs))
        missing = ", ".join(Path(name).name for name in rest)
        self.more_button.setText(f"No other half: {missing}" if missing else "More pairs…")

    def _on_less(self) -> None:
        """Take a pair off the list."""
        row = self.more.currentRow()
        self.more.takeItem(row)
        del self._pairs[row]
        self.more.setVisible(bool(self._pairs))


def _suits(layer: Any) -> bool:
    """Whether a layer can be a half: a three-dimensional image that is not a preview."""
    return isinstance(layer, Image) and layer.ndim == 3 and not layer.rgb
