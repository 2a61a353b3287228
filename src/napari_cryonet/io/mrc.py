"""Maps, tomograms, masks and image stacks in MRC2014 files (.mrc .map .rec .st .mrcs ...).

Uncompressed files are read-only memory maps: opening one costs nothing, however large it is.
gzip and bzip2 files, and 4-bit files, are decoded into memory.

References
----------
Burnley, Palmer, Winn, *Recent developments in the CCP-EM software suite* (mrcfile), Acta
Cryst. D 73 (2017), doi:10.1107/S2059798317007859. See also `napari_cryonet.io.mrc_header`.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import FileProblem, FormatError
from napari_cryonet.io import mrc_header
from napari_cryonet.io.atomic import replacing, reserve
from napari_cryonet.io.compressed import compression, open_stream, read_bytes
from napari_cryonet.io.mrc_header import HEADER_BYTES, MrcHeader
from napari_cryonet.reporting import Reporter, SilentReporter
from napari_cryonet.types import ImageStack, Volume

SUFFIXES = (".mrc", ".mrcs", ".map", ".rec", ".st", ".ali", ".preali", ".ccp4")
_IMAGE_SUFFIXES = {".mrcs", ".st", ".ali", ".preali"}
_CHECKED_BYTES, _BLOCK = 1 << 24, 1 << 22
_ANGSTROMS = {"Å": 1.0, "nm": 10.0}

_NOT_MRC = {
    b"\x89HDF": "an HDF5 file",
    b"\x89PNG": "a PNG picture",
    b"II*\x00": "a TIFF picture",
    b"MM\x00*": "a TIFF picture",
    b"version https://git-lfs": "a Git LFS pointer: the file itself was never fetched",
    b"SIMPLE": "a FITS file",
    **dict.fromkeys(
        (b"<!DOCTYPE", b"<!doctype", b"<html", b"<HTML", b"<?xml"),
        "a web page, probably an error message saved under the name of a map",
    ),
}


def read(path: Path, report: Reporter | None = None) -> Volume | ImageStack:
    """Read an MRC file.

    Parameters
    ----------
    path
        The file, possibly inside gzip or bzip2.
    report
        Is told how far decompression is.

    Returns
    -------
    Volume or ImageStack
        ``(z, y, x)``, ``(n, z, y, x)`` for a stack of volumes, or images.

    Raises
    ------
    FileProblem
        If the file cannot be read.
    FormatError
        If it is not an MRC file, is cut short, or holds data of an unknown kind.
    """
    try:
        header, notes, data = _load(path, report)
        return _thing(path, header, notes, data)
    except FormatError as error:
        if str(path) in str(error):
            raise
        raise FormatError(f"{path} cannot be read as MRC. {error}") from None
    except OSError as error:
        if isinstance(error, FileProblem):
            raise
        raise FileProblem(f"Cannot read {path}: {error.strerror or error}.") from error


def write(
    path: Path,
    thing: Volume | ImageStack,
    *,
    overwrite: bool = False,
    report: Reporter | None = None,
) -> None:
    """Write an MRC file, plane by plane; a name ending in .gz makes a gzip file.

    The header the data came with is kept: labels, extended header, cell angles, start and
    origin. Statistics are measured, and the history is added to the labels.

    Parameters
    ----------
    path
        The file to write.
    thing
        What to write.
    overwrite
        Whether a file that is there may be replaced.
    report
        Is asked whether to stop; nothing is written then.

    Raises
    ------
    OutputExists, FileProblem
        If the file is there, or cannot be written.
    """
    volume = thing if isinstance(thing, Volume) else _as_volume(thing)
    told = report or SilentReporter()
    with create(path, volume, volume.data.dtype, overwrite=overwrite, report=told) as out:
        for plane in np.ndindex(volume.shape[:-2]):
            told.check()
            out[plane] = volume.data[plane]


@contextmanager
def create(
    path: Path,
    like: Volume,
    dtype: np.typing.DTypeLike,
    *,
    overwrite: bool = False,
    report: Reporter | None = None,
) -> Iterator[np.memmap[Any, np.dtype[Any]]]:
    """Give a memory map to write a volume into; the file appears when the block ends well.

    Parameters
    ----------
    path
        The file to write.
    like
        Gives shape, voxel size, origin, header and history.
    dtype
        Type of the voxels; what MRC cannot hold becomes 32-bit floats.
    overwrite
        Whether a file that is there may be replaced.
    report
        Is asked whether to stop while the file is compressed.
    """
    source = like.header if isinstance(like.header, MrcHeader) else None
    mode = mrc_header.mode_of(np.dtype(dtype), source)
    header = mrc_header.build(like.shape, mode, source)
    mrc_header.set_cell(header, like.voxel_size)
    mrc_header.set_origin(header, like.origin, like.scale)
    mrc_header.add_labels(header, like.history)
    stored = header.dtype()
    with replacing(path, overwrite=overwrite) as part:
        part.write_bytes(header.record.tobytes() + header.extended)
        offset = HEADER_BYTES + len(header.extended)
        reserve(part, offset + stored.itemsize * math.prod(like.shape))
        data = np.memmap(part, stored, mode="r+", offset=offset, shape=like.shape)
        yield data
        _measure(header, data)
        data.flush()
        with part.open("r+b") as stream:
            stream.write(header.record.tobytes())
        del data
        if path.suffix.lower() == ".gz":
            _compress(part, report or SilentReporter())


def _load(path: Path, report: Reporter | None) -> tuple[MrcHeader, list[str], NDArray[Any]]:
    """Return header, notes and the data as stored: sections, rows, columns."""
    compressed = compression(path)
    with open_stream(path) as stream:
        start = bytes(read_bytes(stream, HEADER_BYTES, path))
        _refuse_others(start)
        header, notes = MrcHeader.parse(start)
        shape, dtype = header.stored_shape(), header.dtype()
        extended = header.extended_bytes
        row = shape[2] * dtype.itemsize
        four_bit = int(header.record["mode"]) == mrc_header.FOUR_BIT
        if four_bit:
            row = mrc_header.four_bit_row_bytes(shape[2])
        expected = shape[0] * shape[1] * row
        offset = HEADER_BYTES + extended
        if not compressed:
            size = path.stat().st_size
            _check_size(size, extended, expected)
            if size > offset + expected:
                notes.append(f"{size - offset - expected} bytes follow the data; ignored.")
        elif extended < 0:
            _check_size(0, extended, expected)
        header = MrcHeader(header.record, bytes(read_bytes(stream, extended, path)))
        if not compressed and not four_bit:
            data: NDArray[Any] = np.memmap(path, dtype, mode="r", offset=offset, shape=shape)
            return header, notes, data
        raw = read_bytes(stream, expected, path, report)
        _check_size(offset + len(raw), extended, expected)
        if compressed and read_bytes(stream, 1, path):
            notes.append("More bytes follow the data; ignored.")
    if four_bit:
        packed = np.frombuffer(raw, "u1").reshape(*shape[:2], row)
        return header, notes, mrc_header.unpack_four_bit(packed, shape[2])
    return header, notes, np.frombuffer(raw, dtype).reshape(shape)


def _thing(
    path: Path, header: MrcHeader, notes: list[str], data: NDArray[Any]
) -> Volume | ImageStack:
    """Turn header and stored data into a volume or images."""
    name = Path(path.stem if path.suffix.lower() in (".gz", ".bz2") else path.name)
    axes, note = header.axes()
    data = data.transpose(axes)
    voxel_size = header.voxel_size()
    origin, origin_note = header.origin(voxel_size or (1.0, 1.0, 1.0))
    notes += [text for text in (note, origin_note) if text]
    if voxel_size is None:
        notes.append("The header gives no voxel size; positions are shown in voxels of 1 Å.")
    notes += _odd_values(data)
    common: dict[str, Any] = {
        "name": name.stem,
        "path": path,
        "header": header,
        "history": (),
        "notes": tuple(notes),
    }
    if header.is_image_stack() or name.suffix.lower() in _IMAGE_SUFFIXES:
        single = data.shape[0] == 1
        return ImageStack(
            data[0] if single else data,
            pixel_size=voxel_size and voxel_size[1:],
            spacing=voxel_size[0] if voxel_size and not single else None,
            **common,
        )
    if (count := header.volumes()) > 1:
        data = data.reshape(count, -1, *data.shape[1:])
    return Volume(data, voxel_size, origin, **common)


def _as_volume(images: ImageStack) -> Volume:
    """Return images as planes of a volume whose header says that they are images."""
    factor = _ANGSTROMS[images.unit]
    voxel_size = None
    if images.pixel_size is not None:
        spacing = images.spacing * factor if images.spacing else 1.0
        voxel_size = (spacing, images.pixel_size[0] * factor, images.pixel_size[1] * factor)
    source = images.header if isinstance(images.header, MrcHeader) else None
    header = mrc_header.build(images.images.shape, 2, source)
    header.record["ispg"], header.record["mz"] = 0, 1
    origin, _ = header.origin(voxel_size or (1.0, 1.0, 1.0))
    return Volume(images.images, voxel_size, origin, header=header, history=images.history)


def _refuse_others(start: bytes) -> None:
    """Raise if these are the first bytes of something else, or too few."""
    for magic, what in _NOT_MRC.items():
        if start.startswith(magic):
            raise FormatError(f"It is {what}.")
    if len(start) < HEADER_BYTES:
        raise FormatError(
            f"It has {len(start)} bytes, less than the {HEADER_BYTES} bytes of a header."
        )


def _check_size(size: int, extended: int, expected: int) -> None:
    """Raise if a file of `size` bytes cannot hold the headers and the data."""
    if extended < 0 or HEADER_BYTES + extended > max(size, HEADER_BYTES):
        raise FormatError(
            f"The header gives an extended header of {extended} bytes, which does not fit into "
            f"the file. The file is damaged."
        )
    present = size - HEADER_BYTES - extended
    if present < expected:
        raise FormatError(
            f"The header promises {expected} bytes of data, the file holds {max(present, 0)}. "
            f"It is cut short; copy or fetch it again."
        )


def _odd_values(data: NDArray[Any]) -> list[str]:
    """Return notes on values that need care; large data are looked at in three planes."""
    if data.dtype.kind == "c":
        return ["The data are complex, a Fourier transform; the magnitude is shown."]
    if data.dtype.kind != "f":
        return []
    planes, some = set(range(len(data))), ""
    if data.nbytes > _CHECKED_BYTES:
        planes, some = {len(data) * part // 4 for part in (1, 2, 3)}, "At least "
    odd = sum(int(np.count_nonzero(~np.isfinite(data[plane]))) for plane in planes)
    return [f"{some}{odd} voxels are not numbers (NaN or infinite)."] if odd else []


def _measure(header: MrcHeader, data: NDArray[Any]) -> None:
    """Write minimum, maximum, mean and standard deviation of the data into a header.

    Complex data and data with NaN or infinity get MRC2014's marks for "not determined".
    """
    record = header.record
    record["dmin"], record["dmax"], record["dmean"], record["rms"] = 0.0, -1.0, -2.0, -1.0
    low, high, total, squares = np.inf, -np.inf, 0.0, 0.0
    for plane in np.ndindex(data.shape[:-2]):
        if data.dtype.kind == "c" or not np.isfinite(data[plane]).all():
            return
        values = data[plane].astype(np.float64)
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        total += float(values.sum())
        squares += float(np.square(values).sum())
    mean = total / data.size
    record["dmin"], record["dmax"], record["dmean"] = low, high, mean
    record["rms"] = np.sqrt(max(squares / data.size - mean * mean, 0.0))


def _compress(part: Path, report: Reporter) -> None:
    """Replace a file by its gzip form."""
    packed = part.with_suffix(".packed")
    try:
        with part.open("rb") as source, gzip.open(packed, "wb", compresslevel=6) as target:
            while block := source.read(_BLOCK):
                report.check()
                target.write(block)
        packed.replace(part)
    finally:
        packed.unlink(missing_ok=True)
