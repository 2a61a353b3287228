"""The Library dock: find half maps, fetch them, sort them, hand them to a training."""

from __future__ import annotations

from pathlib import Path

import napari
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_cryonet.gui.dock import guarded
from napari_cryonet.gui.layout import scrolling
from napari_cryonet.gui.library.search_page import SearchPage
from napari_cryonet.gui.library.shelf import Shelf
from napari_cryonet.gui.library.sort_page import SortPage
from napari_cryonet.gui.library.task import TaskBox
from napari_cryonet.gui.runner import Runner, runner

_WIDTH = 420


class LibraryWidget(QWidget):
    """The dock.

    Parameters
    ----------
    napari_viewer
        The viewer it belongs to.
    jobs
        Whoever shows and ends all work of the window; None for the application's own.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, jobs: Runner | None = None) -> None:
        super().__init__()
        self.shelf, self.task = Shelf(), TaskBox(jobs or runner())
        self.folder, self.browse = QLineEdit(str(self.shelf.folder)), QPushButton("Browse…")
        self.folder.setToolTip("The folder of half maps; it is made with the first download")
        self.search = SearchPage(self.shelf, self.task)
        self.sort = SortPage(napari_viewer, self.shelf, self.task)
        self.tabs = QTabWidget()
        self.tabs.addTab(scrolling(self.search), "Search")
        self.tabs.addTab(scrolling(self.sort), "Sort")
        row = QHBoxLayout()
        for part in (QLabel("Folder"), self.folder, self.browse):
            row.addWidget(part)
        layout = QVBoxLayout(self)
        layout.addLayout(row)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.task)
        self.setMinimumWidth(_WIDTH)
        self.folder.editingFinished.connect(self._on_folder)
        self.browse.clicked.connect(self._on_browse)
        self.task.busy.connect(self._on_busy)
        guarded(self.shelf.look, self.task.fail)

    def choose(self, folder: Path) -> None:
        """Show another folder; what cannot be read is said in the dock.

        Parameters
        ----------
        folder
            Of half maps.
        """
        self.folder.setText(str(folder))
        self.task.say("")
        guarded(lambda: self.shelf.choose(folder), self.task.fail)

    def _on_folder(self) -> None:
        """Show the folder that was written."""
        folder = Path(self.folder.text().strip()).expanduser()
        if folder != self.shelf.folder:
            self.choose(folder)

    def _on_browse(self) -> None:
        """Ask for a folder."""
        chosen = QFileDialog.getExistingDirectory(self, "A folder of half maps", self.folder.text())
        if chosen:
            self.choose(Path(chosen))

    def _on_busy(self, busy: bool) -> None:
        """Begin nothing else while something is under way; look again at its end."""
        for part in (self.folder, self.browse, *self.search.actions, *self.sort.actions):
            part.setEnabled(not busy)
        if not busy:
            guarded(self.shelf.look, self.task.fail)
