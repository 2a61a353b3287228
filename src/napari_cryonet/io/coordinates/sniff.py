"""Whether a file holds positions, told from its beginning: many share these suffixes."""

from __future__ import annotations

import struct
from pathlib import Path

from napari_cryonet.errors import FileProblem
from napari_cryonet.io.compressed import open_stream
from napari_cryonet.io.coordinates.formats import SUFFIXES, plain_suffix

_SEARCHED = 1 << 20
_OWN = (".star", ".cbox", ".coords", ".tloc")
"""Suffixes that nobody else uses."""
_NAMES = (b"x", b"x_coord", b"axis-0", b"image_name")
_JSON = (b'"boxes_3d"', b'"pickable_object_name"')
_MOTIVE_LIST = 20


def holds_positions(path: Path) -> bool:
    """Whether a file has a name of coordinates and does not begin as something else.

    Where nobody else uses the name, a file that cannot be opened, is empty or is a pickle is left
    to the reader, which says so.

    Parameters
    ----------
    path
        The file.
    """
    suffix = plain_suffix(path)
    if suffix not in SUFFIXES or path.is_dir():
        return False
    try:
        with open_stream(path) as stream:
            start = stream.read(_SEARCHED)
    except (OSError, EOFError, FileProblem):
        return suffix in _OWN
    if suffix in _OWN:
        return start[:1] == b"\x80" or b"\0" not in start
    if suffix == ".json":
        return any(name in start for name in _JSON)
    if suffix == ".mod":
        return start.startswith(b"IMOD")
    if suffix == ".em":
        return any(struct.unpack_from(f"{order}i", start.ljust(8), 4)[0] == _MOTIVE_LIST
                   for order in "<>")  # fmt: skip
    return _lists_numbers(start) or (suffix in (".csv", ".tsv", ".txt") and _names_them(start))


def _first(start: bytes) -> bytes:
    """Return the first line that is neither empty nor a comment."""
    lines = (line.strip() for line in start.splitlines())
    return next((line for line in lines if line and not line.startswith(b"#")), b"")


def _lists_numbers(start: bytes) -> bool:
    """Whether the first line has at least three numbers and nothing else."""
    words = _first(start).split()
    try:
        return len([float(word) for word in words]) >= len("xyz")
    except ValueError:
        return False


def _names_them(start: bytes) -> bool:
    """Whether the first line has the name of a column of positions."""
    line = _first(start).lower().replace(b'"', b"")
    for separator in (b"\t", b";"):
        line = line.replace(separator, b",")
    return any(word.strip() in _NAMES for word in line.split(b","))
