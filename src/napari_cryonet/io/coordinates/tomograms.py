"""RELION's tomograms.star, and the optimisation sets that name it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from napari_cryonet.errors import FileProblem, FormatError
from napari_cryonet.io.coordinates import star
from napari_cryonet.io.coordinates.frame import Frame

_SIZES = ("rlnTomoSizeZ", "rlnTomoSizeY", "rlnTomoSizeX")
_PIXEL, _BINNING = "rlnTomoTiltSeriesPixelSize", "rlnTomoTomogramBinning"
_SET = ("rlnTomoParticlesFile", "rlnTomoTomogramsFile")


def read_tomograms(path: Path) -> dict[str, Frame]:
    """Read what a tomograms.star says of each tomogram.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    dict of str to Frame
        By ``rlnTomoName``. RELION 4 writes no binning.

    Raises
    ------
    FileProblem, FormatError
        If it cannot be read, or is no such list.
    """
    for block in star.read_blocks(path).values():
        columns = block.columns
        if "rlnTomoName" not in columns or _PIXEL not in columns:
            continue
        names = [str(name) for name in columns["rlnTomoName"]]
        for name in (*_SIZES, _PIXEL, _BINNING):
            if name in columns and columns[name].dtype.kind not in "iuf":
                raise FormatError(f"{path}: column {name} holds {columns[name][0]!r}, no number.")
        return {name: _frame(block, row) for row, name in enumerate(names)}
    raise FormatError(
        f"{path} is no list of tomograms: rlnTomoName and {_PIXEL} are needed. Choose the "
        f"tomograms.star of the job that made the particles."
    )


def set_files(
    path: Path, blocks: Mapping[str, star.Block]
) -> tuple[Path, Path | None] | tuple[None, None]:
    """Return the particles and the tomograms that an optimisation set names.

    RELION writes paths from the folder of its project, which is one of those the set is in.

    Parameters
    ----------
    path
        The set.
    blocks
        What is in it.

    Returns
    -------
    tuple
        None, None if this is no optimisation set.

    Raises
    ------
    FileProblem
        If the particles are not there.
    """
    named = {key: str(block.columns[key][0]) for block in blocks.values()
             for key in _SET if key in block.columns and len(block.columns[key])}  # fmt: skip
    if _SET[0] not in named:
        return None, None
    particles = _found(path, named[_SET[0]])
    if particles is None:
        raise FileProblem(
            f"{path} names the particles {named[_SET[0]]}, which are not there; open them "
            f"themselves and give --tomograms."
        )
    return particles, _found(path, named[_SET[1]]) if _SET[1] in named else None


def _found(path: Path, name: str) -> Path | None:
    """Return a file that is named from the folder of a set or one above it."""
    folders = path.resolve().parents
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _frame(block: star.Block, row: int) -> Frame:
    """Return what one line says of a tomogram."""
    values = {name: block.columns[name][row] for name in block.columns}
    shape = None
    if all(name in values for name in _SIZES):
        z, y, x = (int(values[name]) for name in _SIZES)
        shape = (z, y, x) if min(z, y, x) > 0 else None
    binning = float(values.get(_BINNING, 0)) or None
    return Frame(binning=binning, pixel_size=float(values[_PIXEL]), unbinned=shape)
