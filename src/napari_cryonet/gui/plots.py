"""Curves in the window: what a training does, and what a result is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_cryonet.gui.work import Work

Numbers = np.ndarray[Any, np.dtype[np.floating[Any]]]

_QUALITY = (120, 220, 140)
_LOSS = (150, 150, 170)
_RAW = (230, 160, 90)
_MOST_POINTS = 2000
_HEIGHT = 125
_TITLE = "9pt"
_ACROSS = "FSC with the truth, estimated across halves"
_MARGINS = (1, 1, 10, 6)  # room for what axes write beyond their ends


class WorkPlot(QWidget):
    """Curves of the work that is under way; a subclass has `clear` and `add`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._work: Work | None = None

    def clear(self) -> None:
        """Start with empty curves."""
        raise NotImplementedError

    def add(self, metrics: Mapping[str, float]) -> None:
        """Add the figures of a step, those that it has."""
        raise NotImplementedError

    def follow(self, work: Work) -> None:
        """Show the curves of a work; where another one is under way, those come first."""
        work.stepped.connect(self._on_step)
        if self._work is None or self._work.has_ended:
            self._turn_to(work)
        self.setVisible(True)

    def _turn_to(self, work: Work) -> None:
        """Start with empty curves of a work."""
        self._work = work
        self.clear()

    def _on_step(self, done: float, total: float, metrics: dict[str, float]) -> None:  # noqa: ARG002
        """Draw the curves on."""
        work = self.sender()
        if isinstance(work, Work) and work is not self._work:
            self._turn_to(work)
        self.add(metrics)


class TrainingPlot(WorkPlot):
    """Loss and quality of a training, over its steps.

    Parameters
    ----------
    quality
        What the quality is.
    """

    def __init__(
        self, quality: str = "Quality in held-out cubes", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._plots = [empty_plot(quality), empty_plot("Loss (running mean)", "Step")]
        upper, loss = self._plots
        upper.setXLink(loss)
        for plot in self._plots:
            plot.setFixedHeight(_HEIGHT)
        self._quality = upper.plot(pen=pg.mkPen(_QUALITY, width=2), symbol="o", symbolSize=4)
        self._quality.setSymbolBrush(pg.mkBrush(_QUALITY))
        self._quality.setSymbolPen(None)
        self._loss = loss.plot(pen=pg.mkPen(_LOSS, width=1))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for plot in self._plots:
            layout.addWidget(plot)
        self.clear()

    def clear(self) -> None:
        """Start with empty curves."""
        self._losses: list[tuple[float, float]] = []
        self._qualities: list[tuple[float, float]] = []
        self._mean = float("nan")
        self._draw()

    def add(self, metrics: Mapping[str, float]) -> None:
        """Add the figures of a step, those that it has."""
        step = metrics.get("step")
        if step is None:
            return
        if (loss := metrics.get("loss")) is not None:
            self._mean = loss if self._mean != self._mean else 0.9 * self._mean + 0.1 * loss
            self._losses.append((step, self._mean))
            if len(self._losses) > _MOST_POINTS:
                self._losses = self._losses[::2]
        quality = metrics.get("quality")
        if quality is not None and math.isfinite(quality):
            self._qualities.append((step, quality))
        self._draw()

    def _draw(self) -> None:
        """Hand the points to the curves; where no quality is measured, none is shown."""
        self._plots[0].setVisible(bool(self._qualities))
        for curve, points in ((self._quality, self._qualities), (self._loss, self._losses)):
            values = np.asarray(points, dtype=float).reshape(-1, 2)
            curve.setData(values[:, 0], values[:, 1])


class FscPlot(QWidget):
    """The FSC with the truth, estimated from the data, before and after denoising."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plot = empty_plot(_ACROSS, "Spatial frequency (1/Å)")
        self._plot.setYRange(0, 1)
        self._plot.addLegend(offset=(-8, 8), labelTextSize="8pt")
        self._raw = self._plot.plot(pen=pg.mkPen(_RAW, width=2), name="raw")
        self._denoised = self._plot.plot(pen=pg.mkPen(_QUALITY, width=2), name="denoised")
        self._plot.addItem(pg.InfiniteLine(0.5, angle=0, pen=pg.mkPen((90, 90, 90))))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self.setFixedHeight(2 * _HEIGHT)

    def show_measures(
        self, measures: Mapping[str, Any], voxel_size: float, title: str = _ACROSS
    ) -> None:
        """Draw the curves of a result.

        Parameters
        ----------
        measures
            ``fsc_raw`` and ``fsc_denoised`` in equal shells up to Nyquist.
        voxel_size
            Å per voxel.
        title
            How they were estimated.
        """
        self._plot.setTitle(title, size=_TITLE)
        for curve, name in ((self._raw, "fsc_raw"), (self._denoised, "fsc_denoised")):
            values = _numbers(measures.get(name, ()))
            shells = (np.arange(len(values)) + 0.5) * (0.5 / max(len(values), 1))
            curve.setData(shells / voxel_size, values, connect="finite")


class FilterPlot(QWidget):
    """A filter against the contrast transfer function, and that function, over the frequency."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plot = empty_plot("Filter, scaled to 1, and CTF", "Spatial frequency (1/Å)")
        self._plot.setYRange(-1, 1)
        self._plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._plot.addLegend(offset=(8, -8), labelTextSize="8pt")
        self._plot.addItem(pg.InfiniteLine(0, angle=0, pen=pg.mkPen((90, 90, 90))))
        self._ctf = self._plot.plot(pen=pg.mkPen(_LOSS, width=1), name="CTF")
        self._filter = self._plot.plot(pen=pg.mkPen(_QUALITY, width=2), name="filter")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self.setFixedHeight(round(1.5 * _HEIGHT))

    def clear(self) -> None:
        """Show no curves."""
        for curve in (self._ctf, self._filter):
            curve.setData([], [])

    def show_filter(self, frequency: Numbers, ctf: Numbers, factors: Numbers) -> None:
        """Draw the curves.

        Parameters
        ----------
        frequency
            ``(n,)`` in 1/Å.
        ctf
            ``(n,)`` the contrast transfer function.
        factors
            ``(n,)`` the factors of the filter, drawn with the largest as 1.
        """
        most = np.abs(factors).max()
        self._ctf.setData(frequency, ctf)
        self._filter.setData(frequency, factors / most if most else factors)


def empty_plot(left: str, bottom: str = "", view: pg.ViewBox | None = None) -> pg.PlotWidget:
    """Return an empty plot in the colours of a dark window.

    Parameters
    ----------
    left
        Its title: what the vertical axis shows.
    bottom
        What the horizontal axis shows.
    view
        The plane to draw on; None for one that the mouse does nothing with.
    """
    plot = pg.PlotWidget(background=None, viewBox=view)
    plot.setMenuEnabled(False)
    plot.setMouseEnabled(x=False, y=False)
    plot.hideButtons()
    plot.showGrid(x=True, y=True, alpha=0.15)
    plot.setTitle(left, size=_TITLE)
    plot.getPlotItem().layout.setContentsMargins(*_MARGINS)
    if bottom:
        plot.setLabel("bottom", bottom)
    plot.getAxis("left").setWidth(44)
    plot.getAxis("bottom").enableAutoSIPrefix(False)
    return plot


def _numbers(values: Sequence[float | None]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return numbers with nan for what is not known."""
    return np.asarray([np.nan if value is None else value for value in values], dtype=float)
