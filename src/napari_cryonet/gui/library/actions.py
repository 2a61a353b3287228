"""What the Library dock has done in another thread; knows nothing of Qt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_cryonet.errors import FileProblem
from napari_cryonet.library import (
    DownloadSettings,
    Entry,
    Library,
    SortSettings,
    SourceSettings,
    sort,
)
from napari_cryonet.library.download import Fetched, download
from napari_cryonet.reporting import Reporter


def fetch(
    folder: Path,
    entries: Sequence[Entry],
    how: DownloadSettings,
    source: SourceSettings,
    report: Reporter,
) -> Fetched:
    """Fetch half maps into a folder, which is made if it is not there.

    Parameters
    ----------
    folder
        The library.
    entries
        What to fetch.
    how
        How it arrives.
    source
        Where it comes from.
    report
        Is told the bytes.

    Raises
    ------
    FileProblem
        If the folder cannot be made or the disk has no room.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileProblem(
            f"Cannot make the folder {folder}: {error.strerror}; choose another."
        ) from error
    return download(entries, Library(folder, report), how, source, report)


def compare(folder: Path, how: SortSettings, report: Reporter) -> str:
    """Measure how the halves of all pairs correlate, and return what was done in a sentence."""
    return f"{_counted(len(sort.measure(Library(folder, report), how, report)))} compared."


def put_aside(folder: Path, threshold: float, report: Reporter) -> str:
    """Put bad pairs aside and better ones back, and return what was done in a sentence.

    Pairs that nobody has compared stay where they are.

    Parameters
    ----------
    folder
        The library.
    threshold
        A pair whose correlation is this or less is bad.
    report
        Is told what was finished of an earlier move.
    """
    library = Library(folder, report)
    known = [pair for pair in library.pairs if pair.measure]
    done = sort.sort(library, known, threshold)
    return f"{_counted(len(done.aside))} put aside, {_counted(len(done.back))} put back."


def put_back(folder: Path, report: Reporter) -> str:
    """Put all pairs back to where they were, and return what was done in a sentence."""
    return f"{_counted(len(sort.restore(Library(folder, report))))} put back."


def _counted(count: int) -> str:
    """Return a number of pairs in words."""
    return "1 pair" if count == 1 else f"{count} pairs"
