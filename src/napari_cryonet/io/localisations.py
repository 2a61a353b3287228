"""Localisation tables of any program, read into nm.

CSV and TSV of ThunderSTORM, SMAP, DECODE, Elyra, Nanoimager and anyone else are read by the
names of their columns; HDF5 files by `napari_cryonet.io.localisations_hdf5`.

References
----------
Ovesný et al., *ThunderSTORM*, Bioinformatics 30 (2014), doi:10.1093/bioinformatics/btu202.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError, FormatError, SettingsError
from napari_cryonet.io.compressed import open_stream
from napari_cryonet.io.localisation_settings import LocalisationSettings
from napari_cryonet.types import Localisations

HDF5_SUFFIXES = (".hdf5", ".h5", ".mat")

_NAMES = {
    "x": ("x", "position x", "position-0-0", "xnm", "x_nm"),
    "y": ("y", "position y", "position-1-0", "ynm", "y_nm"),
    "z": ("z", "position z", "position-2-0", "znm", "z_nm"),
    "sigma": ("sigma", "sigma1", "psfxnm", "psf half width", "sx"),
    "uncertainty": ("uncertainty", "uncertainty_xy", "locprecnm", "xnmerr", "lpx", "precision"),
    "photons": ("photons", "intensity", "phot", "number photons", "emission strength"),
    "frame": ("frame", "frame_ix", "first frame", "image-id", "t"),
    "group": ("group", "cluster", "particle", "particle id", "cluster id"),
}
_NEEDED = ("x", "y", "z", "group")
_LENGTHS = ("x", "y", "z", "sigma", "uncertainty")
_WITH_UNIT = re.compile(r"(?P<name>.*?)\s*[\[(](?P<unit>[^\])]*)[\])]")
_NANOMETRES = {"nm": 1.0, "um": 1e3, "µm": 1e3, "μm": 1e3, "angstrom": 0.1, "å": 0.1, "m": 1e9}
_PIXELS = ("px", "pix", "pixel", "pixels")


class Column(NamedTuple):
    """Numbers of one kind, with the unit that the file gives them.

    Parameters
    ----------
    values
        ``(n,)``.
    unit
        For example ``"nm"`` or ``"pixels"``; empty if the file does not say.
    """

    values: NDArray[np.floating[Any]]
    unit: str = ""


def read(path: Path | str, settings: LocalisationSettings | None = None) -> Localisations:
    """Read a table of localisations.

    Parameters
    ----------
    path
        A table in text (.csv, .tsv, .txt) or HDF5 (Picasso, SMAP, MATLAB v7.3), the former
        possibly compressed.
    settings
        Units and names of columns that the file does not say.

    Returns
    -------
    Localisations
        In nm, with those of the columns `sigma`, `uncertainty`, `photons`, `frame` and `group`
        that are there.

    Raises
    ------
    FileProblem, FormatError
        If the file cannot be read, or has no columns x and y.
    SettingsError
        If it does not say the unit of its places, or the size of a pixel, and nobody gives it.
    """
    path, asked = Path(path), settings or LocalisationSettings()
    if path.suffix.lower() in HDF5_SUFFIXES:
        from napari_cryonet.io import localisations_hdf5

        columns, pixel = localisations_hdf5.read(path)
        asked = asked.updated({"camera_pixel": asked.camera_pixel or pixel} if pixel else {})
    else:
        columns = _read_text(path, asked)
    places = [axis for axis in ("z", "y", "x") if axis in columns]
    in_nm = {
        name: _in_nm(column, name, path, asked) if name in _LENGTHS else column.values
        for name, column in columns.items()
    }
    features = {name: values for name, values in in_nm.items() if name not in places}
    for name in {"frame", "group"} & set(features):
        features[name] = features[name].astype(np.int64)
    try:
        positions = np.stack([in_nm[axis] for axis in places], axis=1)
        return Localisations(positions, features, name=path.stem, path=path)
    except DataError as error:
        raise FormatError(f"{path}: {error}") from error


def _in_nm(
    column: Column, name: str, path: Path, settings: LocalisationSettings
) -> NDArray[np.floating[Any]]:
    """Return lengths in nm; a unit that is set replaces the file's, but not that of z in nm."""
    unit = column.unit.lower()
    if settings.unit != "default" and not (name == "z" and unit):
        unit = settings.unit
    if unit in _PIXELS:
        if settings.camera_pixel is None:
            raise SettingsError(
                f"{path} gives {name} in camera pixels and does not say how large these are; "
                f"give the size of a pixel in nm (--camera-pixel)."
            )
        return column.values * settings.camera_pixel
    if unit not in _NANOMETRES:
        raise SettingsError(
            f"{path} gives {name} {f'in {column.unit!r}' if unit else 'without a unit'}; say what "
            f"it is: nm, um, angstrom or pixels (--unit)."
        )
    return column.values * _NANOMETRES[unit]


