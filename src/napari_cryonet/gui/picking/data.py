"""The data of the Picking dock: a tomogram, layers of labels, painted regions, other tomograms."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import napari
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_cryonet.errors import DataError
from napari_cryonet.gui.layer_box import LayerBox, is_painted, is_picks
from napari_cryonet.gui.layout import empty_form, row, text_label, tipped_button
from napari_cryonet.gui.picking.labelled import Labelled, names, training_labels
from napari_cryonet.gui.picking.layers import REGION_COLOURS, REGIONS, points_in
from napari_cryonet.gui.picking.table import ACCEPTED, MANUAL, UNREVIEWED, full, joined
from napari_cryonet.types import Points, Volume

_LIST_HEIGHT = 44
_NUMBERED = re.compile(r" \[\d+\]$")  # what napari adds to a name that is taken


class DataBox(QWidget):
    """The choice of what is learnt from and picked in.

    Parameters
    ----------
    viewer
        Its layers are on offer.

    Attributes
    ----------
    changed
        Emitted when another tomogram or other regions are chosen.
    tomogram, regions
        The boxes of their layers.
    labels
        The layers of labels, with a tick on those that count.
    kind
        The line with the name of the next class.
    """

    changed = Signal()

    def __init__(self, viewer: napari.viewer.ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layers: list[Any] = []
        self._ticked: list[Any] = []
        self._rows: list[tuple[Labelled, list[Any]]] = []  # with the layers that were ticked
        self._seen: Any = None
        self.tomogram = LayerBox(viewer)
        self.tomogram.setToolTip("The tomogram that is labelled and picked")
        self.labels = _list("Tick the layers whose points are particles; each is a class")
        self.kind = QLineEdit("particle")
        self.kind.setToolTip("The name of the class to label")
        self.labels_button = tipped_button(
            "New labels", "Click on particles, on a layer of this class"
        )
        self.regions = LayerBox(viewer, is_painted, "none")
        self.regions.setToolTip("Painted regions: background, fully annotated, ignored")
        self.regions_button = tipped_button(
            "New regions", "Paint background, fully annotated and ignored regions"
        )
        self.add_button = tipped_button(
            "Add to training", "Keep this tomogram with its labels to train on, and open another"
        )
        self.others = _list("Tomograms that are also trained on; double-click to take one off")
        self.legend = text_label()
        self.legend.setText(_legend())
        self._lay_out()
        self.labels.itemChanged.connect(self._on_ticked)
        self.others.itemDoubleClicked.connect(self._on_less)
        for box in (self.tomogram, self.regions):
            box.changed.connect(self._on_changed)
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.renamed):
            event.connect(self.refresh)
        self.refresh()
        self._on_changed()

    def refresh(self) -> None:
        """Offer the points layers that are there now; new ones count unless a model made them."""
        known, self._layers = self._layers, [x for x in self._viewer.layers if is_picks(x)]
        self._ticked = [layer for layer in self._ticked if layer in self._layers]
        self._ticked += [
            layer for layer in self._layers if layer not in known and _is_labelled(layer)
        ]
        with QSignalBlocker(self.labels):
            self.labels.clear()
            for layer in self._layers:
                item = QListWidgetItem(layer.name, self.labels)
                ticked = layer in self._ticked
                item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)

    def ticked(self) -> list[Any]:
        """Return the layers whose points are labels."""
        return [layer for layer in self._layers if layer in self._ticked]

    def known(self, volume: Volume, radius: float) -> Points:
        """Return the labels that are in the ticked layers, in the voxels of a volume.

        Picks that nobody has looked at are no labels.

        Parameters
        ----------
        volume
            The tomogram.
        radius
            Of a particle in Å.

        Raises
        ------
        DataError
            If no layer is ticked, or one of them does not suit.
        """
        if not self.ticked():
            raise DataError(
                "There are no labels: press New labels and click on ten or more particles, or "
                "tick a points layer."
            )
        every = [
            full(
                points_in(layer, volume), radius, kind=_kind(layer), status=ACCEPTED, source=MANUAL
            )
            for layer in self.ticked()
        ]
        labels = joined(every)
        return labels.kept(labels.features["status"] != UNREVIEWED)

    def labelled(self, decided: Points | None, diameter: float) -> Labelled:
        """Return the chosen tomogram with its labels and its regions.

        Parameters
        ----------
        decided
            What was said of picks of this tomogram; None if nothing was.
        diameter
            Of a particle in Å.

        Raises
        ------
        DataError
            If there is no tomogram, or nothing is labelled.
        """
        chosen = self.chosen()
        if decided is None or not len(decided):
            return replace(chosen, labels=self.known(chosen.volume, diameter / 2))
        if self.ticked():
            known = self.known(chosen.volume, diameter / 2)
            decided = training_labels(known, decided, diameter)
        return replace(chosen, labels=decided)

    def chosen(self) -> Labelled:
        """Return the chosen tomogram with its regions and without labels.

        Raises
        ------
        DataError
            If there is none.
        """
        volume, regions = self.tomogram.volume(), self.regions.volume_or_none()
        return Labelled(volume, None, regions, self.tomogram.layer())

    def add(self, labelled: Labelled) -> None:
        """Keep a tomogram to train on, in the place of what was kept of it before.

        Its layers of labels lose their ticks when another tomogram is chosen.
        """
        self._rows = [kept for kept in self._rows if not kept[0].is_of(labelled)]
        self._rows.append((labelled, self.ticked()))
        self._list_others()

    def rows(self, chosen: Labelled) -> list[Labelled]:
        """Return what is trained on: the chosen tomogram first, then those that were kept."""
        return [chosen, *(kept for kept, _ in self._rows if not kept.is_of(chosen))]

    def _on_ticked(self, item: QListWidgetItem) -> None:
        """Count a layer, or leave it out."""
        layer = self._layers[self.labels.row(item)]
        ticked = item.checkState() == Qt.CheckState.Checked
        self._ticked = [other for other in self._ticked if other is not layer]
        self._ticked += [layer] if ticked else []

    def _on_changed(self) -> None:
        """Show what the colours of regions mean while there are any, and tell."""
        if self.tomogram.layer() is not self._seen:
            self._seen = self.tomogram.layer()
            self._tick()
        self.legend.setVisible(self.regions.layer() is not None)
        self.changed.emit()

    def _tick(self) -> None:
        """Take the ticks off labels that were kept with other tomograms, and set its own."""
        own: list[Any] = []
        others: list[Any] = []
        for labelled, used in self._rows:
            (own if labelled.layer is self._seen else others).extend(used)
        kept = [layer for layer in self._ticked if layer not in others or layer in own]
        self._ticked = [*kept, *(layer for layer in own if layer not in kept)]
        self.refresh()

    def _on_less(self, item: QListWidgetItem) -> None:
        """Take a tomogram off the list."""
        del self._rows[self.others.row(item)]
        self._list_others()

    def _list_others(self) -> None:
        """Show what else is trained on."""
        self.others.clear()
        rows = [kept for kept, _ in self._rows]
        for name, kept in zip(names(rows), rows, strict=True):
            self.others.addItem(f"{name}: {len(kept.labels or ())} labels")
        self.others.setVisible(bool(self._rows))

    def _lay_out(self) -> None:
        """Put everything in its place."""
        self.others.setVisible(False)
        self.form = empty_form()
        self.form.addRow("Tomogram", row(self.tomogram, self.add_button))
        self.form.addRow("Class", row(self.kind, self.labels_button))
        self.form.addRow("Labels", self.labels)
        self.form.addRow("Regions", row(self.regions, self.regions_button))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self.form)
        for part in (self.legend, self.others):
            layout.addWidget(part)


def _kind(layer: Any) -> str:
    """Return the class of a layer of labels: its name, without the number of a second one."""
    return _NUMBERED.sub("", str(layer.name))


def _is_labelled(layer: Any) -> bool:
    """Whether a layer that has come holds labels: it is seen, and no model has scored it."""
    return bool(layer.visible and "score" not in layer.features)


def _legend() -> str:
    """Return what the values of regions mean, in their colours."""
    parts = (
        f'<b style="color: {colour}">{value} {REGIONS[value]}</b>'
        for value, colour in REGION_COLOURS.items()
    )
    return f"Paint with {', '.join(parts)}."


def _list(tip: str) -> QListWidget:
    """Return a short list."""
    made = QListWidget()
    made.setMaximumHeight(_LIST_HEIGHT)
    made.setToolTip(tip)
    return made
