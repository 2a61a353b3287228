"""The layers of picking: labels and regions in the space of a tomogram, and picks in colours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import napari
import numpy as np
from napari.layers import Labels
from napari.layers import Points as PointsLayer
from napari.utils.colormaps import DirectLabelColormap, ensure_colormap
from numpy.typing import NDArray

from napari_cryonet.errors import DataError
from napari_cryonet.gui.layers import to_thing
from napari_cryonet.gui.picking.table import ACCEPTED, REJECTED
from napari_cryonet.gui.things import placed
from napari_cryonet.methods.picking.settings import BACKGROUND, COMPLETE, IGNORE
from napari_cryonet.types import Points, Volume

REGIONS = {0: "unknown", BACKGROUND: "background", COMPLETE: "fully annotated", IGNORE: "ignore"}
"""What the values of a regions layer mean."""

REGION_COLOURS = {BACKGROUND: "#d9534f", COMPLETE: "#3fb950", IGNORE: "#8b949e"}
STATUS_COLOURS = {ACCEPTED: "#3fb950", REJECTED: "#ff5f56"}
"""Of picks that were reviewed; all others have the colour of their score."""

SCORE_COLOURS = "cool"

SPHERES = "rescale_spherical"
"""How picks are drawn: as the circle in which the plane in view cuts a particle."""

_LABEL_COLOURS = ("yellow", "cyan", "magenta", "orange", "deepskyblue", "white")
_CURRENT = "white"
_WIDTH, _CURRENT_WIDTH = 0.08, 0.14  # of the border, as a share of the size
_FADED = 0.45


def new_labels(
    viewer: napari.viewer.ViewerModel, like: Any, name: str, diameter: float
) -> PointsLayer:
    """Add an empty layer to label particles on, ready to be clicked on.

    Parameters
    ----------
    viewer
        It gets the layer.
    like
        The layer of the tomogram, or one of points in it, whose space it takes.
    name
        Of the class.
    diameter
        Of a particle in Å.
    """
    others = sum(isinstance(layer, PointsLayer) for layer in viewer.layers)
    layer = PointsLayer(
        ndim=3,
        name=name,
        size=diameter / angstrom_per_unit(like),
        face_color="transparent",
        border_color=_LABEL_COLOURS[others % len(_LABEL_COLOURS)],
        border_width=_WIDTH,
        projection_mode=SPHERES,
        **_space(like),
    )
    viewer.add_layer(layer)
    show_depth(viewer, diameter)
    viewer.layers.selection.active = layer
    layer.mode = "add"
    return layer


def new_regions(viewer: napari.viewer.ViewerModel, tomogram: Any, diameter: float) -> Labels:
    """Add an empty layer to paint regions on, with a brush of the size of a particle.

    Parameters
    ----------
    viewer
        It gets the layer.
    tomogram
        The layer of the tomogram, whose space and shape it takes.
    diameter
        Of a particle in Å.
    """
    shape = (tomogram.data[0] if tomogram.multiscale else tomogram.data).shape
    colours: dict[Any, str] = {None: "transparent", 0: "transparent", **REGION_COLOURS}
    layer = Labels(
        np.zeros(shape, np.uint8),
        name="regions",
        opacity=0.4,
        colormap=DirectLabelColormap(color_dict=colours),
        features={"region": list(REGIONS.values())},
        **_space(tomogram),
    )
    viewer.add_layer(layer)
    viewer.layers.selection.active = layer
    layer.n_edit_dimensions = 3
    layer.brush_size = max(1, round(diameter / angstrom_per_unit(tomogram)))
    layer.mode = "paint"
    return layer


def show_depth(viewer: napari.viewer.ViewerModel, diameter: float) -> None:
    """Let planes show all particles that reach into them: they become as thick as a particle.

    Parameters
    ----------
    viewer
        Its planes are meant. Images are averaged over them, which shows particles all the better.
    diameter
        Of a particle in Å.
    """
    count = viewer.dims.ndim - 3  # axes of other layers come first
    viewer.dims.thickness = (*viewer.dims.thickness[:count], *(diameter,) * 3)


def show_place(viewer: napari.viewer.ViewerModel, layer: Any, position: Any) -> None:
    """Move the planes and the middle of the view to a position in a layer.

    Parameters
    ----------
    viewer
        Its planes are meant.
    layer
        The layer.
    position
        ``(3,)`` in the voxels of the layer, z, y, x.
    """
    place = np.asarray(layer.data_to_world(position))[-3:]
    others = viewer.dims.ndim - 3  # axes of other layers come first
    viewer.dims.set_point(range(others, viewer.dims.ndim), place)
    seen = [place[axis - others] for axis in viewer.dims.displayed if axis >= others]
    centre = viewer.scene.camera.center
    viewer.scene.camera.center = (*centre[: len(centre) - len(seen)], *seen)


def angstrom_per_unit(layer: Any) -> float:
    """Return how many Å one unit of a layer's data is; 1 if that is not known."""
    thing = to_thing(layer)
    size = getattr(thing, "voxel_size", None)
    return float(size[-1]) if size else 1.0


def points_in(layer: PointsLayer, volume: Volume) -> Points:
    """Return the points of a layer in the voxels of a volume, wherever the layer lies.

    Parameters
    ----------
    layer
        Points z, y, x, of any scale.
    volume
        The volume.

    Raises
    ------
    DataError
        If the layer is turned, or is a cloud of points.
    """
    thing = to_thing(layer)
    if not isinstance(thing, Points):
        raise DataError(f"{layer.name} holds no picks; choose a points layer with z, y, x.")
    data, attributes, _ = layer.as_layer_data_tuple()
    places = (placed(data, attributes, "Å") - np.array(volume.origin)) / np.array(volume.scale)
    return replace(
        thing,
        positions=places,
        voxel_size=volume.voxel_size,
        volume=volume.name,
        volume_shape=(volume.shape[0], volume.shape[1], volume.shape[2]),
    )


def columns(picks: Points) -> dict[str, Any]:
    """Return features and sizes of picks, to be set on their layer."""
    scale = (picks.voxel_size or (1.0,))[-1]
    sizes = 2 * np.asarray(picks.features["radius"], dtype=float) / scale
    return {"features": dict(picks.features), "size": sizes if len(picks) else 1.0}


def borders(picks: Points, current: int | None) -> dict[str, Any]:
    """Return the borders of picks, to be set on their layer.

    Parameters
    ----------
    picks
        With the columns of a pick.
    current
        The one under review, None for none.
    """
    if not len(picks):  # napari knows no colours of nothing
        return {}
    status, scores = picks.features["status"], picks.features["score"]
    colours = np.asarray(ensure_colormap(SCORE_COLOURS).map(scores), dtype=float).reshape(-1, 4)
    for name, colour in STATUS_COLOURS.items():
        colours[status == name] = _rgba(colour)
    widths = np.full(len(picks), _WIDTH)
    if current is not None:
        colours[:, 3] = _FADED
        colours[current] = _rgba(_CURRENT)
        widths[current] = _CURRENT_WIDTH
    return {"border_color": colours, "border_width": widths}


def _rgba(colour: str) -> NDArray[np.floating[Any]]:
    """Return a colour as four numbers."""
    return np.asarray(ensure_colormap([colour, colour]).colors[0])


def _space(layer: Any) -> dict[str, Any]:
    """Return where a layer is, how large its voxels are, and its units."""
    return {name: getattr(layer, name) for name in ("scale", "translate", "units", "axis_labels")}
