"""Pictures and films as files: PNG, GIF, MP4, and folders of PNG."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import FileProblem, FormatError
from napari_cryonet.io.atomic import check_output, replacing

Picture = NDArray[np.uint8]

PICTURES = (".png",)
FILMS = (".gif", ".mp4")


def check_film(path: Path, *, overwrite: bool = False) -> None:
    """Check, before any picture is drawn, that a film can be written.

    Parameters
    ----------
    path
        A .gif or .mp4 file, or a folder, whose name has no suffix.
    overwrite
        Whether to replace a file that is there; a folder has to be new or empty otherwise.

    Raises
    ------
    FormatError
        If films are not written in this format, or a library for it is missing.
    OutputExists, FileProblem
        If something is there, or it cannot be written.
    """
    if path.suffix.lower() not in ("", *FILMS):
        raise FormatError(
            f"{path} is no film by its name; films are {' or '.join(FILMS)}, or a folder of "
            f"pictures, whose name has no suffix."
        )
    if path.suffix.lower() == ".mp4" and find_spec("imageio_ffmpeg") is None:
        raise FormatError(
            f"{path} cannot be written: MP4 needs imageio-ffmpeg, which is not installed. Install "
            f'it (pip install "napari-cryonet[mp4]"), or write a .gif.'
        )
    if path.suffix or not path.is_dir():
        check_output(path, overwrite=overwrite)
    elif any(path.iterdir()) and not overwrite:
        raise FileProblem(f"The folder {path} is not empty; choose a new one, or --overwrite.")


def write_picture(path: Path, picture: Picture, *, overwrite: bool = False) -> None:
    """Write a picture as PNG.

    Parameters
    ----------
    path
        A .png file.
    picture
        ``(y, x, 3)`` red, green, blue.
    overwrite
        Whether to replace a file that is there.

    Raises
    ------
    FormatError
        If the name does not end in .png.
    OutputExists, FileProblem
        If the file is there, or cannot be written.
    """
    if path.suffix.lower() not in PICTURES:
        raise FormatError(f"{path} is no picture by its name; pictures are written as .png.")
    import imageio.v3 as iio  # takes half a second

    with replacing(path, overwrite=overwrite) as part:
        iio.imwrite(part, picture, extension=".png")


def write_film(
    path: Path, pictures: Iterable[Picture], seconds: float, *, overwrite: bool = False
) -> None:
    """Write a film as .gif, which repeats itself, as .mp4, or as a folder of PNG files.

    Parameters
    ----------
    path
        As for `check_film`.
    pictures
        ``(y, x, 3)`` of one size, with even sides; taken one by one.
    seconds
        How long each is shown.
    overwrite
        As for `check_film`.

    Raises
    ------
    FormatError, OutputExists, FileProblem
        As `check_film`.
    """
    check_film(path, overwrite=overwrite)
    suffix = path.suffix.lower()
    if not suffix:
        path.mkdir(exist_ok=True)
        for number, picture in enumerate(pictures):
            write_picture(path / f"{number:04}.png", picture, overwrite=overwrite)
        return
    with replacing(path, overwrite=overwrite) as part:
        (_write_gif if suffix == ".gif" else _write_mp4)(part, pictures, seconds)


def _write_gif(path: Path, pictures: Iterable[Picture], seconds: float) -> None:
    """Write a film that repeats itself."""
    import imageio.v3 as iio

    film: Any
    with iio.imopen(path, "w", plugin="pillow", extension=".gif") as film:
        for picture in pictures:
            film.write(picture, duration=1000 * seconds, loop=0)


def _write_mp4(path: Path, pictures: Iterable[Picture], seconds: float) -> None:
    """Write a film in H.264."""
    from imageio_ffmpeg import write_frames

    rest = iter(pictures)
    first = next(rest)
    how = {"fps": 1 / seconds, "macro_block_size": 2, "output_params": ["-f", "mp4"]}
    with contextlib.closing(write_frames(str(path), first.shape[1::-1], **how)) as film:
        film.send(None)
        for picture in chain([first], rest):
            film.send(np.ascontiguousarray(picture))
