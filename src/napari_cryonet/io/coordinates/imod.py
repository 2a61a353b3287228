"""Points in IMOD models, big-endian binary files of chunks.

Each class is an object of scattered points, each score a value of its point, which 3dmod shows and
`model2point` lists. The centre of a voxel lies at a half in x and y, and at a whole number in z.

imodmodel, the library of the field, reads what is written here; it is not used for reading, since
it never ends on a file that is cut short, nor for writing, since it has no values of points.

References
----------
https://bio3d.colorado.edu/imod/doc/binspec.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import FormatError
from napari_cryonet.io.coordinates.convention import Convention
from napari_cryonet.io.coordinates.frame import Frame
from napari_cryonet.io.coordinates.lines import content
from napari_cryonet.io.coordinates.lists import single
from napari_cryonet.io.coordinates.sheet import (
    CLASS,
    RADIUS,
    SCORE,
    Columns,
    Output,
    Sheet,
    Written,
    typical,
)
from napari_cryonet.io.text import ascii_text

CONVENTION = Convention(half_voxel="xy")

_START = b"IMODV1.2"
_MODEL = struct.Struct(">128s4iI4i6f5ifii3f")
_OBJECT = struct.Struct(">64s16IiIii3fi8Bii")
_CONTOUR = struct.Struct(">iIii")
_MESH = struct.Struct(">iiIhh")
_ITEM = np.dtype([("type", ">i2"), ("flags", ">i2"), ("index", ">i4"), ("value", ">f4")])
_FLAGS, _PIXEL, _UNIT, _RADIUS = 5, 21, 22, 24
_UNSET = -1.0  # a point's size, where it has none of its own
_FLIPPED = 1 << 16  # IMODF_FLIPYZ, which IMOD's programs undo when they read a model
_VALUE, _LIMITS = 10, 11
_FLOAT = 1 << 2
_UNITS = {-10: 1.0, -9: 10.0, -6: 1e4, -3: 1e7}
_POINT_FLAGS = 1 << 9 | 1 << 3
_SHOW_VALUES = 1 << 12
_MODEL_FLAGS = 1 << 13 | 1 << 12 | 1 << 9
_COLOURS = ((0, 1, 0), (1, 0, 0), (0, 0.5, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 0.5, 0))
_CONTOUR_COLUMN = "contour"


@dataclass(eq=False)
class _Contour:
    """The points of one contour, x, y, z, with their values and sizes."""

    points: NDArray[np.float64]
    values: NDArray[np.float64]
    sizes: NDArray[np.float64]


@dataclass(eq=False)
class _Object:
    """One object: what it is called, how large its spheres are, what is in it."""

    name: str
    size: float
    contours: list[_Contour] = field(default_factory=list)


def read(path: Path) -> Sheet:
    """Read all points of a model; an object is a class.

    Raises
    ------
    FileProblem, FormatError
        If the file cannot be read, is no model or is cut short.
    """
    data = content(path)
    if not data.startswith(b"IMOD") or len(data) < len(_START) + _MODEL.size:
        raise FormatError(f"{path} is no IMOD model: it does not begin with IMODV1.2.")
    fields = _MODEL.unpack_from(data, len(_START))
    objects = _objects(path, data)
    parts = [(one, place, contour) for one in objects
             for place, contour in enumerate(one.contours, 1)]  # fmt: skip
    if not parts:
        raise FormatError(f"{path} is a model without points; place some in 3dmod first.")
    voxel = _UNITS.get(fields[_UNIT], 0.0) * fields[_PIXEL]
    voxel = round(voxel, 6) if 0 < voxel < np.inf else None
    columns = _columns(objects, parts, voxel)
    x, y, z = fields[1:4]
    numbers = np.concatenate([contour.points for *_, contour in parts])
    notes: tuple[str, ...] = ()
    if fields[_FLAGS] & _FLIPPED:
        y, z, numbers = z, y, numbers[:, [0, 2, 1]]
        notes = ("The model was saved with y and z exchanged; they were exchanged back.",)
    frame = Frame(
        voxel_size=None if voxel is None else (voxel, voxel, voxel),
        shape=(z, y, x) if min(x, y, z) > 0 else None,
    )
    header = {"format": "imod"}
    return Sheet(numbers, CONVENTION, columns, frame=frame, header=header, notes=notes)


def write(outputs: Sequence[Output]) -> Written:
    """Return a model of scattered points, one object for each class."""
    one = single(outputs, "imod")
    classes = np.asarray(one.columns.get(CLASS, np.full(len(one.numbers), ""))).astype(str)
    names = list(dict.fromkeys(classes.tolist())) if len(classes) else [""]
    z, y, x = one.frame.shape or (0, 0, 0)
    size, units = (1.0, 0) if one.voxel is None else (one.voxel / 10, -9)
    name = ascii_text(one.volume).encode()[:127]
    head = _MODEL.pack(
        *(name, x, y, z, len(names), _MODEL_FLAGS, 1, 1, 0, 255),
        *(0.0, 0.0, 0.0, 1.0, 1.0, 1.0),
        *(0, 0, 0, 3, 128, size, units, 0, 0.0, 0.0, 0.0),
    )
    objects = [
        _object_bytes(one, classes == group, group, place) for place, group in enumerate(names)
    ]
    changed = [group for group in names if _name(group) != group]
    note = f"IMOD shortens names to 63 ASCII characters: {', '.join(changed)}."
    kept = {CLASS, SCORE} | ({RADIUS} if one.voxel else set())
    content_ = _START + head + b"".join(objects) + b"IEOF"
    return Written(content_, frozenset(kept & set(one.columns)), (note,) if changed else ())


def _objects(path: Path, data: bytes) -> list[_Object]:
    """Return the objects of a model."""
    objects: list[_Object] = []
    for kind, start, length in _chunks(path, data):
        if kind == b"OBJT":
            fields = _OBJECT.unpack_from(data, start)
            name = fields[0].partition(b"\0")[0].decode("ascii", "replace").strip()
            objects.append(_Object(name, float(fields[_RADIUS])))
        elif kind == b"CONT" and objects:
            count = (length - _CONTOUR.size) // 12
            points = np.frombuffer(data, ">f4", 3 * count, start + _CONTOUR.size)
            unset = np.full(count, np.nan)
            objects[-1].contours.append(
                _Contour(points.reshape(-1, 3).astype(float), unset, unset.copy())
            )
        elif kind in (b"COST", b"SIZE") and objects and objects[-1].contours:
            _fill(objects[-1].contours[-1], kind, data[start : start + length])
    return objects


def _fill(contour: _Contour, kind: bytes, chunk: bytes) -> None:
    """Put the values or sizes of a chunk to the points of a contour."""
    if kind == b"SIZE":
        sizes = np.frombuffer(chunk[: 4 * len(contour.sizes)], ">f4")
        contour.sizes[: len(sizes)] = np.where(sizes < 0, np.nan, sizes)
        return
    items = np.frombuffer(chunk[: len(chunk) // _ITEM.itemsize * _ITEM.itemsize], _ITEM)
    items = items[(items["type"] == _VALUE) & (items["flags"] & 0b1100 == _FLOAT)]
    items = items[(items["index"] >= 0) & (items["index"] < len(contour.values))]
    contour.values[items["index"]] = items["value"]


def _chunks(path: Path, data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Give kind, start and length of each chunk after the header.

    Raises
    ------
    FormatError
        If one goes past the end of the file.
    """
    place = len(_START) + _MODEL.size
    while (kind := data[place : place + 4]) != b"IEOF":
        start = place + 4
        length = _length(data, kind, start)
        if length is None or start + length > len(data):
            raise FormatError(
                f"{path} is cut short or damaged: at byte {place} a piece {kind!r} goes past the "
                f"end. Save it anew in 3dmod."
            )
        if kind not in (b"OBJT", b"CONT", b"MESH"):
            start, length = start + 4, length - 4
        yield kind, start, length
        place = start + length


