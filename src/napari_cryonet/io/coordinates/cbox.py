"""Boxes of crYOLO: STAR files with the lower corner of each box.

A box has its corner in x and y, and its centre in z.

References
----------
T. Wagner et al., Commun. Biol. 2 (2019), doi:10.1038/s42003-019-0437-z;
https://cryolo.readthedocs.io.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import FormatError, SettingsError
from napari_cryonet.io.coordinates import star
from napari_cryonet.io.coordinates.convention import Convention, Numbers
from napari_cryonet.io.coordinates.lists import single
from napari_cryonet.io.coordinates.settings import CoordinateSettings
from napari_cryonet.io.coordinates.sheet import SCORE, Columns, Output, Sheet, Written

CONVENTION = Convention()
_BLOCK, _SLICES = "cryolo", "cryolo_include"
_PLACES = ("CoordinateX", "CoordinateY", "CoordinateZ")
_SIZES = ("Width", "Height", "Depth")
_OTHERS = ("EstWidth", "EstHeight", "Confidence", "NumBoxes", "Angle", "filamentid")
_FEATURES = {"Confidence": SCORE}
_REQUIRED = (*_PLACES[:2], *_SIZES[:2])


def read(path: Path, settings: CoordinateSettings) -> Sheet:
    """Read the boxes of one tomogram.

    Raises
    ------
    FileProblem, FormatError
        If the file cannot be read or lacks a column.
    SettingsError
        If the boxes have no z, as those in micrographs, and no section is given.
    """
    blocks = star.read_blocks(path)
    if _BLOCK not in blocks:
        raise FormatError(f"{path} has no block data_{_BLOCK}; it holds no boxes of crYOLO.")
    block = blocks[_BLOCK]
    for name in _REQUIRED:
        if name not in block.columns:
            raise FormatError(f"{path} has no column _{name}; a box has corner, width and height.")
    found = {name: _numbers(path, block, name) for name in (*_PLACES, *_SIZES)
             if name in block.columns}  # fmt: skip
    z = found.get(_PLACES[2], np.full(len(block.lines), np.nan))
    if np.isnan(z).all():
        z = flat(path, len(z), settings)
    half = np.column_stack([found["Width"] / 2, found["Height"] / 2, np.zeros(len(z))])
    corners = np.column_stack([found["CoordinateX"], found["CoordinateY"], z])
    columns: Columns = {
        _FEATURES.get(name, name): values
        for name, values in block.columns.items()
        if name not in _PLACES and not _empty(values)
    }
    header = {"format": "cbox", "blocks": {
        name: one.plain() for name, one in blocks.items() if name not in (_BLOCK, _SLICES)
    }}  # fmt: skip
    return Sheet(corners + half, CONVENTION, columns, header=header, lines=np.array(block.lines))


def write(outputs: Sequence[Output]) -> Written:
    """Return boxes as wide as the particles, or as those they were read with.

    Raises
    ------
    SettingsError
        If neither is known.
    """
    one = single(outputs, "cbox")
    widths = {name: box_sizes(one, name) for name in _SIZES}
    half = np.column_stack([widths["Width"] / 2, widths["Height"] / 2, np.zeros(len(one.numbers))])
    columns = dict(zip(_PLACES, (one.numbers - half).T, strict=True)) | widths
    kept = {name for name in _SIZES if name in one.columns} | ({"radius"} & set(one.columns))
    for name in _OTHERS:
        feature = _FEATURES.get(name, name)
        if feature in one.columns:
            kept.add(feature)
            columns[name] = np.asarray(one.columns[feature])
        elif name != _OTHERS[-1]:
            columns[name] = np.full(len(one.numbers), np.nan)
    slices = np.unique(np.rint(one.numbers[:, 2])).astype(int)
    content = star.star_text(
        {
            "global": {"cbox_format_version": "1.0"},
            _BLOCK: columns,
            _SLICES: {"slice_index": slices},
        }
    )
    return Written(content, frozenset(kept))


def flat(path: Path, count: int, settings: CoordinateSettings) -> NDArray[np.float64]:
    """Return the z of positions whose file has none.

    Raises
    ------
    SettingsError
        If no section is given.
    """
    if settings.section is None:
        raise SettingsError(
            f"{path} has x and y alone; give the section of the volume that it was picked in "
            f"(--section 120)."
        )
    return np.full(count, settings.section)


def box_sizes(one: Output, name: str = "Width") -> NDArray[np.float64]:
    """Return the lengths of boxes in voxels: those they had, or the particles' diameters.

    Raises
    ------
    SettingsError
        If neither is known.
    """
    if name in one.columns and np.asarray(one.columns[name]).dtype.kind in "iuf":
        return np.asarray(one.columns[name], dtype=float)
    widths = one.widths(one.voxel)
    if widths is None:
        raise SettingsError(
            "A box is as wide as its particle, and the diameter or the voxel size is not known; "
            "give both (--diameter 120 --voxel-size 10)."
        )
    return widths


def _numbers(path: Path, block: star.Block, name: str) -> Numbers:
    """Return a column of numbers, NaN where it has <NA>."""
    values = block.columns[name]
    if _empty(values):
        return np.full(len(values), np.nan)
    if values.dtype.kind not in "iuf":
        raise FormatError(f"{path}: column _{name} holds {str(values[0])[:40]!r}, no number.")
    return values.astype(float)


def _empty(values: NDArray[np.generic]) -> bool:
    """Whether a column has <NA> alone."""
    if values.dtype.kind == "f":
        return bool(np.isnan(values).all())
    return values.dtype.kind == "U" and bool((values == "<NA>").all())
