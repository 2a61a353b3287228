"""Tables of entries: the EMDB's answers to a search, and lists of half maps kept as a file.

Two kinds are read, told apart by nothing but their columns: one line for each entry, as the
EMDB answers, and one line for each file, with its size.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from napari_cryonet.errors import CryonetError, FileProblem, FormatError
from napari_cryonet.library.entry import Entry, RemoteFile, entry_id, half_pair, safe_name
from napari_cryonet.reporting import Reporter

_COLUMNS = {  # what may stand in the first line, in lower case
    "id": ("entry", "emdb_id", "id"),
    "files": ("tail", "half_map_filename", "file"),
    "size": ("size", "bytes"),
    "checksum": ("checksum",),
    "title": ("title",),
    "resolution": ("resolution",),
    "method": ("structure_determination_method", "method"),
    "z": ("depth", "sections"),
    "y": ("height", "rows"),
    "x": ("width", "columns"),
    "voxel_size": ("half_map_pixel_spacing_x", "map_pixel_spacing_x", "voxel_size"),
    "released": ("release_date", "date"),
}
_BETWEEN = re.compile(r"[,;|\s]+")


@dataclass
class _Known:
    """What is known of an entry so far."""

    cells: dict[str, str]
    files: list[RemoteFile] = field(default_factory=list)


def read_index(path: Path, report: Reporter) -> list[Entry]:
    """Read a table of half maps from a file.

    Parameters
    ----------
    path
        Comma-separated values; see `parse`.
    report
        Is warned of lines that are left out.

    Raises
    ------
    FileProblem
        If the file cannot be read.
    FormatError
        If it is no such table.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FileProblem(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is not a text file; a table of half maps is needed.") from error
    return parse(text, str(path), report)


def parse(text: str, name: str, report: Reporter) -> list[Entry]:
    """Return the entries of a table that have two half maps, in its order.

    Parameters
    ----------
    text
        Comma-separated values. The first line names the columns; those of the entry
        (``Entry`` or ``emdb_id``) and of the file (``Tail`` or ``half_map_filename``) are
        needed, others help: ``Size``, ``Checksum``, ``title``, ``Resolution``,
        ``Height``, ``Width``, ``Depth``.
    name
        What to call the table in messages.
    report
        Is warned of lines that are left out.

    Raises
    ------
    FormatError
        If a needed column is missing.
    """
    known: dict[str, _Known] = {}
    for where, cells in _rows(text, name):
        try:
            key = entry_id(cells.get("id", ""))
            files = [safe_name(each) for each in _BETWEEN.split(cells.get("files", "")) if each]
        except CryonetError as error:
            report.warn(f"{where} is left out. {error}")
            continue
        entry = known.setdefault(key, _Known(cells))
        if len(files) == 1:
            size = number(cells.get("size"))
            digest = cells.get("checksum", "")
            entry.files.append(RemoteFile(files[0], None if size is None else int(size), digest))
        else:  # one size cannot be that of several
            entry.files += [RemoteFile(file) for file in files]
    made = (_entry(key, each) for key, each in known.items())
    return [entry for entry in made if entry.halves]


def number(text: object) -> float | None:
    """Return a positive number, or None for what is none."""
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _rows(text: str, name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Give the place and the cells of each line, by our names of the columns."""
    lines = csv.reader(StringIO(text, newline=""))
    try:
        head = [cell.strip().lower() for cell in next(lines, [])]
        columns = {
            ours: next((head.index(each) for each in theirs if each in head), None)
            for ours, theirs in _COLUMNS.items()
        }
        for needed in ("id", "files"):
            if columns[needed] is None:
                raise FormatError(
                    f"{name}, line 1: no column is called {' or '.join(_COLUMNS[needed][:2])}; "
                    f"found was {', '.join(head)[:200] or 'nothing'}."
                )
        for cells in lines:
            if any(cell.strip() for cell in cells):
                yield (
                    f"{name}, line {lines.line_num}",
                    {
                        ours: cells[at].strip()
                        for ours, at in columns.items()
                        if at is not None and at < len(cells)
                    },
                )
    except csv.Error as error:
        raise FormatError(f"{name}, line {lines.line_num}: {error}.") from error


def _entry(key: str, known: _Known) -> Entry:
    """Return an entry made of its cells."""
    cells = known.cells
    sides = [number(cells.get(axis)) for axis in "zyx"]
    z, y, x = (int(side) if side else 0 for side in sides)
    return Entry(
        key,
        half_pair(known.files),
        title=cells.get("title", ""),
        resolution=number(cells.get("resolution")),
        method=cells.get("method", ""),
        shape=(z, y, x) if z and y and x else None,
        voxel_size=number(cells.get("voxel_size")),
        released=cells.get("released", ""),
    )
