"""Room on the disk: asked for before work starts, and named when it runs out."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from napari_cryonet.errors import FileProblem

_RESERVE = 64 << 20
_MEGA = 1e6
_DISK = (
    *(errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EIO),
    *(errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR),
)


def check_room(folder: Path, size: int) -> None:
    """Check that a folder's disk has room for a file, with 64 MB to spare.

    Parameters
    ----------
    folder
        A folder that is there.
    size
        Bytes.

    Raises
    ------
    FileProblem
        If it has not.
    """
    free = shutil.disk_usage(folder).free
    if size + _RESERVE > free:
        raise FileProblem(
            f"The disk of {folder} has {free / _MEGA:.0f} MB free and {size / _MEGA:.0f} MB are "
            f"needed; make room or choose another folder."
        )


@contextmanager
def writing(path: Path, mode: str) -> Iterator[BinaryIO]:
    """Open a file for writing bytes; a full disk becomes a sentence.

    Parameters
    ----------
    path
        The file; its folder is there.
    mode
        ``"wb"`` or ``"ab"``.

    Raises
    ------
    FileProblem
        If it cannot be written.
    """
    try:
        with path.open(mode) as stream:
            yield cast("BinaryIO", stream)
    except OSError as error:
        if error.errno not in _DISK:  # what is read may fail as well
            raise
        raise FileProblem(
            f"Cannot write {path}: {error.strerror}. What has arrived is kept; make room or choose "
            f"another folder."
        ) from error
