"""Many image files as one stack: a stack in one file, several files, or a folder of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_cryonet.errors import FormatError
from napari_cryonet.types import ImageStack

SUFFIXES = (".fits", ".fit", ".fts")


def is_named(path: Path) -> bool:
    """Whether a path is a folder, or a file whose name ends like that of a FITS file."""
    return path.is_dir() or path.suffix.lower() in SUFFIXES


def read(path: Path) -> ImageStack:
    """Read all images of a FITS file, or of all FITS files of a folder in the order of their names.

    Parameters
    ----------
    path
        The file or the folder.

    Returns
    -------
    ImageStack
        ``(n, y, x)``, rows as they are stored; its header is that of the first file.

    Raises
    ------
    FileProblem, FormatError
        If a file cannot be read, a folder has no FITS file, or their images differ in size.
    """
    from napari_cryonet.io import fits  # takes half a second

    if not path.is_dir():
        return _joined(path, [*fits.read(path)])
    files = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES)
    if not files:
        raise FormatError(
            f"The folder {path} holds no image; files that end in {' '.join(SUFFIXES)} are read."
        )
    return _joined(path, [stack for each in files for stack in fits.read(each)])


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
    data = np.concatenate([stack.images for stack in stacks])
    notes = tuple(sorted({note for stack in stacks for note in stack.notes}))
    return ImageStack(
        data, first.pixel_size, first.unit, name=path.stem, path=path, header=first.header,
        notes=notes, spot=first.spot,
    )  # fmt: skip
