"""Fetching half maps: what arrives is checked, what was cut goes on where it ended.

A file grows as ``.NAME.part`` beside its place and gets its name when it is whole and
checked. What names that version of it is kept in ``.NAME.tag``, so that two versions are
never joined.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_cryonet.errors import FileProblem, FormatError
from napari_cryonet.library.entry import Entry, RemoteFile, safe_name
from napari_cryonet.library.index import Library
from napari_cryonet.library.settings import DownloadSettings, SourceSettings
from napari_cryonet.library.space import check_room
from napari_cryonet.library.transfer import Bytes, fetch, tag_of
from napari_cryonet.library.unpack import Facts, unpack
from napari_cryonet.reporting import Reporter

_DIGESTS = ("md5", "sha1", "sha256", "sha512")


@dataclass
class Fetched:
    """What became of the entries that were to be fetched.

    Parameters
    ----------
    arrived
        Entries of which both halves are there now.
    present
        Entries that were there before, anywhere in the library.
    failed
        Why others are not there, by entry.
    """

    arrived: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def download(
    entries: Sequence[Entry],
    library: Library,
    settings: DownloadSettings,
    source: SourceSettings,
    report: Reporter,
) -> Fetched:
    """Fetch the half maps of entries into a library; what is there is not fetched again.

    An entry that cannot be had does not keep the others from arriving.

    Parameters
    ----------
    entries
        What to fetch.
    library
        Where it goes.
    settings
        How it arrives.
    source
        Where it comes from.
    report
        Is told the bytes, and which entries fail.

    Raises
    ------
    Cancelled
        If the user stops it; what is whole is kept and in the index, the rest goes on later.
    FileProblem
        If the disk has no room for what is known to come; nothing is fetched then.
    """
    outcome = Fetched()
    wanted = []
    for entry in entries:
        there = all(library.holds(half.name) for half in entry.halves)
        if not entry.halves:
            outcome.failed[entry.id] = f"{entry.id} has no pair of half maps."
        elif there:
            outcome.present.append(entry.id)
        else:
            wanted.append(entry)
    size = sum(entry.size or 0 for entry in wanted)
    check_room(library.folder, size)
    counted = Bytes(report, float(size))
    for entry in wanted:
        try:
            _pair(entry, library, settings, source, counted)
        except FileProblem as error:
            outcome.failed[entry.id] = str(error)
            report.warn(f"{entry.id}: {error}")
        else:
            outcome.arrived.append(entry.id)
    return outcome


def _pair(
    entry: Entry,
    library: Library,
    settings: DownloadSettings,
    source: SourceSettings,
    report: Bytes,
) -> None:
    """Fetch what is not there of the halves of an entry, and put the pair into the index."""
    folder = library.folder / settings.state
    folder.mkdir(parents=True, exist_ok=True)
    facts: list[Facts] = []
    for half in entry.halves:
        report.begin(half.size)
        if library.holds(half.name):
            report.at(half.size or 0.0, half.size)
            continue
        url = _address(entry, half, source)
        known = half if settings.check_size else RemoteFile(half.name, None, half.checksum)
        facts.append(_arrive(url, known, folder, settings, source, report))
    if len(facts) > 1 and (facts[0].shape, facts[0].voxel_size) != (
        facts[1].shape,
        facts[1].voxel_size,
    ):
        report.warn(
            f"{entry.id}: the halves differ, {facts[0].shape} and {facts[1].shape} voxels of "
            f"{facts[0].voxel_size} and {facts[1].voxel_size} Å."
        )
    library.arrived(entry, "EMDB" if source.index is None else str(source.index.name))


def _arrive(
    url: str,
    remote: RemoteFile,
    folder: Path,
    settings: DownloadSettings,
    source: SourceSettings,
    report: Bytes,
) -> Facts:
    """Fetch one file, check it and give it its name."""
    name = safe_name(remote.name)
    part, whole = folder / f".{name}.part", folder / f".{name}.map.part"
    fetch(url, remote, part, source, report)
    try:
        _check(part, remote, report)
        facts = unpack(part, whole if settings.unzip else None, settings.max_gigabytes, report)
    except BaseException as error:
        whole.unlink(missing_ok=True)
        if isinstance(error, FormatError):  # what is damaged is not gone on with
            part.unlink(missing_ok=True)
            tag_of(part).unlink(missing_ok=True)
        raise
    _named(part, whole, folder / name, unzip=settings.unzip)
    return facts


def _named(part: Path, whole: Path, target: Path, *, unzip: bool) -> None:
    """Give what has arrived its name, and remove what was needed on the way."""
    if unzip:
        whole.replace(target.with_name(target.name.removesuffix(".gz").removesuffix(".bz2")))
        part.unlink()
    else:
        part.replace(target)
    tag_of(part).unlink(missing_ok=True)


def _check(part: Path, remote: RemoteFile, report: Reporter) -> None:
    """Compare the size and the digest of a file with those that it has to have."""
    size = part.stat().st_size
    if remote.size not in (None, size):
        raise FormatError(f"{remote.name} has {size} bytes instead of {remote.size}.")
    kind, _, wanted = remote.checksum.lower().partition(":")
    if not remote.checksum:
        return
    if kind not in _DIGESTS:
        raise FileProblem(
            f"The checksum of {remote.name} is {remote.checksum[:40]!r}; it begins with "
            f"{', '.join(_DIGESTS)} and a colon."
        )
    digest = hashlib.new(kind, usedforsecurity=False)
    with part.open("rb") as stream:
        while block := stream.read(1 << 20):
            report.check()
            digest.update(block)
    if digest.hexdigest() != wanted.strip():
        raise FormatError(
            f"{remote.name} is damaged: its {kind} is {digest.hexdigest()} and not "
            f"{wanted.strip()}. It was removed; fetch it again."
        )


def _address(entry: Entry, half: RemoteFile, source: SourceSettings) -> str:
    """Return where a file is: on a server, or in a folder of this machine."""
    if "://" in source.files:
        return entry.url(source.files, half)
    folder = Path(source.files)
    places = (folder / entry.id / "other" / half.name, folder / half.name)
    found = next((str(place) for place in places if place.is_file()), None)
    if found is None:
        raise FileProblem(
            f"{half.name} is neither in {folder / entry.id / 'other'} nor in {folder}."
        )
    return found
