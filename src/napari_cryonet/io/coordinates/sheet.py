"""What passes between a format and the rest: tables of positions as the file counts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import FormatError
from napari_cryonet.io.coordinates.convention import Convention, Numbers
from napari_cryonet.io.coordinates.frame import Frame

Columns = dict[str, NDArray[Any]]

SCORE, CLASS, RADIUS = "score", "class", "radius"


@dataclass(frozen=True)
class Sheet:
    """The positions of one file, before anything is converted.

    Parameters
    ----------
    numbers
        ``(n, 3)`` numbers as the file has them, x, y, z or in the order of its lines.
    convention
        What the numbers mean in this file if nobody says otherwise.
    columns
        Everything else that the file has for each position, `score` and `class` by these names.
    volumes
        The name of the tomogram of each position; None if the file names none.
    frame
        What the file says of the volume.
    frames
        What it, or a file beside it, says of each tomogram by name.
    header
        What belongs to the file as a whole, ready for JSON.
    lines
        The line, or the number in its list, that each position comes from.
    notes
        What is odd, one sentence each.
    """

    numbers: Numbers
    convention: Convention
    columns: Columns = field(default_factory=dict)
    volumes: NDArray[Any] | None = None
    frame: Frame = field(default_factory=Frame)
    frames: Mapping[str, Frame] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=dict)
    lines: NDArray[Any] | None = None
    notes: tuple[str, ...] = ()

    def check(self, path: Path) -> None:
        """Refuse positions that are no finite numbers.

        Raises
        ------
        FormatError
            Names the first line that holds one.
        """
        bad = ~np.isfinite(self.numbers)
        if not bad.any():
            return
        row, column = (int(index) for index in np.argwhere(bad)[0])
        where = f"line {self.lines[row]}" if self.lines is not None else f"position {row + 1}"
        raise FormatError(
            f"{path}, {where}: coordinate {column + 1} is {self.numbers[row, column]:g}; a "
            f"position has three finite numbers. Correct or delete it."
        )


@dataclass(frozen=True)
class Output:
    """One table to be written, already in the numbers of its file.

    Parameters
    ----------
    numbers
        ``(n, 3)`` numbers as the file shall have them.
    columns
        The features of the positions.
    volume
        The name of their tomogram, never empty.
    named
        Whether that name is the tomogram's own, and not that of the picks.
    frame
        What is known of it.
    header
        What the file they came from had as a whole; empty for another format.
    diameter
        Of the particles, in Å; None if not known.
    """

    numbers: Numbers
    columns: Mapping[str, NDArray[Any]]
    volume: str
    named: bool
    frame: Frame
    header: Mapping[str, Any]
    diameter: float | None = None

    @property
    def voxel(self) -> float | None:
        """Å per voxel along x."""
        return None if self.frame.voxel_size is None else self.frame.voxel_size[2]

    @property
    def scores(self) -> NDArray[Any] | None:
        """The scores as numbers."""
        values = self.columns.get(SCORE)
        return None if values is None else np.asarray(values, dtype=float)

    @property
    def known_scores(self) -> NDArray[Any]:
        """The scores for formats that must have one: 0 where it is no number, 1 without any."""
        scores = self.scores
        return np.ones(len(self.numbers)) if scores is None else np.nan_to_num(scores)

    def widths(self, unit: float | None) -> NDArray[Any] | None:
        """Return the diameter of each particle.

        Parameters
        ----------
        unit
            Å of what the diameters shall count; None if not known.
        """
        if unit is None:
            return None
        if RADIUS in self.columns:
            return 2 * np.asarray(self.columns[RADIUS], dtype=float) / unit
        if self.diameter is None:
            return None
        return np.full(len(self.numbers), self.diameter / unit)


def as_numbers(values: NDArray[Any] | None) -> NDArray[np.float64] | None:
    """Return a column with 0 where it has no number; None if there is none, or one of text."""
    if values is None or values.dtype.kind not in "biuf":
        return None
    numbers: NDArray[np.float64] = np.nan_to_num(values.astype(float))
    return numbers


def typical(widths: NDArray[Any] | None, which: NDArray[np.bool_], usual: float) -> float:
    """Return the median diameter of some particles, or the usual one if none is known."""
    known = np.array([]) if widths is None else widths[which & np.isfinite(widths)]
    return float(np.median(known)) if len(known) else usual


@dataclass(frozen=True)
class Written:
    """The content of a file, and what it holds.

    Parameters
    ----------
    content
        The bytes.
    kept
        The features that are in them.
    notes
        What the format changed, one sentence each.
    """

    content: bytes
    kept: frozenset[str]
    notes: tuple[str, ...] = ()


def numbered(classes: NDArray[Any], first: int = 1) -> tuple[NDArray[Any], dict[int, str]]:
    """Return classes as whole numbers, and the name of each number.

    Parameters
    ----------
    classes
        Numbers are kept; names are numbered in alphabetical order.
    first
        The number of the first name.
    """
    if np.asarray(classes).dtype.kind in "iu":
        return np.asarray(classes), {int(one): str(one) for one in np.unique(classes)}
    names, places = np.unique(np.asarray(classes).astype(str), return_inverse=True)
    return places + first, {place + first: str(name) for place, name in enumerate(names)}


def numbered_volumes(volumes: NDArray[Any]) -> tuple[NDArray[Any], dict[int, str]]:
    """Return tomograms as numbers: their names if these are numbers, else in order from 1.

    Parameters
    ----------
    volumes
        The name of the tomogram of each position.
    """
    names = list(dict.fromkeys(volumes.tolist()))
    whole = all(str(name).isdecimal() for name in names)
    places = {name: int(name) if whole else place for place, name in enumerate(names, 1)}
    numbers = np.array([places[name] for name in volumes.tolist()], dtype=int)
    return numbers, {number: str(name) for name, number in places.items()}


def numbering(names: Mapping[int, str], what: str = "classes") -> tuple[str, ...]:
    """Return the sentence that tells which number stands for which name, if that is needed.

    Parameters
    ----------
    names
        The names by number.
    what
        What they are the names of.
    """
    if all(str(number) == name for number, name in names.items()):
        return ()
    listed = ", ".join(f"{number} {name}" for number, name in names.items())
    return (f"This format numbers {what}: {listed}.",)


@dataclass(frozen=True)
class Combined:
    """Several tables in one.

    Parameters
    ----------
    numbers
        ``(n, 3)`` numbers of all of them.
    columns
        Their features; NaN or empty where one of them lacks a column.
    volumes
        The name of the tomogram of each position.
    """

    numbers: Numbers
    columns: Columns
    volumes: NDArray[Any]


def combined(outputs: Sequence[Output]) -> Combined:
    """Put tables below each other."""
    names = list(dict.fromkeys(name for one in outputs for name in one.columns))
    columns = {name: _joined(outputs, name) for name in names}
    volumes = [np.full(len(one.numbers), one.volume, dtype=object) for one in outputs]
    return Combined(
        np.concatenate([one.numbers for one in outputs]),
        columns,
        np.concatenate(volumes).astype(str),
    )


def _joined(outputs: Sequence[Output], name: str) -> NDArray[Any]:
    """Return one column of several tables."""
    given = [np.asarray(one.columns[name]) for one in outputs if name in one.columns]
    if len(given) == len(outputs) and len({values.dtype.kind for values in given}) == 1:
        return np.concatenate(given)
    textual = any(values.dtype.kind not in "biuf" for values in given)
    parts = []
    for one in outputs:
        values = one.columns.get(name)
        if values is None:
            values = np.full(len(one.numbers), "" if textual else np.nan)
        parts.append(np.asarray(values).astype(str if textual else float))
    return np.concatenate(parts)
