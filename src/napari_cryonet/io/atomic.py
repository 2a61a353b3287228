"""Outputs that appear whole under their final name, or not at all."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path

from napari_cryonet.errors import FileProblem, OutputExists


def check_output(path: Path, *, overwrite: bool = False) -> None:
    """Check, before any work starts, that an output can be written.

    Raises
    ------
    OutputExists
        If the file is there and `overwrite` is False.
    FileProblem
        If its folder does not exist or cannot be written to.
    """
    if path.exists() and not overwrite:
        raise OutputExists(
            f"{path} already exists; choose another name, delete it, or allow overwriting "
            f"(--overwrite)."
        )
    folder = path.resolve().parent
    if not folder.is_dir():
        raise FileProblem(f"The folder {folder} does not exist; create it first.")
    if path.is_dir() or not os.access(folder, os.W_OK):
        raise FileProblem(f"Cannot write {path}: choose a file name in a writable folder.")


def reserve(path: Path, size: int) -> None:
    """Give a file that exists its final size and the room on the disk for it.

    Writing through a memory map to a full disk would not raise, but kill the process.
    Where the system cannot reserve room, the file only gets its size.
    """
    with path.open("r+b") as stream:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, size)
        else:
            stream.truncate(size)


@contextmanager
def replacing(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary name beside `path`, and rename it when the block ends well.

    If the block raises, the temporary file is removed and `path` is as it was before.

    Raises
    ------
    OutputExists
        As `check_output`; also if another program has written the file meanwhile. What was made
        is kept then, under the name that the message tells.
    FileProblem
        As `check_output`, or if the disk is full.
    """
    check_output(path, overwrite=overwrite)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        if path.exists() and not overwrite:
            other = free_path(path)
            part.replace(other)
            raise OutputExists(
                f"{path} was written by another program meanwhile; this one's is in {other}."
            )
        part.replace(path)
    except OSError as error:
        if isinstance(error, FileProblem):
            raise
        raise FileProblem(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)


def free_path(path: Path, taken: Container[Path] = ()) -> Path:
    """Return a path that no file has: the one that is wanted, or with ``-2``, ``-3``, … added.

    Parameters
    ----------
    path
        What is wanted.
    taken
        Paths that are not free although no file has them yet.
    """
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    return next(each for each in chain([path], numbered) if not each.exists() and each not in taken)
