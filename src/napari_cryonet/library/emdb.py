"""Searching the EMDB, or a table of its half maps, for entries with two half maps.

References
----------
https://www.ebi.ac.uk/emdb/api/ (the addresses and the fields of the answers).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from napari_cryonet.errors import CryonetError, FormatError
from napari_cryonet.library.entry import Entry, RemoteFile, entry_id, half_pair, safe_name
from napari_cryonet.library.settings import SearchSettings, SourceSettings
from napari_cryonet.library.tables import number, parse, read_index
from napari_cryonet.library.web import fetch_text
from napari_cryonet.reporting import Cancelled, Reporter

_FIELDS = (
    "emdb_id",
    "title",
    "resolution",
    "structure_determination_method",
    "half_map_filename",
    "half_map_pixel_spacing_x",
    "map_pixel_spacing_x",
    "release_date",
)
_ALL = 200_000
_HALVES = ("interpretation", "half_map_list", "half_map")
_RESOLUTION = (
    *("structure_determination_list", "structure_determination", 0, "image_processing", 0),
    *("final_reconstruction", "resolution", "valueOf_"),
)


def search(wanted: SearchSettings, source: SourceSettings, report: Reporter) -> list[Entry]:
    """Return the entries that are wanted and have two half maps.

    The answer of the EMDB to a search does not hold the box of a map, so each entry is looked
    up if the box matters; what was found is returned when the user stops that.

    Parameters
    ----------
    wanted
        Which entries.
    source
        Where to look; its table, if there is one, stands for the EMDB.
    report
        Is told how many of the entries have been looked at.

    Raises
    ------
    FileProblem
        If the table or the server cannot be read.
    FormatError
        If what is read is no table of half maps.
    """
    offline = source.index is not None
    if source.index is not None:
        entries = read_index(source.index, report)
    else:
        url = address(wanted, source)
        entries = parse(fetch_text(url, source, report), url, report)
    found: list[Entry] = []
    for done, entry in enumerate(entries):
        if len(found) == wanted.limit:
            report.warn(f"More than {wanted.limit} entries are wanted; set a higher --limit.")
            break
        report.step(done, len(entries), found=len(found))
        if not _resolved(entry, wanted) or not _mentions(entry, wanted, offline=offline):
            continue
        try:
            full = entry if offline else _with_box(entry, wanted, source, report)
        except Cancelled:
            report.warn("Stopped: not all entries have been looked at.")
            break
        if not wanted.asks_for_box or fits(full, wanted):
            found.append(full)
    return found


def address(wanted: SearchSettings, source: SourceSettings) -> str:
    """Return the address that answers a search.

    Parameters
    ----------
    wanted
        Which entries.
    source
        Where the EMDB is.
    """
    low, high = wanted.min_resolution, wanted.max_resolution
    terms = [
        "half_map_filename:[* TO *]",
        'current_status:"REL"',
        f"resolution:[{low:g} TO {high:g}]",
    ]
    if wanted.method != "any":
        terms.append(f'structure_determination_method:"{wanted.method}"')
    if wanted.text.strip():
        terms.append(f"({wanted.text.strip()})")
    query = quote(" AND ".join(terms), safe="")
    fields = quote(",".join(_FIELDS), safe="")
    return f"{source.api.rstrip('/')}/search/{query}?rows={_ALL}&fl={fields}&wt=csv"


def details(identifier: str, source: SourceSettings, report: Reporter) -> Entry:
    """Return all that is known of one entry.

    Parameters
    ----------
    identifier
        For example ``EMD-0552``.
    source
        Where to look; its table, if there is one, stands for the EMDB.
    report
        Is told of tries that fail.

    Raises
    ------
    FileProblem
        If the server has no such entry or does not answer.
    FormatError
        If the table does not have it, or the answer is not that of the EMDB.
    """
    key = entry_id(identifier)
    if source.index is not None:
        entries = {entry.id: entry for entry in read_index(source.index, report)}
        if key not in entries:
            raise FormatError(f"{source.index} lists no pair of half maps of {key}.")
        return entries[key]
    url = f"{source.api.rstrip('/')}/entry/{key}"
    try:
        tree = json.loads(fetch_text(url, source, report))
    except json.JSONDecodeError as error:
        raise FormatError(
            f"{url} does not answer with an entry: {error}. Check the address of the search."
        ) from error
    return _from_tree(key, tree, report)


def fits(entry: Entry, wanted: SearchSettings) -> bool:
    """Whether the box of an entry is wanted; one that is not known is not.

    Parameters
    ----------
    entry
        The entry.
    wanted
        Which boxes are.
    """
    if entry.shape is None:
        return False
    if wanted.cubic and len(set(entry.shape)) > 1:
        return False
    largest = wanted.max_side or max(entry.shape)
    return wanted.min_side <= min(entry.shape) and max(entry.shape) <= largest


def _resolved(entry: Entry, wanted: SearchSettings) -> bool:
    """Whether the resolution is wanted; servers have been seen to pass over the query."""
    low, high = wanted.min_resolution, wanted.max_resolution
    return entry.resolution is not None and low <= entry.resolution <= high


def _mentions(entry: Entry, wanted: SearchSettings, *, offline: bool) -> bool:
    """Whether an entry is of the method and has the words; a server has looked for both."""
    if wanted.method != "any" and entry.method and entry.method != wanted.method:
        return False
    if not offline:
        return True
    text = f"{entry.id} {entry.title}".lower()
    known = wanted.method == "any" or entry.method == wanted.method
    return known and all(word in text for word in wanted.text.lower().split())


def _with_box(
    entry: Entry, wanted: SearchSettings, source: SourceSettings, report: Reporter
) -> Entry:
    """Return an entry whose box is known, if that matters and the server tells it."""
    if not wanted.asks_for_box or entry.shape is not None:
        return entry
    try:
        known = details(entry.id, source, report)
    except CryonetError as error:
        report.warn(f"{entry.id} is left out. {error}")
        return entry
    return replace(
        entry,
        shape=known.shape,
        halves=known.halves or entry.halves,
        title=entry.title or known.title,
        voxel_size=entry.voxel_size or known.voxel_size,
    )


def _from_tree(key: str, tree: Any, report: Reporter) -> Entry:
    """Return an entry from what the EMDB answers, of which every part may be missing."""
    halves = _at(tree, *_HALVES)
    files = []
    for half in halves if isinstance(halves, list) else [halves]:
        name = _at(half, "file")
        if not isinstance(name, str):
            continue
        try:
            files.append(RemoteFile(safe_name(name)))
        except FormatError as error:
            report.warn(f"{key}: a file is left out. {error}")
    described = halves[0] if isinstance(halves, list) and halves else halves
    shape = _shape(described) or _shape(_at(tree, "map"))
    size = _at(described, "pixel_spacing", "x", "valueOf_")
    size = size or _at(tree, "map", "pixel_spacing", "x", "valueOf_")
    return Entry(
        key,
        half_pair(files),
        title=str(_at(tree, "admin", "title") or ""),
        resolution=number(_at(tree, *_RESOLUTION)),
        method=str(_at(tree, "structure_determination_list", "structure_determination", 0, "method")
                   or ""),
        shape=shape,
        voxel_size=number(size),
        released=str(_at(tree, "admin", "key_dates", "map_release") or ""),
    )  # fmt: skip


def _shape(described: Any) -> tuple[int, int, int] | None:
    """Return the sections, rows and columns of a described map."""
    z, y, x = (number(_at(described, "dimensions", axis)) for axis in ("sec", "row", "col"))
    return (int(z), int(y), int(x)) if z and y and x else None


def _at(tree: Any, *path: str | int) -> Any:
    """Return what is at a place in a tree of objects and lists, or None."""
    for step in path:
        if isinstance(step, int) and isinstance(tree, list) and len(tree) > step:
            tree = tree[step]
        elif isinstance(step, str) and isinstance(tree, dict):
            tree = tree.get(step)
        else:
            return None
    return tree