def _read_text(path: Path, settings: LocalisationSettings) -> dict[str, Column]:
    """Return the columns of a table in text that are known or asked for."""
    import pandas as pd  # takes half a second

    with open_stream(path) as stream:
        first = stream.readline().decode("utf-8-sig", errors="replace").rstrip("\r\n")
        separator = next((mark for mark in "\t,;" if mark in first), r"\s+")
        header = _header(first, separator)
        found = _find(header, path, settings)
        try:
            table = pd.read_csv(stream, sep=separator, header=None)
        except (ValueError, UnicodeError) as error:
            raise FormatError(f"{path} is no table: {str(error).strip()}.") from error
    if table.shape[1] < len(header):
        raise FormatError(
            f"{path} is no table: its first line has {len(header)} names, the others have "
            f"{table.shape[1]} columns."
        )
    columns = {}
    for name, (number, unit) in found.items():
        values = pd.to_numeric(table[number], errors="coerce").to_numpy(float)
        bad = ~np.isfinite(values)
        if bad.any() and name in _NEEDED:
            row = int(bad.argmax())
            raise FormatError(
                f"Line {_line(path, row)} of {path} has {str(table[number][row])!r} in the column "
                f"{header[number]!r}; a finite number is needed."
            )
        columns[name] = Column(values, unit)
    return columns


def _line(path: Path, row: int) -> int:
    """Return the line of a row of a table, whose first line names columns; blank ones are none."""
    with open_stream(path) as stream:
        rows = (number for number, line in enumerate(stream, 1) if line.strip())
        return next(islice(rows, row + 1, None))


def _header(line: str, separator: str) -> list[str]:
    """Return the names of columns; some programs quote the whole line once more."""
    if separator == r"\s+":
        return line.lstrip("# ").split()
    names = next(csv.reader([line], delimiter=separator), [])
    if len(names) == 1:
        names = next(csv.reader(names, delimiter=separator), [])
    return [name.strip().lstrip("# ") for name in names]


def _find(
    header: list[str], path: Path, settings: LocalisationSettings
) -> dict[str, tuple[int, str]]:
    """Return number and unit of each column that is known or asked for."""
    named = [_parted(name) for name in header]
    places = {name: index for index, (name, _) in reversed([*enumerate(named)])}
    found: dict[str, tuple[int, str]] = {}
    for kind, names in _NAMES.items():
        asked = getattr(settings, f"{kind}_column")
        if asked and asked not in header:
            raise SettingsError(
                f"{path} has no column {asked!r} for {kind}; it has {', '.join(header)}."
            )
        place = next((places[name] for name in names if name in places), None)
        if asked:
            place = header.index(asked)
        if place is not None:
            found[kind] = (place, named[place][1])
    if missing := {"x", "y"} - set(found):
        raise FormatError(
            f"{path} has no column {' and no column '.join(sorted(missing))}; it has "
            f"{', '.join(header) or 'no header'}. Name the columns (--x-column, --y-column)."
        )
    return found


def _parted(name: str) -> tuple[str, str]:
    """Return name and unit of a column, in lower case: ``x [nm]``, ``X (nm)`` or ``xnm``."""
    both = _WITH_UNIT.fullmatch(name)
    if both is not None:
        return both["name"].lower(), both["unit"].lower()
    lower = name.lower()
    return lower, "nm" if re.fullmatch(r".*nm(err)?", lower) else ""


def known_columns(table: Mapping[str, Any]) -> dict[str, str]:
    """Return under which name a table of another format holds each kind of column.

    Parameters
    ----------
    table
        By the names of columns in the file.
    """
    lower = {name.lower(): name for name in table}
    return {
        kind: next(lower[name] for name in names if name in lower)
        for kind, names in _NAMES.items()
        if lower.keys() & set(names)
    }
