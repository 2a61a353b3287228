"""The dialog *From table…*: a table of localisations becomes one image for each particle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari
from napari.layers import Points
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QGroupBox, QVBoxLayout, QWidget

from napari_cryonet.gui.dock import guarded
from napari_cryonet.gui.form import SettingsForm
from napari_cryonet.gui.layer_box import LayerBox, is_picks
from napari_cryonet.gui.layout import scrolling, text_label
from napari_cryonet.gui.things import placed
from napari_cryonet.gui.waiting import waited
from napari_cryonet.io import localisations
from napari_cryonet.io.localisation_settings import LocalisationSettings
from napari_cryonet.reporting import Reporter
from napari_cryonet.signal.particle_images import particle_images
from napari_cryonet.signal.particle_settings import ParticleSettings
from napari_cryonet.types import ImageStack

FILTER = "Tables of localisations (*.csv *.tsv *.txt *.hdf5 *.h5 *.mat);;All files (*)"
_SIZE = (460, 720)
_ERROR = "#ff7b72"


class TableDialog(QDialog):
    """What the columns of a table mean, what a particle is, and how it is drawn.

    Parameters
    ----------
    path
        The table.
    viewer
        Its points layers are on offer as picks.

    Attributes
    ----------
    columns, drawing
        The two forms.
    picks
        The box of the layer of picks.
    images
        The images, once they were drawn.
    """

    def __init__(
        self, path: Path, viewer: napari.viewer.ViewerModel, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(path.name)
        self.resize(*_SIZE)
        self._path = path
        self.images: ImageStack | None = None
        self.columns = SettingsForm(LocalisationSettings)
        self.drawing = SettingsForm(ParticleSettings)
        self.picks = LayerBox(viewer, _is_plane, "none")
        self.picks.setToolTip("Particles are what lies around these points, in the table's nm")
        self.words = text_label(_ERROR)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self._lay_out()

    def accept(self) -> None:
        """Draw the images and close; if that does not go, say why and stay."""
        guarded(self._draw, self.words.setText)

    def _draw(self) -> None:
        """Draw the images."""
        columns, drawing = self.columns.value(), self.drawing.value()
        picks = None if self.picks.layer() is None else _in_nm(self.picks.layer())

        def work(report: Reporter) -> ImageStack:  # noqa: ARG001 - neither counts its steps
            table = localisations.read(self._path, columns)
            return particle_images(table, drawing, picks).images

        self.images = waited(work, f"Drawing {self._path.name}")
        super().accept()

    def _lay_out(self) -> None:
        """Put everything in its place."""
        inside = QWidget()
        parts = QVBoxLayout(inside)
        for title, form in (("The table", self.columns), ("The images", self.drawing)):
            box = QGroupBox(title)
            QVBoxLayout(box).addWidget(form)
            parts.addWidget(box)
        picked = QFormLayout()
        picked.addRow("Picks", self.picks)
        parts.addLayout(picked)
        parts.addStretch()
        layout = QVBoxLayout(self)
        layout.addWidget(scrolling(inside))
        layout.addWidget(self.words)
        layout.addWidget(self.buttons)


def _is_plane(layer: Any) -> bool:
    """Whether a layer holds points along y, x, or along z, y, x that are not those of a cloud."""
    return is_picks(layer) or (isinstance(layer, Points) and layer.ndim == 2)


def _in_nm(layer: Any) -> Any:
    """Return the points of a layer, ``(n, 2)`` y, x in nm."""
    data, attributes, _ = layer.as_layer_data_tuple()
    return placed(data, attributes, "nm")[:, -2:]
