"""Where a napari layer becomes a thing: before a job starts and before a file is written.

What counts is what the layer says now: its scale, its units, where it stands. Only what a
layer cannot say, such as the header of its file, comes from the metadata that
`napari_cryonet.gui.layers.layer_data` left on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pint
from numpy.typing import NDArray

from napari_cryonet.errors import DataError
from napari_cryonet.gui.arrays import stored
from napari_cryonet.types import ImageStack, PointCloud, Points, Thing, Volume

KEY, HEADER = "cryonet", "cryonet_header"
"""Where a layer's metadata hold what is known of it, ready for JSON, and the file's header."""

UNITS = {"Å": "angstrom", "nm": "nanometer"}


def to_thing(layer: Any) -> Thing:
    """Return what a layer shows as a thing, without copying or converting its data.

    Parameters
    ----------
    layer
        An image, labels, points or surface layer, made by CryoNet or by anything else.

    Returns
    -------
    Volume, ImageStack, Points or PointCloud
        With the layer's present scale in Å (nm for images and clouds that came in nm). The
        voxel size is None where the layer has pixels of 1 pixel.

    Raises
    ------
    DataError
        If the layer is of another kind, has colours, is turned or sheared, or is empty.
    """
    return from_layer_data(*layer.as_layer_data_tuple())


def from_layer_data(data: Any, meta: dict[str, Any], kind: str) -> Thing:
    """Return a layer given as napari's writers get it as a thing.

    Parameters
    ----------
    data
        The layer's data; all levels if it has several.
    meta
        The layer's attributes.
    kind
        Its type: ``"image"``, ``"labels"``, ``"points"`` or ``"surface"``.

    Raises
    ------
    DataError
        As `to_thing`.
    """
    name = str(meta.get("name", kind))
    if meta.get("rgb"):
        raise DataError(
            f"{name} is a picture in colours (RGB); grey values are needed. Split it with "
            f"Layers > Split RGB and choose one channel."
        )
    _check_upright(name, meta)
    if kind in ("image", "labels"):
        return _image(stored(data[0] if meta.get("multiscale") else data), name, meta)
    if kind == "points":
        return _points(data, name, meta)
    if kind == "surface":
        return _cloud(data, name, meta)
    raise DataError(f"{name} is a {kind} layer; choose an image, labels, points or surface layer.")


def factors(meta: dict[str, Any], axes: int, unit: str = "Å") -> tuple[float | None, ...]:
    """Return how many `unit` one unit of each of the last axes of a layer is.

    Parameters
    ----------
    meta
        The layer's attributes.
    axes
        How many axes, counted from the last.
    unit
        ``"Å"`` or ``"nm"``.

    Returns
    -------
    tuple of float or None
        None for an axis whose unit is no length.
    """
    registry = pint.get_application_registry()  # type: ignore[no-untyped-call]
    given = tuple(meta.get("units") or ("pixel",) * axes)[-axes:]
    found: list[float | None] = []
    for one in given:
        quantity = registry.Quantity(1.0, str(one) if isinstance(one, str) else one)
        length = quantity.check("[length]")
        found.append(float(quantity.to(UNITS[unit]).magnitude) if length else None)
    return tuple(found)


def placed(positions: NDArray[Any], meta: dict[str, Any], unit: str) -> NDArray[Any]:
    """Return where the points of a layer are in space, with its scale and place.

    Parameters
    ----------
    positions
        ``(n, 3)`` as the layer has them, z, y, x, or ``(n, 2)``.
    meta
        The layer's attributes.
    unit
        ``"Å"`` or ``"nm"``.
    """
    axes = np.shape(positions)[1]
    size = [factor or 1.0 for factor in factors(meta, axes, unit)] * np.array(
        meta.get("scale", (1.0,) * axes)
    )
    place: NDArray[Any] = np.asarray(positions) * size + np.array(_translate(meta, axes, unit))
    return place


def _image(data: NDArray[Any], name: str, meta: dict[str, Any]) -> Volume | ImageStack:
    """Return an image or labels layer as a volume or as images."""
    known = _known(meta)
    kind = known.get("kind", "images" if data.ndim == 2 else "volume")
    common: dict[str, Any] = {"name": name, "header": meta.get("metadata", {}).get(HEADER)}
    common |= _provenance(known)
    if kind == "images" or data.ndim not in (3, 4):
        unit = known.get("unit", "Å")
        return ImageStack(
            data,
            pixel_size=cast("tuple[float, float] | None", _size(meta, known, 2, unit)),
            unit=unit,
            spacing=known.get("spacing"),
            spot=known.get("spot"),
            **common,
        )
    size = cast("tuple[float, float, float] | None", _size(meta, known, 3, "Å"))
    return Volume(data, size, _origin(meta, "Å"), **common)


def _points(data: NDArray[Any], name: str, meta: dict[str, Any]) -> Points | PointCloud:
    """Return a points layer as picks, or as a cloud if it was one."""
    known = _known(meta)
    if data.ndim != 2 or data.shape[1] != 3:
        raise DataError(
            f"{name} has points with {data.shape[-1]} coordinates; picks have three, z, y, x. "
            f"Add the points layer while a tomogram is selected."
        )
    table = meta.get("features")
    columns = {} if table is None else {str(c): _column(table[c]) for c in table.columns}
    if known.get("kind") == "cloud":
        unit = known.get("unit", "nm")
        return PointCloud(
            placed(data, meta, unit),
            weights=columns.get("weight"),
            unit=unit,
            name=name,
            **_provenance(known),
        )
    size = cast("tuple[float, float, float] | None", _size(meta, known, 3, "Å"))
    shape = known.get("volume_shape")
    return Points(
        data,
        columns,
        size,
        str(known.get("volume", "")),
        name=name,
        volume_shape=None if shape is None else tuple(shape),
        header=meta.get("metadata", {}).get(HEADER),
        **_provenance(known),
    )


def _cloud(data: Any, name: str, meta: dict[str, Any]) -> PointCloud:
    """Return a surface layer as a cloud with faces."""
    known = _known(meta)
    unit = known.get("unit", "Å")
    vertices, faces = data[0], data[1]
    if vertices.shape[1] != 3:
        raise DataError(f"{name} has vertices with {vertices.shape[1]} coordinates, not z, y, x.")
    weights = data[2] if len(data) > 2 and known.get("weighted") else None
    place = placed(vertices, meta, unit)
    return PointCloud(place, faces, weights, unit, name=name, **_provenance(known))


def _known(meta: dict[str, Any]) -> dict[str, Any]:
    """Return what CryoNet wrote on a layer; empty for layers of others."""
    known = meta.get("metadata", {}).get(KEY, {})
    return known if isinstance(known, dict) else {}


def _provenance(known: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a thing that tell where it comes from."""
    path = known.get("path")
    return {
        "path": Path(path) if path else None,
        "history": tuple(known.get("history", ())),
        "notes": tuple(known.get("notes", ())),
    }


