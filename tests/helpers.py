"""Awkward MRC and FITS files, made byte by byte and without the code under test."""

from __future__ import annotations

import bz2
import gzip
import math
import struct
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

SHAPE = (3, 5, 4)
"""z, y, x of the volume in most of the files: no two axes are equal."""

DTYPES = {0: "i1", 1: "i2", 2: "f4", 4: "c8", 6: "u2", 12: "f2"}

_INTEGERS = {
    "nx": 0, "ny": 1, "nz": 2, "mode": 3, "nxstart": 4, "nystart": 5, "nzstart": 6,
    "mx": 7, "my": 8, "mz": 9, "mapc": 16, "mapr": 17, "maps": 18, "ispg": 22,
    "nsymbt": 23, "nversion": 27, "imod_stamp": 38, "imod_flags": 39, "nlabl": 55,
}  # fmt: skip
_REALS = {
    "x_length": 10, "y_length": 11, "z_length": 12, "alpha": 13, "beta": 14, "gamma": 15,
    "dmin": 19, "dmax": 20, "dmean": 21, "x_origin": 49, "y_origin": 50, "z_origin": 51,
    "rms": 54,
}  # fmt: skip
_TEXTS = {"exttyp": 26, "map": 52, "stamp": 53}
_LABELS = 224


def numbers(dtype: str = "f4", shape: tuple[int, ...] = SHAPE) -> np.ndarray[Any, Any]:
    """Return values that differ from each other and fill the range of a type."""
    count = math.prod(shape)
    if dtype == "c8":
        values = (numbers("f4", shape) + 1j * numbers("f4", shape)[::-1]).astype(dtype)
    elif np.dtype(dtype).kind == "f":
        values = (np.arange(count) * 0.37 - 5.25).astype(dtype)
    else:
        limits = np.iinfo(dtype)
        step = (int(limits.max) - int(limits.min)) // max(count - 1, 1)
        values = np.array([int(limits.min) + number * step for number in range(count)], dtype)
    return values.reshape(shape)


def mrc_header(order: str = "<", labels: tuple[bytes, ...] = (), **fields: Any) -> bytes:
    """Return a header of 1024 bytes; `fields` are its words by name."""
    stamp = b"\x44\x44\x00\x00" if order == "<" else b"\x11\x11\x00\x00"
    header = bytearray(1024)
    for name, value in {"map": b"MAP ", "stamp": stamp, "nlabl": len(labels), **fields}.items():
        if name in _INTEGERS:
            struct.pack_into(f"{order}i", header, 4 * _INTEGERS[name], value)
        elif name in _REALS:
            struct.pack_into(f"{order}f", header, 4 * _REALS[name], value)
        else:
            struct.pack_into("4s", header, 4 * _TEXTS[name], value)
    for number, label in enumerate(labels):
        struct.pack_into("80s", header, _LABELS + 80 * number, label)
    return bytes(header)


def mrc_bytes(
    mode: int = 2,
    stored: np.ndarray[Any, Any] | None = None,
    *,
    order: str = "<",
    extended: bytes = b"",
    labels: tuple[bytes, ...] = (),
    **fields: Any,
) -> bytes:
    """Return a whole file of 1.5 Å voxels; `stored` are sections, rows, columns."""
    stored = numbers(DTYPES.get(mode, "f4")) if stored is None else stored
    sections, rows, columns = stored.shape
    words = {
        "nx": columns, "ny": rows, "nz": sections, "mode": mode,
        "mx": columns, "my": rows, "mz": sections,
        "x_length": 1.5 * columns, "y_length": 1.5 * rows, "z_length": 1.5 * sections,
        "alpha": 90.0, "beta": 90.0, "gamma": 90.0, "mapc": 1, "mapr": 2, "maps": 3,
        "ispg": 1, "nsymbt": len(extended), "nversion": 20140,
    }  # fmt: skip
    header = mrc_header(order, labels, **{**words, **fields})
    return header + extended + stored.astype(stored.dtype.newbyteorder(order)).tobytes()


def four_bit_bytes() -> tuple[bytes, np.ndarray[Any, Any]]:
    """Return a file of mode 101 with odd rows, and its voxels."""
    voxels = (np.arange(3 * 5 * 7) * 5 % 16).astype("u1").reshape(3, 5, 7)
    rows = np.pad(voxels, ((0, 0), (0, 0), (0, 1)))
    packed = rows[..., ::2] | rows[..., 1::2] << 4
    cell = {"nx": 7, "mx": 7, "x_length": 10.5}
    return mrc_bytes(101, packed, **cell), voxels


@dataclass(frozen=True)
class Readable:
    """A file that is read, and what is in it."""

    name: str
    content: bytes
    data: np.ndarray[Any, Any]
    voxel_size: tuple[float, ...] | None = (1.5, 1.5, 1.5)
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    note: str = ""


@dataclass(frozen=True)
class Refused:
    """A file that is refused, and a part of the message that says why."""

    name: str
    content: bytes
    reason: str


