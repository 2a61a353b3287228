"""Looking through a map that has arrived: it is whole, and no larger than it says."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from gzip import BadGzipFile
from pathlib import Path
from typing import BinaryIO

from napari_cryonet.errors import FileProblem, FormatError
from napari_cryonet.io.compressed import open_stream
from napari_cryonet.io.mrc_header import (
    FOUR_BIT,
    HEADER_BYTES,
    ZYX,
    MrcHeader,
    four_bit_row_bytes,
)
from napari_cryonet.library.space import check_room, writing
from napari_cryonet.reporting import Reporter

_BLOCK = 1 << 20
_SLACK = 1 << 16  # bytes behind the data that readers pass over
_GIGA = 1e9


@dataclass(frozen=True)
class Facts:
    """What the header of a map says.

    Parameters
    ----------
    shape
        Sections, rows and columns as stored.
    voxel_size
        Å per voxel along z, y, x; None if not known.
    size
        Bytes of the file, uncompressed.
    """

    shape: tuple[int, int, int]
    voxel_size: ZYX | None
    size: int


def unpack(source: Path, target: Path | None, most: float, report: Reporter) -> Facts:
    """Read a map to its end and write it uncompressed.

    What is compressed may claim little and hold any amount; nothing is written beyond what
    the header of the map announces, and nothing at all if that is too much.

    Parameters
    ----------
    source
        The file, compressed or not.
    target
        Where the uncompressed map goes; None only looks.
    most
        The largest map that is allowed, in GB.
    report
        Is asked whether to stop.

    Raises
    ------
    FormatError
        If it is no map, is damaged or cut short, or larger than allowed.
    FileProblem
        If it cannot be written.
    """
    try:
        with open_stream(source) as stream:
            start = stream.read(HEADER_BYTES)
            facts = _facts(start, source, most)
            if target is None:
                _pass_on(stream, None, facts, source, report)
            else:
                check_room(target.parent, facts.size)
                with writing(target, "wb") as sink:
                    sink.write(start)
                    _pass_on(stream, sink, facts, source, report)
    except (EOFError, zlib.error, BadGzipFile) as error:
        raise FormatError(f"{source.name} is damaged: {error}. Fetch it again.") from error
    return facts


def _pass_on(
    stream: BinaryIO, sink: BinaryIO | None, facts: Facts, source: Path, report: Reporter
) -> None:
    """Read to the end, which has to come where the header says."""
    done = HEADER_BYTES
    while block := stream.read(_BLOCK):
        report.check()
        done += len(block)
        if done > facts.size + _SLACK:
            raise FormatError(
                f"{source.name} holds more than the {facts.size} bytes that its header announces; "
                f"unpacking was stopped."
            )
        if sink is not None:
            sink.write(block)
    if done < facts.size:
        raise FormatError(
            f"{source.name} ends after {done} of the {facts.size} bytes that its header announces."
        )


def _facts(start: bytes, source: Path, most: float) -> Facts:
    """Return what a header says, if it is one."""
    if len(start) < HEADER_BYTES or start[208:211] != b"MAP":
        raise FormatError(f"{source.name} is no map: the word MAP is not in its header.")
    header, _ = MrcHeader.parse(start)
    shape = header.stored_shape()
    row = shape[2] * header.dtype().itemsize
    if int(header.record["mode"]) == FOUR_BIT:
        row = four_bit_row_bytes(shape[2])
    size = HEADER_BYTES + max(header.extended_bytes, 0) + shape[0] * shape[1] * row
    if size > most * _GIGA:
        raise FileProblem(
            f"{source.name} becomes {size / _GIGA:.3g} GB; up to {most:g} GB are allowed "
            f"(--max-gigabytes)."
        )
    return Facts(shape, header.voxel_size(), size)
