"""The page with the map of candidates: select them in it, and make labels of what is selected.

The layer of the candidates holds the state: which are selected and which are shown. The page
only draws it, so whatever is done to the layer in the window is seen here as well.
"""

from __future__ import annotations

from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_cryonet.errors import DataError
from napari_cryonet.gui.dock import guarded
from napari_cryonet.gui.exploring import candidates
from napari_cryonet.gui.exploring.cluster_list import ClusterList
from napari_cryonet.gui.exploring.scatter import ScatterPlot
from napari_cryonet.gui.exploring.selection import Mask
from napari_cryonet.gui.layer_box import LayerBox
from napari_cryonet.gui.layout import empty_form, row, text_label
from napari_cryonet.gui.picking.layers import angstrom_per_unit, new_labels, show_depth, show_place
from napari_cryonet.gui.positions_dialog import ask_and_save

_NONE = "Candidates are shown here once a tomogram has been explored."


class MapPage(QWidget):
    """Candidates as a map, and as a layer.

    Parameters
    ----------
    viewer
        The window's viewer.

    Attributes
    ----------
    wrong
        Emitted with a sentence when something does not suit.
    box
        The choice of the layer.
    plot, list
        Its map, and its clusters.
    words
        How many candidates are selected.
    kind
        The line with the name of the class that they are.
    """

    wrong = Signal(str)

    def __init__(self, viewer: napari.viewer.ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._layer: Any = None
        self._stale = False
        self._soon = QTimer(self, singleShot=True, interval=0)
        self.box = LayerBox(viewer, candidates.is_explored)
        self.box.setToolTip("Candidates in clusters, just found or opened from a file")
        self.plot, self.list, self.words = ScatterPlot(), ClusterList(), text_label()
        self.kind = QLineEdit("particle")
        self.kind.setToolTip("The name of the class that the selected candidates are")
        self.labels_button = QPushButton("Selection → labels")
        self.labels_button.setToolTip("Make a layer of labels, from which Picking can learn")
        self.save_button = QPushButton("Save positions…")
        self.save_button.setToolTip("Write the candidates that are shown")
        self._lay_out()
        self._soon.timeout.connect(self._on_soon)
        self.box.changed.connect(self._on_layer)
        self.plot.lassoed.connect(self._on_lassoed)
        self.plot.clicked.connect(self._on_clicked)
        self.plot.cleared.connect(self._on_cleared)
        self.list.ticked.connect(self._on_ticked)
        self.list.chosen.connect(self._on_chosen)
        self.labels_button.clicked.connect(self._on_labels)
        self.save_button.clicked.connect(self._on_save)
        self._on_layer()

    def draw(self) -> None:
        """Draw the candidates of the layer, and which of them are selected."""
        layer, self._stale = self._layer, False
        for part in (self.plot, self.list, self.labels_button, self.save_button):
            part.setEnabled(layer is not None)
        if layer is None:
            self.plot.show_points(np.empty((0, 2)), np.empty((0, 3), dtype=int), ("", ""))
            self.list.clear()
            self.words.setText(_NONE)
            return
        groups = candidates.clusters(layer)
        self.plot.show_points(
            candidates.places(layer), candidates.colours(groups), candidates.axes(layer)
        )
        self.list.show_clusters(groups, layer.shown)
        self._draw_selection()

    def diameter(self) -> float:
        """Return the diameter of the candidates in Å."""
        return float(np.median(self._layer.size)) * angstrom_per_unit(self._layer)

    def make_labels(self) -> Any:
        """Add a layer of labels where the selected candidates are, and return it.

        Raises
        ------
        DataError
            If none is selected.
        """
        layer = self._layer
        if layer is None or not layer.selected_data:
            raise DataError(
                "No candidate is selected: draw around some in the map, or double-click on a "
                "cluster."
            )
        kind = self.kind.text().strip() or "particle"
        labels = new_labels(self._viewer, layer, kind, self.diameter())
        labels.data = layer.data[candidates.selected(layer)]
        labels.mode = "pan_zoom"  # another click is for the map, not one more label
        return labels

    def saved(self) -> tuple[Any, dict[str, Any]]:
        """Return data and attributes of the candidates that are shown."""
        data, attributes, _ = self._layer.as_layer_data_tuple()
        kept = self._layer.shown
        return data[kept], attributes | {"features": attributes["features"][kept]}

    def _draw_selection(self) -> None:
        """Draw which candidates are selected, here and in the viewer, and say how many."""
        chosen = candidates.selected(self._layer)
        candidates.mark(self._layer)
        self.plot.highlight(chosen)
        self.words.setText(
            f"{chosen.sum()} of {len(chosen)} candidates selected, {self._layer.shown.sum()} shown"
        )

    # Slots are methods: napari drops a closed dock, and a closure would keep it half alive.

    def _on_layer(self) -> None:
        """Follow the chosen layer."""
        layer = self.box.layer()
        if layer is not self._layer:
            if self._layer is not None:
                self._layer.events.data.disconnect(self._on_data)
                self._layer.selected_data.events.items_changed.disconnect(self._on_selected)
            self._layer = layer
            if layer is not None:
                candidates.dress(layer)
                show_depth(self._viewer, self.diameter())
                layer.events.data.connect(self._on_data)
                layer.selected_data.events.items_changed.connect(self._on_selected)
        self.draw()

    def _on_data(self) -> None:
        """Draw everything anew, when napari is done with what the user does to the points."""
        self._stale = True
        self._soon.start()

    def _on_selected(self) -> None:
        """Draw which candidates are selected, when napari is done."""
        self._soon.start()

    def _on_soon(self) -> None:
        """Draw what has changed."""
        if self._stale:
            self.draw()
        elif self._layer is not None:
            self._draw_selection()

    def _on_lassoed(self, chosen: Mask, add: bool) -> None:
        """Select what was drawn around."""
        candidates.select(self._layer, chosen | candidates.selected(self._layer) if add else chosen)

    def _on_clicked(self, index: int) -> None:
        """Go to a candidate."""
        show_place(self._viewer, self._layer, self._layer.data[index])

    def _on_cleared(self) -> None:
        """Select none."""
        self._layer.selected_data = set()

    def _on_ticked(self) -> None:
        """Show the clusters that are ticked; what is hidden is not selected."""
        self._layer.shown = np.isin(candidates.clusters(self._layer), self.list.in_view())
        candidates.select(self._layer, candidates.selected(self._layer))
        self._on_data()

    def _on_chosen(self, number: int) -> None:
        """Select a cluster."""
        candidates.select(self._layer, candidates.clusters(self._layer) == number)

    def _on_labels(self) -> None:
        """Make labels."""
        guarded(self.make_labels, self.wrong.emit)

    def _on_save(self) -> None:
        """Ask for a file and save the candidates."""
        guarded(lambda: ask_and_save(*self.saved()), self.wrong.emit)

    def _lay_out(self) -> None:
        """Put everything in its place."""
        choice, naming = empty_form(), empty_form()
        choice.addRow("Candidates", self.box)
        naming.addRow("Class", row(self.kind, self.labels_button))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(choice)
        for part in (self.plot, self.words, self.list):
            layout.addWidget(part)
        layout.addLayout(naming)
        layout.addWidget(self.save_button)
