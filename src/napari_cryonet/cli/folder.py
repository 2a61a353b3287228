"""Commands that make several files: all into one folder, or none if one is in the way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_cryonet.errors import FileProblem
from napari_cryonet.io import write
from napari_cryonet.io.atomic import check_output
from napari_cryonet.types import Thing


def write_into(folder: Path, parts: Sequence[tuple[str, Thing]], *, overwrite: bool) -> None:
    """Write things into a folder.

    Parameters
    ----------
    folder
        It is made if it is not there.
    parts
        Names of files, and what goes into them.
    overwrite
        Whether files that are there are replaced.

    Raises
    ------
    FileProblem
        If the folder cannot be made, or a file is in the way.
    """
    check_folder(folder, [name for name, _ in parts], overwrite=overwrite)
    for name, part in parts:
        write(folder / name, part, overwrite=overwrite)


def check_folder(folder: Path, names: Sequence[str], *, overwrite: bool) -> None:
    """Make a folder, and check that files can be written into it.

    Parameters
    ----------
    folder
        It is made if it is not there.
    names
        Of the files.
    overwrite
        Whether files that are there may be replaced.

    Raises
    ------
    FileProblem
        If the folder cannot be made, or a file is in the way.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileProblem(f"Cannot make the folder {folder}: {error.strerror}.") from error
    for name in names:
        check_output(folder / name, overwrite=overwrite)
