"""The pair of files from which cet_pick and MiLoPYP train: tomograms, and positions in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from napari_cryonet.errors import DataError
from napari_cryonet.io.atomic import replacing
from napari_cryonet.io.coordinates import tables
from napari_cryonet.io.coordinates.reading import read
from napari_cryonet.io.coordinates.settings import CoordinateSettings
from napari_cryonet.io.coordinates.writing import write
from napari_cryonet.types import Points


def read_lists(
    images: Path, coordinates: Path, settings: CoordinateSettings | None = None
) -> tuple[tuple[Path, Points], ...]:
    """Read both lists.

    Parameters
    ----------
    images
        The list of tomograms, with ``image_name`` and ``rec_path``.
    coordinates
        The list of positions, with ``image_name``, ``x_coord``, ``y_coord``, ``z_coord``.
    settings
        As in `read`.

    Returns
    -------
    tuple of tuple
        The file of each tomogram, relative ones from the folder of the list, and its positions.

    Raises
    ------
    FileProblem, FormatError
        If one cannot be read.
    DataError
        If positions lie in a tomogram that is not listed.
    """
    files = tables.read_image_list(images)
    chosen = (settings or CoordinateSettings()).updated({"format": "cet-pick"})
    found = read(coordinates, chosen)
    unlisted = [one.volume for one in found if one.volume not in files]
    if unlisted:
        raise DataError(
            f"{coordinates} has positions in {', '.join(unlisted[:5])}, which {images} does not "
            f"list; add its line to the list of tomograms."
        )
    return tuple((images.parent / files[one.volume], one) for one in found)


def write_lists(
    images: Path,
    coordinates: Path,
    files: Mapping[str, Path],
    points: Sequence[Points],
    *,
    overwrite: bool = False,
) -> tuple[str, ...]:
    """Write both lists.

    Parameters
    ----------
    images, coordinates
        The files to write.
    files
        The file of each tomogram by its name.
    points
        Positions in these tomograms; `volume` says in which.
    overwrite
        Whether to replace files that are there.

    Returns
    -------
    tuple of str
        As `write`.

    Raises
    ------
    DataError
        If positions lie in a tomogram without a file.
    OutputExists, FileProblem
        If a file is there, or cannot be written.
    """
    missing = [one.volume or one.name for one in points if one.volume not in files]
    if missing:
        raise DataError(
            f"No file is given for the tomogram of {', '.join(missing[:5])}; name it, and set the "
            f"volume of the picks to that name."
        )
    with replacing(images, overwrite=overwrite) as part:
        part.write_bytes(tables.image_list(files))
        ready = [replace(one, header=None) for one in points]
        return write(coordinates, ready, CoordinateSettings(format="cet-pick"), overwrite=overwrite)
