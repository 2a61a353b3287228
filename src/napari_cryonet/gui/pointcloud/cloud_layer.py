"""The cloud in the canvas: one layer that grows while it is sought and replays how it grew."""

from __future__ import annotations

from typing import Any

import napari
import numpy as np
from napari.layers import Layer

from napari_cryonet.gui.layers import layer_data
from napari_cryonet.gui.pointcloud.accepting import is_particles
from napari_cryonet.gui.things import KEY, UNITS
from napari_cryonet.types import PointCloud

_SIZE = 0.09  # of a point, in root mean square radii
_COLOUR = "#7fd8ff"
_MARGIN = 0.3  # of the canvas, so that it can be turned


def is_cloud(layer: Any) -> bool:
    """Whether a layer shows a cloud."""
    return bool(layer.metadata.get(KEY, {}).get("kind") == "cloud")


class CloudLayer:
    """Shows a cloud in three dimensions.

    Parameters
    ----------
    viewer
        It gets the layer.

    Attributes
    ----------
    layer
        None before the first cloud.
    """

    def __init__(self, viewer: napari.viewer.ViewerModel) -> None:
        self._viewer = viewer
        self.layer: Any = None
        viewer.layers.events.inserted.connect(self._on_inserted)

    def begin(self, name: str) -> None:
        """Show the next cloud on a layer of its own, in the place of one of that name.

        Parameters
        ----------
        name
            Of the layer.
        """
        if name in self._viewer.layers:
            self._viewer.layers.remove(name)
        self.name, self.layer = name, None

    def show(self, cloud: PointCloud) -> None:
        """Show a cloud, which may have more or fewer points than the one before.

        Parameters
        ----------
        cloud
            In nm.
        """
        if self.layer is None or self.layer not in self._viewer.layers:
            self._add(cloud)
            return
        layer = self.layer
        layer.selected_data = set()
        layer.data = cloud.vertices
        layer.features = {} if cloud.weights is None else {"weight": cloud.weights}

    def turn_to(self) -> None:
        """Bring the cloud into view, without the images; nothing moves if it is there already."""
        viewer = self._viewer
        if viewer.dims.ndisplay == 3 and self.layer.visible:
            return
        for other in viewer.layers:
            if is_particles(other):
                other.visible = False
        self.layer.visible, viewer.dims.ndisplay = True, 3
        viewer.fit_to_view(layers=[self.layer], margin=_MARGIN)

    def _add(self, cloud: PointCloud) -> None:
        """Add the layer."""
        ((data, attributes, kind),) = layer_data(cloud)
        radius = float(np.sqrt(np.square(cloud.vertices).sum(axis=1).mean()))
        attributes |= {"name": self.name, "size": _SIZE * radius, "face_color": _COLOUR}
        attributes |= {"antialiasing": 0.0, "visible": False}  # no black rims; not in view yet
        self._agree()
        self.layer = self._viewer.add_layer(Layer.create(data, attributes, kind))
        self.turn_to()

    def _agree(self) -> None:
        """Let images count all axes in nm, as clouds do: else napari draws without units."""
        for layer in self._viewer.layers:
            if is_particles(layer):
                layer.units = (UNITS["nm"],) * 3

    def _on_inserted(self) -> None:
        """Agree on units as soon as there is a cloud, wherever it comes from."""
        if any(is_cloud(layer) for layer in self._viewer.layers):
            self._agree()
