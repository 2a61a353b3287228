"""The data of the Point cloud dock: a stack of images, where it comes from, and its review."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari
from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QVBoxLayout, QWidget

from napari_cryonet.gui.dock import guarded
from napari_cryonet.gui.keyed import STEPS, KeyedBox
from napari_cryonet.gui.layer_box import LayerBox
from napari_cryonet.gui.layers import layer_data
from napari_cryonet.gui.layout import empty_form, row, text_label, tipped_button
from napari_cryonet.gui.pointcloud.accepting import (
    Chosen,
    accepted,
    chosen,
    count,
    decide,
    is_particles,
    is_rejected,
)
from napari_cryonet.gui.pointcloud.cloud_layer import is_cloud
from napari_cryonet.gui.pointcloud.rows import TIP, flip, is_flipped
from napari_cryonet.gui.pointcloud.table_dialog import FILTER, TableDialog
from napari_cryonet.gui.waiting import waited
from napari_cryonet.io import image_set
from napari_cryonet.types import ImageStack

_GREEN, _RED = "#3fb950", "#ff5f56"


class DataBox(KeyedBox):
    """The choice of images, and which of them count.

    Parameters
    ----------
    viewer
        Its layers are on offer, and keys are pressed in it.

    Attributes
    ----------
    wrong
        Emitted with a sentence when something did not go.
    images
        The box of the layer.
    flip_box
        Whether the rows of the images are flipped.
    """

    wrong = Signal(str)

    def __init__(self, viewer: napari.viewer.ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(viewer, STEPS, parent)
        self.images = LayerBox(viewer, is_particles)
        self.images.setToolTip("Images of single molecules, one for each particle")
        self.table_button = tipped_button(
            "From table…", "Draw the particles of a table of localisations as images"
        )
        self.folder_button = tipped_button(
            "From folder…", "Open all FITS files of a folder as one stack"
        )
        self.flip_box = QCheckBox("Flip rows")
        self.flip_box.setToolTip(TIP)
        self.words = text_label()
        self.table_button.clicked.connect(self._on_table)
        self.folder_button.clicked.connect(self._on_folder)
        self.flip_box.clicked.connect(self._on_flip)
        self.images.changed.connect(self._on_images)
        viewer.dims.events.current_step.connect(self._on_moved)
        self._lay_out()
        self.tell()

    def chosen(self) -> Chosen:
        """Return the images that were not rejected.

        Raises
        ------
        DataError
            If there are none.
        """
        return chosen(self.images.layer())

    def add(self, stack: ImageStack) -> None:
        """Add images as a layer, choose it and show it.

        Parameters
        ----------
        stack
            ``(n, y, x)``.
        """
        layer = self._viewer.add_layer(Layer.create(*layer_data(stack)[0]))
        self.images.choose(layer)
        self.show_images()

    def show_images(self) -> None:
        """Bring the images into view, alone."""
        layer, viewer = self.images.layer(), self._viewer
        for other in viewer.layers:
            if is_cloud(other):
                other.visible = False
        layer.visible, viewer.dims.ndisplay = True, 2
        viewer.layers.selection.active = layer
        viewer.fit_to_view(layers=[layer])
        self._go_to(self.current or 0)

    @property
    def current(self) -> int | None:
        """The number of the image in view, from 0; None if none is."""
        layer, viewer = self.images.layer(), self._viewer
        if layer is None or not layer.visible or viewer.dims.ndisplay == 3:
            return None
        number = round(float(layer.world_to_data(viewer.dims.point)[-3]))
        return number if 0 <= number < count(layer) else None

    def reviewed_layer(self) -> Any:
        """Return the layer of the images."""
        return self.images.layer()

    def tell(self) -> None:
        """Say how many images count, and whether the one in view does."""
        layer, number = self.images.layer(), self.current
        for button in self.buttons.values():
            button.setEnabled(layer is not None)
        self.flip_box.setEnabled(layer is not None)
        self.flip_box.setChecked(layer is not None and is_flipped(layer))
        if layer is None:
            self.words.setText("Open FITS images in napari, or draw them from a table.")
            return
        words = f"{len(accepted(layer))} of {count(layer)} images are accepted."
        if number is not None:
            rejected = is_rejected(layer, number)
            said, colour = ("rejected", _RED) if rejected else ("accepted", _GREEN)
            words += f' Image {number} is <b style="color: {colour}">{said}</b>.'
        self.words.setText(words)

    # Slots are methods: napari drops a closed dock, and a closure would keep it half alive.

    def _on_accept(self, _: object = None) -> None:
        """Accept the image in view and go on."""
        self._decide(reject=False)

    def _on_reject(self, _: object = None) -> None:
        """Reject the image in view and go on."""
        self._decide(reject=True)

    def _on_following(self, _: object = None) -> None:
        """Go on."""
        self._step(1)

    def _on_before(self, _: object = None) -> None:
        """Go back."""
        self._step(-1)

    def _decide(self, *, reject: bool) -> None:
        """Say of the image in view whether it counts, and go on; without one show the images."""
        if (number := self.current) is not None:
            decide(self.images.layer(), number, reject=reject)
        self._step(1)

    def _step(self, way: int) -> None:
        """Go to another image; show the images if they are not in view."""
        number, layer = self.current, self.images.layer()
        if layer is None:
            return
        if number is None:
            self.show_images()
            return
        self._go_to(min(max(number + way, 0), count(layer) - 1))

    def _go_to(self, number: int) -> None:
        """Show an image."""
        viewer, layer = self._viewer, self.images.layer()
        place = layer.data_to_world((number, 0, 0))[-3]
        viewer.dims.set_point(viewer.dims.ndim - 3, place)
        self.tell()

    def _on_images(self) -> None:
        """Take the keys along to another layer."""
        self.rebind()
        self.tell()

    def _on_flip(self) -> None:
        """Flip the rows of the images."""
        flip(self.images.layer())

    def _on_moved(self) -> None:
        """Say what is known of the image in view."""
        self.tell()

    def _on_table(self) -> None:
        """Ask for a table and draw its particles."""
        name, _ = QFileDialog.getOpenFileName(self, "Table of localisations", "", FILTER)
        if not name:
            return
        dialog = TableDialog(Path(name), self._viewer, self)
        if dialog.exec() and dialog.images is not None:
            self.add(dialog.images)

    def _on_folder(self) -> None:
        """Ask for a folder and open its images."""
        name = QFileDialog.getExistingDirectory(self, "Folder of FITS images")
        if name:
            guarded(lambda: self._open(Path(name)), self.wrong.emit)

    def _open(self, folder: Path) -> None:
        """Open the images of a folder as one layer."""
        self.add(waited(lambda _: image_set.read(folder), f"Reading {folder.name}"))

    def _lay_out(self) -> None:
        """Put everything in its place."""
        form = empty_form()
        form.addRow("Images", self.images)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addWidget(row(self.table_button, self.folder_button, self.flip_box))
        layout.addWidget(row(*self.buttons.values()))
        layout.addWidget(self.words)
