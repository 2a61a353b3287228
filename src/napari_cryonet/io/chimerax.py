"""A ChimeraX script that colours a density by its local resolution."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from napari_cryonet.errors import DataError
from napari_cryonet.io import mrc
from napari_cryonet.io.atomic import check_output, replacing
from napari_cryonet.types import Volume

COLOURS = (
    "#fde725",
    "#addc30",
    "#5ec962",
    "#28ae80",
    "#21918c",
    "#2c728e",
    "#3b528b",
    "#472d7b",
    "#440154",
)
"""From the finest resolution to the coarsest: viridis, reversed, so that fine detail shines."""

_LEAST = 0.2  # Å that the colours span at least
_LABELLED = 2  # every second colour has a number in the key


def colour_limits(finest: float, coarsest: float) -> tuple[float, float]:
    """Return the resolutions of the first and the last colour, in Å.

    Parameters
    ----------
    finest, coarsest
        What nearly all of the map lies between, in Å.
    """
    missing = max(0.0, _LEAST - (coarsest - finest)) / 2
    return finest - missing, coarsest + missing


def script_files(path: Path) -> tuple[Path, Path, Path]:
    """Return a script and the two maps beside it, density and resolution."""
    density, resolution = (
        path.with_name(f"{path.stem}_{what}.mrc") for what in ("density", "resolution")
    )
    return path, density, resolution


def write_coloured(
    path: Path,
    density: Volume,
    resolution: Volume,
    limits: tuple[float, float],
    *,
    overwrite: bool = False,
) -> tuple[Path, Path]:
    """Write a script for ChimeraX and, beside it, the two maps that it needs.

    Parameters
    ----------
    path
        The script, ``NAME.cxc``; the maps are ``NAME_density.mrc`` and ``NAME_resolution.mrc``.
    density
        The map whose surface is coloured.
    resolution
        Its local resolution in Å; without values that are not numbers.
    limits
        The resolutions in Å of the first and the last colour.
    overwrite
        Whether to replace files that are there.

    Returns
    -------
    tuple of Path
        The files of the two maps.

    Raises
    ------
    DataError
        If the limits are not two rising numbers.
    OutputExists, FileProblem
        If a file is there, or cannot be written.
    """
    script, *files = script_files(path)
    for file in (script, *files):
        check_output(file, overwrite=overwrite)
    for file, volume in zip(files, (density, resolution), strict=True):
        mrc.write(file, volume, overwrite=overwrite)
    write_chimerax(path, files[0], files[1], limits, overwrite=overwrite)
    return files[0], files[1]


def write_chimerax(
    path: Path,
    density: Path,
    resolution: Path,
    limits: tuple[float, float],
    *,
    overwrite: bool = False,
) -> None:
    """Write a script for ChimeraX: ``open NAME.cxc`` there shows the coloured surface and a key.

    Parameters
    ----------
    path
        The script.
    density
        The map whose surface is coloured.
    resolution
        The map of local resolution in Å; without values that are not numbers.
    limits
        The resolutions in Å of the first and the last colour.
    overwrite
        Whether to replace a file that is there.

    Raises
    ------
    DataError
        If the limits are not two rising numbers.
    OutputExists, FileProblem
        If the script is there, or cannot be written.
    """
    low, high = limits
    if not (np.isfinite(limits).all() and low < high):
        raise DataError(f"Colours run from a finer to a coarser resolution, not {low} to {high} Å.")
    values = np.linspace(low, high, len(COLOURS))
    palette = ":".join(
        f"{value:.2f},{colour}" for value, colour in zip(values, COLOURS, strict=True)
    )
    key = " ".join(
        f"{colour}:{'' if number % _LABELLED else f'{value:.1f}'}"
        for number, (value, colour) in enumerate(zip(values, COLOURS, strict=True))
    )
    lines = (
        "# Local resolution in Angstrom on the density. Open this file in ChimeraX.",
        "close session",
        f'open "{_beside(path, density)}" name density',
        f'open "{_beside(path, resolution)}" name "local resolution"',
        "volume #1 style surface step 1",
        "hide #2 models",
        f"color sample #1 map #2 palette {palette}",
        f"key {key}",
        "view",
    )
    with replacing(path, overwrite=overwrite) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _beside(script: Path, file: Path) -> str:
    """Return the name of a file as the script finds it: it runs in its own folder."""
    try:
        name = os.path.relpath(file.resolve(), script.resolve().parent)
    except ValueError:  # on another drive
        name = str(file.resolve())
    return Path(name).as_posix()
