"""How a thing becomes a napari layer, and the other way round.

Every layer has units, a scale and axis labels: one layer in pixels among others in Å makes
napari ignore the units of all. What a layer cannot say itself is kept in its metadata:
``metadata["cryonet"]`` is ready for JSON, ``metadata["cryonet_header"]`` is the file's header.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.utils.notifications import show_warning

from napari_cryonet.errors import DataError
from napari_cryonet.gui.arrays import contrast_limits, levels, shown
from napari_cryonet.gui.things import HEADER, KEY, UNITS, from_layer_data, to_thing
from napari_cryonet.io.mrc_header import MrcHeader
from napari_cryonet.types import ImageStack, PointCloud, Points, Poses, Thing, Volume

__all__ = [
    "LayerData",
    "from_layer_data",
    "layer_data",
    "set_voxel_size",
    "tell",
    "to_thing",
]

LayerData = tuple[Any, dict[str, Any], str]
"""What napari makes a layer of: data, attributes, type."""

_ZYX = ("z", "y", "x")
_POINT_DIAMETER = 10.0
_CLASS_COLOURS = ("yellow", "cyan", "magenta", "lime", "orange", "deepskyblue", "red", "white")
_HOW_TO_SET = "Set it with Layers > Data > Set voxel size…"


def layer_data(
    thing: Thing,
    *,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    max_side: int = 2048,
    max_3d_mb: float = 1024,
) -> list[LayerData]:
    """Return what napari needs to show a thing; no window is needed for it.

    Parameters
    ----------
    thing
        What to show.
    origin
        For `Points`: the origin of the volume they belong to, in Å, z, y, x.
    max_side
        The longest axis that a three-dimensional texture can have.
    max_3d_mb
        The largest volume in MB, as 32-bit floats, that is drawn as it is in 3D; a larger one
        gets coarser levels.

    Returns
    -------
    list of tuple
        Data, attributes and type of one layer, in Å or nm; nothing for `Poses`, a mere table.
    """
    if isinstance(thing, Poses):
        return []
    if isinstance(thing, Points):
        return [_picks(thing, origin)]
    if isinstance(thing, PointCloud):
        return [_cloud(thing)]
    if isinstance(thing, Volume):
        data, count = thing.data, thing.data.ndim - 3
        attributes: dict[str, Any] = {
            "scale": (1.0,) * count + thing.scale,
            "translate": (0.0,) * count + thing.origin,
            "units": ("pixel",) * count + (UNITS["Å"],) * 3,
            "axis_labels": ("n",) * count + _ZYX,
        }
    else:
        data, count = np.atleast_2d(thing.data), max(0, thing.data.ndim - 2)
        attributes = {
            "scale": (1.0,) * count + thing.scale,
            "units": ("pixel",) * count + (UNITS[thing.unit],) * 2,
            "axis_labels": (*("nmlk"[:count]), "y", "x"),
        }
    planes = isinstance(thing, ImageStack)
    pyramid = levels(shown(data), planes=planes, max_side=max_side, max_3d_mb=max_3d_mb)
    several = len(pyramid) > 1
    attributes |= {
        "name": thing.name,
        "colormap": "gray",
        "contrast_limits": contrast_limits(pyramid[0]),
        "multiscale": several,
        "rgb": False,
        "metadata": _metadata(thing),
    }
    return [(pyramid if several else pyramid[0], attributes, "image")]


def set_voxel_size(layer: Any, size: float | Sequence[float]) -> None:
    """Give a layer a voxel size, and say so in its metadata.

    An origin that the file counts in voxels moves along; any other stays where it is.

    Parameters
    ----------
    layer
        The layer.
    size
        Å per voxel, one number or z, y, x. A layer of images takes the last two.

    Raises
    ------
    DataError
        If a size is not positive.
    """
    sizes = np.broadcast_to(np.asarray(size, dtype=float), (3,))
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise DataError(f"A voxel size is a positive number of Å; {size} was given.")
    known = layer.metadata.setdefault(KEY, {})
    axes = 2 if known.get("kind") == "images" or layer.ndim == 2 else 3
    unit = known.get("unit", "Å") if axes == 2 else "Å"
    new = [float(value) * (0.1 if unit == "nm" else 1.0) for value in sizes[-axes:]]
    header = layer.metadata.get(HEADER)
    if axes == 3 and isinstance(header, MrcHeader):
        old = known.get("voxel_size") or (1.0, 1.0, 1.0)
        if np.allclose(layer.translate[-3:], header.origin(tuple(old))[0], atol=1e-3):
            moved = header.origin((new[0], new[1], new[2]))[0]
            layer.translate = (*layer.translate[:-3], *moved)
            known["origin"] = list(moved)
    layer.scale = (*layer.scale[:-axes], *new)
    layer.units = (*layer.units[:-axes], *(UNITS[unit],) * axes)
    known |= {"voxel_size": new, "unit": unit}


def tell(thing: Thing) -> None:
    """Show what the reader found odd in a file, and how to set a missing voxel size."""
    sentences = list(thing.notes)
    size = thing.pixel_size if isinstance(thing, ImageStack) else getattr(thing, "voxel_size", 1)
    if size is None:
        unit = thing.unit if isinstance(thing, ImageStack) else "Å"
        sentences = [text for text in sentences if "voxel size" not in text]
        sentences.append(f"No voxel size is given; 1 {unit} is taken. {_HOW_TO_SET}")
    if sentences:
        show_warning(f"{thing.name}: {' '.join(sentences)}")


def _picks(points: Points, origin: tuple[float, float, float]) -> LayerData:
    """Return the layer of picks: circles of their size, coloured by class, else by score."""
    scale = points.voxel_size or (1.0, 1.0, 1.0)
    features = {name: np.asarray(values) for name, values in points.features.items()}
    attributes: dict[str, Any] = {
        "name": points.name,
        "ndim": 3,
        "scale": scale,
        "translate": origin,
        "units": (UNITS["Å"],) * 3,
        "axis_labels": _ZYX,
        "features": features,
        "size": _diameters(points, scale[-1]),
        "face_color": "transparent",
        "border_color": "yellow",
        "projection_mode": "all",
        "metadata": _metadata(points),
    }
    if len(np.unique(features.get("class", ()))) > 1:
        attributes |= {"border_color": "class", "border_color_cycle": list(_CLASS_COLOURS)}
    elif "score" in features and len(points):
        attributes |= {"border_color": "score", "border_colormap": "viridis"}
    return np.asarray(points.positions), attributes, "points"


def _diameters(points: Points, voxel: float) -> Any:
    """Return the diameters of picks in voxels: from radii in Å, from boxes, or one for all."""
    for column, unit in (("radius", voxel / 2), ("Width", 1.0)):
        sizes = np.asarray(points.features.get(column, ()))
        if len(sizes) and sizes.dtype.kind in "iuf":
            return np.where(np.isfinite(sizes) & (sizes > 0), sizes / unit, _POINT_DIAMETER)
    return _POINT_DIAMETER


def _cloud(cloud: PointCloud) -> LayerData:
    """Return the layer of a point cloud: points, or a surface if it has faces."""
    attributes: dict[str, Any] = {
        "name": cloud.name,
        "units": (UNITS[cloud.unit],) * 3,
        "axis_labels": _ZYX,
        "metadata": _metadata(cloud),
    }
    if cloud.faces.size:
        weighted = cloud.weights is not None
        values = (cloud.weights,) if weighted else ()
        return (cloud.vertices, cloud.faces, *values), attributes, "surface"
    weights = {} if cloud.weights is None else {"weight": cloud.weights}
    extent = np.ptp(cloud.vertices, axis=0).max() if len(cloud) else 1.0
    attributes |= {
        "ndim": 3,
        "features": weights,
        "size": float(extent) / 100 or 1.0,
        "border_width": 0.0,
        "shading": "spherical",
    }
    return cloud.vertices, attributes, "points"


def _metadata(thing: Thing) -> dict[str, Any]:
    """Return what a layer keeps for the way back."""
    known: dict[str, Any] = {
        "kind": _KINDS[type(thing)],
        "path": None if thing.path is None else str(thing.path),
        "unit": getattr(thing, "unit", "Å"),
        "history": list(thing.history),
        "notes": list(thing.notes),
    }
    if isinstance(thing, Volume | Points):
        known["voxel_size"] = None if thing.voxel_size is None else list(thing.voxel_size)
    if isinstance(thing, Volume):
        known["origin"] = list(thing.origin)
    if isinstance(thing, ImageStack):
        known["voxel_size"] = None if thing.pixel_size is None else list(thing.pixel_size)
        known |= {"spacing": thing.spacing, "spot": thing.spot}
    if isinstance(thing, Points):
        known["volume"] = thing.volume
        known["volume_shape"] = None if thing.volume_shape is None else list(thing.volume_shape)
    if isinstance(thing, PointCloud):
        known["weighted"] = thing.weights is not None
    metadata: dict[str, Any] = {KEY: known}
    if (header := getattr(thing, "header", None)) is not None:
        known["format"] = "mrc" if isinstance(header, MrcHeader) else "fits"
        if isinstance(thing, Points):
            known["format"] = header.get("format", "") if isinstance(header, dict) else ""
        metadata[HEADER] = header
    return metadata


_KINDS = {Volume: "volume", ImageStack: "images", Points: "points", PointCloud: "cloud"}
