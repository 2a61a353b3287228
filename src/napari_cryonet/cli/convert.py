"""``cryonet convert``: volumes, images and positions from one format into another."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_cryonet.cli.console import working
from napari_cryonet.cli.options import Flag, options_of
from napari_cryonet.cli.output import say_table
from napari_cryonet.cli.work import DONE
from napari_cryonet.errors import FormatError, SettingsError
from napari_cryonet.io import CoordinateSettings, coordinates, read, write
from napari_cryonet.io.atomic import check_output
from napari_cryonet.io.mrc_header import MrcHeader
from napari_cryonet.types import ImageStack, Thing, Volume

_NANOMETRES = 0.1
_OF_THE_VOLUME = (
    *("voxel_size", "volume_shape", "binning", "unbinned_shape", "tomograms", "volume"),
    "diameter",
)
"""What is true of a volume whatever the format of its positions is."""


def convert(
    source: Path,
    target: Path,
    /,
    *,
    options: Any = None,
    to: Any = None,
    overwrite: Flag = False,
    quiet: Flag = False,
) -> int:
    """Write a file in another format; its name says which. Header and history are kept.

    Positions of particles are read under the settings below and written under those that begin
    with --to; what is known of the volume holds for both.

    Parameters
    ----------
    source
        The file to read.
    target
        The file to write.
    options
        The voxel size, in the place of what the file says, and what a file of positions means.
    to
        What a file of positions shall mean that is written.
    overwrite
        Replace the target if it is there.
    quiet
        Show no progress.
    """
    asked: CoordinateSettings = options or CoordinateSettings()
    check_output(target, overwrite=overwrite)
    if target.exists() and target.samefile(source):
        raise SettingsError(f"{source} cannot be converted into itself; choose another name.")
    with working(quiet=quiet) as report:
        if coordinates.is_named(source, asked):
            found = coordinates.read(source, asked)
            lost = coordinates.write(target, found, _written(asked, to), overwrite=overwrite)
        else:
            _refuse_positions(asked, source)
            thing = read(source, report)
            if asked.voxel_size is not None:
                thing = resized(thing, asked.voxel_size)
            lost = write(target, thing, overwrite=overwrite, report=report)
    say_table({"written": target, "note": "\n".join(lost)})
    return DONE


convert.__annotations__["options"] = options_of(CoordinateSettings)
convert.__annotations__["to"] = options_of(CoordinateSettings, "to")


def _written(asked: CoordinateSettings, to: CoordinateSettings | None) -> CoordinateSettings:
    """Return how to write positions: what is known of their volume, and what was asked for."""
    known = {name: value for name, value in asked.explicit().items() if name in _OF_THE_VOLUME}
    return CoordinateSettings.load(known).updated(to.explicit() if to else {})


def _refuse_positions(asked: CoordinateSettings, source: Path) -> None:
    """Refuse options that would do nothing for a volume."""
    others = [name for name in asked.explicit() if name != "voxel_size"]
    if others:
        option = others[0].replace("_", "-")
        raise SettingsError(
            f"--{option} is for positions of particles, and {source} has no name of such a file; "
            f"leave it out, or name the format (--format)."
        )


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
