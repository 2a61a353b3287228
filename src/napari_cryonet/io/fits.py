"""Images and image stacks in FITS files, read and written by astropy.

Rows are kept as they are stored: row 0 of the array is the first row of the file, which
astronomers show at the bottom. A flip would change the hand of a reconstruction.

References
----------
The FITS standard 4.0, https://fits.gsfc.nasa.gov/fits_standard.html; Astropy Collaboration,
ApJ 935 (2022), doi:10.3847/1538-4357/ac7c74.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from napari_cryonet.errors import FileProblem, FormatError
from napari_cryonet.io.atomic import replacing
from napari_cryonet.types import ImageStack

SUFFIXES = (".fits", ".fit", ".fts", ".fz")
_NANOMETRES = {"m": 1e9, "mm": 1e6, "um": 1e3, "micron": 1e3, "nm": 1.0, "angstrom": 0.1}


def read(path: Path) -> tuple[ImageStack, ...]:
    """Read every image of a FITS file, one thing for each unit that holds an image.

    Parameters
    ----------
    path
        The file, possibly compressed as a whole (.gz) or by tiles (.fz).

    Returns
    -------
    tuple of ImageStack
        ``(..., y, x)``, sizes in nm. Blank pixels of integer images are NaN.

    Raises
    ------
    FileProblem
        If the file cannot be read.
    FormatError
        If it is not a FITS file, is cut short or holds no image.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with fits.open(path, memmap=False) as units:
                found = [(unit.header.copy(), unit.data) for unit in units if _is_image(unit)]
                kinds = [type(unit).__name__.removesuffix("HDU") for unit in units]
        except FileNotFoundError as error:
            raise FileProblem(f"Cannot read {path}: no such file.") from error
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise FormatError(
                f"{path} cannot be read as FITS: {error}. It is damaged, cut short or not a "
                f"FITS file."
            ) from error
    notes = tuple(sorted({str(warning.message).splitlines()[0] for warning in caught}))
    if not found:
        raise FormatError(
            f"{path} holds no image, only: {', '.join(kinds)}. Choose a file with an image."
        )
    several = len(found) > 1
    return tuple(
        _stack(path, header, data, notes, number if several else None)
        for number, (header, data) in enumerate(found, 1)
    )


def write(path: Path, images: ImageStack, *, overwrite: bool = False) -> None:
    """Write images into the primary unit of a FITS file, keeping the cards they came with.

    Raises
    ------
    OutputExists, FileProblem
        If the file is there, or cannot be written.
    """
    header = images.header.copy() if isinstance(images.header, fits.Header) else fits.Header()
    if images.pixel_size is not None:
        unit = "nm" if images.unit == "nm" else "Angstrom"
        for axis, size in enumerate(reversed(images.pixel_size), 1):
            header[f"CDELT{axis}"], header[f"CUNIT{axis}"] = size, unit
    for sentence in images.history:
        header.add_history(sentence.encode("ascii", "replace").decode())
    data = images.data
    stored = data.astype(np.float32) if data.dtype == np.float16 else data
    with replacing(path, overwrite=overwrite) as part:
        name = part.with_suffix(".fits.gz") if path.suffix == ".gz" else part
        fits.PrimaryHDU(np.ascontiguousarray(stored), header).writeto(name, overwrite=True)
        if name != part:
            name.replace(part)


def _is_image(unit: Any) -> bool:
    """Whether a unit of a FITS file holds an image."""
    return unit.is_image and unit.data is not None and unit.data.size > 0


def _stack(
    path: Path, header: fits.Header, data: NDArray[Any], notes: tuple[str, ...], number: int | None
) -> ImageStack:
    """Turn one unit into images in the machine's byte order."""
    stem = path.name.split(".fit")[0].split(".fts")[0]
    name = stem if number is None else f"{stem} {header.get('EXTNAME', '') or number}"
    if data.ndim == 1:
        notes = (*notes, "The data have one axis: a line of numbers, not an image.")
    return ImageStack(
        data.astype(data.dtype.newbyteorder("="), copy=False),
        pixel_size=_pixel_size(header),
        unit="nm",
        name=name,
        path=path,
        header=header,
        notes=notes,
    )


def _pixel_size(header: fits.Header) -> tuple[float, float] | None:
    """Return the size of a pixel along y, x in nm, if the cards give one in a length."""
    sizes = []
    for axis in (2, 1):
        unit = _NANOMETRES.get(str(header.get(f"CUNIT{axis}", "")).strip().lower())
        step = header.get(f"CDELT{axis}")
        if unit is None or not isinstance(step, int | float) or not math.isfinite(step):
            return None
        sizes.append(abs(step) * unit)
    return (sizes[0], sizes[1]) if min(sizes) > 0 else None
