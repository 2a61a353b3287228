"""A library: a folder of half maps, with an index that people and spreadsheets can read.

The files decide: what is in the folder is in the library, and where it is says what it is
for. The index, ``library.csv``, adds what the files do not tell: the entry, its title, its
resolution, how well the halves correlate. A column that is added by hand is kept, and so are
rows whose files are away.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from napari_cryonet.errors import FileProblem
from napari_cryonet.io.atomic import replacing
from napari_cryonet.io.halves import pairs
from napari_cryonet.io.mrc import SUFFIXES
from napari_cryonet.library import moves, places
from napari_cryonet.library.entry import Entry
from napari_cryonet.library.records import Pair, read_table, table
from napari_cryonet.reporting import Reporter, SilentReporter

INDEX = "library.csv"


class Library:
    """A folder of half maps.

    Parameters
    ----------
    folder
        The folder; what was aborted in it is finished first.
    report
        Is told what was finished.

    Raises
    ------
    FileProblem
        If there is no such folder or it cannot be read.
    FormatError
        If its index is damaged.
    """

    def __init__(self, folder: Path, report: Reporter | None = None) -> None:
        if not folder.is_dir():
            raise FileProblem(f"There is no folder {folder}; create it, or check its name.")
        self.folder = folder
        self.pairs: list[Pair] = []
        self.singles: list[str] = []
        moves.recover(folder, report or SilentReporter())
        self._known = self._written()
        self.scan()

    def scan(self) -> None:
        """Look again which files there are."""
        files: dict[str, str] = {}
        for path in _maps(self.folder):
            files.setdefault(places.pairing_name(path), path)
        found, rest = pairs(files)
        self._names = {places.known_as(path) for path in files.values()}
        self.singles = [files[name] for name in rest]
        self.pairs = []
        for one, two in found:
            known = self._known.get(one, Pair("", ""))
            entry = known.entry or _entry_of(files[one])
            self.pairs.append(replace(known, half1=files[one], half2=files[two], entry=entry))

    def holds(self, name: str) -> bool:
        """Whether a file is anywhere in the library, packed or not.

        Parameters
        ----------
        name
            Of the file, as the EMDB calls it: ``emd_0552_half_map_1.map.gz``.
        """
        return places.plain(name).lower() in self._names

    def arrived(self, entry: Entry, source: str) -> None:
        """Note a pair that has been fetched.

        Parameters
        ----------
        entry
            What it is.
        source
            Where it is from.
        """
        self.scan()
        names = {places.plain(half.name).lower() for half in entry.halves}
        for pair in self.pairs:
            if {places.known_as(path) for path in pair.paths} == names:
                noted = replace(
                    pair,
                    entry=entry.id,
                    title=entry.title,
                    source=source,
                    resolution=entry.resolution,
                    voxel_size=entry.voxel_size,
                )
                self.note([noted])

    def note(self, changed: Iterable[Pair]) -> None:
        """Put what is known of pairs into the index.

        What others have written into it meanwhile is kept, and so are pairs whose files are away.

        Parameters
        ----------
        changed
            The pairs, each in the place of the one with its key.
        """
        self._known = self._written() | {pair.key: pair for pair in changed}
        self.scan()
        away = self._known.keys() - {pair.key for pair in self.pairs}
        rows = [*self.pairs, *(pair for key, pair in self._known.items() if key in away)]
        with replacing(self.folder / INDEX, overwrite=True) as part:
            part.write_text(table(rows), encoding="utf-8", newline="")

    def _written(self) -> dict[str, Pair]:
        """Return what the index says, by the keys of the pairs."""
        return {pair.key: pair for pair in read_table(self.folder / INDEX)}

    def move(self, wanted: Iterable[Pair], *, bad: bool) -> int:
        """Put pairs aside or back, and return how many were moved.

        Parameters
        ----------
        wanted
            The pairs.
        bad
            True to put them aside.

        Raises
        ------
        FileProblem
            If a file is in the way, or the disk refuses; nothing is lost.
        """
        place = places.aside if bad else places.home
        chosen = [[(path, place(path)) for path in pair.paths] for pair in wanted]
        needed = [[one for one in both if one[0] != one[1]] for both in chosen]
        moves.move(self.folder, [one for both in needed for one in both])
        count = sum(bool(both) for both in needed)
        if count:
            self.note(())
        return count


def _maps(folder: Path) -> list[str]:
    """Return the paths of all maps in a folder, in order; hidden ones are left out."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            suffix = Path(places.plain(name)).suffix.lower()
            if suffix in SUFFIXES and not name.startswith("."):
                found.append((Path(place) / name).relative_to(folder).as_posix())
    return sorted(found)


def _entry_of(path: str) -> str:
    """Return the entry that a file's name tells, or nothing."""
    digits = places.known_as(path).removeprefix("emd_").partition("_half_map_")[0]
    known = digits.isdigit() and places.known_as(path).startswith("emd_")
    return f"EMD-{digits}" if known else ""
