"""Pictures of a reconstruction: curves, a particle beside its model, the sides that were seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_cryonet.gui.plots import WorkPlot, empty_plot
from napari_cryonet.gui.pointcloud.views import HEIGHT, WIDTH, net, on_map

Floats = NDArray[np.floating[Any]]

_TITLES = ("Particle", "Model", "Residual × 2")
_TILES_HEIGHT, _MAP_HEIGHT = 130, 165
_DOT, _CURRENT = (127, 216, 255, 110), (255, 211, 61)
_NET = (255, 255, 255, 45)
_CURVES_HEIGHT, _MOST_POINTS = 125, 2000
_CURVES = {  # the plot of each figure, what its title says of it, and its colour
    "loss": (0, "images", "#9696aa"),
    "held_out_loss": (0, "held-out images", "#78dc8c"),
    "sigma": (1, "width of the spots", "#e6a05a"),
    "movement": (1, "movement of the points", "#7fd8ff"),
}


class GrowthPlot(WorkPlot):
    """The curves of a reconstruction: its loss, how fine images are, and how far points move."""

    def __init__(self) -> None:
        super().__init__()
        plots = [empty_plot(_title(0, "Loss")), empty_plot(_title(1, "nm"), "Step")]
        plots[0].setXLink(plots[1])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for plot in plots:
            plot.setFixedHeight(_CURVES_HEIGHT)
            layout.addWidget(plot)
        self.curves = {
            name: plots[which].plot(pen=pg.mkPen(colour, width=2))
            for name, (which, _, colour) in _CURVES.items()
        }
        self.clear()

    def clear(self) -> None:
        """Start with empty curves."""
        self._points: dict[str, list[tuple[float, float]]] = {name: [] for name in _CURVES}
        self.add({})

    def add(self, metrics: Mapping[str, float]) -> None:
        """Add the figures of a step, those that it has."""
        for name, points in self._points.items():
            if name in metrics:
                points.append((metrics["step"], metrics[name]))
            if len(points) > _MOST_POINTS:
                del points[::2]
            values = np.asarray(points, dtype=float).reshape(-1, 2)
            self.curves[name].setData(values[:, 0], values[:, 1])


def _title(number: int, what: str) -> str:
    """Return the title of a plot, each of its curves in its colour."""
    said = [
        f'<span style="color: {colour}">{words}</span>'
        for which, words, colour in _CURVES.values()
        if which == number
    ]
    return f"{what}: {', '.join(said)}"


class Tiles(pg.GraphicsLayoutWidget):
    """An image of a particle, the model in its pose, and what that leaves, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.setBackground(None)
        self.setFixedHeight(_TILES_HEIGHT)
        self.ci.layout.setContentsMargins(0, 0, 0, 0)
        self.items = [self._tile(title) for title in _TITLES]
        for item in self.items[:-1]:
            item.setColorMap("CET-L3")
        self.items[-1].setColorMap("CET-D4")

    def show_tiles(self, image: Floats, drawn: Floats, residual: Floats) -> None:
        """Show ``(y, x)`` pictures, the first two in one scale, the last around zero."""
        most = float(max(image.max(), drawn.max())) or 1.0
        levels = ((0.0, most), (0.0, most), (-most / 2, most / 2))
        for item, picture, limits in zip(self.items, (image, drawn, residual), levels, strict=True):
            item.setImage(picture, levels=limits)

    def _tile(self, title: str) -> pg.ImageItem:
        """Add an empty picture with a title, its first row on top."""
        plot = self.addPlot(title=title)
        plot.setTitle(title, size="9pt")
        for axis in ("left", "bottom"):
            plot.hideAxis(axis)
        plot.getViewBox().setDefaultPadding(0)
        plot.invertY(True)
        plot.setAspectLocked(True)
        plot.setMouseEnabled(x=False, y=False)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        item = pg.ImageItem(axisOrder="row-major")
        plot.addItem(item)
        return item


class ViewsPlot(QWidget):
    """The sides from which images show the particle, on a map of the sphere in equal areas."""

    def __init__(self) -> None:
        super().__init__()
        plot = empty_plot("From where the images show it")
        plot.setFixedHeight(_MAP_HEIGHT)
        plot.showGrid(x=False, y=False)
        plot.setAspectLocked(True)
        for axis in ("left", "bottom"):
            plot.hideAxis(axis)
        for line in net():
            plot.plot(*line.T, pen=pg.mkPen(_NET))
        plot.setRange(xRange=(-WIDTH, WIDTH), yRange=(-HEIGHT, HEIGHT), padding=0.02)
        self.dots = pg.ScatterPlotItem(size=5, pen=None, brush=pg.mkBrush(_DOT))
        self.current = pg.ScatterPlotItem(size=11, pen=pg.mkPen(_CURRENT, width=2), brush=None)
        for item in (self.dots, self.current):
            plot.addItem(item)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(plot)

    def show_views(self, vectors: Floats) -> None:
        """Show directions, ``(n, 3)`` unit vectors z, y, x."""
        self._places = on_map(vectors)
        self.dots.setData(*self._places.T)

    def mark(self, index: int) -> None:
        """Mark one of them."""
        self.current.setData(*self._places[index : index + 1].T)
