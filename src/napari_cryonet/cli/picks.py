"""Files of picks as commands read them, with what is known of their tomogram."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_cryonet.errors import SettingsError
from napari_cryonet.io import read_volume
from napari_cryonet.jobs.inputs import read_points
from napari_cryonet.types import Points


def known_picks(path: Path, tomogram: Path | None, voxel_size: float | None) -> Points:
    """Return the positions of a file.

    Parameters
    ----------
    path
        The file.
    tomogram
        The tomogram, for files that count from its middle.
    voxel_size
        Å per voxel, where neither the file nor the tomogram says it.

    Raises
    ------
    FileProblem, FormatError
        If a file cannot be read.
    SettingsError
        If the file counts from the middle of a tomogram that is not given.
    """
    try:
        points = read_points(path, None if tomogram is None else read_volume(tomogram))
    except SettingsError as error:
        if tomogram is not None:
            raise
        raise SettingsError(
            f"What {path} says is not enough to place its positions; give --tomogram FILE, the "
            f"tomogram or the map of scores that they are in."
        ) from error
    if points.voxel_size is None and voxel_size is not None:
        return replace(points, voxel_size=(voxel_size,) * 3)
    return points
