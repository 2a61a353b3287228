"""Tables of training data: one row of file names for each pair."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from napari_cryonet.errors import FileProblem, FormatError

Rows = list[list[str]]


def read_pairs(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> Rows:
    """Read a table of comma-separated values.

    Parameters
    ----------
    path
        The file; its first line names the columns. Relative file names in it count from its
        folder.
    columns
        The columns that are needed, in the order in which they are returned; others are
        passed over.
    optional
        Columns that may be missing, or empty in some lines; behind the others.

    Returns
    -------
    list of list of str
        Absolute file names, one list for each line.

    Raises
    ------
    FileProblem
        If the table or a file that it names cannot be read.
    FormatError
        If a column or a value is missing.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FileProblem(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is not a text file; a table of file names is needed.") from error
    lines = csv.reader(text.splitlines())
    names = [name.strip() for name in next(lines, [])]
    missing = [name for name in columns if name not in names]
    if missing:
        raise FormatError(
            f"{path}, line 1: the column {missing[0]} is missing; found was "
            f"{', '.join(names) or 'nothing'}. The first line has to read {','.join(columns)}."
        )
    rows = []
    for cells in lines:
        if any(cell.strip() for cell in cells):
            where = f"{path}, line {lines.line_num}"
            if len(cells) > len(names):
                raise FormatError(
                    f"{where}: {len(cells)} values for {len(names)} columns; put quotation marks "
                    f"around a file name with a comma."
                )
            found = dict(zip(names, cells, strict=False))
            wanted = [*columns, *(name for name in optional if found.get(name, "").strip())]
            rows.append([_file(path.parent, found.get(name, ""), where, name) for name in wanted])
    if not rows:
        raise FormatError(f"{path} names no data: it has no line below its first.")
    return rows


def _file(folder: Path, cell: str, where: str, column: str) -> str:
    """Return the absolute name of the file in a cell."""
    if not cell.strip():
        raise FormatError(f"{where}, column {column}: there is no value.")
    file = (folder / cell.strip()).absolute()
    if not file.is_file():
        raise FileProblem(f"{where}, column {column}: there is no file {file}.")
    return str(file)
