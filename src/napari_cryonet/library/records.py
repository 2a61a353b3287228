"""Pairs of half maps, and the table of them that people and spreadsheets can read."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from napari_cryonet.errors import FileProblem, FormatError
from napari_cryonet.library import places

_TEXTS = ("half1", "half2", "state", "entry", "title", "source", "measure", "note")
_NUMBERS = {
    "resolution_A": "resolution",
    "voxel_size_A": "voxel_size",
    "correlation": "correlation",
}
_COLUMNS = (*_TEXTS[:4], *_NUMBERS, *_TEXTS[4:])


@dataclass(frozen=True)
class Pair:
    """The two half maps of one thing.

    Parameters
    ----------
    half1, half2
        Their paths now, relative to the library.
    entry
        Of the EMDB, for example ``EMD-0552``; empty for others.
    title
        What it is.
    source
        Where it was fetched from.
    resolution
        Å.
    voxel_size
        Å per voxel.
    correlation
        Of the halves; None if not measured or not to be measured.
    measure
        How the correlation was measured.
    note
        Why the halves cannot be compared.
    others
        What further columns of the index hold.
    """

    half1: str
    half2: str
    entry: str = ""
    title: str = ""
    source: str = ""
    resolution: float | None = None
    voxel_size: float | None = None
    correlation: float | None = None
    measure: str = ""
    note: str = ""
    others: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """``train``, ``validation`` or ``bad``, as the places of the files say."""
        states = {places.state(path) for path in self.paths}
        return next(state for state in reversed(places.STATES) if state in states)

    @property
    def paths(self) -> tuple[str, str]:
        """Both paths."""
        return self.half1, self.half2

    @property
    def key(self) -> str:
        """What stays the same when the pair is moved or unpacked."""
        return places.pairing_name(self.half1)


def table(rows: Iterable[Pair]) -> str:
    """Return pairs as comma-separated values, as the index holds them.

    Parameters
    ----------
    rows
        The pairs.
    """
    rows = list(rows)
    further = list(dict.fromkeys(name for pair in rows for name in pair.others))
    text = StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow((*_COLUMNS, *further))
    for pair in rows:
        numbers = (getattr(pair, field) for field in _NUMBERS.values())
        lines.writerow(
            (
                *(getattr(pair, name) for name in _TEXTS[:4]),
                *("" if value is None else f"{value:.6g}" for value in numbers),
                *(getattr(pair, name) for name in _TEXTS[4:]),
                *(pair.others.get(name, "") for name in further),
            )
        )
    return text.getvalue()


def training_table(folder: Path, rows: Iterable[Pair]) -> str:
    """Return pairs as a table to train with, which may be anywhere.

    Parameters
    ----------
    folder
        The library.
    rows
        The pairs.
    """
    text = StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("half1", "half2"))
    lines.writerows([(folder / path).resolve() for path in pair.paths] for pair in rows)
    return text.getvalue()


def read_table(path: Path) -> list[Pair]:
    """Return the pairs of an index; none if there is no index.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    FileProblem
        If it cannot be read.
    FormatError
        If it is damaged; the message names line and column.
    """
    if not path.exists():
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FileProblem(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{path} is not a text file; rename it to have a new one made."
        ) from error
    try:
        return _rows(text, path)
    except csv.Error as error:
        raise FormatError(f"{path} is not a table of comma-separated values: {error}.") from error


def _rows(text: str, path: Path) -> list[Pair]:
    """Return the pairs of the text of an index."""
    lines = csv.DictReader(StringIO(text, newline=""), restval="")
    missing = [name for name in ("half1", "half2") if name not in (lines.fieldnames or ())]
    if missing:
        raise FormatError(
            f"{path}, line 1: the column {missing[0]} is missing; found was "
            f"{', '.join(lines.fieldnames or ()) or 'nothing'}. Rename the file to have a new one "
            f"made."
        )
    return [_pair(cells, f"{path}, line {lines.line_num}") for cells in lines]


def _pair(cells: dict[str, str], where: str) -> Pair:
    """Return the pair of a line."""
    numbers = {}
    for column, name in _NUMBERS.items():
        text = (cells.get(column) or "").strip()
        try:
            numbers[name] = float(text) if text else None
        except ValueError:
            raise FormatError(
                f"{where}, column {column}: {text!r} is no number; correct it or leave it empty."
            ) from None
    if None in cells or not cells["half1"] or not cells["half2"]:
        raise FormatError(f"{where}: a line names half1 and half2 and has one value a column.")
    texts = {name: cells[name] for name in _TEXTS if name != "state" and name in cells}
    others = {name: value for name, value in cells.items() if name not in _COLUMNS}
    return Pair(**texts, **numbers, others=others)  # type: ignore[arg-type]
