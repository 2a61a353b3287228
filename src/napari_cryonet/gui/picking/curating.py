"""The page on which picks are filtered, reviewed, compared with others, and saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_cryonet.errors import DataError
from napari_cryonet.gui.dock import guarded
from napari_cryonet.gui.layout import row
from napari_cryonet.gui.picking.data import DataBox
from napari_cryonet.gui.picking.filter_box import FilterBox
from napari_cryonet.gui.picking.labelled import Labelled
from napari_cryonet.gui.picking.review_box import CompareBox, ReviewBox
from napari_cryonet.gui.picking.table import REJECTED
from napari_cryonet.gui.picking.view import PicksView
from napari_cryonet.gui.positions_dialog import ask_and_save
from napari_cryonet.signal.curation import Cut
from napari_cryonet.types import Points


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in a tomogram.

    Parameters
    ----------
    row
        The tomogram, and what was known of it.
    candidates
        All peaks of the scores.
    diameter
        Of a particle in Å.
    cut
        What the picks are cut with at first.
    estimates
        What the model says of each class.
    """

    row: Labelled
    candidates: Points
    diameter: float
    cut: Cut
    estimates: Mapping[str, Mapping[str, Any]]


class CuratingPage(QWidget):
    """From all candidates to the picks that are wanted.

    Parameters
    ----------
    viewer
        The window's viewer.
    data
        The choice of the data.

    Attributes
    ----------
    wrong
        Emitted with a sentence when something does not suit.
    view
        The picks in the window.
    filter, review, compare
        What is done with them.
    retrain_button
        Served by the dock.
    """

    wrong = Signal(str)

    def __init__(self, viewer: napari.viewer.ViewerModel, data: DataBox) -> None:
        super().__init__()
        self._data = data
        self.view = PicksView(viewer, self)
        self.filter = FilterBox(viewer)
        self.review = ReviewBox(viewer, self.view)
        self.compare = CompareBox(viewer, self.view)
        self.retrain_button = QPushButton("Retrain")
        self.retrain_button.setToolTip(
            "Train the chosen model on: labels and accepted picks are particles, rejected are none"
        )
        self.save_button = QPushButton("Save picks…")
        self.save_button.setToolTip("Write the picks that are in view and not rejected")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        buttons = row(self.retrain_button, self.save_button)
        for part in (self.filter, self.review, buttons, self.compare):
            layout.addWidget(part)
        data.changed.connect(self._on_filter)
        self.filter.changed.connect(self._on_filter)
        self.view.changed.connect(self._on_view)
        self.save_button.clicked.connect(self._on_save)

    def begin(self, found: Found) -> None:
        """Show what was found in a tomogram; what was said of its picks stays.

        Raises
        ------
        DataError
            If mask or regions do not fit the tomogram.
        """
        self.view.begin(found.row, found.candidates, found.diameter)
        self.filter.begin(self.view.candidates, found.cut, found.estimates)
        self._show()

    def refilter(self) -> None:
        """Show the picks that the filter leaves; not those of a tomogram that is gone.

        Raises
        ------
        DataError
            If mask or regions do not fit the tomogram.
        """
        if self.view.row is None or not (self.view.is_shown or self.is_chosen()):
            return
        self._show()

    def _show(self) -> None:
        """Show the picks that the filter leaves."""
        regions = self._data.regions.volume_or_none() if self.is_chosen() else None
        allowed = self.filter.allowed(self.view.candidates, regions)
        self.view.filter(self.filter.cut(), allowed)

    def is_chosen(self) -> bool:
        """Whether the picks in view are those of the chosen tomogram."""
        if self.view.row is None or self._data.tomogram.layer() is None:
            return False
        return self.view.row.is_of(self._data.chosen())

    def decided(self) -> Points | None:
        """Return what was said of picks of the chosen tomogram, None if nothing was."""
        return self.view.review.decided if self.is_chosen() else None

    def saved(self) -> tuple[Any, dict[str, Any]]:
        """Return data and attributes of the layer of the picks, without those rejected.

        Raises
        ------
        DataError
            If there are no picks.
        """
        if self.view.volume is None:
            raise DataError("There are no picks yet: press Train and pick, or Pick.")
        data, attributes, _ = self.view.layer.as_layer_data_tuple()
        table = attributes["features"]
        kept = np.asarray(table["status"] != REJECTED)
        return data[kept], attributes | {"features": table[kept]}

    # Slots are methods: napari drops a closed dock, and a closure would keep it half alive.

    def _on_filter(self) -> None:
        """Show what the filter leaves."""
        guarded(self.refilter, self.wrong.emit)

    def _on_view(self) -> None:
        """Say how many picks there are, and let the keys act on their layer."""
        names, counts = np.unique(self.view.picks.features["class"], return_counts=True)
        found = dict.fromkeys(self.filter.cut().thresholds, 0)
        self.filter.tell(found | dict(zip(names.tolist(), counts.tolist(), strict=True)))
        self.review.rebind()

    def _on_save(self) -> None:
        """Ask for a file and save the picks."""
        guarded(lambda: ask_and_save(*self.saved()), self.wrong.emit)