def _length(data: bytes, kind: bytes, start: int) -> int | None:
    """Return how many bytes follow the name of a chunk; None if that cannot be."""
    if kind == b"OBJT":
        return _OBJECT.size
    if len(kind) < 4 or start + 8 > len(data):
        return None
    first, second = struct.unpack_from(">ii", data, start)
    if kind == b"CONT":
        return _CONTOUR.size + 12 * first if first >= 0 else None
    if kind == b"MESH":
        return _MESH.size + 12 * first + 4 * second if min(first, second) >= 0 else None
    return 4 + first if first >= 0 else None


def _columns(
    objects: list[_Object], parts: list[tuple[_Object, int, _Contour]], voxel: float | None
) -> Columns:
    """Return classes, contours, scores and radii, as far as the model has them."""
    counts = [len(contour.points) for *_, contour in parts]
    columns: Columns = {}
    if len(objects) > 1 or objects[0].name:
        names = [one.name or str(objects.index(one) + 1) for one, *_ in parts]
        columns[CLASS] = np.repeat(names, counts)
    if any(place > 1 for _, place, _ in parts):
        columns[_CONTOUR_COLUMN] = np.repeat([place for _, place, _ in parts], counts)
    values = np.concatenate([contour.values for *_, contour in parts])
    if np.isfinite(values).any():
        columns[SCORE] = values
    sizes = np.concatenate(
        [np.where(np.isnan(part.sizes), one.size, part.sizes) for one, _, part in parts]
    )
    if voxel and (sizes > 0).any():
        columns[RADIUS] = sizes * voxel
    return columns


