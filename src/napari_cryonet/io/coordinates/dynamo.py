"""Tables of Dynamo (.tbl): columns of numbers without a header, counted from 1.

References
----------
D. Castaño-Díez et al., J. Struct. Biol. 178 (2012), doi:10.1016/j.jsb.2011.12.017;
https://www.dynamo-em.org/w/index.php?title=Table_convention.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import FormatError
from napari_cryonet.io.coordinates.convention import Convention
from napari_cryonet.io.coordinates.frame import Frame
from napari_cryonet.io.coordinates.lines import rows, used, values
from napari_cryonet.io.coordinates.sheet import (
    CLASS,
    SCORE,
    Columns,
    Output,
    Sheet,
    Written,
    as_numbers,
    combined,
    numbered,
    numbered_volumes,
    numbering,
)

CONVENTION = Convention(count_from=1)

COLUMNS = (
    *("tag", "aligned", "averaged", "dx", "dy", "dz", "tdrot", "tilt", "narot", "cc", "cc2"),
    *("cpu", "ftype", "ymintilt", "ymaxtilt", "xmintilt", "xmaxtilt", "fs1", "fs2", "tomo", "reg"),
    *("class", "annotation", "x", "y", "z", "dshift", "daxis", "dnarot", "dcc", "otag", "npar"),
    *("col33", "ref", "sref", "apix", "def", "eig1", "eig2"),
)
_WHOLE = ("tag", "aligned", "averaged", "cpu", "ftype", "tomo", "reg", "class", "annotation")
_LEAST = COLUMNS.index("z") + 1
_NOT_FEATURES = ("dx", "dy", "dz", "x", "y", "z", "tomo", "cc", "apix", "class")
_ALWAYS = {"aligned": 1.0, "averaged": 1.0, "ftype": 1.0}


def read(path: Path) -> Sheet:
    """Read a table; the shifts of its alignment are added to the positions.

    The names of tomograms come from the .doc beside the table, if there is one.

    Raises
    ------
    FileProblem, FormatError
        If it cannot be read, or has less than 26 columns.
    """
    found = rows(path)
    width = len(found[0][1]) if found else _LEAST
    if width < _LEAST:
        raise FormatError(
            f"{path}, line {found[0][0]}: {width} columns; a Dynamo table has x, y, z in the "
            f"columns 24 to 26. Choose another format."
        )
    table = values(path, found, width)
    names = [*COLUMNS, *(f"col{place + 1}" for place in range(len(COLUMNS), width))][:width]
    every = dict(zip(names, table.T, strict=True))
    numbers = np.column_stack([every[axis] + every[f"d{axis}"] for axis in "xyz"])
    columns: Columns = {
        name: _whole(one) if name in _WHOLE else one
        for name, one in every.items()
        if name not in _NOT_FEATURES and (one.any() or name == "tag")
    }
    columns[SCORE] = every["cc"]
    if every["class"].any():
        columns[CLASS] = _whole(every["class"])
    return Sheet(
        numbers,
        CONVENTION,
        columns,
        _tomograms(path, _whole(every["tomo"])),
        _frame(every.get("apix")),
        header={"format": "dynamo"},
        lines=np.array([line for line, _ in found]),
    )


def write(outputs: Sequence[Output]) -> Written:
    """Return a table of 41 columns; tomograms and classes with names are numbered."""
    given = combined(outputs)
    count = len(given.numbers)
    width = 41
    names = [*COLUMNS, *(f"col{place + 1}" for place in range(len(COLUMNS), width))]
    every = {name: np.zeros(count) for name in names}
    every["tag"] = np.arange(1, count + 1, dtype=float)
    for name, value in _ALWAYS.items():
        every[name][:] = value
    kept = {SCORE, CLASS} & set(given.columns)
    for name, one in given.columns.items():
        numbers = as_numbers(one)
        if name in every and name not in _NOT_FEATURES and numbers is not None:
            every[name] = numbers
            kept.add(name)
    every |= dict(zip("xyz", given.numbers.T, strict=True))
    if SCORE in given.columns:
        every["cc"] = np.nan_to_num(given.columns[SCORE].astype(float))
    notes: tuple[str, ...] = ()
    if CLASS in given.columns:
        every["class"], classes = numbered(given.columns[CLASS])
        notes = numbering(classes)
    every["tomo"], tomograms = numbered_volumes(given.volumes)
    notes += numbering(tomograms, "tomograms")
    if sizes := [one.voxel for one in outputs if one.voxel]:
        every["apix"][:] = sizes[0]
    table = np.column_stack([every[name] for name in names]) if count else np.empty((0, width))
    lines = (" ".join(f"{value:.9g}" for value in row) for row in table)
    return Written("".join(f"{line}\n" for line in lines).encode(), frozenset(kept), notes)


def _whole(values_: NDArray[np.float64]) -> NDArray[np.generic]:
    """Return whole numbers as such."""
    whole = np.isfinite(values_).all() and (np.rint(values_) == values_).all()
    return values_.astype(int) if whole else values_


def _frame(sizes: NDArray[np.float64] | None) -> Frame:
    """Return the voxel size, if all particles have the same."""
    if sizes is None or not len(sizes) or not (sizes == sizes[0]).all() or not sizes[0] > 0:
        return Frame()
    return Frame(voxel_size=(float(sizes[0]),) * 3)


def _tomograms(path: Path, numbers: NDArray[np.generic]) -> NDArray[np.generic] | None:
    """Return the names of tomograms, or their numbers where no .doc tells; None without any."""
    if not numbers.any():
        return None
    listed = path.with_suffix(".doc")
    names = {}
    if listed.is_file():
        for _, line in used(listed):
            number, _, name = line.strip().partition(" ")
            names[number] = Path(name.strip()).stem or number
    return np.array([names.get(str(one), str(one)) for one in numbers.tolist()], dtype=str)
