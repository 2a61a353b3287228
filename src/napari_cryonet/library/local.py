"""Files of this machine in the place of a server's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_cryonet.errors import FileProblem
from napari_cryonet.library.answer import Answer


@contextmanager
def copied(path: Path) -> Iterator[Answer]:
    """Give a file as a server would.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    FileProblem
        If it cannot be read.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise FileProblem(f"Cannot read {path}: {error.strerror}.") from error
    with stream:
        yield Answer(stream, 0, path.stat().st_size, "")