def readable_mrc() -> list[Readable]:
    """Return the files that `napari_cryonet.io.mrc.read` can read, odd or not."""
    plain, real = mrc_bytes(), numbers()
    with_nan = real.copy()
    with_nan.flat[[0, 7]] = np.nan, np.inf
    four_bit, nibbles = four_bit_bytes()
    imod = {"imod_stamp": 1146047817}
    unsigned, wide = numbers("u1"), numbers("i2", (1, 2, 60))
    return [
        *(
            Readable(f"mode{mode}{name}.mrc", mrc_bytes(mode, order=order), numbers(DTYPES[mode]))
            for mode in (0, 1, 2, 6, 12)
            for order, name in (("<", ""), (">", "_big"))
        ),
        Readable("mode4.mrc", mrc_bytes(4), numbers("c8"), note="complex"),
        Readable("mode101.mrc", four_bit, nibbles),
        Readable("imod_signed.rec", mrc_bytes(0, imod_flags=1, **imod), numbers("i1")),
        Readable("imod_unsigned.rec", mrc_bytes(0, unsigned, **imod), unsigned),
        Readable("stamp_ccp4.mrc", mrc_bytes(stamp=b"\x44\x41\x00\x00"), real),
        Readable("stamp_zero.mrc", mrc_bytes(stamp=bytes(4)), real, note="stamp is unset"),
        Readable(
            "stamp_zero_big.mrc", mrc_bytes(order=">", stamp=bytes(4)), real, note="big-endian"
        ),
        Readable("stamp_wrong.mrc", mrc_bytes(stamp=b"\x11\x11\0\0"), real, note="stamp is wrong"),
        Readable("axes_zero.mrc", mrc_bytes(mapc=0, mapr=0, maps=0), real, note="axis words"),
        Readable("axes_twice.mrc", mrc_bytes(mapc=2, mapr=2, maps=3), real, note="(2, 2, 3)"),
        Readable("cell_zero.mrc", mrc_bytes(x_length=0.0), real, None, note="no voxel size"),
        Readable("cell_nan.mrc", mrc_bytes(y_length=math.nan), real, None, note="no voxel size"),
        Readable("cell_inf.mrc", mrc_bytes(y_length=math.inf), real, None, note="no voxel size"),
        Readable("cell_minus.mrc", mrc_bytes(z_length=-4.5), real, None, note="no voxel size"),
        Readable("mx_zero.mrc", mrc_bytes(mx=0, my=0, mz=0), real, None, note="no voxel size"),
        Readable(
            "voxel_anisotropic.mrc",
            mrc_bytes(x_length=4.0, y_length=10.0, z_length=10.5),
            real,
            (3.5, 2.0, 1.0),
        ),
        Readable(
            "start.map",
            mrc_bytes(nxstart=-4, nystart=7, nzstart=11),
            real,
            origin=(16.5, 10.5, -6.0),
        ),
        Readable(
            "origin.mrc",
            mrc_bytes(x_origin=10.0, y_origin=-20.5, z_origin=30.25),
            real,
            origin=(30.25, -20.5, 10.0),
        ),
        Readable(
            "origin_and_start.mrc",
            mrc_bytes(x_origin=-6.0, nxstart=-4),
            real,
            origin=(0.0, 0.0, -6.0),
        ),
        Readable(
            "origin_against_start.mrc",
            mrc_bytes(x_origin=8.0, nxstart=-4),
            real,
            origin=(0.0, 0.0, 8.0),
            note="Origin and start words differ",
        ),
        Readable("origin_nan.mrc", mrc_bytes(x_origin=math.nan), real, note="origin is not"),
        Readable("symmetry.map", mrc_bytes(extended=b"X,Y,Z".ljust(160)), real),
        Readable("extended_odd.mrc", mrc_bytes(extended=bytes(77)), real),
        Readable("trailing.mrc", plain + bytes(40), real, note="40 bytes follow the data"),
        Readable("nan.mrc", mrc_bytes(2, with_nan), with_nan, note="2 voxels are not numbers"),
        Readable("constant.mrc", mrc_bytes(2, np.full_like(real, 7)), np.full_like(real, 7)),
        Readable("no_map.mrc", mrc_bytes(map=bytes(4)), real, note="no MAP identifier"),
        Readable("no_version.mrc", mrc_bytes(nversion=0), real),
        Readable("wild_label_count.mrc", mrc_bytes(nlabl=-7), real),
        Readable("latin_label.mrc", mrc_bytes(labels=(b"Aufl\xf6sung 3 \xc5",)), real),
        Readable("statistics_unset.mrc", mrc_bytes(dmin=0.0, dmax=-1.0, rms=-1.0), real),
        Readable("one_voxel.mrc", mrc_bytes(2, real[:1, :1, :1]), real[:1, :1, :1]),
        Readable("60_columns.mrc", mrc_bytes(1, wide), wide),
        Readable("upper case.MRC", plain, real),
        Readable("Größe in Å.mrc", plain, real),
        Readable("a.mrc.gz", gzip.compress(plain), real),
        Readable("a.map.GZ", gzip.compress(plain), real),
        Readable("a.mrc.bz2", bz2.compress(plain), real),
        Readable("gzip_without_suffix.mrc", gzip.compress(plain), real),
        Readable("plain_with_suffix.mrc.gz", plain, real),
        Readable("four_bit.mrc.gz", gzip.compress(four_bit), nibbles),
        Readable("trailing.mrc.gz", gzip.compress(plain + b"\0"), real, note="follow the data"),
    ]  # fmt: skip


