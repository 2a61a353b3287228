"""How napari opens our files. What cannot be read is said in one sentence, never silently."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from napari_cryonet.errors import FileProblem
from napari_cryonet.gui.layers import LayerData, layer_data, tell
from napari_cryonet.gui.positions import read_positions
from napari_cryonet.gui.preferences import preference
from napari_cryonet.gui.waiting import waited
from napari_cryonet.io import FITS_SUFFIXES, coordinates, mesh, mrc, read_all
from napari_cryonet.io.compressed import compression, open_stream
from napari_cryonet.types import Thing

Paths = str | Path | Sequence[str | Path]
Reader = Callable[[Paths], list[LayerData]]

_PACKED = (".gz", ".bz2")
_SNIFFED_BYTES = 512
_OURS_TO_EXPLAIN = (b"<", b"version https://git-lfs", b"SIMPLE")


def get_reader(path: Paths) -> Reader | None:
    """Return the function that reads a file, or None to leave it to other plugins.

    Parameters
    ----------
    path
        A file, or several that are all opened.
    """
    paths = _listed(path)
    return read_layers if paths and all(map(_accepted, paths)) else None


def read_layers(path: Paths) -> list[LayerData]:
    """Read files into layers, one for each thing that they hold.

    Parameters
    ----------
    path
        A file, or several.

    Raises
    ------
    FileProblem, FormatError
        If one cannot be read; the message says why and what to do.
    """
    limit = preference("display", "max_3d_mb", 1024)
    found: list[LayerData] = []
    for one in _listed(path):
        if coordinates.is_named(one):
            found += read_positions(one)
            continue
        for thing in _read(one):
            tell(thing)
            found += layer_data(thing, max_3d_mb=limit)
    return found


def _listed(path: Paths) -> list[Path]:
    """Return one path or several as a list."""
    several = [path] if isinstance(path, str | Path) else path
    return [Path(one) for one in several]


def _read(path: Path) -> tuple[Thing, ...]:
    """Read one file, in the background if it has to be unpacked."""
    if not compression(path):
        return read_all(path)
    return waited(lambda report: read_all(path, report), f"Unpacking {path.name}")


def _accepted(path: Path) -> bool:
    """Whether a file is ours by its name and does not begin as plain text of someone else."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in _PACKED]
    suffix = suffixes[-1] if suffixes else ""
    if suffix in (*FITS_SUFFIXES, *mesh.SUFFIXES):
        return True
    if coordinates.is_named(path):
        return coordinates.holds_positions(path)
    return suffix in mrc.SUFFIXES and not _is_text(path)


def _is_text(path: Path) -> bool:
    """Whether a file is text that only shares a suffix with us, such as a source map.

    A web page or a pointer saved under the name of a map is left to the reader, which says
    so; so is a file that cannot be opened.
    """
    try:
        with open_stream(path) as stream:
            start = stream.read(_SNIFFED_BYTES)
    except (OSError, EOFError, FileProblem):
        return False
    if not start or start.startswith(_OURS_TO_EXPLAIN):
        return False
    return all(byte in b"\t\n\r\f" or 32 <= byte < 127 for byte in start)
