"""The filter of the picks: a threshold for each class, distances, a mask, and what to expect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QSignalBlocker, QTimer, Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QLabel, QVBoxLayout, QWidget

from napari_cryonet.errors import DataError
from napari_cryonet.gui.layer_box import LayerBox, is_mask
from napari_cryonet.gui.layout import empty_form, row, text_label
from napari_cryonet.gui.picking.histogram import ScoreHistogram
from napari_cryonet.methods.picking.settings import BACKGROUND, IGNORE
from napari_cryonet.signal.curation import Candidates, Cut, Expected, Mask, expected
from napari_cryonet.types import Volume

_ALL = "all classes"
_NO_PICKS = (BACKGROUND, IGNORE)
_FARTHEST = 1e5
_TICK = 15  # ms, within which all that a mouse does counts as one change


class FilterBox(QWidget):
    """What is wanted of a pick, changed live.

    Parameters
    ----------
    viewer
        Its layers are on offer as masks.

    Attributes
    ----------
    changed
        Emitted when something else is wanted, at most once in a few milliseconds.
    histogram
        The scores, with the threshold.
    threshold, distance, border
        The boxes of the numbers.
    kind
        The class whose threshold is shown.
    mask
        The layer outside which there are no picks.
    """

    changed = Signal()

    def __init__(self, viewer: napari.viewer.ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thresholds: dict[str, float] = {}
        self._suggested: Mapping[str, float] = {}
        self._known: dict[str, Expected] = {}
        self._scores: dict[str, Any] = {}
        self.kind = QComboBox()
        self.kind.setToolTip("The class whose scores and threshold are shown")
        self.histogram = ScoreHistogram()
        self.threshold = _number(0.001, 0.995, 3, "Smallest score of a pick")
        self.distance = _number(0, _FARTHEST, 0, "Smallest distance of two picks in Å")
        self.border = _number(
            0, _FARTHEST, 0, "Leave out picks nearer to the border than this, in Å"
        )
        self.mask = LayerBox(viewer, is_mask, "none")
        self.mask.setToolTip("Leave out picks where this layer is 0")
        self.words = text_label()
        self._soon = QTimer(self, singleShot=True, interval=_TICK)
        self._soon.timeout.connect(self._on_time)
        self._lay_out()
        self.kind.currentIndexChanged.connect(self._on_kind)
        self.histogram.moved.connect(self._on_threshold)
        self.threshold.valueChanged.connect(self._on_threshold)
        for number in (self.distance, self.border):
            number.valueChanged.connect(self._soon.start)
        self.mask.changed.connect(self._soon.start)

    def begin(
        self, candidates: Candidates, cut: Cut, estimates: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Show the filter of other candidates.

        Parameters
        ----------
        candidates
            All peaks.
        cut
            What the picks were first cut with.
        estimates
            What the model says of each class.
        """
        names = np.asarray(candidates.points.features["class"]).astype(str)
        self._scores = {name: candidates.scores[names == name] for name in cut.thresholds}
        self._scores[_ALL] = candidates.scores
        self._thresholds = dict(cut.thresholds)
        self._suggested = {name: each["threshold"] for name, each in estimates.items()}
        known = {name: Expected.read(each) for name, each in estimates.items()}
        self._known = {name: each for name, each in known.items() if each is not None}
        several = len(cut.thresholds) > 1
        for box, value in ((self.distance, cut.distance), (self.border, cut.border)):
            with QSignalBlocker(box):
                box.setValue(value)
        with QSignalBlocker(self.kind):
            self.kind.clear()
            self.kind.addItems([*([_ALL] if several else []), *cut.thresholds])
        self._form.setRowVisible(self.kind, several)
        self._on_kind()

    def cut(self) -> Cut:
        """Return what is wanted of a pick."""
        return Cut(dict(self._thresholds), self.distance.value(), self.border.value())

    def allowed(self, candidates: Candidates, regions: Volume | None) -> Mask:
        """Return which candidates lie in the mask, and where regions allow particles.

        Parameters
        ----------
        candidates
            All peaks.
        regions
            ``(z, y, x)`` painted regions; None for none.

        Raises
        ------
        DataError
            If mask or regions have another shape than the tomogram.
        """
        mask, allowed = self.mask.volume_or_none(), np.ones(len(candidates.points), dtype=bool)
        for volume in (mask, regions):
            if volume is not None and volume.shape != candidates.points.volume_shape:
                raise DataError(
                    f"{volume.name} has the shape {volume.shape}, the tomogram that was picked "
                    f"{candidates.points.volume_shape}; choose another layer, or none."
                )
        if mask is not None:
            allowed &= candidates.values(mask.data) > 0
        if regions is not None:
            allowed &= ~np.isin(candidates.values(regions.data), _NO_PICKS)
        return allowed

    def tell(self, counts: Mapping[str, int]) -> None:
        """Say how many picks there are, and how good they should be.

        Parameters
        ----------
        counts
            How many there are of each class.
        """
        words = f"{sum(counts.values())} picks"
        if len(counts) > 1:
            words += " (" + ", ".join(f"{count} {name}" for name, count in counts.items()) + ")"
        found = expected(counts, self._thresholds, self._known)
        if found is not None:
            words += f", expected precision {found[0]:.2f}, recall {found[1]:.2f}"
        self.words.setText(words)

    def _on_kind(self) -> None:
        """Show the scores and the threshold of a class."""
        name = self.kind.currentText()
        suggested = self._suggested.get(name)
        if name == _ALL and len(set(self._suggested.values())) == 1:
            suggested = next(iter(self._suggested.values()))
        self.histogram.show_scores(self._scores.get(name, np.empty(0)), suggested)
        chosen = [self._thresholds[each] for each in self._classes()]
        if chosen:
            self._set_threshold(float(np.mean(chosen)))

    def _on_threshold(self, score: float) -> None:
        """Take another threshold."""
        self._set_threshold(score)
        self._thresholds |= dict.fromkeys(self._classes(), score)
        self._soon.start()

    def _on_time(self) -> None:
        """Tell, once for all that has changed."""
        self.changed.emit()

    def _classes(self) -> list[str]:
        """Return the classes whose threshold is shown."""
        name = self.kind.currentText()
        return list(self._thresholds) if name == _ALL else [name] if name else []

    def _set_threshold(self, score: float) -> None:
        """Show a threshold in both places."""
        self.histogram.set_threshold(score)
        with QSignalBlocker(self.threshold):
            self.threshold.setValue(score)

    def _lay_out(self) -> None:
        """Put everything in its place."""
        self._form = empty_form()
        self._form.addRow("Class", self.kind)
        self._form.addRow("Threshold", self.threshold)
        self._form.addRow("Apart (Å)", row(self.distance, QLabel("Border"), self.border))
        self._form.addRow("Mask", self.mask)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.histogram)
        layout.addLayout(self._form)
        layout.addWidget(self.words)


def _number(low: float, high: float, decimals: int, tip: str) -> QDoubleSpinBox:
    """Return a box for a number."""
    box = QDoubleSpinBox()
    box.setDecimals(decimals)
    box.setRange(low, high)
    box.setSingleStep(0.01 if decimals else 5)
    box.setToolTip(tip)
    box.setKeyboardTracking(False)
    return box
