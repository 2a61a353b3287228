"""From a sheet to things: one `Points` for each tomogram of a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_cryonet.errors import DataError, FormatError, SettingsError
from napari_cryonet.io.compressed import compression
from napari_cryonet.io.coordinates.convention import Convention, to_voxels
from napari_cryonet.io.coordinates.formats import FORMATS, Format, of_file
from napari_cryonet.io.coordinates.frame import Frame
from napari_cryonet.io.coordinates.lines import MISSING
from napari_cryonet.io.coordinates.settings import CoordinateSettings
from napari_cryonet.io.coordinates.sheet import CLASS, SCORE, Columns, Sheet
from napari_cryonet.types import Points

_RENAMED = (("score_column", SCORE), ("class_column", CLASS))


def read(path: Path, settings: CoordinateSettings | None = None) -> tuple[Points, ...]:
    """Read the positions of a file, one thing for each tomogram that it names.

    Parameters
    ----------
    path
        The file.
    settings
        What the file does not say, or says otherwise than its format does.

    Returns
    -------
    tuple of Points
        In voxels of their volumes, everything else in the features.

    Raises
    ------
    FileProblem, FormatError
        If it cannot be read, or holds no positions in three dimensions.
    SettingsError
        If the format needs to know something of the volume that nobody gives.
    DataError
        If the file does not name the tomogram or the column that the settings ask for.
    """
    settings = settings or CoordinateSettings()
    form, sheet = read_sheet(path, settings)
    names = _names(path, sheet, settings)
    several = len(names) > 1
    made = []
    for name in names:
        which = _rows(sheet, name)
        part = replace(
            sheet,
            numbers=sheet.numbers[which],
            columns={column: values[which] for column, values in sheet.columns.items()},
        )
        points = _points(part, name, form, settings)
        stem = path.name.removesuffix(path.suffix if compression(path) else "")
        stem = Path(stem).stem
        made.append(replace(points, name=f"{stem} {name}" if several else stem, path=path))
    return tuple(made)


def read_sheet(path: Path, settings: CoordinateSettings) -> tuple[Format, Sheet]:
    """Return the format of a file and what is in it, checked and with its columns named.

    Raises
    ------
    FileProblem, FormatError, SettingsError, DataError
        As `read`.
    """
    form = of_file(path, settings)
    sheet = form.read(path, settings)
    sheet.check(path)
    columns = dict(sheet.columns)
    for field, feature in _RENAMED:
        if not (name := getattr(settings, field)):
            continue
        if name not in columns:
            raise DataError(
                f"{path} has no column {name!r}; it has {', '.join(columns) or 'none'}."
            )
        columns[feature] = columns.pop(name)
    _check_scores(path, columns)
    found = FORMATS.get(str(sheet.header.get("format")), form)
    return found, replace(sheet, columns=columns)


def _check_scores(path: Path, columns: Columns) -> None:
    """Make scores numbers, or no column if there are none at all."""
    given = columns.get(SCORE)
    if given is None:
        return
    if given.dtype.kind in "biuf":
        columns[SCORE] = given.astype(float)
        return
    words = [str(word) for word in given if str(word) not in MISSING]
    if words:
        raise FormatError(
            f"{path}: the scores hold {words[0][:40]!r}; a score is a number. Correct them, or "
            f"choose another column (--score-column)."
        )
    del columns[SCORE]


def how(sheet: Sheet, settings: CoordinateSettings) -> Convention:
    """Return what the numbers of a sheet mean under some settings."""
    return sheet.convention.chosen(settings)


def frame_of(sheet: Sheet, name: str, settings: CoordinateSettings) -> tuple[Frame, str]:
    """Return what is known of a tomogram, and a sentence on what was taken for granted.

    Settings win over the list of tomograms, and that over what the file itself says. Where
    positions count unbinned pixels and no binning is known, they are left in such pixels.

    Raises
    ------
    SettingsError
        If sizes and binning contradict each other.
    """
    listed = sheet.frames.get(name, Frame())
    frame = Frame.of(settings).over(listed).over(sheet.frame).completed()
    convention = how(sheet, settings)
    if frame.binning is not None or convention.unit == "voxels":
        return frame, ""
    if frame.voxel_size is not None or frame.shape is not None:
        if convention.unit == "unbinned":
            raise SettingsError(
                "The positions count unbinned pixels, and the binning of the volume is not known; "
                "give it (--binning 4; 1 if the volume is not binned)."
            )
        return frame, ""
    if convention.unit == "angstrom" and frame.pixel_size is None:
        return frame, ""
    if convention.origin != "corner" and frame.unbinned is None:
        return frame, ""
    size = f" of {frame.pixel_size:g} Å" if frame.pixel_size else ""
    sentence = (
        f"The positions are left in unbinned pixels{size}; give the binning for voxels of a binned "
        f"volume."
    )
    return replace(frame, binning=1.0).completed(), sentence


def _names(path: Path, sheet: Sheet, settings: CoordinateSettings) -> list[str]:
    """Return the tomograms to take."""
    if sheet.volumes is None:
        return [settings.volume]
    names = list(dict.fromkeys(str(name) for name in sheet.volumes))
    if not settings.volume:
        return names or [""]
    if settings.volume not in names:
        raise DataError(
            f"{path} has no positions in {settings.volume!r}; its tomograms are "
            f"{', '.join(names[:20]) or 'none'}."
        )
    return [settings.volume]


def _rows(sheet: Sheet, name: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which rows belong to a tomogram."""
    if sheet.volumes is None or not len(sheet.volumes):
        return np.ones(len(sheet.numbers), dtype=bool)
    return np.asarray(sheet.volumes == name)


def _points(sheet: Sheet, name: str, form: Format, settings: CoordinateSettings) -> Points:
    """Return the positions of one tomogram."""
    convention = how(sheet, settings)
    frame, note = frame_of(sheet, name, settings)
    try:
        positions = to_voxels(sheet.numbers, convention, frame)
    except SettingsError as error:
        of = f" of {name}" if name else ""
        raise SettingsError(f"{form.title}{of}: {error}") from None
    header = dict(sheet.header)
    if frame.binning is not None:
        header["binning"] = frame.binning
    return Points(
        positions,
        sheet.columns,
        frame.voxel_size,
        name,
        history=(f"Read as {form.title}: {convention.sentence()}.",),
        notes=(*sheet.notes, *([note] if note else [])),
        volume_shape=frame.shape,
        header=header,
    )
