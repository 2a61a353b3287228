"""Files become things here, and things files: one module for each format.

`read` and `write` choose the format; what a file is, its content decides before its name.
"""

from __future__ import annotations

from pathlib import Path

from napari_cryonet.errors import FileProblem, FormatError
from napari_cryonet.io import mrc
from napari_cryonet.io.compressed import open_stream, read_bytes
from napari_cryonet.io.fingerprint import fingerprint
from napari_cryonet.io.model import read_card, read_model, write_model
from napari_cryonet.io.mrc_header import HEADER_BYTES
from napari_cryonet.reporting import Reporter
from napari_cryonet.types import ImageStack, Thing, Volume

__all__ = [
    "fingerprint",
    "read",
    "read_all",
    "read_card",
    "read_model",
    "read_volume",
    "write",
    "write_model",
]

FITS_SUFFIXES = (".fits", ".fit", ".fts", ".fz")
_WRITTEN_FITS = FITS_SUFFIXES[:-1]  # .fz promises compression by tiles


def read_all(path: Path | str, report: Reporter | None = None) -> tuple[Thing, ...]:
    """Read everything a file holds.

    Parameters
    ----------
    path
        The file.
    report
        Is told how far a compressed file is.

    Raises
    ------
    FileProblem, FormatError
        If the file cannot be read or is of no known format.
    """
    path = Path(path)
    if path.is_dir():
        raise FileProblem(f"{path} is a folder; choose a file.")
    if _looks_like_fits(path):
        from napari_cryonet.io import fits

        return fits.read(path)
    return (mrc.read(path, report),)


def read(path: Path | str, report: Reporter | None = None) -> Thing:
    """Read the one thing a file holds.

    Raises
    ------
    FileProblem, FormatError
        As `read_all`, or if the file holds several.
    """
    things = read_all(path, report)
    if len(things) > 1:
        raise FormatError(f"{path} holds {len(things)} images; use read_all.")
    return things[0]


def read_volume(path: Path | str, report: Reporter | None = None) -> Volume:
    """Read a file that must hold one volume.

    Raises
    ------
    FileProblem, FormatError
        As `read`, or if the file holds something else.
    """
    thing = read(path, report)
    if not isinstance(thing, Volume) or thing.data.ndim != 3:
        what = "images" if isinstance(thing, ImageStack) else "several volumes"
        raise FormatError(f"{path} holds {what}; one volume is needed here.")
    return thing


def write(path: Path | str, thing: Thing, *, overwrite: bool = False) -> None:
    """Write a thing in the format that the file name asks for.

    Raises
    ------
    FormatError
        If the format does not exist or cannot hold the thing.
    OutputExists, FileProblem
        If the file is there, or cannot be written.
    """
    path = Path(path)
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix in mrc.SUFFIXES and isinstance(thing, Volume | ImageStack):
        mrc.write(path, thing, overwrite=overwrite)
    elif suffix in _WRITTEN_FITS and isinstance(thing, ImageStack):
        from napari_cryonet.io import fits

        fits.write(path, thing, overwrite=overwrite)
    else:
        kind = type(thing).__name__
        raise FormatError(
            f"Cannot write {kind} as {suffix or 'a file without a suffix'}: volumes are written "
            f"as {' '.join(mrc.SUFFIXES)}, images also as {' '.join(_WRITTEN_FITS)}."
        )


def _looks_like_fits(path: Path) -> bool:
    """Whether a file is FITS by content, or by name if the content does not tell."""
    with open_stream(path) as stream:
        start = read_bytes(stream, HEADER_BYTES, path)
    named = any(suffix.lower() in FITS_SUFFIXES for suffix in path.suffixes[-2:])
    return start.startswith(b"SIMPLE") or (named and start[208:211] != b"MAP")
