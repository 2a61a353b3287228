"""Positions in the window: which open volume they belong to, and how they are saved.

Where a file does not say enough, the volume that is open does, if exactly one fits: one in which
all positions lie, with the voxel size that the file gives, if it gives one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import show_warning

from napari_cryonet.errors import FormatError, SettingsError
from napari_cryonet.gui.layers import LayerData, from_layer_data, layer_data, tell
from napari_cryonet.gui.places import SAME, Place, only, open_places
from napari_cryonet.gui.things import placed
from napari_cryonet.gui.waiting import waited
from napari_cryonet.io import CoordinateSettings, coordinates
from napari_cryonet.types import Points


def read_positions(
    path: Path,
    settings: CoordinateSettings | None = None,
    places: Sequence[Place] | None = None,
) -> list[LayerData]:
    """Read a file of positions into layers, one for each tomogram.

    Parameters
    ----------
    path
        The file.
    settings
        What was chosen; None for the documented conventions.
    places
        The volumes to look at; None for those that are open.

    Raises
    ------
    FileProblem, FormatError
        If the file cannot be read.
    SettingsError
        If the file needs to know its volume, and not exactly one that is open fits.
    """
    chosen = settings or CoordinateSettings()
    error = None
    try:
        base = {points.volume: points for points in coordinates.read(path, chosen)}
    except SettingsError as raised:
        base, error = {}, raised
    fitting: dict[str, list[tuple[Place, Points]]] = {name: [] for name in base}
    for place in open_places() if places is None else places:
        for points in _read_in(path, chosen, place):
            if place.holds(points) and _agree(base.get(points.volume), points, chosen):
                fitting.setdefault(points.volume, []).append((place, points))
    layers: list[LayerData] = []
    for name, several in fitting.items():
        one = only(several, name)
        if one is None and name not in base:
            raise _needs_volume(error, several)
        points, origin = (base[name], (0.0, 0.0, 0.0)) if one is None else (one[1], one[0].origin)
        tell(points)
        layers += layer_data(points, origin=origin)
    if not layers and error is not None:
        raise _needs_volume(error, [])
    return layers


def write_positions(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a points layer in the format that the name of the file asks for.

    Its arguments are those of every writer in `napari_cryonet.gui.writers`.

    Raises
    ------
    FormatError, FileProblem
        If the format cannot hold the points, or the file cannot be written.
    SettingsError
        If the format needs to know more of the volume.
    """
    return save_positions(Path(path), data, attributes, CoordinateSettings())


def write_relion5(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a points layer for RELION 5; as `write_positions`."""
    return save_positions(Path(path), data, attributes, CoordinateSettings(format="relion5"))


def write_relion4(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a points layer for RELION 4; as `write_positions`."""
    return save_positions(Path(path), data, attributes, CoordinateSettings(format="relion4"))


def write_warp(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a points layer for Warp; as `write_positions`."""
    return save_positions(Path(path), data, attributes, CoordinateSettings(format="warp"))


def save_positions(
    path: Path, data: Any, attributes: dict[str, Any], settings: CoordinateSettings
) -> list[str]:
    """Write a points layer; a file that is there is replaced.

    The positions are given in the voxels of the volume that they lie in, if exactly one is open.

    Parameters
    ----------
    path
        The file.
    data
        The layer's data.
    attributes
        The layer's attributes.
    settings
        The format and its conventions.

    Returns
    -------
    list of str
        The file that was written.

    Raises
    ------
    FormatError, FileProblem, SettingsError
        As `write_positions`.
    """
    points = from_layer_data(data, attributes, "points")
    if not isinstance(points, Points):
        raise FormatError(
            f"{points.name} is a point cloud, which {path.suffix} does not hold; choose picks."
        )
    ready = in_place(points, attributes, open_places())
    lost = waited(
        lambda _: coordinates.write(path, ready, settings, overwrite=True), f"Saving {path.name}"
    )
    if lost:
        show_warning(f"{path.name}: {' '.join(lost)}")
    return [str(path)]


def in_place(points: Points, attributes: dict[str, Any], places: Sequence[Place]) -> Points:
    """Return points in the voxels of the volume that they lie in, if exactly one of some fits.

    Parameters
    ----------
    points
        The points of a layer.
    attributes
        The attributes of that layer.
    places
        The volumes.
    """
    several = []
    world = None if points.voxel_size is None else placed(points.positions, attributes, "Å")
    for place in places:
        moved = points
        if world is not None:
            moved = replace(points, positions=(world - np.array(place.origin)) / place.voxel_size)
        size = (place.voxel_size,) * 3
        moved = replace(moved, voxel_size=size, volume_shape=place.shape)
        if place.holds(moved):
            several.append((place, moved))
    one = only(several, points.volume)
    if one is None:
        return points
    return replace(one[1], volume=points.volume or one[0].name)


def _read_in(path: Path, chosen: CoordinateSettings, place: Place) -> tuple[Points, ...]:
    """Return the positions of a file if they belong to a place; none if that cannot be."""
    given = chosen.explicit()
    known = {"voxel_size": place.voxel_size, "volume_shape": place.shape}
    try:
        found = coordinates.read(path, CoordinateSettings.load(known | given))
    except SettingsError:
        return ()
    sentence = f"Voxel size and shape are those of {place.name}."
    return tuple(replace(points, history=(*points.history, sentence)) for points in found)


def _agree(base: Points | None, points: Points, chosen: CoordinateSettings) -> bool:
    """Whether the voxel size of a place is that of the file, as far as the file tells."""
    if base is None or base.voxel_size is None or points.voxel_size is None:
        return True
    unbinned = "binning" in (base.header or {}) and chosen.binning is None
    return unbinned or np.allclose(base.voxel_size, points.voxel_size, rtol=SAME)


def _needs_volume(error: SettingsError | None, several: Sequence[Any]) -> SettingsError:
    """Return the error of a file that needs its volume."""
    found = (
        f"{len(several)} volumes that are open fit; close all but one"
        if several
        else "no volume that is open fits; open the tomogram first"
    )
    return SettingsError(
        f"{error} Here {found}, or choose all yourself with File > IO Utilities > Open positions…."
    )
