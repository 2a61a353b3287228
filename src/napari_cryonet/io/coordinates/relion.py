"""Particles of RELION 5, 4, 3.1, 3.0 and of Warp.

All of them are STAR files; they differ in what a coordinate is, which their columns tell:

===========  =========================================  ================================
`relion5`    ``rlnCenteredCoordinateXAngst``            Å from the centre of the volume
`relion4`    ``rlnCoordinateX``, ``rlnTomoName``        unbinned pixels
`relion31`   ``rlnCoordinateX``, optics groups          voxels, shifts in Å
`relion30`   ``rlnCoordinateX``                         voxels, shifts in voxels
`warp`       as `relion30`, with .tomostar names        voxels
===========  =========================================  ================================

The shifts that a refinement found belong to the position and are applied.

References
----------
RELION, particle_set.cpp, https://github.com/3dem/relion; https://warpem.github.io.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import FormatError, SettingsError
from napari_cryonet.io.coordinates import star
from napari_cryonet.io.coordinates.convention import Convention, Numbers
from napari_cryonet.io.coordinates.frame import Frame
from napari_cryonet.io.coordinates.lines import number
from napari_cryonet.io.coordinates.settings import CoordinateSettings
from napari_cryonet.io.coordinates.sheet import CLASS, SCORE, Columns, Sheet
from napari_cryonet.io.coordinates.tomograms import read_tomograms, set_files

CONVENTIONS = {
    "relion5": Convention("angstrom", "centre"),
    "relion4": Convention("unbinned"),
    "relion31": Convention(),
    "relion30": Convention(),
    "warp": Convention(),
}
OWN = "cryonet_"
"""How our columns begin in a STAR file; RELION keeps what it does not know."""

SCORES = ("rlnAutopickFigureOfMerit", "rlnLCCmax", "rlnParticleFigureOfMerit")
CENTRED = tuple(f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ")
PLAIN = tuple(f"rlnCoordinate{axis}" for axis in "XYZ")
_PIXEL_SHIFTS = tuple(f"rlnOrigin{axis}" for axis in "XYZ")
_SHIFTS = tuple(f"rlnOrigin{axis}Angst" for axis in "XYZ")
_SUBTOMOGRAM = tuple(f"rlnTomoSubtomogram{angle}" for angle in ("Rot", "Tilt", "Psi"))
_TILT_PIXEL = "rlnTomoTiltSeriesPixelSize"
_SUFFIXES = (".tomostar", ".mrc", ".rec", ".mrcs", ".tomo")


def read(path: Path, settings: CoordinateSettings) -> Sheet:
    """Read the particles of a STAR file, or of the optimisation set that names one.

    Raises
    ------
    FileProblem, FormatError
        If it cannot be read or holds no positions.
    SettingsError
        If shifts have to be applied and the pixel size is not known.
    """
    blocks = star.read_blocks(path)
    particles, tomograms = set_files(path, blocks)
    if particles is not None:
        blocks = star.read_blocks(particles)
    name, block = _particles(particles or path, blocks)
    columns = dict(block.columns)
    kind = settings.format if settings.format in CONVENTIONS else _kind(columns, blocks)
    beside = settings.tomograms or tomograms or _beside(path, kind)
    volumes = _volumes(columns)
    frame = _frame(blocks, columns)
    take = partial(_taken, particles or path, columns, block.lines)
    numbers = _numbers(path, take, columns, kind, Frame.of(settings).over(frame).completed())
    return Sheet(
        numbers,
        CONVENTIONS[kind],
        _renamed(columns),
        volumes,
        frame,
        read_tomograms(beside) if beside else {},
        {
            "format": kind,
            "blocks": {one: other.plain() for one, other in blocks.items() if one != name},
        },
        np.array(block.lines),
        _notes(kind, frame, settings),
    )


def _notes(kind: str, frame: Frame, settings: CoordinateSettings) -> tuple[str, ...]:
    """Return what to know of a voxel size that belongs to extracted particles."""
    if kind != "relion31" or frame.voxel_size is None or settings.voxel_size is not None:
        return ()
    return (
        f"The voxel size of {frame.voxel_size[2]:g} Å is that of the extracted particles; if the "
        f"volume has another, give it.",
    )


def _particles(path: Path, blocks: dict[str, star.Block]) -> tuple[str, star.Block]:
    """Return the block that holds the positions."""
    for name, block in blocks.items():
        for wanted in (CENTRED, PLAIN):
            held = [column for column in wanted if column in block.columns]
            if len(held) == 3:
                return name, block
            if held:
                lacking = next(column for column in wanted if column not in held)
                raise FormatError(
                    f"{path} has the column {held[0]}, but no {lacking}; positions in a "
                    f"volume have x, y and z. Choose particles of tomograms, not of micrographs."
                )
    if any("rlnTomoSizeX" in block.columns for block in blocks.values()):
        raise FormatError(
            f"{path} is a list of tomograms, not of particles; give it as --tomograms beside the "
            f"particles."
        )
    held = [name for block in blocks.values() for name in block.columns]
    raise FormatError(
        f"{path} holds no positions; {PLAIN[0]} or {CENTRED[0]} is needed and "
        f"{', '.join(held[:6]) or 'no column'} was found. Choose the particles.star."
    )


def _kind(columns: Mapping[str, Any], blocks: Mapping[str, star.Block]) -> str:
    """Return which program's columns these are."""
    if CENTRED[0] in columns:
        return "relion5"
    optics = blocks["optics"].columns if "optics" in blocks else {}
    names = [str(name) for name in columns.get("rlnMicrographName", ())[:1]]
    if _TILT_PIXEL in optics or ("rlnTomoName" in columns and not names):
        return "relion4"
    if optics:
        return "relion31"
    return "warp" if names and names[0].endswith(".tomostar") else "relion30"


