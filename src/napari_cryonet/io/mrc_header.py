"""The header of an MRC2014 file, turned into values and back by pure functions.

The layout comes from mrcfile. What is here is what mrcfile leaves to its callers: byte
orders that lie, permuted axes, origins given in two ways, and IMOD's unsigned bytes.

References
----------
Cheng et al., *MRC2014: Extensions to the MRC format header for electron cryo-microscopy and
tomography*, J. Struct. Biol. 192 (2015), doi:10.1016/j.jsb.2015.04.002.
IMOD's use of the header: https://bio3d.colorado.edu/imod/doc/mrc_format.txt
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE

from napari_cryonet.errors import FormatError
from napari_cryonet.io.text import ascii_text

HEADER_BYTES = 1024
FOUR_BIT = 101

_DTYPES: dict[int, str] = {0: "i1", 1: "i2", 2: "f4", 4: "c8", 6: "u2", 12: "f2", FOUR_BIT: "u1"}
_STAMPS = {b"\x44\x44": "<", b"\x44\x41": "<", b"\x11\x11": ">"}
_IMOD_STAMP = 1146047817
_IMOD_SIGNED = 1
_LABELS, _LABEL_LENGTH = 10, 80

Order = Literal["<", ">"]
ZYX = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class MrcHeader:
    """The 1024 bytes of a header with the extended header, in the byte order of the file.

    Parameters
    ----------
    record
        The fields, as `mrcfile` names them.
    extended
        The bytes between header and data.
    """

    record: Any
    extended: bytes = b""

    @classmethod
    def parse(cls, start: bytes) -> tuple[MrcHeader, list[str]]:
        """Read the fields from the first 1024 bytes of a file; also return notes.

        The machine stamp is believed unless the mode makes no sense in its byte order.
        """
        notes: list[str] = []
        stamped = _STAMPS.get(start[212:214])
        plausible: list[Order] = [order for order in ("<", ">") if _plausible(start, order)]
        if stamped in plausible or not plausible:
            order = stamped or "<"
        else:
            order = plausible[0]
            found = "unset" if stamped is None else "wrong"
            named = "little" if order == "<" else "big"
            notes.append(f"The machine stamp is {found}; read as {named}-endian.")
        if start[208:211] != b"MAP":
            notes.append("The header has no MAP identifier: an old file, or not an MRC file.")
        record = np.frombuffer(start, _dtype(order))[0].copy()
        return cls(record), notes

    @property
    def order(self) -> str:
        """The byte order, ``"<"`` or ``">"``."""
        return ">" if self.record.dtype["nx"].byteorder == ">" else "<"

    @property
    def extended_bytes(self) -> int:
        """How long the extended header says it is."""
        return int(self.record["nsymbt"])

    def stored_shape(self) -> tuple[int, int, int]:
        """Sections, rows and columns as stored.

        Raises
        ------
        FormatError
            If one of them is not positive.
        """
        sections, rows, columns = (int(self.record[name]) for name in ("nz", "ny", "nx"))
        if min(sections, rows, columns) < 1:
            raise FormatError(
                f"The header gives {columns} columns, {rows} rows and {sections} sections; "
                f"all must be at least 1. The file is damaged or not an MRC file."
            )
        return sections, rows, columns

    def dtype(self) -> np.dtype[Any]:
        """The type of a voxel; mode 101 says uint8, two voxels to a byte.

        Raises
        ------
        FormatError
            If the mode is obsolete or unknown.
        """
        mode = int(self.record["mode"])
        if mode not in _DTYPES:
            known = ", ".join(map(str, _DTYPES))
            what = "complex 16-bit integers, obsolete" if mode == 3 else "unknown"
            raise FormatError(
                f"The mode of the data is {mode} ({what}); readable modes are {known}. "
                f"Convert the file to mode 2, for example with IMOD's newstack -mode 2."
            )
        if mode == 0 and self.imod_unsigned():
            return np.dtype("u1")
        return np.dtype(self.order + _DTYPES[mode])

    def axes(self) -> tuple[tuple[int, int, int], str]:
        """Which stored axis is z, which y and which x; and a note if that is unclear."""
        words = tuple(int(self.record[name]) for name in ("maps", "mapr", "mapc"))
        if sorted(words) != [1, 2, 3]:
            return (0, 1, 2), f"The axis words are {words[::-1]}; columns, rows and sections " + (
                "are taken as x, y and z."
            )
        return (words.index(3), words.index(2), words.index(1)), ""

    def voxel_size(self) -> ZYX | None:
        """Å per voxel along z, y, x; None if the cell or the sampling is not positive."""
        cell = [float(self.record["cella"][axis]) for axis in "zyx"]
        samples = [int(self.record[name]) for name in ("mz", "my", "mx")]
        if min(samples) < 1 or not all(math.isfinite(length) and length > 0 for length in cell):
            return None
        z, y, x = (round(length / count, 6) for length, count in zip(cell, samples, strict=True))
        return (z, y, x) if min(z, y, x) > 0 else None

    def origin(self, voxel_size: ZYX) -> tuple[ZYX, str]:
        """Position of voxel (0, 0, 0) in Å, z, y, x; and a note if it is given twice.

        The origin words win; otherwise the start words are used, as in CCP4 maps.
        """
        words = [float(self.record["origin"][axis]) for axis in "zyx"]
        starts = [int(self.record[name]) for name in ("nzstart", "nystart", "nxstart")]
        (z, y, x), _ = self.axes()
        start = [starts[z] * voxel_size[0], starts[y] * voxel_size[1], starts[x] * voxel_size[2]]
        finite = all(map(math.isfinite, words))
        if not finite or not any(words):
            return (start[0], start[1], start[2]), "" if finite else "The origin is not a number."
        both = any(starts) and not np.allclose(words, start, atol=0.01)
        note = "Origin and start words differ; the origin is used." if both else ""
        return (words[0], words[1], words[2]), note

    def volumes(self) -> int:
        """How many volumes a stack of volumes holds; 1 for anything else."""
        sections, per_volume = int(self.record["nz"]), int(self.record["mz"])
        stack = 401 <= int(self.record["ispg"]) <= 630 and self.axes()[0] == (0, 1, 2)
        whole = per_volume > 0 and sections % per_volume == 0
        return sections // per_volume if stack and whole else 1

    def is_image_stack(self) -> bool:
        """Whether the sections are images and not planes of a volume."""
        return int(self.record["ispg"]) == 0 and int(self.record["mz"]) == 1

    def labels(self) -> list[str]:
        """The text labels that are not empty; a wild count is ignored."""
        raw = (bytes(label).decode("latin-1") for label in self.record["label"])
        texts = (text.replace("\x00", "").strip() for text in raw)
        return [text for text in texts if text]

    def imod_unsigned(self) -> bool:
        """Whether IMOD wrote this file and says that its bytes are unsigned."""
        stamp, flags = np.frombuffer(bytes(self.record["extra2"])[40:48], self.order + "i4")
        return int(stamp) == _IMOD_STAMP and not int(flags) & _IMOD_SIGNED


def four_bit_row_bytes(columns: int) -> int:
    """Bytes of a row of 4-bit voxels."""
    return (columns + 1) // 2


def unpack_four_bit(packed: np.ndarray[Any, Any], columns: int) -> np.ndarray[Any, Any]:
    """Return the voxels of rows packed two to a byte, low four bits first.

    Parameters
    ----------
    packed
        ``(..., bytes)`` uint8.
    columns
        Voxels in a row; the last four bits of an odd row are padding.
    """
    pairs = np.stack([packed & 15, packed >> 4], axis=-1)
    return np.ascontiguousarray(pairs.reshape(*packed.shape[:-1], -1)[..., :columns])


def mode_of(dtype: np.dtype[Any], like: MrcHeader | None = None) -> int:
    """Return the MRC mode that stores an array of `dtype` without loss, where there is one.

    8-bit unsigned integers need mode 6, unless the header they came with is IMOD's for
    unsigned bytes, with which signed ones need mode 1; 64-bit numbers and 32-bit integers
    become mode 2.
    """
    if like is not None and like.imod_unsigned() and dtype in (np.uint8, np.int8):
        return 0 if dtype == np.uint8 else 1
    exact = {"int8": 0, "bool": 0, "int16": 1, "uint8": 6, "uint16": 6, "float16": 12}
    if dtype.kind == "c":
        return 4
    return exact.get(dtype.name, 2)


def build(shape: tuple[int, ...], mode: int, like: MrcHeader | None = None) -> MrcHeader:
    """Return a header for new data that keeps all that `like` holds.

    Parameters
    ----------
    shape
        ``(z, y, x)`` or ``(n, z, y, x)`` of the new data.
    mode
        MRC mode of the new data.
    like
        The header of what the data were made from; None starts an empty one.
    """
    order = like.order if like else "<"
    record = like.record.copy() if like else np.zeros((), _dtype(order))[()]
    planes = int(np.prod(shape[:-2]))
    for name, value in zip(("nx", "ny", "nz"), (shape[-1], shape[-2], planes), strict=True):
        record[name] = value
    depth = 1 if like and like.is_image_stack() else shape[-3]
    for name, value in zip(("mx", "my", "mz"), (shape[-1], shape[-2], depth), strict=True):
        record[name] = value
    if like and like.axes()[0] != (0, 1, 2):
        starts = [int(record[name]) for name in ("nzstart", "nystart", "nxstart")]
        for name, axis in zip(("nzstart", "nystart", "nxstart"), like.axes()[0], strict=True):
            record[name] = starts[axis]
    for name, axis in zip(("mapc", "mapr", "maps"), (1, 2, 3), strict=True):
        record[name] = axis
    record["nversion"] = 20141
    if like is None:
        for angle in ("alpha", "beta", "gamma"):
            record["cellb"][angle] = 90.0
    if len(shape) == 4:
        record["ispg"] = max(401, int(record["ispg"]))
    elif not like or int(record["ispg"]) >= 401:
        record["ispg"] = 1
    record["mode"] = mode
    record["map"] = b"MAP "
    record["machst"] = (0x44, 0x44, 0, 0) if order == "<" else (0x11, 0x11, 0, 0)
    record["nsymbt"] = len(like.extended) if like else 0
    return MrcHeader(record, like.extended if like else b"")


def set_cell(header: MrcHeader, voxel_size: ZYX | None) -> None:
    """Write the voxel size (Å, z, y, x) into a header; None writes 0, not known."""
    sizes = voxel_size or (0.0, 0.0, 0.0)
    for axis, count, size in zip("zyx", ("mz", "my", "mx"), sizes, strict=True):
        header.record["cella"][axis] = size * int(header.record[count])


def set_origin(header: MrcHeader, origin: ZYX, voxel_size: ZYX) -> None:
    """Write the origin (Å, z, y, x) into a header unless it already says so."""
    if np.allclose(header.origin(voxel_size)[0], origin, atol=1e-3):
        return
    for name in ("nxstart", "nystart", "nzstart"):
        header.record[name] = 0
    for axis, position in zip("zyx", origin, strict=True):
        header.record["origin"][axis] = position


def add_labels(header: MrcHeader, sentences: tuple[str, ...]) -> None:
    """Append labels of 80 characters; where there are more than ten, the oldest go."""
    known = header.labels()
    raw = [bytes(label) for label in header.record["label"]]
    old = [label for label in raw if label.strip(b"\x00 ")]
    texts = [ascii_text(sentence)[:_LABEL_LENGTH].rstrip() for sentence in sentences]
    new = [text.encode("ascii").ljust(_LABEL_LENGTH) for text in texts if text not in known]
    kept = [*old, *new][-_LABELS:]
    header.record["label"] = kept + [b""] * (_LABELS - len(kept))
    header.record["nlabl"] = len(kept)


def _dtype(order: str) -> np.dtype[Any]:
    """Return the header's layout in a byte order."""
    return np.dtype(HEADER_DTYPE).newbyteorder(order)  # type: ignore[no-any-return]


def _plausible(start: bytes, order: Order) -> bool:
    """Whether mode and sizes make sense in a byte order."""
    record = np.frombuffer(start, _dtype(order))[0]
    sizes = [abs(int(record[name])) for name in ("nx", "ny", "nz")]
    return 0 <= int(record["mode"]) <= 127 and max(sizes) < 1 << 24
