"""The Models dock: what has been trained, with import, export and delete."""

from __future__ import annotations

import shutil
from html import escape
from pathlib import Path

from qtpy.QtCore import QFileSystemWatcher, QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_cryonet.errors import CryonetError
from napari_cryonet.gui.folders import free_name, models_folder, release
from napari_cryonet.io import read_card
from napari_cryonet.io.atomic import replacing
from napari_cryonet.io.model import SUFFIX
from napari_cryonet.methods.table import METHODS
from napari_cryonet.types import ModelCard

_COLUMNS = ("Name", "Method", "Å/voxel", "Quality", "Trained")
_WIDTHS = (140, 90, 60, 56, 90)
_FILTER = f"Models (*{SUFFIX})"


class ModelsWidget(QWidget):
    """The dock: a table of the models that the window lists."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setHorizontalHeaderLabels(_COLUMNS)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().setVisible(False)
        self.table.setWordWrap(False)
        self.table.horizontalHeader().setStretchLastSection(True)
        for column, width in enumerate(_WIDTHS):
            self.table.setColumnWidth(column, width)
        self.details = QLabel("Train a model in the Denoise dock, or import one.")
        self.details.setWordWrap(True)
        self.details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.import_button = QPushButton("Import…")
        self.export_button = QPushButton("Export…")
        self.delete_button = QPushButton("Delete…")
        buttons = QHBoxLayout()
        for button in (self.import_button, self.export_button, self.delete_button):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.table)
        layout.addWidget(self.details)
        layout.addLayout(buttons)
        self.import_button.clicked.connect(self._on_import)
        self.export_button.clicked.connect(self._on_export)
        self.delete_button.clicked.connect(self._on_delete)
        self.table.itemSelectionChanged.connect(self._on_select)
        self._watcher = QFileSystemWatcher([str(models_folder())], self)
        self._watcher.directoryChanged.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Read the cards of all models again; the same model stays selected."""
        chosen = self.chosen()
        paths = sorted(models_folder().glob(f"*{SUFFIX}"), key=lambda path: path.stem)
        with QSignalBlocker(self.table):
            self.table.setRowCount(len(paths))
            for row, path in enumerate(paths):
                for column, text in enumerate(_cells(path)):
                    item = QTableWidgetItem(text)
                    item.setData(Qt.ItemDataRole.UserRole, str(path))
                    self.table.setItem(row, column, item)
            self.table.clearSelection()
            if chosen in paths:
                self.table.selectRow(paths.index(chosen))
        self._on_select()

    def chosen(self) -> Path | None:
        """Return the file of the selected model."""
        items = self.table.selectedItems()
        return Path(items[0].data(Qt.ItemDataRole.UserRole)) if items else None

    def import_model(self, path: Path) -> None:
        """Copy a model file into the list, after a look at its card.

        Parameters
        ----------
        path
            A model file from anywhere.

        Raises
        ------
        FileProblem, ModelError
            If it is not a model that this CryoNet can use.
        """
        read_card(path)
        target = free_name(models_folder(), path.stem)
        try:
            with replacing(target) as part:
                shutil.copyfile(path, part)
        finally:
            release(target)
        self.refresh()

    def export_model(self, path: Path) -> None:
        """Copy the selected model to a file, replacing one that is there."""
        source = self.chosen()
        if source is not None:
            with replacing(path, overwrite=True) as part:
                shutil.copyfile(source, part)

    def _on_select(self) -> None:
        """Show the details of the selected model."""
        path = self.chosen()
        self.export_button.setEnabled(path is not None)
        self.delete_button.setEnabled(path is not None)
        if path is not None and path.exists():
            self.details.setText(_details(path))

    def _on_import(self) -> None:
        """Ask for a file and import it."""
        chosen, _ = QFileDialog.getOpenFileName(self, "Import a model", "", _FILTER)
        if chosen:
            try:
                self.import_model(Path(chosen))
            except CryonetError as error:
                self.details.setText(str(error))

    def _on_export(self) -> None:
        """Ask for a file and export the selected model."""
        path = self.chosen()
        name = path.name if path else ""
        chosen, _ = QFileDialog.getSaveFileName(self, "Export the model", name, _FILTER)
        if chosen:
            try:
                self.export_model(Path(chosen))
            except CryonetError as error:
                self.details.setText(str(error))

    def _on_delete(self) -> None:
        """Delete the selected model if the user means it."""
        path = self.chosen()
        if path is None:
            return
        answer = QMessageBox.question(self, "Delete the model", f"Delete {path.stem} for good?")
        if answer == QMessageBox.StandardButton.Yes:
            try:
                path.unlink()
            except OSError as error:
                self.details.setText(f"Cannot delete {path}: {error.strerror}.")
                return
            self.refresh()
            self.details.setText(f"{escape(path.stem)} is deleted.")


def _cells(path: Path) -> tuple[str, ...]:
    """Return the row of one model."""
    try:
        card = read_card(path)
    except CryonetError as error:
        return path.stem, f"not usable: {error}", "", "", ""
    method = METHODS[card.method].title if card.method in METHODS else card.method
    return path.stem, method, _size(card), _quality(card), card.created[:10]


def _details(path: Path) -> str:
    """Return what the card says in a few lines."""
    try:
        card = read_card(path)
    except CryonetError as error:
        return str(error)
    names = ", ".join(str(each.get("name", "?")) for each in card.inputs) or "unknown data"
    training = card.training
    return (
        f"<b>{escape(path.stem)}</b><br>Trained on {escape(names)} at "
        f"{_size(card) or 'unknown'} Å per voxel, "
        f"{training.get('steps', '?')} steps in {training.get('seconds', 0) / 60:.1f} min on "
        f"{training.get('device', 'an unknown device')}; ended: {training.get('ended', '?')}.<br>"
        f"Quality is the correlation with the truth in held-out cubes, estimated across the "
        f"halves: {_quality(card) or 'not measured'}."
    )


def _size(card: ModelCard) -> str:
    """Return the voxel size."""
    return f"{card.voxel_size[0]:.4g}" if card.voxel_size else ""


def _quality(card: ModelCard) -> str:
    """Return the validation figure."""
    quality = card.training.get("quality")
    return f"{quality:.3f}" if isinstance(quality, float) else ""
