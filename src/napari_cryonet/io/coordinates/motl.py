"""Motive lists of AV3 and of the TOM toolbox: 20 numbers a particle in an EM file.

References
----------
F. Förster et al., PNAS 102 (2005), doi:10.1073/pnas.0409178102.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_cryonet.errors import FormatError
from napari_cryonet.io.coordinates.convention import Convention
from napari_cryonet.io.coordinates.lines import content
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

_HEADER, _FIELDS = 512, 20
_FLOATS = {5: "f4", 9: "f8"}
_BIG = (0, 3, 5)
_LITTLE_MACHINE, _FLOAT = 6, 5
_NAMES = {1: "xmotl", 2: "ymotl", 3: "particle", 4: "tomogram", 5: "object", 6: "wedge",
          13: "shift_x_before", 14: "shift_y_before", 15: "shift_z_before",
          16: "phi", 17: "psi", 18: "theta"}  # fmt: skip
_SCORE, _TOMOGRAM, _CLASS = 0, 4, 19
_PLACE, _SHIFT = slice(7, 10), slice(10, 13)


def read(path: Path) -> Sheet:
    """Read a motive list; the shifts after rotation are added to the positions.

    Raises
    ------
    FileProblem, FormatError
        If it cannot be read, or is an EM file of something else.
    """
    data = content(path)
    if len(data) < _HEADER:
        raise FormatError(f"{path} has {len(data)} bytes; an EM file has a header of {_HEADER}.")
    order = ">" if data[0] in _BIG else "<"
    width, count, depth = struct.unpack_from(f"{order}3i", data, 4)
    kind = _FLOATS.get(data[3])
    if kind is None or width != _FIELDS or depth != 1 or count < 0:
        raise FormatError(
            f"{path} is an EM file of {width} × {count} × {depth} values of type {data[3]}; a "
            f"motive list has {_FIELDS} floats for each particle."
        )
    expected = _HEADER + count * _FIELDS * np.dtype(kind).itemsize
    if len(data) < expected:
        raise FormatError(
            f"{path} promises {count} particles, {expected} bytes, and holds {len(data)}; it is "
            f"cut short. Export it anew."
        )
    stored = np.frombuffer(data, f"{order}{kind}", count * _FIELDS, _HEADER)
    table = stored.reshape(count, _FIELDS).astype(float)
    columns: Columns = {name: table[:, place] for place, name in _NAMES.items()
                        if table[:, place].any() and place != _TOMOGRAM}  # fmt: skip
    columns[SCORE] = table[:, _SCORE]
    if table[:, _CLASS].any():
        columns[CLASS] = np.rint(table[:, _CLASS]).astype(int)
    volumes = None
    if table[:, _TOMOGRAM].any():
        volumes = np.array([f"{number:g}" for number in table[:, _TOMOGRAM]], dtype=str)
    numbers = table[:, _PLACE] + table[:, _SHIFT]
    return Sheet(numbers, CONVENTION, columns, volumes, header={"format": "motl"})


def write(outputs: Sequence[Output]) -> Written:
    """Return a motive list of 32-bit floats; tomograms and classes with names are numbered."""
    given = combined(outputs)
    count = len(given.numbers)
    table = np.zeros((count, _FIELDS), dtype="<f4")
    table[:, 3] = np.arange(1, count + 1)
    kept = {SCORE, CLASS} & set(given.columns)
    for place, name in _NAMES.items():
        numbers = as_numbers(given.columns.get(name))
        if numbers is not None and place != _TOMOGRAM:
            table[:, place] = numbers
            kept.add(name)
    table[:, _PLACE] = given.numbers
    if SCORE in given.columns:
        table[:, _SCORE] = given.columns[SCORE].astype(float)
    notes: tuple[str, ...] = ()
    if CLASS in given.columns:
        table[:, _CLASS], names = numbered(given.columns[CLASS])
        notes = numbering(names)
    table[:, _TOMOGRAM], tomograms = numbered_volumes(given.volumes)
    notes += numbering(tomograms, "tomograms")
    head = struct.pack("<4B3i", _LITTLE_MACHINE, 0, 0, _FLOAT, _FIELDS, count, 1)
    return Written(head.ljust(_HEADER, b"\0") + table.tobytes(), frozenset(kept), notes)
