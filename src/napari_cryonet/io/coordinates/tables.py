"""Tables with a header: csv and tsv with x, y, z, napari's own, and the lists of cet_pick.

cet_pick and MiLoPYP train from two tables, one of tomograms (``image_name``, ``rec_path``) and one
of positions (``image_name``, ``x_coord``, ``y_coord``, ``z_coord``) in whole voxels.

References
----------
Q. Huang et al., ECCV 2022, doi:10.1007/978-3-031-19803-8_38; https://github.com/nextpyp/cet_pick.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from napari_cryonet.errors import FormatError
from napari_cryonet.io.coordinates.convention import Convention
from napari_cryonet.io.coordinates.lines import Row, column, number, rows, used
from napari_cryonet.io.coordinates.sheet import Columns, Output, Sheet, Written, combined

CONVENTION = Convention()
IMAGE, PATH = "image_name", "rec_path"
_COORDS = ("x_coord", "y_coord", "z_coord")
_SETS = (("x", "y", "z"), _COORDS, ("axis-2", "axis-1", "axis-0"))
_TOMOGRAM = "tomogram"
_SEPARATORS = (",", "\t", ";")


def read(path: Path) -> Sheet:
    """Read a table with a header, separated by commas, tabs or semicolons.

    Raises
    ------
    FileProblem, FormatError
        If it cannot be read, or has no columns for x, y and z.
    """
    header, found = table(path)
    lowered = [name.lower() for name in header]
    if PATH in lowered:
        raise FormatError(
            f"{path} lists tomograms, not positions; choose the list of coordinates that belongs "
            f"to it."
        )
    places = next(([lowered.index(one) for one in names] for names in _SETS
                   if all(one in lowered for one in names)), None)  # fmt: skip
    if places is None:
        raise FormatError(
            f"{path} has the columns {', '.join(header[:8])}; a table of positions has x, y, z, or "
            f"x_coord, y_coord, z_coord, or axis-0, axis-1, axis-2. Choose positions in a volume."
        )
    _check(path, header, found)
    numbers = np.empty((len(found), 3))
    for row, (line, words) in enumerate(found):
        numbers[row] = [number(path, line, header[one], words[one]) for one in places]
    named = next((lowered.index(one) for one in (_TOMOGRAM, IMAGE) if one in lowered), None)
    used = {*places, named, *(i for i, one in enumerate(lowered) if one in ("index", ""))}
    columns: Columns = {
        _known(name): column([words[place] for _, words in found])
        for place, name in enumerate(header)
        if place not in used
    }
    kind = "cet-pick" if IMAGE in lowered else "csv"
    volumes = None if named is None else np.array([words[named] for _, words in found], dtype=str)
    lines = np.array([line for line, _ in found])
    return Sheet(numbers, CONVENTION, columns, volumes, header={"format": kind}, lines=lines)


def table(path: Path) -> tuple[list[str], list[Row]]:
    """Read a table whose first line names its columns.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    tuple
        The names, and the lines below.

    Raises
    ------
    FileProblem, FormatError
        If it cannot be read or has no header.
    """
    lines = used(path)
    first = lines[0][1] if lines else ""
    found = rows(path, next((one for one in _SEPARATORS if one in first), None))
    if not found:
        raise FormatError(f"{path} holds comments alone; a table has a line that names columns.")
    header = found[0][1]
    if any(_is_number(word) for word in header):
        raise FormatError(
            f"{path}, line {found[0][0]}: a table begins with the names of its columns, not with "
            f"numbers. Add a line such as x,y,z, or choose another format."
        )
    return header, found[1:]


def write_csv(outputs: Sequence[Output]) -> Written:
    """Return a table with the columns x, y, z, all features, and the tomogram's name if known."""
    given = combined(outputs)
    texts: dict[str, list[str]] = {
        name: [f"{one:.4f}" for one in values]
        for name, values in zip("xyz", given.numbers.T, strict=True)
    }
    taken = {*texts, _TOMOGRAM}
    for name, values in given.columns.items():
        texts[f"feature_{name}" if name.lower() in taken else name] = _words(values.tolist())
    if any(one.named for one in outputs):
        texts[_TOMOGRAM] = _words(given.volumes.tolist())
    return Written(_delimited(texts, ","), frozenset(given.columns))


def write_cet_pick(outputs: Sequence[Output]) -> Written:
    """Return the list of positions from which cet_pick and MiLoPYP train."""
    given = combined(outputs)
    whole = np.rint(given.numbers).astype(int)
    texts = {IMAGE: _words(given.volumes.tolist())}
    texts |= {name: _words(values.tolist()) for name, values in zip(_COORDS, whole.T, strict=True)}
    extra = {name: _words(values.tolist()) for name, values in given.columns.items()}
    note = "Positions were rounded: cet_pick trains from whole voxels."
    changed = len(whole) > 0 and np.abs(whole - given.numbers).max() > 1e-3
    return Written(
        _delimited(texts | extra, "\t"), frozenset(given.columns), (note,) if changed else ()
    )


def read_image_list(path: Path) -> dict[str, Path]:
    """Read the list of tomograms of cet_pick and MiLoPYP.

    Parameters
    ----------
    path
        A table with the columns ``image_name`` and ``rec_path`` (``path`` in old ones).

    Returns
    -------
    dict of str to Path
        The files by the names that the list of coordinates uses.

    Raises
    ------
    FileProblem, FormatError
        If it cannot be read or has other columns.
    """
    header, found = table(path)
    name = next((header.index(one) for one in (PATH, "path") if one in header), None)
    if IMAGE not in header or name is None:
        raise FormatError(
            f"{path} has the columns {', '.join(header[:8])}; a list of tomograms has {IMAGE} and "
            f"{PATH}. Choose another file."
        )
    _check(path, header, found)
    return {words[header.index(IMAGE)]: Path(words[name]) for _, words in found}


def image_list(files: Mapping[str, Path]) -> bytes:
    """Return the list of tomograms of cet_pick and MiLoPYP.

    Parameters
    ----------
    files
        Paths by the names that the list of coordinates uses.
    """
    names = {IMAGE: list(files), PATH: [str(path) for path in files.values()]}
    return _delimited(names, "\t")


def _check(path: Path, header: list[str], found: list[Row]) -> None:
    """Refuse lines with more or fewer values than there are columns."""
    for line, words in found:
        if len(words) != len(header):
            raise FormatError(
                f"{path}, line {line}: {len(words)} values for {len(header)} columns. Correct or "
                f"delete it."
            )


def _is_number(word: str) -> bool:
    """Whether a word is a number."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def _known(name: str) -> str:
    """Return our name of a column."""
    own = name.removeprefix("feature_")
    return own.lower() if own.lower() in ("score", "class", "radius") else own


def _words(values: Sequence[object]) -> list[str]:
    """Return values as they stand in a table."""
    return ["" if one != one else f"{one:.9g}" if isinstance(one, float) else str(one)
            for one in values]  # fmt: skip


def _delimited(texts: Mapping[str, Sequence[str]], separator: str) -> bytes:
    """Return columns as a table."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
    writer.writerow(texts)
    writer.writerows(zip(*texts.values(), strict=True))
    return stream.getvalue().encode()