def _object_bytes(one: Output, which: NDArray[np.bool_], group: str, place: int) -> bytes:
    """Return one object with all its points in one contour."""
    points, scores = one.numbers[which], one.scores
    widths = one.widths(one.voxel)
    radius = round(typical(widths, which, 0.0) / 2)
    flags = _POINT_FLAGS | (0 if scores is None else _SHOW_VALUES)
    red, green, blue = _COLOURS[place % len(_COLOURS)]
    name = _name(group).encode()
    fixed = (0, 1, red, green, blue, radius, 1, 3, 1, 1, 0, 0, 0, 0, 0, 0)
    head = _OBJECT.pack(name, *[0] * 16, 1, flags, *fixed)
    parts = [b"OBJT", head, b"CONT", _CONTOUR.pack(len(points), 0, 0, 0)]
    parts.append(points.astype(">f4").tobytes())
    if widths is not None and RADIUS in one.columns:
        sizes = np.nan_to_num(widths[which] / 2, nan=_UNSET)
        parts.append(_chunk(b"SIZE", sizes.astype(">f4").tobytes()))
    if scores is not None and which.any():
        items = np.zeros(len(points), _ITEM)
        items["type"], items["flags"] = _VALUE, _FLOAT
        items["index"], items["value"] = np.arange(len(points)), scores[which]
        parts.append(_chunk(b"COST", items.tobytes()))
        limits = np.zeros(1, _ITEM)
        low, high = np.float32(np.nanmin(scores[which])), np.float32(np.nanmax(scores[which]))
        limits["type"], limits["flags"] = _LIMITS, _FLOAT | 1
        limits["index"] = low.view(np.int32)
        limits["value"] = high
        parts.append(_chunk(b"OBST", limits.tobytes()))
    return b"".join(parts)


def _name(group: str) -> str:
    """Return the name of a class as an object can have it."""
    return ascii_text(group)[:63]


def _chunk(kind: bytes, chunk: bytes) -> bytes:
    """Return a chunk with its name and length."""
    return kind + struct.pack(">i", len(chunk)) + chunk
