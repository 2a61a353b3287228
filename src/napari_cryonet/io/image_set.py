"""Many image files as one stack: a stack in one file, several files, or a folder of them.

A folder may hold one folder for each width of the spots that the same images were drawn with,
named by that width in pixels: 10, 08, 1.2. Images are blurred to any wider spot when they are used,
so the finest width is all that is needed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from napari_cryonet.errors import FormatError
from napari_cryonet.types import ImageStack

RowOrder = Literal["stored", "flipped"]
"""Whether row 0 of an image is the first row of its file, or the last one, as astronomers draw."""

SUFFIXES = (".fits", ".fit", ".fts")
FLIPPED = "Rows flipped: the first row of the file is at the bottom."
_WIDTH = re.compile(r"\d+(\.\d+)?")


def is_named(path: Path) -> bool:
    """Whether a path is a folder, or a file whose name ends like that of a FITS file."""
    return path.is_dir() or path.suffix.lower() in SUFFIXES


def read(path: Path, rows: RowOrder = "stored") -> ImageStack:
    """Read all images of a FITS file, or of all FITS files of a folder in the order of their names.

    Parameters
    ----------
    path
        The file or the folder; of a folder of folders named by widths of spots, the finest is read.
    rows
        As they are stored, or flipped. A flip changes the hand of what the images show.

    Returns
    -------
    ImageStack
        ``(n, y, x)``; its header is that of the first file. Its notes say what was chosen.

    Raises
    ------
    FileProblem, FormatError
        If a file cannot be read, a folder has no FITS file, or their images differ in size.
    """
    stack = _read(path)
    return flipped(stack) if rows == "flipped" else stack


def flipped(stack: ImageStack) -> ImageStack:
    """Return images with their rows in the opposite order, and say so in their history."""
    return replace(stack, data=np.flip(stack.images, axis=1), history=(*stack.history, FLIPPED))


def _read(path: Path) -> ImageStack:
    """Return the images of a file, a folder, or the finest of several folders."""
    from napari_cryonet.io import fits  # takes half a second

    if not path.is_dir():
        return _joined(path, [*fits.read(path)])
    files = _files(path)
    if not files and (folders := _by_width(path)):
        return _finest(path, folders)
    if not files:
        raise FormatError(
            f"The folder {path} holds no image; files that end in {' '.join(SUFFIXES)} are read."
        )
    return _joined(path, [stack for each in files for stack in fits.read(each)])


def _files(folder: Path) -> list[Path]:
    """Return the FITS files of a folder in the order of their names."""
    return sorted(each for each in folder.iterdir() if each.suffix.lower() in SUFFIXES)


def _by_width(path: Path) -> dict[float, Path]:
    """Return the folders that are named by a width of spots, in pixels, the finest first."""
    named = [each for each in path.iterdir() if each.is_dir() and _WIDTH.fullmatch(each.name)]
    widths = {float(each.name): each for each in named if float(each.name) > 0}
    return dict(sorted(widths.items()))


def _finest(path: Path, folders: dict[float, Path]) -> ImageStack:
    """Read the folder with images whose spots are narrowest."""
    width = next((width for width, folder in folders.items() if _files(folder)), None)
    names = ", ".join(folder.name for folder in folders.values())
    if width is None:
        raise FormatError(
            f"None of the folders {names} of {path} holds an image; files that end in "
            f"{' '.join(SUFFIXES)} are read."
        )
    stack = _read(folders[width])
    said = (
        f"Of the folders {names} of {path}, {folders[width].name} was taken, the finest: its spots "
        f"have a standard deviation of {width:g} pixels."
    )
    return replace(
        stack, name=path.name, path=path, spot=width * stack.scale[0], notes=(*stack.notes, said)
    )


def _joined(path: Path, stacks: list[ImageStack]) -> ImageStack:
    """Return stacks of images of one size as one."""
    first = stacks[0]
    for stack in stacks[1:]:
        if (stack.images.shape[1:], stack.pixel_size) != (first.images.shape[1:], first.pixel_size):
            raise FormatError(
                f"The images of {path} differ: {stack.name} has {stack.images.shape[1:]} pixels of "
                f"the size {stack.pixel_size}, {first.name} {first.images.shape[1:]} of "
                f"{first.pixel_size}. Put images of one size into a folder of their own."
            )
        if stack.spot != first.spot:
            raise FormatError(
                f"The images of {path} differ: {stack.name} has spots of the width {stack.spot} "
                f"{stack.unit}, {first.name} of {first.spot}. Put images of one width into a "
                f"folder of their own."
            )
    data = np.concatenate([stack.images for stack in stacks])
    notes = tuple(sorted({note for stack in stacks for note in stack.notes}))
    return ImageStack(
        data, first.pixel_size, first.unit, name=path.stem, path=path, header=first.header,
        notes=notes, spot=first.spot,
    )  # fmt: skip
