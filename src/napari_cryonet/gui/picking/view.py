"""The picks of one tomogram in the window: filtered, reviewed one by one, and edited by hand."""

from __future__ import annotations

from typing import Any

import napari
import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_cryonet.gui.layers import layer_data
from napari_cryonet.gui.picking.labelled import Labelled
from napari_cryonet.gui.picking.layers import (
    SPHERES,
    borders,
    columns,
    show_depth,
    show_place,
)
from napari_cryonet.gui.picking.review import Review, Walk, far_from
from napari_cryonet.gui.picking.table import ACCEPTED, REJECTED, full, marked
from napari_cryonet.signal.curation import Candidates, Cut, Mask, in_angstrom, most_doubtful
from napari_cryonet.types import Points, Volume

_DRAGGED = 400  # ms without another move, after which a point that was dragged has arrived


class PicksView(QObject):
    """The picks of the newest tomogram that was picked.

    Parameters
    ----------
    viewer
        It shows them.

    Attributes
    ----------
    changed
        Emitted when other picks are in view, or something was said of them.
    row
        The tomogram; None before the first.
    layer
        The layer of the picks.
    """

    changed = Signal()

    def __init__(self, viewer: napari.viewer.ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.row: Labelled | None = None
        self.layer: Any = None
        self._best_first = False
        self._walk: Walk | None = None
        self._drawn: Points | None = None
        self._place: Any = None
        self._drawing = False
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._draw)
        self._moved = QTimer(self, singleShot=True, interval=_DRAGGED)
        self._moved.timeout.connect(self._on_moved)

    @property
    def volume(self) -> Volume | None:
        """The tomogram, None before the first."""
        return None if self.row is None else self.row.volume

    @property
    def is_shown(self) -> bool:
        """Whether there is a layer of picks."""
        return self.layer is not None and self.layer in self._viewer.layers

    def begin(self, row: Labelled, found: Points, diameter: float) -> None:
        """Show other candidates; what was said of picks of the same tomogram stays.

        Parameters
        ----------
        row
            The tomogram; labels that the model has learnt from need no review.
        found
            The candidates of a model.
        diameter
            Of a particle in Å.
        """
        picks = full(found, diameter / 2)
        if row.labels is not None:
            picks = marked(picks, ~far_from(picks, row.labels, diameter / 2), status=ACCEPTED)
        self.candidates = Candidates(picks)
        if self.row is None or not self.row.is_of(row):
            self.review = Review(self.candidates.points, diameter)
            self.layer = None
        else:
            self.review.take(self.candidates.points)
        self.row, self._place = row, None

    def filter(self, cut: Cut, allowed: Mask | None) -> None:
        """Show the candidates that are wanted.

        Parameters
        ----------
        cut
            What is wanted of a pick.
        allowed
            ``(n,)`` which candidates may be picks; None for all.
        """
        self._thresholds = cut.thresholds
        self.review.keep(self.candidates.chosen(cut, allowed))
        self._walk = None
        self._draw()

    def review_first(self, *, best: bool) -> None:
        """Review those with the best scores first, or the most doubtful."""
        self._best_first, self._walk = best, None

    @property
    def picks(self) -> Points:
        """Those in view that were not rejected."""
        shown = self.review.shown
        return shown.kept(shown.features["status"] != REJECTED)

    @property
    def current(self) -> int | None:
        """Which of those in view is under review."""
        return None if self._place is None else self.review.row(self._place)

    def decide(self, status: str) -> None:
        """Accept or reject the pick under review, and go to the next."""
        self._on_moved()
        if self.current is not None:
            self.review.decide(self.current, status)
        self.step(1)

    def step(self, way: int) -> None:
        """Go to the next that nobody has looked at, or with -1 to the one before."""
        if self.volume is None:
            return
        if self._walk is None:
            self._walk = Walk(self._in_order())
        index = self._walk.step(self.review, way)
        if index is not None:
            self._place = self.review.shown.positions[index].copy()
            show_place(self._viewer, self.layer, self._place)
        self._draw()

    def turn(self, *, back: bool) -> None:
        """Take the last word back, or say it again."""
        if self.volume is not None and (self.review.undo() if back else self.review.redo()):
            self._draw()

    def _in_order(self) -> Points:
        """Return those that nobody has looked at, in the order in which they are reviewed."""
        picks = self.review.shown.kept(self.review.waiting)
        scores = np.asarray(picks.features["score"], dtype=float)
        if self._best_first:
            return picks.kept(np.argsort(-scores, kind="stable"))
        cuts = np.array([self._thresholds.get(name, 0.5) for name in picks.features["class"]])
        places, diameter = in_angstrom(picks), self.review.diameter
        return picks.kept(most_doubtful(places, scores, cuts, diameter))

    def _draw(self) -> None:
        """Show what is in view, on a layer of its own."""
        if self.volume is None:
            return
        shown = self.review.shown
        self._drawing = True
        try:
            if not self.is_shown:
                self._add_layer(shown)
                self._drawn = None
            changes = borders(shown, self.current)
            if shown is not self._drawn:
                self.layer.selected_data = set()
                self.layer.data = shown.positions.copy()
                changes |= columns(shown)
            for name, value in changes.items():
                setattr(self.layer, name, value)
            self._drawn = shown
        finally:
            self._drawing = False
        self.changed.emit()

    def _add_layer(self, shown: Points) -> None:
        """Add the layer of the picks, in the space of the tomogram."""
        assert self.volume is not None  # noqa: S101 - nothing is drawn without one
        ((data, attributes, kind),) = layer_data(shown, origin=self.volume.origin)
        attributes |= {"name": f"{self.volume.name} picks", "border_color": "white"}
        attributes["projection_mode"] = SPHERES
        self.layer = self._viewer.add_layer(Layer.create(data, attributes, kind))
        show_depth(self._viewer, self.review.diameter)
        self.layer.events.data.connect(self._on_data)

    def _on_data(self, event: Any) -> None:
        """Take what the user does to the points; it is drawn when napari is done with it."""
        if self._drawing or event.source is not self.layer:
            return
        action, count = str(event.action), len(self.review.shown)
        if action == "removed":
            self.review.remove(np.array(sorted(event.data_indices), dtype=np.intp))
        elif action == "added":
            kinds = self.candidates.classes
            kind = str(kinds[0]) if len(kinds) else "particle"
            self.review.add(np.array(self.layer.data[count:]), kind)
        elif action == "changed":
            self._moved.start()
            return
        else:
            return
        self._drawn = None  # the layer is no longer as it was drawn
        self._soon.start()

    def _on_moved(self) -> None:
        """Take where points were dragged to, the one under review with them."""
        self._moved.stop()
        if not self.is_shown:
            return
        shown, current = self.review.shown, self.current
        if len(shown) != len(self.layer.data):
            return
        rows = np.flatnonzero((self.layer.data != shown.positions).any(axis=1))
        if len(rows):
            places = np.array(self.layer.data)
            self.review.move(rows, places[rows])
            if current is not None:
                self._place = places[current]
            self._draw()
