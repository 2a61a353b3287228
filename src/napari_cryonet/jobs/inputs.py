"""The data of a job as files, so that the job can be repeated from its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import CryonetError, DataError
from napari_cryonet.io import (
    CoordinateSettings,
    coordinates,
    fragments,
    image_set,
    mesh,
    mrc,
    poses,
    read,
    read_volume,
    write,
)
from napari_cryonet.io.image_set import RowOrder
from napari_cryonet.io.text import file_stem
from napari_cryonet.jobs.folder import RunFolder
from napari_cryonet.jobs.job import Job, Rows
from napari_cryonet.reporting import Reporter
from napari_cryonet.types import ImageStack, PointCloud, Points, Thing, Volume

_SUFFIXES = {Volume: ".mrc", Points: ".csv", ImageStack: ".fits", PointCloud: ".ply"}
_ROUNDED = 1e-6  # Å; a layer keeps sizes and places with six decimals


def read_row(
    row: Sequence[str],
    report: Reporter,
    given: Mapping[str, Thing] | None = None,
    fits_rows: RowOrder = "stored",
) -> tuple[Thing, ...]:
    """Return the things that one row of names stands for.

    Parameters
    ----------
    row
        Names of volumes and, behind a volume, of files of positions in it; or of a FITS file or
        a folder of them, a stack of images; or of a cloud (.ply or .obj); or of the arrays of a
        set of fragments (``train.hdf5/map``).
    report
        Is told how far a compressed file is, and what was chosen of a folder of images.
    given
        Things that some of the names stand for; all other names are files.
    fits_rows
        Whether rows of images are flipped.

    Raises
    ------
    FileProblem, FormatError, SettingsError
        If a file cannot be read.
    DataError
        If a file holds positions in several tomograms, and none of them is that of the row.
    """
    things: list[Thing] = []
    for name in row:
        if given is not None and name in given:
            things.append(given[name])
        elif coordinates.is_named(Path(name)):
            first = things[0] if things else None
            things.append(read_points(Path(name), first if isinstance(first, Volume) else None))
        elif image_set.is_named(Path(name)):
            images = image_set.read(Path(name), fits_rows)
            for note in images.notes:
                report.say(note)
            things.append(images)
        elif Path(name).suffix.lower() in mesh.SUFFIXES:
            things.append(mesh.read(Path(name)))
        elif fragments.is_array(Path(name)):
            things.append(fragments.read_array(Path(name)))
        else:
            things.append(read_volume(name, report))
    return tuple(things)


def read_points(path: Path, volume: Volume | None) -> Points:
    """Read the positions in one tomogram, whose size and voxel size the file need not tell.

    Parameters
    ----------
    path
        The file.
    volume
        The tomogram; None if it is not known.

    Raises
    ------
    FileProblem, FormatError, SettingsError
        If the file cannot be read.
    DataError
        If it holds positions in several tomograms, and none of them has that name.
    """
    settings = CoordinateSettings()
    if volume is not None:
        size = volume.voxel_size[0] if volume.voxel_size else None
        known = {"voxel_size": size, "volume_shape": volume.shape}
        settings = CoordinateSettings.load({k: v for k, v in known.items() if v is not None})
    found = coordinates.read(path, settings)
    if len(found) > 1 and volume is not None:
        found = tuple(one for one in found if Path(one.volume).stem == volume.name) or found
    if len(found) != 1:
        names = ", ".join(one.volume for one in found[:5])
        raise DataError(
            f"{path} holds positions in {len(found)} tomograms, {names}; one with the name "
            f"of the tomogram is needed. Take them apart with cryonet convert --volume."
        )
    return found[0]


def read_part(path: Path, volume: Volume | None) -> Thing:
    """Read a part of a result, whose kind its suffix tells.

    Parameters
    ----------
    path
        As `napari_cryonet.jobs.run` has written it.
    volume
        The tomogram that picks are in.

    Raises
    ------
    FileProblem, FormatError, SettingsError
        If the file cannot be read.
    """
    if path.suffix == ".csv":
        return poses.read(path)
    if coordinates.is_named(path):
        return read_points(path, volume)
    thing = read(path)
    return thing if isinstance(thing, PointCloud | ImageStack) else read_volume(path)


def as_files(
    job: Job, given: Mapping[str, Thing], folder: RunFolder, report: Reporter
) -> tuple[Job, dict[str, Thing]]:
    """Name a file for every thing that a job was given, also in the folder's job file.

    A volume that is still as its file holds it is named by that file, and never copied. Any
    other, one that was made or changed in a window, is written into the folder.

    Parameters
    ----------
    job
        What to do.
    given
        Volumes and positions by the names that the job has for them.
    folder
        The folder of the run; copies go into its ``inputs``.
    report
        Is told of copies, and asked whether to stop.

    Returns
    -------
    job : Job
        The job with names of files.
    given : dict
        The things by their new names, which need not be read again.

    Raises
    ------
    FileProblem
        If a copy cannot be written.
    Cancelled
        If the user has asked to stop.
    """
    names: dict[str, str] = {}
    things: dict[str, Thing] = {}
    for number, (name, thing) in enumerate(given.items()):
        path, known = thing.path, thing
        if path is None or not (name == str(path) or _is_as_in(path, thing, report)):
            kept = folder.path.absolute() / "inputs" / str(number)
            path, known = _copied(thing, kept, report)
        names[name] = name if name == str(path) else str(path.absolute())
        things[names[name]] = known

    def rows(old: Rows) -> list[list[str]]:
        return [[names.get(name, name) for name in row] for row in old]

    if any(old != new for old, new in names.items()):
        job = job.updated({"inputs": rows(job.inputs), "validation": rows(job.validation)})
        folder.job_file.write_text(job.text(), encoding="utf-8")
    return job, things


def _copied(thing: Thing, folder: Path, report: Reporter) -> tuple[Path, Thing]:
    """Write a thing into a folder; return its file, and what is read from there."""
    suffix = next(end for kind, end in _SUFFIXES.items() if isinstance(thing, kind))
    path = folder / f"{file_stem(thing.name, 'volume')}{suffix}"
    report.say(f"No file holds {thing.name} as it is now; a copy is kept as {path}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(thing, Volume):
        write(path, thing, overwrite=True)
        return path, replace(thing, path=path)
    with mrc.create(path, thing, thing.data.dtype, overwrite=True) as out:
        for plane in range(len(out)):
            report.check()
            out[plane] = thing.data[plane]
    return path, read_volume(path)


def _is_as_in(path: Path, volume: Thing, report: Reporter) -> bool:
    """Whether a file holds a volume with these values, at this place and of this size."""
    if not isinstance(volume, Volume) or not path.is_file():
        return False
    try:
        kept = read_volume(path, report)
    except CryonetError:
        return False
    if (volume.voxel_size is None) != (kept.voxel_size is None):
        return False
    ours, theirs = (*volume.scale, *volume.origin), (*kept.scale, *kept.origin)
    return np.allclose(ours, theirs, rtol=0, atol=_ROUNDED) and _equal(volume.data, kept.data)


def _equal(one: NDArray[Any], two: NDArray[Any]) -> bool:
    """Whether two arrays hold the same values, plane by plane.

    Of two maps of one file one plane is compared: the file may have been replaced since.
    """
    if (one.shape, one.dtype) != (two.shape, two.dtype):
        return False
    planes = range(len(one))
    if isinstance(one, np.memmap) and isinstance(two, np.memmap):
        there = (one.filename, one.mode, one.strides) == (two.filename, two.mode, two.strides)
        planes = planes[len(one) // 2 :][:1] if there else planes
    return all(np.array_equal(one[plane], two[plane], equal_nan=True) for plane in planes)
