"""Files inside gzip or bzip2, recognised by their first bytes and never by their name."""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from napari_cryonet.errors import FileProblem, FormatError
from napari_cryonet.reporting import Reporter, SilentReporter

_MAGIC = {b"\x1f\x8b\x08": "gzip", b"BZh": "bzip2"}
_BLOCK = 1 << 22


def compression(path: Path) -> str:
    """Return ``"gzip"``, ``"bzip2"`` or ``""`` for a file.

    Raises
    ------
    FileProblem
        If the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(3)
    except OSError as error:
        raise FileProblem(f"Cannot read {path}: {error.strerror}.") from error
    return next((name for magic, name in _MAGIC.items() if start.startswith(magic)), "")


def open_stream(path: Path) -> BinaryIO:
    """Open a file for reading, through its decompressor if it is compressed."""
    kind = compression(path)
    if kind == "gzip":
        return cast("BinaryIO", gzip.open(path, "rb"))
    if kind == "bzip2":
        return cast("BinaryIO", bz2.open(path, "rb"))
    return path.open("rb")


def read_bytes(
    stream: BinaryIO, count: int, path: Path, report: Reporter | None = None
) -> bytearray:
    """Read up to `count` bytes in blocks, so that progress is shown and Stop works.

    Memory grows with what really arrives, so a header that lies about the size of the data
    costs nothing.

    Parameters
    ----------
    stream
        Where to read.
    count
        How many bytes at the most.
    path
        The file's name for error messages.
    report
        Is told the bytes read so far.

    Raises
    ------
    FormatError
        If the compressed data are damaged.
    """
    report = report or SilentReporter()
    data = bytearray()
    try:
        while len(data) < count:
            report.check()
            block = stream.read(min(_BLOCK, count - len(data)))
            if not block:
                break
            data += block
            report.step(len(data), count)
    except (EOFError, zlib.error, gzip.BadGzipFile, OSError) as error:
        raise FormatError(
            f"{path} is damaged: its compressed data end early or are broken ({error}). Fetch "
            f"the file again."
        ) from error
    return data
