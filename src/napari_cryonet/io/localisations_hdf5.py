"""Localisations in HDF5: Picasso, SMAP, and one particle in each cell of a MATLAB file.

References
----------
Schnitzbauer et al., *Super-resolution microscopy with DNA-PAINT*, Nat. Protoc. 12 (2017),
doi:10.1038/nprot.2017.024 (Picasso); Ries, *SMAP*, Nat. Methods 17 (2020),
doi:10.1038/s41592-020-0938-1.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_cryonet.errors import FileProblem, FormatError
from napari_cryonet.io.localisations import Column, known_columns

_PIXEL_SIZE = re.compile(r"[\"']?Pixelsize[\"']?\s*:\s*([0-9.eE+-]+)")
_LENGTHS = ("x", "y", "sigma", "uncertainty")
_CELLS = "#refs#"


def read(path: Path) -> tuple[dict[str, Column], float | None]:
    """Read the columns of a file, and the size of a camera pixel in nm if it is known.

    Parameters
    ----------
    path
        Of Picasso (``locs``, in pixels, with the .yaml file beside it), of SMAP
        (``saveloc/loc``, in nm), or a MATLAB file of version 7.3 with one particle in each cell:
        x in the first row, y in the second.

    Raises
    ------
    FileProblem, FormatError
        If the file cannot be read or is none of these.
    """
    try:
        with h5py.File(path) as file:
            if "locs" in file:
                return _picasso(path, file), _pixel_size(path, file)
            if "saveloc/loc" in file:
                return _smap(file["saveloc/loc"]), None
            if _CELLS in file:
                return _cells(path, file[_CELLS]), None
            names = ", ".join(file)
    except OSError as error:
        if not path.is_file():
            raise FileProblem(f"Cannot read {path}: there is no such file.") from error
        raise FormatError(
            f"{path} cannot be read as HDF5: {error}. MATLAB files must be of version 7.3."
        ) from error
    raise FormatError(
        f"{path} holds {names or 'nothing'}; localisations are in locs (Picasso), saveloc/loc "
        f"(SMAP) or in cells (MATLAB). Export them as a table (.csv)."
    )


def _picasso(path: Path, file: Any) -> dict[str, Column]:
    """Return the columns of Picasso: lengths in camera pixels, but z in nm."""
    table = file["locs"]["table"] if isinstance(file["locs"], h5py.Group) else file["locs"]
    names = known_columns(dict.fromkeys(table.dtype.names or ()))
    if not {"x", "y"} <= names.keys():
        raise FormatError(
            f"{path} has locs without columns x and y; it has "
            f"{', '.join(table.dtype.names or ('none',))}. Export them as a table (.csv)."
        )
    units = dict.fromkeys(_LENGTHS, "pixels") | {"z": "nm"}
    rows = table[()]
    return {
        kind: Column(rows[name].astype(float), units.get(kind, "")) for kind, name in names.items()
    }


def _pixel_size(path: Path, file: Any) -> float | None:
    """Return the size of a camera pixel in nm, from the file itself or the one beside it."""
    beside = path.with_suffix(".yaml")
    words = beside.read_text(encoding="utf-8") if beside.is_file() else ""
    if not words and isinstance(file.get("metadata"), h5py.Dataset):
        kept = file["metadata"][()]
        words = kept.decode() if isinstance(kept, bytes) else str(kept)
    found = _PIXEL_SIZE.search(words)
    return float(found[1]) if found else None


def _smap(group: Any) -> dict[str, Column]:
    """Return the columns of SMAP, in nm."""
    names = known_columns(dict.fromkeys(group))
    return {
        kind: Column(np.ravel(group[name][()]).astype(float), "nm") for kind, name in names.items()
    }


def _cells(path: Path, cells: Any) -> dict[str, Column]:
    """Return x, y and the number of the particle, of cells that hold rows of numbers."""
    found = [
        cell[()]
        for cell in cells.values()
        if isinstance(cell, h5py.Dataset) and cell.ndim == 2 and cell.dtype.kind == "f"
    ]
    particles = [values for values in found if len(values) >= 2]
    if not particles:
        raise FormatError(f"{path} has no cell with rows x and y; export them as a table (.csv).")
    group = np.repeat(np.arange(len(particles)), [values.shape[1] for values in particles])
    x, y = (np.concatenate([values[row] for values in particles]) for row in (0, 1))
    return {"x": Column(x), "y": Column(y), "group": Column(group.astype(float))}
