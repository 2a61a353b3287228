"""The page of what was found: the cloud through its levels, each particle, and all their sides."""

from __future__ import annotations

import napari
import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QLabel,
    QPushButton,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_cryonet.errors import DataError
from napari_cryonet.gui.layout import empty_form, row, text_label
from napari_cryonet.gui.pointcloud.cloud_layer import CloudLayer
from napari_cryonet.gui.pointcloud.found import Found
from napari_cryonet.gui.pointcloud.plots import Tiles, ViewsPlot
from napari_cryonet.gui.pointcloud.views import directions

_WARNING = "#e3b341"
_HAND = "The hand cannot be told from projections: the mirror image explains them as well."


class CloudPage(QWidget):
    """What a reconstruction or a search for poses has found.

    Parameters
    ----------
    viewer
        It shows the cloud.

    Attributes
    ----------
    cloud
        The cloud in the canvas.
    level
        The slider that replays how the cloud came about.
    particle
        The box with the number of the particle whose pictures are shown.
    save_cloud_button, save_poses_button, save_film_button
        The dock says what they do.
    """

    def __init__(self, viewer: napari.viewer.ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found: Found | None = None
        self.cloud = CloudLayer(viewer)
        self.words, self.doubt, self.hand = text_label(), text_label(_WARNING), text_label()
        self.hand.setText(_HAND)
        self.mirror_button = QPushButton("Mirror")
        self.mirror_button.setToolTip("Show and save cloud and poses of the other hand")
        self.level = QSlider(Qt.Orientation.Horizontal)
        self.level.setToolTip("The cloud after each level of the refinement")
        self.level_words = QLabel()
        self.particle = QSpinBox()
        self.particle.setToolTip(
            "The particle in the pictures: its pose, and its image in the layer"
        )
        self.particle_words = QLabel()
        self.tiles, self.views = Tiles(), ViewsPlot()
        self.save_cloud_button = QPushButton("Save cloud…")
        self.save_poses_button = QPushButton("Save poses…")
        self.save_film_button = QPushButton("Film…")
        self.save_film_button.setToolTip("Save a film of the cloud as it turns, as GIF or MP4")
        self.level.valueChanged.connect(self._on_level)
        self.particle.valueChanged.connect(self._on_particle)
        self.mirror_button.clicked.connect(self._on_mirror)
        self._lay_out()
        self.words.setText("The cloud and its poses are shown here.")

    @property
    def found(self) -> Found:
        """What is shown.

        Raises
        ------
        DataError
            If there is nothing yet.
        """
        if self._found is None:
            raise DataError("There is no cloud yet: reconstruct one, or find poses with a model.")
        return self._found

    def begin(self, found: Found) -> None:
        """Show what was found.

        Parameters
        ----------
        found
            The cloud replaces the one in the canvas.
        """
        self._found = found
        last = max(len(found.history) - 1, 0)
        with QSignalBlocker(self.level), QSignalBlocker(self.particle):
            self.level.setRange(0, last)
            self.level.setValue(last)
            self.particle.setRange(0, len(found.poses) - 1)
        self._inside.setVisible(True)
        self.level.setEnabled(last > 0)
        self.words.setText(
            f"{len(found.cloud)} points, {len(found.poses)} poses, "
            f"rms radius {found.radius:.3g} {found.cloud.unit}."
        )
        self.doubt.setText(found.doubt)
        self.doubt.setVisible(bool(found.doubt))
        self._show()

    def _show(self) -> None:
        """Show the cloud of the level, the particle, and from where all were seen."""
        self.views.show_views(directions(self.found.poses))
        self._on_level()
        self._on_particle()

    # Slots are methods: napari drops a closed dock, and a closure would keep it half alive.

    def _on_level(self) -> None:
        """Show the cloud after a level."""
        self.cloud.show(self.found.at(self.level.value()))
        self.cloud.turn_to()
        self.level_words.setText(f"level {self.level.value() + 1} of {self.level.maximum() + 1}")

    def _on_particle(self) -> None:
        """Show another particle."""
        index, features = self.particle.value(), self.found.poses.features
        self.tiles.show_tiles(*self.found.tiles(index))
        self.views.mark(index)
        kept = features.get("kept", np.ones(len(self.found.poses)))[index]
        self.particle.setSuffix(f" (image {features['image'][index]})")
        said = " unexplained" if kept else ": left out"
        self.particle_words.setText(f"{features['residual'][index]:.0%}{said}")

    def _on_mirror(self) -> None:
        """Take the other hand."""
        self._found = self.found.mirrored()
        self._show()

    def _lay_out(self) -> None:
        """Put everything in its place; it is hidden until there is something."""
        form = empty_form()
        form.addRow("Replay", row(self.level, self.level_words))
        form.addRow("Particle", row(self.particle, self.particle_words))
        self._inside = QWidget()
        inside = QVBoxLayout(self._inside)
        inside.setContentsMargins(0, 0, 0, 0)
        saving = (self.save_cloud_button, self.save_poses_button, self.save_film_button)
        buttons = row(self.mirror_button, *saving)
        inside.addWidget(self.hand)
        inside.addWidget(buttons)
        inside.addLayout(form)
        inside.addWidget(self.tiles)
        inside.addWidget(self.views)
        self._inside.setVisible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.words, self.doubt, self._inside):
            layout.addWidget(part)
        self.doubt.setVisible(False)
