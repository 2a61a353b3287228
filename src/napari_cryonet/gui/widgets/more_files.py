"""The list of further files to train on: halves, paired by their names, or single volumes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from qtpy.QtWidgets import QListWidget, QVBoxLayout, QWidget

from napari_cryonet.gui.layout import text_label
from napari_cryonet.io.halves import pairs
from napari_cryonet.jobs.job import Rows

_HEIGHT = 90


class MoreFiles(QWidget):
    """The files, seen once there are any.

    Attributes
    ----------
    list
        One line for each row of data; a double click takes it off.
    alone
        Names the files whose other half is missing.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.list = QListWidget()
        self.list.setMaximumHeight(_HEIGHT)
        self.list.setToolTip("Further data to train on; double-click to take some off the list")
        self.alone = text_label()
        self._paired = True
        self._files: list[str] = []
        self._pairs: list[tuple[str, ...]] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addWidget(self.alone)
        self.list.itemDoubleClicked.connect(self._on_less)
        self._show()

    def pair(self, paired: bool) -> None:
        """Take the files in pairs, or each by itself."""
        self._paired = paired
        self._show()

    def rows(self) -> Rows:
        """Return the rows to train on."""
        return tuple(self._found()[0])

    def add_files(self, names: list[str]) -> None:
        """Add files to what is trained on.

        Parameters
        ----------
        names
            Files. Where halves are taken they are paired by their names; those whose other half
            is missing are left out and named below the list.
        """
        self._files += [name for name in names if name not in self._files]
        self._show()

    def add_pairs(self, rows: Iterable[tuple[str, ...]]) -> None:
        """Add pairs of files to what is trained on, whatever they are called.

        Parameters
        ----------
        rows
            The files of the two halves, one row for each pair.
        """
        self._pairs += [row for row in rows if row not in self._pairs]
        self._show()

    def _found(self) -> tuple[list[tuple[str, ...]], list[str]]:
        """Return the rows to train on, and the files without their other halves."""
        if not self._paired:
            names = [*self._files, *(name for row in self._pairs for name in row)]
            return [(name,) for name in dict.fromkeys(names)], []
        found, alone = pairs(self._files)
        return list(dict.fromkeys([*self._pairs, *found])), alone

    def _show(self) -> None:
        """Show what is trained on."""
        rows, alone = self._found()
        self.list.clear()
        self.list.addItems([_row_name(row) for row in rows])
        self.list.setVisible(bool(rows))
        self.alone.setText(f"No other half: {', '.join(Path(name).name for name in alone)}")
        self.alone.setVisible(bool(alone))
        self.setVisible(bool(rows or alone))

    def _on_less(self) -> None:
        """Take the chosen row off the list."""
        row = self._found()[0][self.list.currentRow()]
        broken = [pair for pair in self._pairs if set(row) & set(pair)]
        self._pairs = [pair for pair in self._pairs if pair not in broken]
        left = [*self._files, *(name for pair in broken for name in pair)]
        self._files = [name for name in left if name not in row]
        self._show()


def _row_name(row: tuple[str, ...]) -> str:
    """Return what a row is called: its files, and their folders where the files are alike."""
    names = [Path(name).name for name in row]
    if len(set(names)) < len(row):
        names = [f"{Path(name).parent.name}/{Path(name).name}" for name in row]
    return " + ".join(names)
