"""How the scores of candidates are spread, with a line to cut them at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget
from scipy.special import expit, logit

from napari_cryonet.gui.plots import empty_plot

_BINS = 50
_LOWEST, _HIGHEST = logit(1e-3), logit(0.995)
_SCORES = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99)
_COUNTS = (1, 10, 100, 1000, 10_000, 100_000)
_KEPT, _LEFT = (120, 220, 140), (90, 95, 105)
_LINE, _SUGGESTED = (240, 240, 240), (230, 180, 80)
_HEIGHT = 140


class ScoreHistogram(QWidget):
    """A histogram over the log-odds of scores, counted in powers of ten.

    Attributes
    ----------
    moved
        Emitted with the score at which the user has put the line.
    line
        The threshold.
    suggested
        The threshold that the model suggests.
    """

    moved = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        plot = empty_plot("Candidates; drag the line", "Score")
        plot.getAxis("bottom").setTicks([[(logit(score), f"{score:g}") for score in _SCORES]])
        plot.getAxis("left").setTicks([[(np.log10(1 + count), f"{count}") for count in _COUNTS]])
        plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        plot.setXRange(_LOWEST, _HIGHEST, padding=0.02)
        self._edges = np.linspace(_LOWEST, _HIGHEST, _BINS + 1)
        self.bars = pg.BarGraphItem(x0=[], x1=[], height=[], pen=None)
        dashed = pg.mkPen(_SUGGESTED, width=1.5, style=Qt.PenStyle.DashLine)
        options = {"position": 0.9, "color": _SUGGESTED, "anchors": [(1, 0.5), (0, 0.5)]}
        self.suggested = pg.InfiniteLine(angle=90, pen=dashed, label="suggested", labelOpts=options)
        self.line = pg.InfiniteLine(
            angle=90,
            movable=True,
            bounds=(_LOWEST, _HIGHEST),
            pen=pg.mkPen(_LINE, width=2),
            hoverPen=pg.mkPen(_LINE, width=4),
        )
        for item in (self.bars, self.suggested, self.line):
            plot.addItem(item)
        self.line.sigPositionChanged.connect(self._on_moved)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(plot)
        self.setFixedHeight(_HEIGHT)
        self.show_scores(np.empty(0), None)

    def show_scores(self, scores: NDArray[np.floating[Any]], suggested: float | None) -> None:
        """Draw the bars.

        Parameters
        ----------
        scores
            ``(n,)`` of the candidates.
        suggested
            The threshold to mark, None for none.
        """
        odds = logit(np.clip(scores, expit(_LOWEST), expit(_HIGHEST)))
        counts, _ = np.histogram(odds.clip(_LOWEST, _HIGHEST), self._edges)
        self.bars.setOpts(x0=self._edges[:-1], x1=self._edges[1:], height=np.log10(1 + counts))
        self.suggested.setVisible(suggested is not None)
        if suggested is not None:
            self.suggested.setValue(logit(suggested))
        self._colour()

    def set_threshold(self, score: float) -> None:
        """Put the line at a score, without telling."""
        self.line.blockSignals(True)
        self.line.setValue(float(np.clip(logit(score), _LOWEST, _HIGHEST)))
        self.line.blockSignals(False)
        self._colour()

    def _on_moved(self) -> None:
        """Tell where the line is."""
        self._colour()
        self.moved.emit(float(expit(self.line.value())))

    def _colour(self) -> None:
        """Colour the bars by the side of the line that they are on."""
        kept = self._edges[1:] > self.line.value()
        self.bars.setOpts(brushes=[_KEPT if above else _LEFT for above in kept])
