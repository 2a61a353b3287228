"""The data of a job as files, so that the job can be repeated from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import CryonetError
from napari_cryonet.io import mrc, read_volume
from napari_cryonet.io.text import file_stem
from napari_cryonet.jobs.folder import RunFolder
from napari_cryonet.jobs.job import Job, Rows
from napari_cryonet.reporting import Reporter
from napari_cryonet.types import Volume

_ROUNDED = 1e-6  # Å; a layer keeps sizes and places with six decimals


def as_files(
    job: Job, given: Mapping[str, Volume], folder: RunFolder, report: Reporter
) -> tuple[Job, dict[str, Volume]]:
    """Name a file for every volume that a job was given, also in the folder's job file.

    A volume that is still as its file holds it is named by that file, and never copied. Any
    other, one that was made or changed in a window, is written into the folder.

    Parameters
    ----------
    job
        What to do.
    given
        Volumes by the names that the job has for them.
    folder
        The folder of the run; copies go into its ``inputs``.
    report
        Is told of copies, and asked whether to stop.

    Returns
    -------
    job : Job
        The job with names of files.
    given : dict
        The volumes by their new names, which need not be read again.

    Raises
    ------
    FileProblem
        If a copy cannot be written.
    Cancelled
        If the user has asked to stop.
    """
    names: dict[str, str] = {}
    volumes: dict[str, Volume] = {}
    for number, (name, volume) in enumerate(given.items()):
        path, known = volume.path, volume
        if path is None or not (name == str(path) or _is_as_in(path, volume, report)):
            stem = file_stem(volume.name, "volume")
            path = folder.path.absolute() / "inputs" / str(number) / f"{stem}.mrc"
            known = _copied(volume, path, report)
        names[name] = name if name == str(path) else str(path.absolute())
        volumes[names[name]] = known

    def rows(old: Rows) -> list[list[str]]:
        return [[names.get(name, name) for name in row] for row in old]

    if any(old != new for old, new in names.items()):
        job = job.updated({"inputs": rows(job.inputs), "validation": rows(job.validation)})
        folder.job_file.write_text(job.text(), encoding="utf-8")
    return job, volumes


def _copied(volume: Volume, path: Path, report: Reporter) -> Volume:
    """Write a volume, and return it as it is read from there."""
    report.say(f"No file holds {volume.name} as it is now; a copy is kept as {path}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with mrc.create(path, volume, volume.data.dtype, overwrite=True) as out:
        for plane in range(len(out)):
            report.check()
            out[plane] = volume.data[plane]
    return read_volume(path)


def _is_as_in(path: Path, volume: Volume, report: Reporter) -> bool:
    """Whether a file holds a volume with these values, at this place and of this size."""
    if not path.is_file():
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
