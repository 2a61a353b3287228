"""A pair of half maps to look at: its middle planes beside each other, its FSC below."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from threading import Thread

from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_cryonet.gui.layout import text_label
from napari_cryonet.gui.library.look import Grey, Look, look_at
from napari_cryonet.gui.library.task import Doing
from napari_cryonet.gui.resolution_plots import ResolutionPlot
from napari_cryonet.gui.work import Work
from napari_cryonet.library import Pair

_SIDE = 150
_PLOT_HEIGHT = 210


class PairView(QWidget):
    """The view; the newest pair is shown as soon as its files are read."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._work: Work | None = None
        self._doing: Doing | None = None
        self._next: tuple[Path, Pair] | None = None
        self.pictures = (QLabel(), QLabel())
        self.plot, self.said = ResolutionPlot(), text_label()
        self.plot.setFixedHeight(_PLOT_HEIGHT)
        row = QHBoxLayout()
        for label in self.pictures:
            label.setFixedSize(_SIDE, _SIDE)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            row.addWidget(label)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.plot)
        layout.addWidget(self.said)
        self.clear()

    def clear(self) -> None:
        """Show nothing, and read no further."""
        self._next = None
        self._drop()
        self.setVisible(False)

    def show_pair(self, folder: Path, pair: Pair) -> None:
        """Read a pair of a library and show it; one that is still being read is dropped."""
        self._next = folder, pair
        if self._work is None:
            self._begin()
        else:
            self._drop()

    def show_look(self, look: Look) -> None:
        """Show what was seen of a pair."""
        for number, label in enumerate(self.pictures):
            shown = number < len(look.planes)
            label.setPixmap(_pixmap(look.planes[number]) if shown else QPixmap())
        if look.fsc is not None:
            self.plot.show_curves(look.fsc)
        self.plot.setVisible(look.fsc is not None)
        self.said.setText(look.said)
        self.said.setVisible(bool(look.said))
        self.setVisible(True)

    def _begin(self) -> None:
        """Read the pair that is wanted."""
        if self._next is None:
            return
        self._doing = Doing(partial(look_at, *self._next))
        self._next = None
        self._work = Work("Look at a pair", self._doing)
        self._work.ended.connect(self._on_ended)
        Thread(target=self._work.perform, name="cryonet-files").start()

    def _drop(self) -> None:
        """Read no further what is being read, and do not show it."""
        if self._work is not None:
            self._doing = None
            self._work.stop()

    def _on_ended(self) -> None:
        """Show what was read, unless another pair is wanted by now."""
        work, doing = self._work, self._doing
        self._work = self._doing = None
        if self._next is not None:
            self._begin()
        elif work is not None and doing is not None:
            self.show_look(doing.result or Look(said=work.error))


def _pixmap(plane: Grey) -> QPixmap:
    """Return a plane as large as it is shown."""
    rows, columns = plane.shape
    image = QImage(plane.tobytes(), columns, rows, columns, QImage.Format.Format_Grayscale8)
    how = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    return QPixmap.fromImage(image).scaled(_SIDE, _SIDE, *how)
