"""Coordinates of particles in every format of the field.

Reading: a format's module makes a `Sheet` of a file, the numbers as they are there; `convention`
turns them into voxels. Writing is the same way back. What a number means is the documented
convention of its format or was chosen in `CoordinateSettings`; nothing is guessed.
"""

from __future__ import annotations

from pathlib import Path

from napari_cryonet.io.coordinates.formats import FORMATS, SUFFIXES, Format, plain_suffix
from napari_cryonet.io.coordinates.preview import Preview, preview
from napari_cryonet.io.coordinates.reading import read
from napari_cryonet.io.coordinates.settings import CoordinateSettings
from napari_cryonet.io.coordinates.sniff import holds_positions
from napari_cryonet.io.coordinates.training_lists import read_lists, write_lists
from napari_cryonet.io.coordinates.writing import write

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "CoordinateSettings",
    "Format",
    "Preview",
    "holds_positions",
    "is_named",
    "preview",
    "read",
    "read_lists",
    "write",
    "write_lists",
]


def is_named(path: Path, settings: CoordinateSettings | None = None) -> bool:
    """Whether a file has a name of coordinates, or was said to hold them."""
    said = settings is not None and settings.format != "auto"
    return said or plain_suffix(path) in SUFFIXES
