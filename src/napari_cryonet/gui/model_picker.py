"""The choice of a trained model of one method; the list follows the folder of the models."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QFileSystemWatcher, QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_cryonet.errors import CryonetError, ModelError
from napari_cryonet.gui.folders import models_folder
from napari_cryonet.io import read_card
from napari_cryonet.io.model import SUFFIX
from napari_cryonet.methods.table import Method


class ModelPicker(QComboBox):
    """A box with the models of a method, the newest first, the one that is shipped last.

    Parameters
    ----------
    method
        The method.

    Attributes
    ----------
    changed
        Emitted when another model is chosen, or when the list was read again.
    """

    changed = Signal()

    def __init__(self, method: Method, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._method = method
        self.setToolTip("A trained model; Plugins > CryoNet > Models manages them")
        self.currentIndexChanged.connect(self._on_choice)
        self._watcher = QFileSystemWatcher([str(models_folder())], self)
        self._watcher.directoryChanged.connect(self._on_folder)
        self.refresh()

    @property
    def path(self) -> Path | None:
        """The file of the chosen model, None if there is none."""
        chosen: Path | None = self.currentData()
        return chosen

    def chosen(self) -> Path:
        """Return the file of the chosen model.

        Raises
        ------
        ModelError
            If there is none.
        """
        if self.path is None:
            raise ModelError("There is no model yet: train one, or import one under Models.")
        return self.path

    def refresh(self, chosen: Path | None = None) -> None:
        """Offer the models that are there now.

        Parameters
        ----------
        chosen
            The model to choose; None keeps the present choice.
        """
        chosen = chosen or self.path
        found = [path for path in models_folder().glob(f"*{SUFFIX}") if self._is_ours(path)]
        found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        shipped = self._method.shipped_model
        with QSignalBlocker(self):
            self.clear()
            for path in found:
                self.addItem(path.stem, path)
            if shipped is not None:
                self.addItem(f"Shipped: {self._method.title}", shipped)
                found.append(shipped)
            if chosen in found:
                self.setCurrentIndex(found.index(chosen))
        self.changed.emit()

    def _is_ours(self, path: Path) -> bool:
        """Whether a file is a model of this method."""
        try:
            return read_card(path).method == self._method.name
        except CryonetError:
            return False

    def _on_choice(self) -> None:
        """Tell that another model was chosen."""
        self.changed.emit()

    def _on_folder(self) -> None:
        """Follow what others do in the folder."""
        self.refresh()
