"""Files become things here, and things files: one module for each format.

`read` and `write` choose the format; what a file is, its content decides before its name.
"""

from __future__ import annotations

from pathlib import Path

from napari_cryonet.errors import FileProblem, FormatError
from napari_cryonet.io import coordinates, mesh, mrc, poses
from napari_cryonet.io.compressed import open_stream, read_bytes
from napari_cryonet.io.coordinates import CoordinateSettings
from napari_cryonet.io.fingerprint import fingerprint
from napari_cryonet.io.model import read_card, read_model, write_model
from napari_cryonet.io.mrc_header import HEADER_BYTES
from napari_cryonet.reporting import Reporter
from napari_cryonet.types import ImageStack, PointCloud, Points, Poses, Thing, Volume

__all__ = [
    "CoordinateSettings",
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


def read_all(
    path: Path | str,
    report: Reporter | None = None,
    settings: CoordinateSettings | None = None,
) -> tuple[Thing, ...]:
    """Read everything a file holds.

    Parameters
    ----------
    path
        The file.
    report
        Is told how far a compressed file is.
    settings
        For coordinates: what the file does not say, or says otherwise than its format does.

    Raises
    ------
    FileProblem, FormatError
        If the file cannot be read or is of no known format.
    SettingsError
        If coordinates need to know something of their volume that nobody gives.
    """
    path = Path(path)
    if path.is_dir():
        raise FileProblem(f"{path} is a folder; choose a file.")
    if coordinates.is_named(path, settings):
        return coordinates.read(path, settings)
    if path.suffix.lower() in mesh.SUFFIXES:
        return (mesh.read(path),)
    if looks_like_fits(path):
        from napari_cryonet.io import fits

        return fits.read(path)
    return (mrc.read(path, report),)


def read(
    path: Path | str,
    report: Reporter | None = None,
    settings: CoordinateSettings | None = None,
) -> Thing:
    """Read the one thing a file holds.

    Parameters
    ----------
    path, report, settings
        As in `read_all`.

    Raises
    ------
    FileProblem, FormatError, SettingsError
        As `read_all`, or if the file holds several.
    """
    things = read_all(path, report, settings)
    if len(things) > 1 and isinstance(things[0], Points):
        raise FormatError(
            f"{path} holds positions in {len(things)} tomograms, "
            f"{', '.join(one.name for one in things[:5])}; choose one (--volume) or use read_all."
        )
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
        what = "positions" if isinstance(thing, Points) else "several volumes"
        what = "images" if isinstance(thing, ImageStack) else what
        raise FormatError(f"{path} holds {what}; one volume is needed here.")
    return thing


def write(
    path: Path | str,
    thing: Thing,
    *,
    overwrite: bool = False,
    settings: CoordinateSettings | None = None,
    report: Reporter | None = None,
) -> tuple[str, ...]:
    """Write a thing in the format that the file name asks for.

    Parameters
    ----------
    path
        The file; its suffix chooses the format.
    thing
        What to write.
    overwrite
        Whether to replace a file that is there.
    settings
        For coordinates: the format, its conventions and what is known of the volume.
    report
        Is asked whether to stop while a volume is written.

    Returns
    -------
    tuple of str
        What the format could not hold, one sentence each; empty if nothing is lost.

    Raises
    ------
    FormatError
        If the format does not exist or cannot hold the thing.
    OutputExists, FileProblem
        If the file is there, or cannot be written.
    SettingsError
        If coordinates need to know something of their volume that nobody gives.
    """
    path = Path(path)
    if isinstance(thing, Points):
        return coordinates.write(path, thing, settings, overwrite=overwrite)
    if isinstance(thing, Poses) and path.suffix.lower() == ".csv":
        poses.write(path, thing, overwrite=overwrite)
        return ()
    if isinstance(thing, PointCloud) and path.suffix.lower() in mesh.WRITTEN:
        return mesh.write(path, thing, overwrite=overwrite)
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix in mrc.SUFFIXES and isinstance(thing, Volume | ImageStack):
        mrc.write(path, thing, overwrite=overwrite, report=report)
    elif suffix in _WRITTEN_FITS and isinstance(thing, ImageStack):
        from napari_cryonet.io import fits

        fits.write(path, thing, overwrite=overwrite)
    else:
        known = (
            f"volumes are written as {' '.join(mrc.SUFFIXES)}, images also as "
            f"{' '.join(_WRITTEN_FITS)}"
        )
        if isinstance(thing, PointCloud | Poses):
            known = f"clouds are written as {' '.join(mesh.WRITTEN)}, poses as .csv"
        kind = type(thing).__name__
        raise FormatError(f"Cannot write {kind} as {suffix or 'a file without a suffix'}: {known}.")
    return ()


def looks_like_fits(path: Path) -> bool:
    """Whether a file is FITS by content, or by name if the content does not tell."""
    with open_stream(path) as stream:
        start = read_bytes(stream, HEADER_BYTES, path)
    named = any(suffix.lower() in FITS_SUFFIXES for suffix in path.suffixes[-2:])
    return start.startswith(b"SIMPLE") or (named and start[208:211] != b"MAP")
