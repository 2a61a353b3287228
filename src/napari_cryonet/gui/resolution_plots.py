"""What resolution looks like: the FSC of two halves, and how local resolution is spread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_cryonet.gui.plots import empty_plot
from napari_cryonet.types.fsc import LABELS, THRESHOLDS, Fsc

COLOURS = {
    "corrected": (120, 220, 140),
    "masked": (110, 170, 240),
    "unmasked": (230, 160, 90),
    "randomised": (220, 110, 120),
}
"""Of the curves; whoever shows a plot names them in these colours."""
_WIDTHS = {"corrected": 3}
_GREY = (110, 110, 110)
_BAR = (120, 150, 200)
_FSC_HEIGHT, _HISTOGRAM_HEIGHT = 280, 170
_BINS = 60
_SHARE = 0.5  # percent of the voxels beyond each end of the histogram


class AngstromAxis(pg.AxisItem):
    """An axis in 1/Å whose numbers are in Å."""

    def tickStrings(  # noqa: N802
        self,
        values: Sequence[float],
        scale: float,
        spacing: float,  # noqa: ARG002
    ) -> list[str]:
        """Return the resolution at each tick, nothing at the origin."""
        return [f"{1 / (value * scale):.3g}" if value > 0 else "" for value in values]


class ResolutionPlot(QWidget):
    """The FSC curves of two halves, with the crossings of the best in Å."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plot = empty_plot("Fourier shell correlation; Å above", "Spatial frequency (1/Å)")
        self._plot.setAxisItems({"top": AngstromAxis("top")})
        self._plot.showAxis("top")
        self._plot.getAxis("top").enableAutoSIPrefix(False)
        self._plot.setYRange(0, 1)
        self._plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        for threshold in THRESHOLDS:
            options = {"position": 0.03, "anchors": [(0, 1), (0, 1)], "color": _GREY}
            self._plot.addItem(
                pg.InfiniteLine(
                    threshold,
                    angle=0,
                    pen=pg.mkPen(_GREY, style=Qt.PenStyle.DashLine),
                    label=f"{threshold:g}",
                    labelOpts=options,
                )
            )
        self.curves = {
            name: self._plot.plot(pen=pg.mkPen(COLOURS[name], width=_WIDTHS.get(name, 1.5)))
            for name in reversed(LABELS)
        }
        self.marks: list[tuple[pg.ScatterPlotItem, pg.TextItem]] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self.setFixedHeight(_FSC_HEIGHT)

    def clear(self) -> None:
        """Show no curves."""
        for curve in self.curves.values():
            curve.setData([], [])
        for mark in self.marks:
            for item in mark:
                self._plot.removeItem(item)
        self.marks = []

    def show_curves(self, fsc: Fsc) -> None:
        """Draw the curves of two halves.

        Parameters
        ----------
        fsc
            What was measured.
        """
        self.clear()
        for name, values in fsc.curves.items():
            self.curves[name].setData(fsc.frequency, values)
        self._plot.setXRange(0, float(fsc.frequency[-1]), padding=0)
        lowest = min(float(values.min()) for values in fsc.curves.values())
        self._plot.setYRange(max(min(0.0, lowest), -0.3), 1)
        for threshold in THRESHOLDS:
            found = fsc.crossing(threshold).resolution
            if found is not None:
                self._mark(1 / found, threshold, f"{found:.2f} Å", COLOURS[fsc.best])

    def _mark(self, x: float, y: float, text: str, colour: tuple[int, int, int]) -> None:
        """Put a dot with a text on a crossing."""
        dot = pg.ScatterPlotItem([x], [y], size=8, brush=pg.mkBrush(colour), pen=None)
        label = pg.TextItem(text, color=colour, anchor=(0, 1), fill=(20, 22, 26, 190))
        label.setPos(x, y)
        for item in (dot, label):
            self._plot.addItem(item)
        self.marks.append((dot, label))


class ResolutionHistogram(QWidget):
    """How many voxels inside the mask have which local resolution, and that of the whole."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plot = empty_plot("Voxels inside the mask (%)", "Local resolution (Å)")
        self._plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.bars = pg.BarGraphItem(x0=[], x1=[], height=[], brush=_BAR, pen=None)
        self._plot.addItem(self.bars)
        self.line = pg.InfiniteLine(
            angle=90,
            pen=pg.mkPen(COLOURS["corrected"], width=2),
            label="",
            labelOpts={"position": 0.88, "color": COLOURS["corrected"], "fill": (20, 22, 26, 190)},
        )
        self._plot.addItem(self.line)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self.setFixedHeight(_HISTOGRAM_HEIGHT)
        self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self.bars.setOpts(x0=[], x1=[], height=[])
        self.line.setVisible(False)

    def show_values(self, values: NDArray[np.floating[Any]], whole: float | None) -> None:
        """Draw a histogram.

        Parameters
        ----------
        values
            Resolutions in Å; what is not a positive number is left out.
        whole
            The resolution of the whole in Å, None if it is not known.
        """
        known = np.asarray(values)[np.asarray(values) > 0]
        if not known.size:
            self.clear()
            return
        low, high = np.percentile(known, (_SHARE, 100 - _SHARE))
        ends = (low, high) if whole is None else (min(low, whole), max(high, whole))
        margin = 0.03 * (ends[1] - ends[0]) or 0.1
        span = (float(ends[0] - margin), float(ends[1] + margin))
        counts, edges = np.histogram(known, _BINS, range=span)
        self.bars.setOpts(x0=edges[:-1], x1=edges[1:], height=100 * counts / known.size)
        self._plot.setXRange(*span, padding=0)
        self.line.setVisible(whole is not None)
        if whole is not None:
            self.line.setValue(whole)
            self.line.label.setFormat(f"whole: {whole:.2f} Å")
