"""Bare lists of numbers: TomoTwin's .coords, IMOD's model2point, and the results of cet_pick.

Such a list does not say what its numbers are; its name or the user does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_cryonet.errors import FormatError
from napari_cryonet.io.coordinates.convention import Convention
from napari_cryonet.io.coordinates.lines import rows, values
from napari_cryonet.io.coordinates.settings import CoordinateSettings
from napari_cryonet.io.coordinates.sheet import CLASS, SCORE, Columns, Output, Sheet, Written

CONVENTIONS = {
    "coords": Convention(),
    "imod-points": Convention(half_voxel="xy"),
    "cet-pick-results": Convention(axes="xzy"),
}
_WIDTHS = {"coords": (3, 4), "imod-points": (3, 4, 5), "cet-pick-results": (3, 4)}
_LEADING = {"imod-points": {4: ("contour",), 5: ("object", "contour")}}


def read(path: Path, settings: CoordinateSettings) -> Sheet:
    """Read a list of positions, one on each line, without a header.

    Three numbers are a position; in .coords and in cet_pick's results a fourth is the score, in
    IMOD's points the object and contour may come first.

    Raises
    ------
    FileProblem, FormatError
        If it cannot be read or a line has a wrong number of values.
    """
    kind = settings.format if settings.format in CONVENTIONS else "coords"
    found = rows(path)
    width = len(found[0][1]) if found else 3
    if width not in _WIDTHS[kind]:
        raise FormatError(
            f"{path}, line {found[0][0]}: {width} values; a line of this format ({kind}) has "
            f"{' or '.join(map(str, _WIDTHS[kind]))}. Choose another format."
        )
    if kind == "imod-points":
        names = _LEADING[kind].get(width, ())
        numbers = values(path, found, width)
        columns: Columns = {name: numbers[:, place].astype(int) for place, name in enumerate(names)}
        if "object" in columns:
            columns[CLASS] = columns.pop("object")
        numbers = numbers[:, len(names) :]
    else:
        numbers = values(path, found, width)
        columns = {SCORE: numbers[:, 3]} if width > 3 else {}
        numbers = numbers[:, :3]
    lines = np.array([line for line, _ in found])
    return Sheet(numbers, CONVENTIONS[kind], columns, header={"format": kind}, lines=lines)


def coords(outputs: Sequence[Output]) -> Written:
    """Return a TomoTwin list: x y z, and the score if there is one."""
    return _list(outputs, " ", "coords")


def cet_pick_results(outputs: Sequence[Output]) -> Written:
    """Return what cet_pick writes: x z y and the score, between tabs."""
    return _list(outputs, "\t", "cet-pick-results")


def imod_points(outputs: Sequence[Output]) -> Written:
    """Return points as IMOD's point2model takes them: x y z, without scores."""
    one = single(outputs, "imod-points")
    lines = (f"{x:11.4f} {y:11.4f} {z:11.4f}\n" for x, y, z in one.numbers)
    return Written("".join(lines).encode(), frozenset())


def _list(outputs: Sequence[Output], separator: str, kind: str) -> Written:
    """Return lines of positions and scores."""
    one = single(outputs, kind)
    words = [[f"{value:.4f}" for value in row] for row in one.numbers.tolist()]
    if one.scores is not None:
        words = [[*row, f"{score:.6g}"] for row, score in zip(words, one.scores, strict=True)]
    content = "".join(f"{separator.join(row)}\n" for row in words)
    return Written(content.encode(), frozenset({SCORE} & set(one.columns)))


def single(outputs: Sequence[Output], kind: str) -> Output:
    """Return the only table of a format that names no tomograms."""
    if len(outputs) != 1:
        raise FormatError(
            f"A file of this format ({kind}) belongs to one tomogram, and {len(outputs)} were "
            f"given; write one file for each, or choose .star or .csv."
        )
    return outputs[0]
