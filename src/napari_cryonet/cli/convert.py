"""``cryonet convert``: volumes and images from one format into another."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from napari_cryonet.cli.console import working
from napari_cryonet.cli.options import Flag
from napari_cryonet.cli.output import say_table
from napari_cryonet.cli.work import DONE
from napari_cryonet.errors import FormatError, SettingsError
from napari_cryonet.io import read, write
from napari_cryonet.io.atomic import check_output
from napari_cryonet.io.mrc_header import MrcHeader
from napari_cryonet.types import ImageStack, Thing, Volume

_NANOMETRES = 0.1


def convert(
    source: Path,
    target: Path,
    /,
    *,
    voxel_size: float | None = None,
    overwrite: Flag = False,
    quiet: Flag = False,
) -> int:
    """Write a file in another format; its name says which. Header and history are kept.

    Parameters
    ----------
    source
        The file to read.
    target
        The file to write.
    voxel_size
        Å per voxel, in the place of what the file says.
    overwrite
        Replace the target if it is there.
    quiet
        Show no progress.
    """
    if voxel_size is not None and not (math.isfinite(voxel_size) and voxel_size > 0):
        raise SettingsError(f"A voxel size is a positive number of Å; {voxel_size} was given.")
    check_output(target, overwrite=overwrite)
    if target.exists() and target.samefile(source):
        raise SettingsError(f"{source} cannot be converted into itself; choose another name.")
    with working(quiet=quiet) as report:
        thing = read(source, report)
        if voxel_size is not None:
            thing = resized(thing, voxel_size)
        write(target, thing, overwrite=overwrite)
    say_table({"written": target})
    return DONE


def resized(thing: Thing, size: float) -> Thing:
    """Return a thing with another voxel size and the same values.

    An origin that the file counts in voxels moves along; any other stays where it is.

    Parameters
    ----------
    thing
        A volume or images.
    size
        Å per voxel, the same along all axes.

    Raises
    ------
    FormatError
        If it is something without voxels.
    """
    said = f"Voxel size set to {size:g} Å."
    if isinstance(thing, Volume):
        sizes, origin = (size, size, size), thing.origin
        if isinstance(thing.header, MrcHeader):
            known = thing.header.origin(thing.scale)[0]
            if all(math.isclose(a, b, abs_tol=1e-3) for a, b in zip(known, origin, strict=True)):
                origin = thing.header.origin(sizes)[0]
        return thing.changed(thing.data, said, voxel_size=sizes, origin=origin)
    if isinstance(thing, ImageStack):
        own = size * _NANOMETRES if thing.unit == "nm" else size
        return replace(thing, pixel_size=(own, own), history=(*thing.history, said))
    raise FormatError(f"{thing.name} holds no voxels, so it has no voxel size.")
