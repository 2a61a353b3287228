"""The list of clusters, each with its colour, its size and a tick while it is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QWidget

from napari_cryonet.gui.exploring.candidates import colours

_HEIGHT = 132
_SQUARE = 12


class ClusterList(QListWidget):
    """The clusters of a layer.

    Attributes
    ----------
    ticked
        Emitted when a cluster is to be shown or hidden.
    chosen
        Emitted with the number of a cluster that is double-clicked on.
    """

    ticked = Signal()
    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._numbers: list[int] = []
        self.setMaximumHeight(_HEIGHT)
        self.setToolTip("Tick the clusters to show; double-click on one to select it")
        self.itemChanged.connect(self._on_ticked)
        self.itemDoubleClicked.connect(self._on_double_click)

    def show_clusters(self, groups: NDArray[np.int64], shown: NDArray[np.bool_]) -> None:
        """List other clusters.

        Parameters
        ----------
        groups
            ``(n,)`` the cluster of each candidate.
        shown
            ``(n,)`` which candidates are shown.
        """
        numbers, counts = np.unique(groups, return_counts=True)
        self._numbers = numbers.tolist()
        squares = colours(numbers)
        scrolled = self.verticalScrollBar().value()
        with QSignalBlocker(self):
            self.clear()
            for number, count, colour in zip(self._numbers, counts, squares, strict=True):
                item = QListWidgetItem(_square(colour), f"Cluster {number}: {count}", self)
                seen = shown[groups == number].any()
                item.setCheckState(Qt.CheckState.Checked if seen else Qt.CheckState.Unchecked)
        self.verticalScrollBar().setValue(scrolled)

    def in_view(self) -> list[int]:
        """Return the numbers of the clusters that have a tick."""
        return [
            number
            for row, number in enumerate(self._numbers)
            if self.item(row).checkState() == Qt.CheckState.Checked
        ]

    def _on_ticked(self) -> None:
        """Tell."""
        self.ticked.emit()

    def _on_double_click(self, item: QListWidgetItem) -> None:
        """Tell which cluster is meant."""
        self.chosen.emit(self._numbers[self.row(item)])


def _square(colour: NDArray[Any]) -> QIcon:
    """Return a small square of a colour."""
    square = QPixmap(_SQUARE, _SQUARE)
    square.fill(QColor(*colour.tolist()))
    return QIcon(square)
