"""The buttons of the review, each with its key, and how far the review is."""

from __future__ import annotations

from typing import Any

import napari
from qtpy.QtWidgets import QComboBox, QGridLayout, QVBoxLayout, QWidget

from napari_cryonet.errors import CryonetError
from napari_cryonet.gui.keyed import STEPS, KeyedBox
from napari_cryonet.gui.layer_box import LayerBox, is_picks
from napari_cryonet.gui.layout import empty_form, text_label
from napari_cryonet.gui.picking.layers import STATUS_COLOURS, points_in
from napari_cryonet.gui.picking.table import ACCEPTED, REJECTED
from napari_cryonet.gui.picking.view import PicksView
from napari_cryonet.signal.score import score

_STEPS = (*STEPS, ("undo", "Undo", "Control-Z"), ("redo", "Redo", "Control-Shift-Z"))


class ReviewBox(KeyedBox):
    """The review of the picks in view.

    Parameters
    ----------
    viewer
        The window's viewer, in which the keys are pressed.
    view
        The picks.

    Attributes
    ----------
    order
        Which picks come first.
    """

    def __init__(
        self, viewer: napari.viewer.ViewerModel, view: PicksView, parent: QWidget | None = None
    ) -> None:
        super().__init__(viewer, _STEPS, parent)
        self._view = view
        self.order = QComboBox()
        self.order.addItems(["most doubtful first", "best scores first"])
        self.order.setToolTip("Doubtful are those whose score is near the threshold")
        self.words = text_label()
        self.order.currentIndexChanged.connect(self._on_order)
        view.changed.connect(self.tell)
        self._lay_out()
        self.tell()

    def reviewed_layer(self) -> Any:
        """Return the layer of the picks."""
        return self._view.layer

    def tell(self) -> None:
        """Say how far the review is."""
        ready = self._view.volume is not None
        for button in self.buttons.values():
            button.setEnabled(ready)
        if not ready:
            self.words.setText("Picks are reviewed here.")
            return
        decided = self._view.review.decided.features["status"]
        counts = {status: int((decided == status).sum()) for status in STATUS_COLOURS}
        parts = [
            f'<b style="color: {STATUS_COLOURS[status]}">{count} {status}</b>'
            for status, count in counts.items()
        ]
        waiting = int(self._view.review.waiting.sum())
        self.words.setText(f"{', '.join(parts)}, {waiting} not reviewed")

    # Slots are methods: napari drops a closed dock, and a closure would keep it half alive.

    def _on_accept(self, _: object = None) -> None:
        """Accept the pick under review."""
        self._view.decide(ACCEPTED)

    def _on_reject(self, _: object = None) -> None:
        """Reject the pick under review."""
        self._view.decide(REJECTED)

    def _on_following(self, _: object = None) -> None:
        """Go on."""
        self._view.step(1)

    def _on_before(self, _: object = None) -> None:
        """Go back."""
        self._view.step(-1)

    def _on_undo(self, _: object = None) -> None:
        """Take the last word back."""
        self._view.turn(back=True)

    def _on_redo(self, _: object = None) -> None:
        """Say it again."""
        self._view.turn(back=False)

    def _on_order(self) -> None:
        """Take the other order."""
        self._view.review_first(best=self.order.currentIndex() == 1)

    def _lay_out(self) -> None:
        """Put everything in its place."""
        grid = QGridLayout()
        for number, button in enumerate(self.buttons.values()):
            grid.addWidget(button, number // 2, number % 2)
        form = empty_form()
        form.addRow("Review", self.order)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addLayout(grid)
        layout.addWidget(self.words)


class CompareBox(QWidget):
    """The picks in view against true positions.

    Parameters
    ----------
    viewer
        Its points layers are on offer.
    view
        The picks.

    Attributes
    ----------
    truth
        The box of the layer with the true positions.
    words
        The figures.
    """

    def __init__(
        self, viewer: napari.viewer.ViewerModel, view: PicksView, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._view = view
        self.truth = LayerBox(viewer, is_picks, "none")
        self.truth.setToolTip("True positions, to score the picks against at half a diameter")
        self.words = text_label()
        form = empty_form(self)
        form.addRow("Compare with", self.truth)
        form.addRow(self.words)
        self.truth.changed.connect(self.tell)
        view.changed.connect(self.tell)

    def tell(self) -> None:
        """Say how good the picks are."""
        layer, volume = self.truth.layer(), self._view.volume
        self.words.setVisible(layer is not None and volume is not None)
        if layer is None or volume is None:
            return
        try:
            truth = points_in(layer, volume)
            found = score(self._view.picks, truth, self._view.review.diameter / 2)
        except CryonetError as error:
            self.words.setText(str(error))
            return
        away = "" if found.median_error is None else f", error {found.median_error:.0f} Å"
        self.words.setText(
            f"Precision {found.precision:.2f}, recall {found.recall:.2f}, F1 {found.f1:.2f}{away} "
            f"({found.hits} of {found.truths} found, {found.picks - found.hits} false)"
        )