def _frame(blocks: Mapping[str, star.Block], columns: Mapping[str, NDArray[Any]]) -> Frame:
    """Return what optics groups or the old columns say of the size of pixels."""
    optics = blocks["optics"].columns if "optics" in blocks else {}
    if _TILT_PIXEL in optics:
        return Frame(pixel_size=_one(optics[_TILT_PIXEL]))
    size = None
    for name in ("rlnMicrographPixelSize", "rlnImagePixelSize"):
        if size is None and name in optics:
            size = _one(optics[name])
    if size is None and "rlnDetectorPixelSize" in columns:
        magnification = columns.get("rlnMagnification", np.array([10000.0]))
        size = _one(columns["rlnDetectorPixelSize"] * 10000.0 / magnification)
    return Frame() if size is None else Frame(voxel_size=(size, size, size))


def _one(sizes: NDArray[Any]) -> float | None:
    """Return the size that all have in common, None if they differ or are none."""
    numbers = np.asarray(sizes, dtype=float) if sizes.dtype.kind in "iuf" else np.array([np.nan])
    same = len(numbers) > 0 and np.isfinite(numbers).all() and np.ptp(numbers) < 1e-4
    return float(numbers[0]) if same and numbers[0] > 0 else None


def _numbers(
    path: Path,
    take: Callable[[tuple[str, ...]], Numbers | None],
    columns: Columns,
    kind: str,
    frame: Frame,
) -> Numbers:
    """Take the coordinates out of the columns, with their shifts applied."""
    numbers = take(CENTRED if kind == "relion5" else PLAIN)
    assert numbers is not None  # noqa: S101 - looked for before
    if (pixels := take(_PIXEL_SHIFTS)) is not None:
        numbers = numbers - pixels
    shifts = take(_SHIFTS)
    if shifts is None or not shifts.any():
        return numbers
    if kind in ("relion4", "relion5") and all(name in columns for name in _SUBTOMOGRAM):
        angles = np.column_stack([columns[name] for name in _SUBTOMOGRAM]).astype(float)
        shifts = np.einsum("nij,nj->ni", rotations(angles), shifts)
    if kind == "relion5":
        return numbers - shifts
    size = frame.pixel_size if kind == "relion4" else frame.voxel_size and frame.voxel_size[2]
    if size is None:
        sizes = "rlnTomoTiltSeriesPixelSize" if kind == "relion4" else "rlnImagePixelSize"
        raise SettingsError(
            f"{path} has shifts in Å and no {sizes} in its optics; give the voxel size "
            f"(--voxel-size) or add the column."
        )
    return numbers - shifts / size


def _taken(
    path: Path, columns: Columns, lines: tuple[int, ...], names: tuple[str, ...]
) -> Numbers | None:
    """Take three columns of numbers out, or nothing if they are not all there."""
    if not all(name in columns for name in names):
        return None
    found = [columns.pop(name) for name in names]
    for name, values in zip(names, found, strict=True):
        if values.dtype.kind not in "iuf":
            for line, word in zip(lines, values.tolist(), strict=True):
                number(path, line, name, word)
    return np.column_stack([np.asarray(values, dtype=float) for values in found])


def _volumes(columns: Columns) -> NDArray[Any] | None:
    """Return the name of the tomogram of each particle, as tomograms.star has it."""
    if "rlnTomoName" in columns:
        return columns.pop("rlnTomoName").astype(str)
    if "rlnMicrographName" not in columns:
        return None
    return np.array([plain_name(str(name)) for name in columns["rlnMicrographName"]], dtype=str)


def plain_name(name: str) -> str:
    """Return the name of a tomogram without its folder and the suffix of its file."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return next((last.removesuffix(end) for end in _SUFFIXES if last.endswith(end)), last)


def _renamed(columns: Columns) -> Columns:
    """Give scores and classes our names, and our own columns those that they had."""
    found = {name.removeprefix(OWN): values for name, values in columns.items()}
    if (score := next((name for name in SCORES if name in found), None)) and SCORE not in found:
        found[SCORE] = found.pop(score)
    if CLASS in found:
        found.pop("rlnClassNumber", None)
    elif "rlnClassNumber" in found:
        found[CLASS] = found.pop("rlnClassNumber")
    return found


def _beside(path: Path, kind: str) -> Path | None:
    """Return the tomograms.star in the folder of some particles, if their program makes one."""
    there = path.with_name("tomograms.star")
    return there if kind in ("relion4", "relion5") and there.is_file() else None


def rotations(angles: NDArray[Any]) -> Numbers:
    """Return RELION's rotation matrices.

    Parameters
    ----------
    angles
        ``(n, 3)`` rot, tilt, psi in degrees: about z, the new y, the new z.

    Returns
    -------
    ndarray
        ``(n, 3, 3)`` matrices in the order x, y, z.

    References
    ----------
    J. B. Heymann, M. Chagoyen and D. M. Belnap, J. Struct. Biol. 151 (2005),
    doi:10.1016/j.jsb.2005.06.001.
    """
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_euler("ZYZ", angles, degrees=True).inv().as_matrix())
