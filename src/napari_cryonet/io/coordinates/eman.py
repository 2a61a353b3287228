"""Picks of EMAN2: info/…_info.json of a tomogram, and the two-dimensional .box.

Since 2018 the positions in the json count unbinned pixels from the centre of the tomogram; such a
file has ``apix_unbin``. Older ones count voxels from the corner.

References
----------
M. Chen et al., Nat. Methods 16 (2019), doi:10.1038/s41592-019-0591-8; https://blake.bcm.edu/emanwiki.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_cryonet.errors import FormatError
from napari_cryonet.io.coordinates.cbox import box_sizes, flat
from napari_cryonet.io.coordinates.convention import Convention
from napari_cryonet.io.coordinates.frame import Frame
from napari_cryonet.io.coordinates.lines import column, rows, text, values
from napari_cryonet.io.coordinates.lists import single
from napari_cryonet.io.coordinates.settings import CoordinateSettings
from napari_cryonet.io.coordinates.sheet import (
    CLASS,
    SCORE,
    Output,
    Sheet,
    Written,
    numbered,
    typical,
)

CENTRED = Convention("unbinned", "centre")
CORNER = Convention()
BOXES = "boxes_3d"
_METHOD, _CLASSES, _PIXEL, _SIZE = "method", "class_list", "apix_unbin", "boxsize"
_WIDTH = 6
_USUAL_SIZE = 32.0


def read_json(path: Path) -> Sheet:
    """Read the boxes of a tomogram: x, y, z, how they were found, score and class.

    Raises
    ------
    FileProblem, FormatError
        If the file cannot be read or a box is not such a list.
    """
    known = parsed(path)
    boxes = known.get(BOXES)
    if not isinstance(boxes, list):
        raise FormatError(f"{path} has no list {BOXES}; it is no info file of an EMAN2 tomogram.")
    numbers = np.empty((len(boxes), 3))
    methods, scores, classes = [], [], []
    listed = known.get(_CLASSES)
    named = listed if isinstance(listed, dict) else {}
    for row, box in enumerate(boxes):
        x, y, z, method, score, group = _box(path, row, box)
        numbers[row] = x, y, z
        methods.append(str(method))
        scores.append(float(score))
        entry = named.get(str(group))
        classes.append(str(entry.get("name", group)) if isinstance(entry, dict) else str(group))
    columns = {SCORE: np.array(scores), CLASS: column(classes), _METHOD: np.array(methods)}
    pixel = positive(known.get(_PIXEL))
    return Sheet(
        numbers,
        CORNER if pixel is None else CENTRED,
        columns,
        frame=Frame(pixel_size=pixel),
        header={"format": "eman", _CLASSES: named},
    )


def write_json(outputs: Sequence[Output]) -> Written:
    """Return an info file with boxes and classes."""
    one = single(outputs, "eman")
    count = len(one.numbers)
    groups, names = numbered(one.columns.get(CLASS, np.zeros(count, dtype=int)), 0)
    methods = [str(method) for method in one.columns.get(_METHOD, ["cryonet"] * count)]
    boxes = [
        [round(float(value), 4) for value in place] + [method, float(score), int(group)]
        for place, method, score, group in zip(
            one.numbers, methods, one.known_scores, groups, strict=True
        )
    ]
    pixel = one.frame.pixel_size or one.voxel
    widths = one.widths(pixel)
    known: dict[str, Any] = {BOXES: boxes, _CLASSES: {}}
    for number, name in names.items():
        size = round(typical(widths, groups == number, _USUAL_SIZE))
        known[_CLASSES][str(number)] = {"name": name, _SIZE: _boxsize(one, name, size)}
    if pixel is not None:
        known[_PIXEL] = pixel
    kept = {SCORE, CLASS, _METHOD} & set(one.columns)
    return Written(json.dumps(known, indent=1).encode(), frozenset(kept))


def read_box(path: Path, settings: CoordinateSettings) -> Sheet:
    """Read boxes in one section: x and y of the lower corner, width, height.

    Raises
    ------
    FileProblem, FormatError
        If the file cannot be read or a line has other than four numbers.
    SettingsError
        If the section is not given.
    """
    found = rows(path)
    table = values(path, found, 4)
    centres = table[:, :2] + table[:, 2:] / 2
    numbers = np.column_stack([centres, flat(path, len(table), settings)])
    columns = {"Width": table[:, 2], "Height": table[:, 3]}
    lines = np.array([line for line, _ in found])
    return Sheet(numbers, CORNER, columns, header={"format": "eman-box"}, lines=lines)


def write_box(outputs: Sequence[Output]) -> Written:
    """Return boxes in the one section that all positions lie in.

    Raises
    ------
    FormatError
        If they lie in several: the format has no z.
    """
    one = single(outputs, "eman-box")
    sections = np.unique(np.rint(one.numbers[:, 2]))
    if len(sections) > 1:
        raise FormatError(
            f"A .box has no z, and these positions lie in sections {sections[0]:g} to "
            f"{sections[-1]:g}; write .json, or the positions of one section."
        )
    sizes = np.column_stack([box_sizes(one), box_sizes(one, "Height")])
    table = np.column_stack([one.numbers[:, :2] - sizes / 2, sizes])
    lines = (f"{x:.3f}\t{y:.3f}\t{w:.0f}\t{h:.0f}\n" for x, y, w, h in table)
    note = tuple(f"The positions lie in section {z:g}; a .box does not say so." for z in sections)
    kept = frozenset({"Width", "Height", "radius"} & set(one.columns))
    return Written("".join(lines).encode(), kept, note)


def parsed(path: Path) -> dict[str, Any]:
    """Return a JSON object.

    Raises
    ------
    FileProblem, FormatError
        If the file cannot be read or is no JSON object.
    """
    try:
        known = json.loads(text(path))
    except json.JSONDecodeError as error:
        raise FormatError(
            f"{path}, line {error.lineno}, column {error.colno}: this is not JSON ({error.msg}). "
            f"Export it anew."
        ) from None
    except RecursionError:
        raise FormatError(f"{path} is nested too deeply to be a list of picks.") from None
    if not isinstance(known, dict):
        raise FormatError(f"{path} is JSON, but no object with names; it holds no picks.")
    return known


def _box(path: Path, row: int, box: Any) -> list[Any]:
    """Return the six values of a box; what is left out is a score of 1 and the class 0."""
    values_ = list(box) if isinstance(box, list) else []
    filled = values_ + ["", 1.0, 0][len(values_) - 3 :]
    ready = len(values_) >= 3 and len(filled) == _WIDTH
    if not ready or not all(_is_number(filled[place]) for place in (0, 1, 2, 4)):
        raise FormatError(
            f"{path}, box {row + 1} of {BOXES}: {str(box)[:60]} is not x, y, z, method, score, "
            f"class. Correct or delete it."
        )
    return filled


def _is_number(value: Any) -> bool:
    """Whether a value of JSON is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def positive(value: Any) -> float | None:
    """Return a value of JSON as a positive number, None for anything else."""
    return float(value) if _is_number(value) and 0 < value < np.inf else None


def _boxsize(one: Output, name: str, otherwise: int) -> int:
    """Return the box size that a class had in the file it came from."""
    for entry in one.header.get(_CLASSES, {}).values():
        if isinstance(entry, dict) and entry.get("name") == name and _is_number(entry.get(_SIZE)):
            return int(entry[_SIZE])
    return otherwise
