"""STAR files for RELION 5, RELION 4 and Warp.

Scores go to ``rlnAutopickFigureOfMerit``, classes to ``rlnClassNumber``; what has no name of
RELION's gets one that begins with ``cryonet_``, which RELION keeps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.io.coordinates import star
from napari_cryonet.io.coordinates.relion import CENTRED, OWN, PLAIN, SCORES
from napari_cryonet.io.coordinates.sheet import (
    CLASS,
    SCORE,
    Columns,
    Output,
    Written,
    combined,
    numbered,
    numbering,
)

_PLACES = (*CENTRED, *PLAIN, "rlnTomoName")
_GROUP = "rlnOpticsGroup"


def relion5(outputs: Sequence[Output]) -> Written:
    """Return particles in Å from the centre of their volumes."""
    return _written(outputs, "relion5", CENTRED)


def relion4(outputs: Sequence[Output]) -> Written:
    """Return particles in unbinned pixels."""
    return _written(outputs, "relion4", PLAIN)


def warp(outputs: Sequence[Output]) -> Written:
    """Return particles in voxels, with the names of tilt series that Warp looks for."""
    return _written(outputs, "warp", PLAIN)


def _written(outputs: Sequence[Output], kind: str, places: tuple[str, ...]) -> Written:
    """Return a STAR file."""
    table = combined(outputs)
    columns: Columns = {}
    if kind == "warp":
        columns["rlnMicrographName"] = np.char.add(table.volumes, ".tomostar")
    else:
        columns["rlnTomoName"] = table.volumes
    columns |= dict(zip(places, table.numbers.T, strict=True))
    features, notes = _features(table.columns)
    columns |= {name: values for name, values in features.items() if name not in columns}
    if kind == "warp" and (sizes := [one.voxel for one in outputs if one.voxel]):
        columns["rlnMagnification"] = np.full(len(table.numbers), 10000.0)
        columns["rlnDetectorPixelSize"] = np.full(len(table.numbers), sizes[0])
    blocks = _blocks(outputs, kind)
    if "optics" not in blocks:
        columns.pop(_GROUP, None)
    clean = {name: _plain(values) for name, values in columns.items()}
    if any((clean[name] != columns[name]).any() for name in clean if clean[name].dtype.kind == "U"):
        notes = (*notes, "Quotation marks, # and line breaks in texts became _, as STAR needs.")
    content = star.star_text(blocks | {"" if kind == "warp" else "particles": clean})
    return Written(content, frozenset(table.columns), notes)


def _features(given: Columns) -> tuple[Columns, tuple[str, ...]]:
    """Return features under the names of RELION, or under ours."""
    columns: Columns = {}
    notes: tuple[str, ...] = ()
    for name, values in given.items():
        if name == SCORE:
            columns[SCORES[0]] = np.asarray(values, dtype=float)
        elif name == CLASS:
            columns["rlnClassNumber"], names = numbered(values)
            if notes := numbering(names):
                columns[f"{OWN}class"] = np.asarray(values).astype(str)
        elif name not in _PLACES:
            known = name.startswith(("rln", "wrp"))
            safe = re.sub(r"\W", "_", name)
            columns[safe if known else OWN + safe] = values
    return columns, notes


def _blocks(outputs: Sequence[Output], kind: str) -> dict[str, dict[str, Any]]:
    """Return the blocks that belong to the particles, from the file they came from."""
    for one in outputs:
        found = one.header.get("blocks", {})
        if kind == "warp" or _GROUP not in one.columns or "optics" not in found:
            continue
        wanted = ("general", "optics") if kind == "relion5" else ("optics",)
        return {name: found[name] for name in wanted if name in found}
    return {}


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Return texts without what would end them in a STAR file; numbers as they are."""
    if values.dtype.kind in "biuf":
        return values.astype(int) if values.dtype.kind == "b" else values
    return np.array([re.sub(r"[\"'#\r\n\t]", "_", str(one)) for one in values], dtype=str)
