"""``cryonet info``: what is in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from napari_cryonet.cli.cards import voxel_size_text
from napari_cryonet.cli.console import working
from napari_cryonet.cli.options import Flag, options_of
from napari_cryonet.cli.output import complain, number, say, say_json, say_table
from napari_cryonet.cli.statistics import statistics
from napari_cryonet.cli.work import DONE
from napari_cryonet.errors import CryonetError
from napari_cryonet.io import CoordinateSettings, coordinates, read_all, read_card
from napari_cryonet.io.model import SUFFIX
from napari_cryonet.reporting import Reporter
from napari_cryonet.types import ImageStack, PointCloud, Points, Thing, Volume

Entry = dict[str, Any]

_EMPTY: Entry = dict.fromkeys(
    (
        "path",
        "kind",
        "shape",
        "dtype",
        "voxel_size",
        "origin",
        "units",
        "count",
        "statistics",
        "classes",
        "extent",
        "convention",
        "preview",
        "notes",
    )
)


def info(
    *files: Annotated[Path, Parameter(required=True, help="The files.")],
    options: Any = None,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Print what is in files: kind, size, voxel size, origin, statistics, and what is odd.

    Of positions of particles: their number, classes, scores and extent, and what the first three
    become under the settings below.

    Parameters
    ----------
    *files
        The files.
    options
        What a file of positions means.
    json
        Print a list of objects.
    quiet
        Show no progress.
    """
    entries, code = [], DONE
    for path in files:
        try:
            with working(quiet=quiet) as report:
                entries += describe(path, report, options)
        except CryonetError as error:
            complain(str(error))
            code = max(code, error.exit_code)
    if json:
        say_json(entries)
    else:
        for number_, entry in enumerate(entries):
            if number_:
                say()
            _show(entry)
    return code


info.__annotations__["options"] = options_of(CoordinateSettings)


def describe(
    path: Path, report: Reporter, settings: CoordinateSettings | None = None
) -> list[Entry]:
    """Return one entry for each thing in a file, all with the same keys.

    Parameters
    ----------
    path
        The file.
    report
        Is told of the progress, and asked whether to stop.
    settings
        What a file of positions means.

    Raises
    ------
    FileProblem, FormatError, ModelError, SettingsError
        If the file cannot be read.
    """
    if path.suffix.lower() == SUFFIX:
        return [_of_model(path)]
    if coordinates.is_named(path, settings):
        found = coordinates.read(path, settings)
        return [_of_positions(path, points, report, settings) for points in found]
    things = read_all(path, report)
    return [
        _of_cloud(path, thing) if isinstance(thing, PointCloud) else _of_thing(path, thing, report)
        for thing in things
    ]


def _of_thing(path: Path, thing: Thing, report: Reporter) -> Entry:
    """Return the entry of a volume or of images."""
    entry = _EMPTY | {"path": str(path), "notes": list(thing.notes)}
    if isinstance(thing, Volume):
        entry |= {
            "kind": "volume",
            "voxel_size": thing.voxel_size and list(thing.voxel_size),
            "origin": list(thing.origin),
            "units": "Å",
            "count": 1 if thing.data.ndim == 3 else len(thing.data),
        }
    elif isinstance(thing, ImageStack):
        spacing = [] if thing.spacing is None else [thing.spacing]
        entry |= {
            "kind": "images",
            "voxel_size": thing.pixel_size and [*spacing, *thing.pixel_size],
            "units": thing.unit,
            "count": len(thing.images),
        }
    else:
        raise TypeError(f"{type(thing).__name__} has no entry yet")
    values = statistics(thing.data, report)
    return entry | {
        "shape": list(thing.shape),
        "dtype": thing.data.dtype.name,
        "statistics": values,
    }


def _of_cloud(path: Path, cloud: PointCloud) -> Entry:
    """Return the entry of a cloud; its extent is z, y, x."""
    return _EMPTY | {
        "path": str(path),
        "kind": "cloud",
        "shape": list(cloud.vertices.shape),
        "dtype": cloud.vertices.dtype.name,
        "units": cloud.unit,
        "count": 1,
        "extent": [cloud.vertices.min(axis=0).tolist(), cloud.vertices.max(axis=0).tolist()],
        "notes": [*cloud.notes, f"{len(cloud)} vertices, {len(cloud.faces)} triangles."],
    }


def _of_positions(
    path: Path, points: Points, report: Reporter, settings: CoordinateSettings | None
) -> Entry:
    """Return the entry of the positions in one tomogram; statistics are those of the scores."""
    asked = settings or CoordinateSettings()
    shown = coordinates.preview(path, asked.updated({"volume": points.volume}))
    names, counts = np.unique(points.features.get("class", ()), return_counts=True)
    scores = np.asarray(points.features.get("score", ()), dtype=float)
    ends = [
        getattr(points.positions, end)(axis=0).tolist() for end in ("min", "max") if len(points)
    ]
    return _EMPTY | {
        "path": str(path),
        "kind": "positions" + (f" in {points.volume}" if points.volume else ""),
        "shape": list(points.positions.shape),
        "dtype": points.positions.dtype.name,
        "voxel_size": points.voxel_size and list(points.voxel_size),
        "units": "Å",
        "count": len(points),
        "statistics": statistics(scores[None], report) if len(scores) else None,
        "classes": {str(name): int(one) for name, one in zip(names, counts, strict=True)},
        "extent": ends,
        "convention": f"{shown.format}: {shown.convention}",
        "preview": shown.rows(),
        "notes": list(points.notes),
    }


def _of_model(path: Path) -> Entry:
    """Return the entry of a model."""
    card = read_card(path)
    return _EMPTY | {
        "path": str(path),
        "kind": "model",
        "voxel_size": card.voxel_size and list(card.voxel_size),
        "units": "Å",
        "count": 1,
        "notes": [f"A model made by {card.method}; its card: cryonet {card.method} model {path}"],
    }


def _show(entry: Entry) -> None:
    """Print an entry as a person reads it."""
    numbers = entry["statistics"] or {}
    what = "values" if entry["preview"] is None else "scores"
    count = f"{entry['count']} × " if (entry["count"] or 1) > 1 else ""
    size = entry["voxel_size"]
    origin = entry["origin"]
    say_table(
        {
            "file": entry["path"],
            "kind": f"{count}{entry['kind']}",
            "shape": " × ".join(str(length) for length in entry["shape"] or ()),
            "type": entry["dtype"],
            "voxel size": voxel_size_text(size and tuple(size), entry["units"]),
            "origin": origin and " × ".join(number(value) for value in origin) + " Å",
            what: "  ".join(f"{name} {number(value)}" for name, value in numbers.items()),
            "classes": "  ".join(f"{name} {one}" for name, one in (entry["classes"] or {}).items()),
            "extent": " to ".join(" ".join(map(number, end)) for end in entry["extent"] or ()),
            "read as": entry["convention"],
            "first": "\n".join(entry["preview"] or ()),
            "notes": "\n".join(entry["notes"]),
        }
    )
