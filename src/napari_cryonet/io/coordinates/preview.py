"""What the first positions of a file become under some settings, before they are taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_cryonet.io.coordinates.convention import Numbers, to_voxels
from napari_cryonet.io.coordinates.reading import frame_of, how, read_sheet
from napari_cryonet.io.coordinates.settings import CoordinateSettings

ROWS = 3


@dataclass(frozen=True)
class Preview:
    """The first positions of a file in three ways.

    Parameters
    ----------
    format
        The format's name for people.
    convention
        What the numbers were taken for.
    axes
        The order of the numbers.
    stored
        ``(rows, 3)`` numbers as they are in the file, with shifts applied.
    voxels
        ``(rows, 3)`` z, y, x.
    angstrom
        ``(rows, 3)`` z, y, x in Å from the centre of the first voxel; None without a voxel size.
    """

    format: str
    convention: str
    axes: str
    stored: Numbers
    voxels: Numbers
    angstrom: Numbers | None

    def rows(self) -> list[str]:
        """One line for each position."""
        lines = []
        for row, (stored, voxels) in enumerate(zip(self.stored, self.voxels, strict=True)):
            line = f"{_three(self.axes, stored)}  →  {_three('zyx', voxels)} voxels"
            if self.angstrom is not None:
                line += f"  =  {_three('', self.angstrom[row])} Å"
            lines.append(line)
        return lines


def preview(path: Path, settings: CoordinateSettings | None = None, rows: int = ROWS) -> Preview:
    """Show what the first positions of a file become under some settings.

    Parameters
    ----------
    path
        The file.
    settings
        As in `napari_cryonet.io.coordinates.read`.
    rows
        How many positions.

    Raises
    ------
    FileProblem, FormatError, SettingsError, DataError
        As `napari_cryonet.io.coordinates.read`.
    """
    settings = settings or CoordinateSettings()
    form, sheet = read_sheet(path, settings)
    convention = how(sheet, settings)
    if sheet.volumes is not None and settings.volume:
        chosen = np.flatnonzero(sheet.volumes == settings.volume)[:rows]
    else:
        chosen = np.arange(min(rows, len(sheet.numbers)))
    stored = sheet.numbers[chosen]
    voxels = np.empty((len(chosen), 3))
    sizes = []
    for place, row in enumerate(chosen):
        name = settings.volume if sheet.volumes is None else str(sheet.volumes[row])
        frame, _ = frame_of(sheet, name, settings)
        voxels[place : place + 1] = to_voxels(stored[place : place + 1], convention, frame)
        sizes.append(frame.voxel_size)
    known = [size for size in sizes if size is not None]
    angstrom = voxels * np.array(known) if known and len(known) == len(sizes) else None
    return Preview(form.title, convention.sentence(), convention.axes, stored, voxels, angstrom)


def _three(axes: str, numbers: Numbers) -> str:
    """Return three numbers as a person reads them."""
    values = " ".join(f"{value:.2f}" for value in numbers)
    return f"{' '.join(axes)} {values}" if axes else values