def _size(
    meta: dict[str, Any], known: dict[str, Any], axes: int, unit: str
) -> tuple[float, ...] | None:
    """Return the present size of a voxel or pixel, None if nothing ever gave one.

    Pixels without a length, but with a scale, count as Å: that is how most plugins leave them.
    """
    scale = [float(value) for value in meta.get("scale", (1.0,) * axes)][-axes:]
    given = factors(meta, axes, unit)
    unset = all(value == 1.0 for value in scale)
    if unset and (known.get("voxel_size", ()) is None or None in given):
        return None
    angstrom = 1.0 if unit == "Å" else 0.1
    return tuple(
        round(value * (angstrom if factor is None else factor), 6)
        for value, factor in zip(scale, given, strict=True)
    )


def _origin(meta: dict[str, Any], unit: str) -> tuple[float, float, float]:
    """Return where a layer stands, z, y, x."""
    z, y, x = _translate(meta, 3, unit)
    return z, y, x


def _translate(meta: dict[str, Any], axes: int, unit: str) -> list[float]:
    """Return where a layer stands along its last axes."""
    translate = [float(value) for value in meta.get("translate", (0.0,) * axes)][-axes:]
    return [
        round(value * (factor or 1.0), 6)
        for value, factor in zip(translate, factors(meta, axes, unit), strict=True)
    ]


def _column(values: Any) -> NDArray[Any]:
    """Return a column of a table as an array; what is no number becomes text."""
    column = np.asarray(values)
    return column.astype(str) if column.dtype == object else column


def _check_upright(name: str, meta: dict[str, Any]) -> None:
    """Raise if a layer has a transform of its own: its voxels may no longer be along z, y, x."""
    for what in ("rotate", "affine"):
        matrix = np.asarray(meta.get(what, np.eye(1)), dtype=float)
        if matrix.ndim == 2 and not np.allclose(matrix, np.eye(len(matrix)), atol=1e-6):
            break
    else:
        if np.allclose(np.asarray(meta.get("shear", 0.0), dtype=float), 0, atol=1e-6):
            return
    raise DataError(
        f"{name} is turned, sheared or moved by hand in the window, which cannot be kept. Reset it "
        f"first: Alt-click the transform button of the layer."
    )
