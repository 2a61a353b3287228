"""Fragments of maps and of their local resolution, as the original network learns from them.

An HDF5 file with two arrays, ``map`` and ``target``, both ``(n, 16, 16, 16)``: each map is brought
to values from 0 to 1 and cut into cubes; outside the mask the target is 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError, FileProblem, FormatError
from napari_cryonet.io.atomic import replacing
from napari_cryonet.types import Volume

SIDE, OUTSIDE = 16, 100.0
NAMES = ("map", "target")
"""Of the arrays in a file."""
SUFFIXES = (".hdf5", ".h5")

Cubes = NDArray[np.float32]


def is_set(path: Path) -> bool:
    """Whether the name of a file says that it may be a set of fragments."""
    return path.suffix.lower() in SUFFIXES


def is_array(path: Path) -> bool:
    """Whether a path is that of an array in a set, as in a folder: ``train.hdf5/map``."""
    return is_set(path.parent) and path.name in NAMES


def read_fragments(path: Path) -> tuple[Volume, Volume]:
    """Read a set of fragments.

    Returns
    -------
    map, target : Volume
        ``(n, 16, 16, 16)`` values from 0 to 1, and Å, 100 where it does not count.

    Raises
    ------
    FileProblem, FormatError
        If the file cannot be read, or holds something else.
    """
    map_, target = (read_array(path / name) for name in NAMES)
    return map_, target


def read_array(path: Path) -> Volume:
    """Read one array of a set of fragments.

    Parameters
    ----------
    path
        The file and, as if it were a folder, ``map`` or ``target`` in it.

    Raises
    ------
    FileProblem, FormatError
        If the file cannot be read, or holds something else.
    """
    import h5py

    file = path.parent
    try:
        with h5py.File(file) as arrays:
            names = ", ".join(arrays)
            shapes = [getattr(arrays.get(name), "shape", ()) for name in NAMES]
            right = len(shapes[0]) == 4 and shapes[0] == shapes[1]
            data = np.asarray(arrays[path.name], np.float32) if right else None
    except OSError as error:
        if not file.is_file():
            raise FileProblem(f"Cannot read {file}: there is no such file.") from error
        raise FormatError(f"{file} cannot be read as HDF5: {error}.") from error
    if data is None:
        raise FormatError(
            f"{file} holds {names or 'nothing'}; fragments are two arrays, map and target, of one "
            f"shape (n, {SIDE}, {SIDE}, {SIDE})."
        )
    return Volume(data, name=f"{file.stem} {path.name}", path=path)


def write_fragments(
    path: Path, rows: Sequence[tuple[Volume, Volume]], *, overwrite: bool = False
) -> int:
    """Cut maps into fragments and write them; return how many there are.

    Parameters
    ----------
    path
        The file.
    rows
        Maps with their local resolution in Å.
    overwrite
        Whether a file that is there may be replaced.

    Raises
    ------
    DataError
        If a map and its resolution do not fit together, or the map is constant.
    OutputExists, FileProblem
        If the file is there, or cannot be written.
    """
    import h5py

    cut = [_fragments(*row) for row in rows]
    arrays = [np.concatenate(part) for part in zip(*cut, strict=True)]
    with replacing(path, overwrite=overwrite) as part, h5py.File(part, "w") as file:
        for name, array in zip(NAMES, arrays, strict=True):
            file.create_dataset(name, data=array)
    return len(arrays[0])


def _fragments(map_: Volume, target: Volume) -> tuple[Cubes, Cubes]:
    """Return the cubes of one map that are not all padding."""
    if map_.shape != target.shape or map_.data.ndim != 3:
        raise DataError(
            f"A map and its local resolution have one shape z, y, x; {map_.name} is {map_.shape} "
            f"and {target.name} is {target.shape}."
        )
    values = np.asarray(map_.data, dtype=np.float32)
    low, high = float(values.min()), float(values.max())
    if not high > low:
        raise DataError(f"All voxels of {map_.name} have the same value; it holds no map.")
    wanted = np.asarray(target.data, dtype=np.float32)
    with np.errstate(invalid="ignore"):
        known = (wanted > 0) & (wanted < OUTSIDE)
    scaled = _cubes((values - low) / (high - low), 0.0)
    kept = scaled.any(axis=(1, 2, 3))
    return scaled[kept], _cubes(np.where(known, wanted, OUTSIDE), OUTSIDE)[kept]


def _cubes(values: NDArray[Any], outside: float) -> Cubes:
    """Cut a volume into cubes, as if it lay in the middle of a cube of a power of two."""
    longest = max(SIDE, *values.shape)
    whole = 1 << (longest - 1).bit_length()
    starts = [(whole - count) // 2 % SIDE for count in values.shape]
    padding = [
        (start, -(start + count) % SIDE) for start, count in zip(starts, values.shape, strict=True)
    ]
    padded = np.pad(np.asarray(values, np.float32), padding, constant_values=outside)
    z, y, x = (count // SIDE for count in padded.shape)
    cubes = padded.reshape(z, SIDE, y, SIDE, x, SIDE).transpose(0, 2, 4, 1, 3, 5)
    return cubes.reshape(-1, SIDE, SIDE, SIDE)
