"""The dialogs *Open positions…* and *Save positions…*: every convention a choice, previewed.

They are in File > IO Utilities, for files that say too little of themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari.viewer
from napari.layers import Layer, Points
from napari.utils.notifications import show_info
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QLabel, QScrollArea, QVBoxLayout

from napari_cryonet.errors import CryonetError
from napari_cryonet.gui.form import SettingsForm
from napari_cryonet.gui.places import open_places
from napari_cryonet.gui.positions import read_positions, save_positions
from napari_cryonet.io import CoordinateSettings
from napari_cryonet.io.coordinates import SUFFIXES, preview

_FILTER = f"Positions (*{' *'.join(SUFFIXES[:-1])});;All files (*)"
_SIZE = (760, 620)
_ONLY_READING = ("section", "score_column", "class_column")


class PositionsDialog(QDialog):
    """A form of all conventions above what they make of a file.

    Parameters
    ----------
    path
        The file.
    look
        Returns what to show under some settings, one line each; may raise an error of ours.
    hidden
        Settings that do nothing here.
    """

    def __init__(
        self,
        path: Path,
        look: Callable[[CoordinateSettings], list[str]],
        *,
        hidden: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.setWindowTitle(path.name)
        self.resize(*_SIZE)
        self._look = look
        self.form = SettingsForm(CoordinateSettings, hidden=hidden)
        self.shown = QLabel()
        self.shown.setWordWrap(True)
        self.shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(self.form)
        layout = QVBoxLayout(self)
        for widget in (area, self.shown, self.buttons):
            layout.addWidget(widget)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.form.edited.connect(self.refresh)
        places = open_places()
        if len(places) == 1:
            self._fill(places[0].voxel_size, places[0].shape)
        self.refresh()

    def settings(self) -> CoordinateSettings:
        """Return what the form says."""
        settings: CoordinateSettings = self.form.value()
        return settings

    def refresh(self) -> None:
        """Show what the present settings make of the file, or what they lack."""
        try:
            self.shown.setText("\n".join(self._look(self.settings())))
            ready = True
        except CryonetError as error:
            self.shown.setText(str(error))
            ready = False
        button = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        if button is not None:
            button.setEnabled(ready)

    def _fill(self, voxel_size: float, shape: tuple[int, int, int]) -> None:
        """Write what the only open volume is into the form."""
        self.form.widgets["voxel_size"].value = f"{voxel_size:g}"
        self.form.widgets["volume_shape"].value = " ".join(str(length) for length in shape)


def open_positions(viewer: napari.viewer.Viewer) -> None:
    """Ask for a file of positions and for what its numbers mean, and open it.

    Parameters
    ----------
    viewer
        The viewer that gets the layers.
    """
    name, _ = QFileDialog.getOpenFileName(None, "Open positions", "", _FILTER)
    if not name:
        return
    path = Path(name)

    def look(settings: CoordinateSettings) -> list[str]:
        shown = preview(path, settings)
        return [f"{shown.format}: {shown.convention}", *shown.rows()]

    dialog = PositionsDialog(path, look)
    if dialog.exec():
        for made in read_positions(path, dialog.settings()):
            viewer.add_layer(Layer.create(*made))


def save_selected_positions(viewer: napari.viewer.Viewer) -> None:
    """Ask for a file and a convention, and write the selected points layer.

    Parameters
    ----------
    viewer
        The viewer whose selected layer is meant.
    """
    layer: Any = viewer.layers.selection.active
    if not isinstance(layer, Points):
        show_info("Select the points layer that is to be saved.")
        return
    data, attributes, _kind = layer.as_layer_data_tuple()
    ask_and_save(data, attributes)


def ask_and_save(data: Any, attributes: dict[str, Any]) -> None:
    """Ask for a file and a convention, and write points.

    Parameters
    ----------
    data
        The data of a points layer.
    attributes
        Its attributes.
    """
    name, _ = QFileDialog.getSaveFileName(
        None, "Save positions", f"{attributes['name']}.star", _FILTER
    )
    if not name:
        return
    path = Path(name)

    def look(settings: CoordinateSettings) -> list[str]:
        chosen = "the name of the file" if settings.format == "auto" else "you"
        return [f"{len(data)} positions; the format is chosen by {chosen}."]

    dialog = PositionsDialog(path, look, hidden=_ONLY_READING)
    if dialog.exec():
        save_positions(path, data, attributes, dialog.settings())
