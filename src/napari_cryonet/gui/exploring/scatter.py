"""A plot of points in a plane, in which a line drawn by hand selects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QShortcut, QSizePolicy, QVBoxLayout, QWidget

from napari_cryonet.gui.exploring.selection import Mask, Places, inside, nearest
from napari_cryonet.gui.plots import empty_plot

_TITLE = "Draw around candidates to select them"
_HINT = (
    "Draw around points with the left button to select them; with Shift, more of them. A click "
    "on a point goes there, Escape selects none. The wheel zooms, the middle button moves."
)
_LINE = (240, 240, 240)
_SIZE, _SELECTED_SIZE, _REACH = 7, 9, 8  # pixels
_HEIGHT = 270


class ScatterPlot(QWidget):
    """Points in colours.

    Attributes
    ----------
    lassoed
        Emitted with ``(n,)`` which points a line surrounds, and whether they are to be added.
    clicked
        Emitted with the index of a point.
    cleared
        Emitted when nothing is to be selected any more.
    points, selected
        What is drawn: all points, and rings around some.
    """

    lassoed = Signal(object, bool)
    clicked = Signal(int)
    cleared = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = LassoView()
        self._plot = empty_plot(_TITLE, view=self.view)
        self._plot.setMouseEnabled(x=True, y=True)
        self._plot.showButtons()
        self._plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._plot.setToolTip(_HINT)
        self.points = pg.ScatterPlotItem(size=_SIZE, pen=None)
        ring = pg.mkPen(_LINE)
        self.selected = pg.ScatterPlotItem(size=_SELECTED_SIZE, pen=ring, brush=None)
        for item in (self.points, self.selected):
            self._plot.addItem(item)
        self._places: Places = np.empty((0, 2))
        self.view.drawn.connect(self._on_drawn)
        self._plot.scene().sigMouseClicked.connect(self._on_clicked)
        escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        escape.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        escape.activated.connect(self.cleared)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self.setFixedHeight(_HEIGHT)

    def show_points(
        self, places: Places, colours: NDArray[np.integer[Any]], names: Sequence[str]
    ) -> None:
        """Draw other points, and rings around none.

        Parameters
        ----------
        places
            ``(n, 2)``; points that are not a number are left out.
        colours
            ``(n, 3)`` red, green and blue up to 255.
        names
            Of the two axes.
        """
        self._places = places
        brushes = {colour: pg.mkBrush(colour) for colour in set(map(tuple, colours.tolist()))}
        seen = np.isfinite(places).all(axis=1)
        drawn = [brushes[tuple(colour)] for colour in colours[seen].tolist()]
        self.points.setData(*places[seen].T, brush=drawn)
        self.highlight(np.zeros(len(places), dtype=bool))
        for side, name in zip(("bottom", "left"), names, strict=True):
            self._plot.setLabel(side, name)

    def highlight(self, chosen: Mask) -> None:
        """Draw rings around some of the points.

        Parameters
        ----------
        chosen
            ``(n,)`` which.
        """
        self.selected.setData(*self._places[chosen & np.isfinite(self._places).all(axis=1)].T)

    def _on_drawn(self, corners: Places, add: bool) -> None:
        """Tell which points a line surrounds."""
        self.lassoed.emit(inside(self._places, corners), add)

    def _on_clicked(self, event: Any) -> None:
        """Tell which point is clicked on."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        click = self.view.mapSceneToView(event.scenePos())
        pixel = np.array(self.view.viewPixelSize())
        index = nearest(self._places, np.array([click.x(), click.y()]), pixel, _REACH)
        if index is not None:
            self.clicked.emit(index)


class LassoView(pg.ViewBox):
    """A plane on which the left button draws a line; the wheel zooms, the middle button moves.

    Attributes
    ----------
    drawn
        Emitted with the corners ``(m, 2)`` of a line, and whether Shift was held.
    line
        The line while it is drawn.
    """

    drawn = Signal(object, bool)

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.line = pg.PlotCurveItem(pen=pg.mkPen(_LINE, width=1.5, style=Qt.PenStyle.DashLine))
        self.addItem(self.line, ignoreBounds=True)
        self._corners: list[tuple[float, float]] = []

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:  # noqa: N802 - its name
        """Draw, or leave it to the plot."""
        if event.button() != Qt.MouseButton.LeftButton:
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        if event.isStart():
            self._corners = [self._place(event.buttonDownPos())]
        self._corners.append(self._place(event.pos()))
        corners = np.array(self._corners)
        if event.isFinish():
            self.line.setData([], [])
            self.drawn.emit(corners, bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        else:
            self.line.setData(*np.append(corners, corners[:1], axis=0).T)

    def _place(self, position: Any) -> tuple[float, float]:
        """Return a position of the mouse in the plane."""
        place = self.mapToView(position)
        return place.x(), place.y()
