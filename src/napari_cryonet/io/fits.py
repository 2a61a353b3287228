"""Images and image stacks in FITS files, read and written by astropy.

Rows are kept as they are stored: row 0 of the array is the first row of the file, which
astronomers show at the bottom. A flip would change the hand of a reconstruction.

References
----------
The FITS standard 4.0, https://fits.gsfc.nasa.gov/fits_standard.html; Astropy Collaboration,
ApJ 935 (2022), doi:10.3847/1538-4357/ac7c74.
"""

from __future__ import annotations

import gzip
import math
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from napari_cryonet.errors import FormatError
from napari_cryonet.io.atomic import replacing
from napari_cryonet.io.compressed import open_stream
from napari_cryonet.io.text import ascii_text
from napari_cryonet.types import ImageStack

_SUFFIXES = re.compile(r"(\.(fits|fit|fts|fz|gz|bz2))+$", re.IGNORECASE)
_STORED = {"float16": "f4", "bool": "u1"}
_SPOT = "SPOTSIG"  # our card: the width of drawn molecules, in the unit of the pixels
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
    with open_stream(path) as stream, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with fits.open(stream, memmap=False) as units:
                found = [_stack(path, unit) for unit in units if _is_image(unit)]
                kinds = [type(unit).__name__.removesuffix("HDU") for unit in units]
        except Exception as error:  # of whatever kind astropy's decoders raise
            raise FormatError(
                f"{path} cannot be read as FITS: {error}. It is damaged, cut short or not a "
                f"FITS file."
            ) from error
    notes = tuple(sorted({str(warning.message).splitlines()[0] for warning in caught}))
    if not found:
        raise FormatError(
            f"{path} holds no image, only: {', '.join(kinds)}. Choose a file with an image."
        )
    return tuple(
        replace(
            images,
            name=f"{images.name} {unit or number}" if len(found) > 1 else images.name,
            notes=notes + images.notes,
        )
        for number, (images, unit) in enumerate(found, 1)
    )


def write(path: Path, images: ImageStack, *, overwrite: bool = False) -> None:
    """Write images into the primary unit of a FITS file, keeping the cards they came with.

    A name ending in .gz makes a gzip file. 16-bit floats become 32-bit, truth values bytes.

    Raises
    ------
    FormatError
        If the images are complex, which FITS does not know.
    OutputExists, FileProblem
        If the file is there, or cannot be written.
    """
    header = images.header.copy() if isinstance(images.header, fits.Header) else fits.Header()
    if images.pixel_size is not None:
        unit = "nm" if images.unit == "nm" else "Angstrom"
        for axis, size in enumerate(reversed(images.pixel_size), 1):
            header[f"CDELT{axis}"], header[f"CUNIT{axis}"] = size, unit
    if images.spot is not None:
        header[_SPOT] = (images.spot, "sigma of drawn molecules")
    for sentence in images.history:
        header.add_history(ascii_text(sentence))
    if images.data.dtype.kind == "c":
        raise FormatError(f"{path} cannot be written: FITS images are not complex; take a part.")
    stored = np.dtype(_STORED.get(images.data.dtype.name, images.data.dtype.str))
    unit = fits.PrimaryHDU(images.data.astype(stored, order="C", copy=False), header)
    zipped = path.suffix.lower() == ".gz"
    with (
        replacing(path, overwrite=overwrite) as part,
        gzip.open(part, "wb") if zipped else part.open("wb") as stream,
    ):
        unit.writeto(stream)


def _is_image(unit: Any) -> bool:
    """Whether a unit of a FITS file holds an image."""
    return unit.is_image and unit.data is not None and unit.data.size > 0


def _stack(path: Path, unit: Any) -> tuple[ImageStack, str]:
    """Turn one unit into images in the machine's byte order; also return its name."""
    header, data = unit.header.copy(), unit.data
    line = "The data have one axis: a line of numbers, not an image."
    images = ImageStack(
        data.astype(data.dtype.newbyteorder("="), copy=False),
        pixel_size=_pixel_size(header),
        unit="nm",
        name=_SUFFIXES.sub("", path.name),
        path=path,
        header=header,
        notes=(line,) if data.ndim == 1 else (),
        spot=header.get(_SPOT),
    )
    return images, str(header.get("EXTNAME", ""))


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