def refused_mrc() -> list[Refused]:
    """Return the files that `napari_cryonet.io.mrc.read` has to refuse."""
    plain = mrc_bytes()
    zipped = gzip.compress(plain)
    flipped = bytearray(gzip.compress(plain, 0))
    flipped[-20] ^= 255
    huge = 2**31 - 1
    return [
        Refused("mode3.mrc", mrc_bytes(mode=3), "mode of the data is 3 (complex 16-bit"),
        Refused("mode99.mrc", mrc_bytes(mode=99), "mode of the data is 99 (unknown)"),
        Refused("columns_zero.mrc", mrc_bytes(nx=0), "0 columns"),
        Refused("rows_negative.mrc", mrc_bytes(ny=-5), "-5 rows"),
        Refused("huge.mrc", mrc_bytes(nx=huge, ny=huge, nz=huge), f"promises {4 * huge**3}"),
        Refused("huge.mrc.gz", gzip.compress(mrc_bytes(nx=huge, ny=huge)), "file holds 240"),
        Refused("extended_long.mrc", mrc_bytes(nsymbt=10**9), "extended header of 1000000000"),
        Refused("extended_negative.mrc", mrc_bytes(nsymbt=-4), "extended header of -4"),
        Refused("extended_long.mrc.gz", gzip.compress(mrc_bytes(nsymbt=999)), "cut short"),
        Refused("extended_negative.mrc.gz", gzip.compress(mrc_bytes(nsymbt=-4)), "header of -4"),
        Refused("truncated.mrc", plain[:-1], "promises 240 bytes of data, the file holds 239"),
        Refused("truncated_inside.mrc.gz", gzip.compress(plain[:-1]), "the file holds 239"),
        Refused("four_bit.mrc", four_bit_bytes()[0][:-1], "promises 60 bytes"),
        Refused("header_only.mrc", plain[:1024], "the file holds 0"),
        Refused("short.mrc", plain[:1023], "1023 bytes, less than the 1024"),
        Refused("empty.mrc", b"", "0 bytes"),
        Refused("cut_in_header.mrc.gz", zipped[:20], "damaged"),
        Refused("cut_in_data.mrc.gz", zipped[:-20], "damaged"),
        Refused("cut_in_checksum.mrc.gz", zipped[:-6], "damaged"),
        Refused("checksum.mrc.gz", bytes(flipped), "CRC check failed"),
        Refused("not_deflate.mrc.gz", zipped[:10] + b"\xff" * 2000, "damaged"),
        Refused("cut.mrc.bz2", bz2.compress(plain)[:-20], "damaged"),
        Refused("hdf5.mrc", b"\x89HDF\r\n\x1a\n" + bytes(2000), "an HDF5 file"),
        Refused("png.mrc", b"\x89PNG\r\n\x1a\n" + bytes(2000), "a PNG picture"),
        Refused("little.mrc", b"II*\x00" + bytes(2000), "a TIFF picture"),
        Refused("big.mrc", b"MM\x00*" + bytes(2000), "a TIFF picture"),
        Refused("web.map", b"<!DOCTYPE html><title>404</title>".ljust(3000), "a web page"),
        Refused("web.map.gz", b"<html><body>Not found</body></html>", "a web page"),
        Refused(
            "pointer.mrc",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "a Git LFS pointer",
        ),
        Refused("fits.mrc", b"SIMPLE  =                    T".ljust(2880), "a FITS file"),
    ]  # fmt: skip


def fits_unit(
    stored: np.ndarray[Any, Any] | None = None,
    start: str = "SIMPLE  =                    T",
    **cards: Any,
) -> bytes:
    """Return one unit of a FITS file: 80-character cards, then big-endian rows."""
    names = {"i2": 16, "i4": 32, "f4": -32, "f8": -64, "u1": 8}
    shape = () if stored is None else stored.shape
    keywords: dict[str, Any] = {
        "BITPIX": 8 if stored is None else names[stored.dtype.str[1:]],
        "NAXIS": len(shape),
        **{f"NAXIS{axis}": length for axis, length in enumerate(reversed(shape), 1)},
        **cards,
    }
    if start.startswith("XTENSION"):
        keywords |= {"PCOUNT": 0, "GCOUNT": 1}
    texts = [start] + [f"{name:<8}= {value:>20}" for name, value in keywords.items()] + ["END"]
    header = "".join(f"{text:<80}" for text in texts).encode("ascii")
    data = b"" if stored is None else stored.astype(stored.dtype.newbyteorder(">")).tobytes()
    return _padded(header, b" ") + _padded(data, b"\0")


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter in which every warning is an error."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _padded(block: bytes, filling: bytes) -> bytes:
    """Fill the last block of 2880 bytes."""
    return block + filling * (-len(block) % 2880)
