"""A box to train on, drawn in the viewer as a rectangle and written into a line of a form.

The line of the form alone says what is trained on: it may be edited, and a rectangle that is
drawn or moved writes into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import napari
import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_cryonet.gui.fields import as_text
from napari_cryonet.gui.layout import text_label
from napari_cryonet.reporting import Box

NAME = "training box"
_COLOUR = "#ffd33d"
_PART = 150  # of the longest axis is the width of the line


class TrainingBox(QWidget):
    """A button to draw the box with, and the box in words.

    Parameters
    ----------
    viewer
        Where it is drawn.
    line
        The magicgui line of the form: first and last voxel (exclusive) along z, y, x.
    """

    def __init__(self, viewer: napari.viewer.ViewerModel, line: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._line = line
        self._layer: Any = None
        self._shapes: Shapes | None = None
        self._written: Box | None = None
        self._edited: dict[int, slice] = {}
        self.button = QPushButton("Draw box")
        self.button.setToolTip("Draw a rectangle in the viewer and train on what lies in it")
        self.words = text_label()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)
        layout.addWidget(self.words)
        self._drawn = QTimer(self, singleShot=True, interval=0)
        self._drawn.timeout.connect(self._on_drawn)
        self.button.clicked.connect(self.draw)
        line.changed.connect(self._on_line)
        viewer.layers.events.removed.connect(self._on_removed)
        for shapes in viewer.layers:  # left by a dock that was closed
            if isinstance(shapes, Shapes) and shapes.name == NAME:
                self._take(shapes)
        self.follow(None)

    @property
    def box(self) -> Box | None:
        """The box in voxels as the line says it, None for none or one that cannot be read."""
        try:
            numbers = [int(number) for number in self._line.value.replace(",", " ").split()]
        except ValueError:
            return None
        if len(numbers) != 6:
            return None
        z, y, x = (slice(*numbers[start : start + 2]) for start in (0, 2, 4))
        return z, y, x

    def follow(self, layer: Any) -> None:
        """Take the layer of the volume that is trained on, None if there is none."""
        self.button.setEnabled(layer is not None)
        if layer is not self._layer:
            self._layer = layer
            self._look()
        self._say()

    def draw(self) -> None:
        """Let the user draw a rectangle, on a layer of its own."""
        if self._layer is None:
            return
        self._viewer.dims.ndisplay = 2
        if self._shapes is None:
            self._take(self._new_layer())
        shapes: Any = self._shapes
        self._viewer.layers.selection.active = shapes
        shapes.mode = "add_rectangle"

    def _new_layer(self) -> Shapes:
        """Add the layer of the rectangle, in the space of the volume."""
        layer = self._layer
        shapes = Shapes(
            ndim=3,
            name=NAME,
            edge_color=_COLOUR,
            face_color="transparent",
            edge_width=max(1.0, max(_shape(layer)) / _PART),
            **{name: getattr(layer, name) for name in ("scale", "translate", "units")},
            axis_labels=layer.axis_labels,
        )
        self._viewer.add_layer(shapes)
        return shapes

    def _take(self, shapes: Shapes) -> None:
        """Follow a layer of the rectangle."""
        self._shapes = shapes
        shapes.events.data.connect(self._on_data)

    def _look(self) -> None:
        """Write what lies in the newest rectangle into the line."""
        shapes, layer = self._shapes, self._layer
        if shapes is None or layer is None or not shapes.nshapes:
            return
        corners = [layer.world_to_data(shapes.data_to_world(corner)) for corner in shapes.data[-1]]
        found = box_around(np.asarray(corners)[:, -3:], _shape(layer), self._edited)
        self._written = found
        self._line.value = as_text(
            tuple(edge for part in found for edge in (part.start, part.stop))
        )

    def _on_line(self) -> None:
        """Remember which axes were written by hand, and say what the line says."""
        box, written = self.box, self._written
        if not self._line.value:
            self._edited = {}
        elif box is not None and box != written:
            new = {n: box[n] for n in range(3) if written is None or box[n] != written[n]}
            self._edited |= new
        self._say()

    def _say(self) -> None:
        """Say in words what is trained on."""
        self.words.setVisible(bool(self._line.value))
        if self.box is None:
            self.words.setText("The box under Advanced takes six numbers: z z y y x x.")
            return
        parts = (
            f"{name} {part.start}–{part.stop}" for name, part in zip("zyx", self.box, strict=True)
        )
        self.words.setText(
            f"Training box: {', '.join(parts)}. Remove the layer, or empty the box under "
            f"Advanced, to train on all."
        )

    def _on_data(self, event: Any) -> None:
        """Follow the rectangle; what comes after drawing waits until napari is done with it."""
        self._look()
        if str(event.action) == "added":
            self._drawn.start()
        elif str(event.action) == "removed" and not event.source.nshapes:
            self._forget()

    def _on_drawn(self) -> None:
        """Keep the newest rectangle alone, and let the mouse move the view again."""
        shapes = self._shapes
        if shapes is None:
            return
        if shapes.nshapes > 1:
            shapes.selected_data = set(range(shapes.nshapes - 1))
            shapes.remove_selected()
        if shapes.mode == "add_rectangle":
            shapes.mode = "pan_zoom"

    def _on_removed(self) -> None:
        """Train on all again when the layer is taken away."""
        if self._shapes is not None and self._shapes not in self._viewer.layers:
            self._shapes = None
            self._forget()

    def _forget(self) -> None:
        """Train on all of the volume."""
        self._written, self._line.value = None, ""


def box_around(
    corners: NDArray[np.floating[Any]],
    shape: tuple[int, ...],
    edited: Mapping[int, slice] = MappingProxyType({}),
) -> Box:
    """Return the box of the voxels whose centres lie in a rectangle, cut to the volume.

    Parameters
    ----------
    corners
        ``(n, 3)`` corners in voxels, z, y, x, in one plane; of other shapes all points.
    shape
        ``(z, y, x)`` of the volume.
    edited
        The extent across the plane, by axis; for an axis without one it is all of the volume.
    """
    low, high = corners.min(axis=0).round(3), corners.max(axis=0).round(3)
    across = int(np.argmin(high - low))
    parts = []
    for axis, length in enumerate(shape):
        if axis == across:
            parts.append(edited.get(axis, slice(0, length)))
            continue
        first = int(np.clip(np.ceil(low[axis]), 0, length))
        parts.append(slice(first, int(np.clip(np.floor(high[axis]) + 1, first, length))))
    return parts[0], parts[1], parts[2]


def _shape(layer: Any) -> tuple[int, ...]:
    """Return the shape of a volume's layer, of the finest level if it has several."""
    shape: tuple[int, ...] = (layer.data[0] if layer.multiscale else layer.data).shape
    return shape
