"""Picks of copick: one JSON for each object, in Å from the corner of the tomogram.

References
----------
https://copick.github.io/copick.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_cryonet.errors import FormatError
from napari_cryonet.io.coordinates.convention import Convention
from napari_cryonet.io.coordinates.eman import parsed, positive
from napari_cryonet.io.coordinates.frame import Frame
from napari_cryonet.io.coordinates.lists import single
from napari_cryonet.io.coordinates.sheet import (
    CLASS,
    SCORE,
    Columns,
    Output,
    Sheet,
    Written,
    as_numbers,
)

CONVENTION = Convention("angstrom")
OBJECT = "pickable_object_name"
_HEADER = ("user_id", "session_id", "trust_orientation")
_INSTANCE, _ANGLES = "instance_id", tuple(f"rotation_{row}{column}" for row in range(3)
                                           for column in range(3))  # fmt: skip


def read(path: Path) -> Sheet:
    """Read the picks of one object; their transformations are applied.

    Raises
    ------
    FileProblem, FormatError
        If the file cannot be read or a point has no location.
    """
    known = parsed(path)
    points = known.get("points")
    if OBJECT not in known or not isinstance(points, list):
        raise FormatError(f"{path} has no {OBJECT} or no points; these are no picks of copick.")
    unit = known.get("unit", "angstrom")
    if unit != "angstrom":
        raise FormatError(f"{path} counts in {str(unit)[:40]!r}; picks of copick are in angstrom.")
    numbers, turned = np.empty((len(points), 3)), np.empty((len(points), 3, 3))
    scores, instances = [], []
    for row, point in enumerate(points):
        numbers[row], turned[row] = _place(path, row, point)
        scores.append(float(point.get(SCORE) or 0.0) if SCORE in point else 1.0)
        instances.append(int(point.get(_INSTANCE) or 0))
    columns: Columns = {
        SCORE: np.array(scores, dtype=float),
        CLASS: np.full(len(points), str(known[OBJECT])),
    }
    if any(instances):
        columns[_INSTANCE] = np.array(instances)
    if len(points) and not np.allclose(turned, np.eye(3)):
        columns |= dict(zip(_ANGLES, turned.reshape(-1, 9).T, strict=True))
    spacing = positive(known.get("voxel_spacing"))
    run = known.get("run_name")
    return Sheet(
        numbers,
        CONVENTION,
        columns,
        np.full(len(points), str(run)) if run else None,
        Frame() if spacing is None else Frame(voxel_size=(spacing, spacing, spacing)),
        header={"format": "copick"} | {name: known[name] for name in _HEADER if name in known},
    )


def write(outputs: Sequence[Output]) -> Written:
    """Return the picks of one object.

    Raises
    ------
    FormatError
        If they are of several classes: copick keeps one file for each.
    """
    one = single(outputs, "copick")
    classes = one.columns.get(CLASS, np.array(["particle"]))
    names = list(dict.fromkeys(str(name) for name in classes)) or ["particle"]
    if len(names) > 1:
        raise FormatError(
            f"A file of copick holds one object, and these picks are {', '.join(names[:8])}; write "
            f"one file for each class."
        )
    count = len(one.numbers)
    instances = as_numbers(one.columns.get(_INSTANCE))
    kept = {SCORE, CLASS, *_ANGLES} | ({_INSTANCE} if instances is not None else set())
    if instances is None:
        instances = np.zeros(count)
    turned = np.tile(np.eye(4), (count, 1, 1))
    if all(name in one.columns for name in _ANGLES):
        flat = np.column_stack([one.columns[name] for name in _ANGLES])
        turned[:, :3, :3] = flat.astype(float).reshape(-1, 3, 3)
    points = [
        {
            "location": {axis: float(value) for axis, value in zip("xyz", place, strict=True)},
            "transformation_": matrix.tolist(),
            _INSTANCE: int(instance),
            SCORE: float(score),
        }
        for place, matrix, instance, score in zip(
            one.numbers, turned, instances, one.known_scores, strict=True
        )
    ]
    known: dict[str, Any] = {
        OBJECT: re.sub(r"[^\w-]", "-", names[0]),
        "user_id": one.header.get("user_id", "cryonet"),
        "session_id": one.header.get("session_id", "1"),
        "run_name": one.volume,
        "voxel_spacing": one.voxel,
        "unit": "angstrom",
        "trust_orientation": one.header.get("trust_orientation", _ANGLES[0] in one.columns),
        "points": points,
    }
    return Written(json.dumps(known, indent=1).encode(), frozenset(kept & set(one.columns)))


def _place(path: Path, row: int, point: Any) -> tuple[Any, Any]:
    """Return where a point is, x, y, z, and how it is turned."""
    try:
        location = np.array([float(point["location"][axis]) for axis in "xyz"])
        matrix = np.array(point.get("transformation_", np.eye(4)), dtype=float).reshape(4, 4)
        float(point.get(SCORE) or 0.0), int(point.get(_INSTANCE) or 0)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise FormatError(
            f"{path}, point {row + 1}: {str(point)[:60]} has no location with x, y, z in numbers, "
            f"or no 4 × 4 transformation_. Correct or delete it."
        ) from None
    return location + matrix[:3, 3], matrix[:3, :3]
