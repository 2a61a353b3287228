"""How labels are made: layers to click and paint on, and clicks on a plane in three dimensions."""

from __future__ import annotations

from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_cryonet.errors import SettingsError
from napari_cryonet.gui.dock import guarded
from napari_cryonet.gui.form import SettingsForm
from napari_cryonet.gui.picking.data import DataBox
from napari_cryonet.gui.picking.layers import new_labels, new_regions
from napari_cryonet.gui.picking.plane import plane_hit


class Labelling(QObject):
    """Makes labels of what the user does in the viewer.

    Parameters
    ----------
    viewer
        The window's viewer.
    data
        The choice of the tomogram and of the layers of labels, whose buttons are served.
    form
        It says how large a particle is.

    Attributes
    ----------
    wrong
        Emitted with a sentence when something does not suit.
    """

    wrong = Signal(str)

    def __init__(
        self, viewer: napari.viewer.ViewerModel, data: DataBox, form: SettingsForm
    ) -> None:
        super().__init__(data)
        self._viewer, self._data, self._form = viewer, data, form
        data.labels_button.clicked.connect(self._on_labels)
        data.regions_button.clicked.connect(self._on_regions)

    def listen(self) -> None:
        """Take Alt-clicks on the plane of the tomogram for labels."""
        if self._on_click not in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.append(self._on_click)

    def leave(self) -> None:
        """Leave clicks to others."""
        if self._on_click in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_click)

    def diameter(self) -> float:
        """Return the diameter of the particles in Å.

        Raises
        ------
        SettingsError
            If it is not given.
        """
        diameter: float | None = self._form.value().diameter
        if diameter is None:
            raise SettingsError("Give the diameter of the particles in Å first.")
        return diameter

    def new_labels(self) -> Any:
        """Add a layer of labels of the class that is named.

        Raises
        ------
        CryonetError
            If there is no tomogram, or the diameter is not given.
        """
        self._data.tomogram.volume()
        kind = self._data.kind.text().strip() or "particle"
        return new_labels(self._viewer, self._data.tomogram.layer(), kind, self.diameter())

    def new_regions(self) -> None:
        """Add a layer of regions, and choose it.

        Raises
        ------
        CryonetError
            If there is no tomogram, or the diameter is not given.
        """
        self._data.tomogram.volume()
        made = new_regions(self._viewer, self._data.tomogram.layer(), self.diameter())
        self._data.regions.choose(made)

    def label(self, voxel: Any) -> None:
        """Add a label, on the selected layer of labels or on the last.

        Parameters
        ----------
        voxel
            Of the chosen tomogram, z, y, x.

        Raises
        ------
        CryonetError
            If a layer has to be made, and the diameter is not given.
        """
        ticked, active = self._data.ticked(), self._viewer.layers.selection.active
        layer = active if active in ticked else ticked[-1] if ticked else self.new_labels()
        world = self._data.tomogram.layer().data_to_world(voxel)
        layer.add(np.asarray(layer.world_to_data(world))[-3:])

    def _on_labels(self) -> None:
        """Add a layer of labels."""
        guarded(self.new_labels, self.wrong.emit)

    def _on_regions(self) -> None:
        """Add a layer of regions."""
        guarded(self.new_regions, self.wrong.emit)

    def _on_click(self, viewer: Any, event: Any) -> None:  # noqa: ARG002 - napari hands it over
        """Add a label where an Alt-click meets the plane of the tomogram."""
        layer = self._data.tomogram.layer()
        if layer is None or "Alt" not in event.modifiers:
            return
        voxel = plane_hit(layer, event)
        if voxel is not None:
            event.handled = True
            guarded(lambda: self.label(voxel), self.wrong.emit)
