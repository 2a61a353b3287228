"""Moving files within a library so that an abort at any time loses nothing.

All moves are written down first, in a journal beside the index; then each is one rename on
the same disk, and at last the journal goes. Whoever opens the library finds a journal that
was left and finishes it. Nothing is ever replaced.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from napari_cryonet.errors import FileProblem, FormatError
from napari_cryonet.library.places import BAD
from napari_cryonet.reporting import Reporter

JOURNAL = ".moves.json"

Moves = Sequence[tuple[str, str]]


def move(folder: Path, moves: Moves) -> None:
    """Move files.

    Parameters
    ----------
    folder
        The library.
    moves
        From where to where, relative to it.

    Raises
    ------
    FileProblem
        If a file is not there, or one is in the way; then none is moved. Also if the disk
        refuses; then the moves are finished when the library is opened the next time.
    """
    if not moves:
        return
    for source, target in moves:
        if not (folder / source).is_file():
            raise FileProblem(f"There is no file {folder / source}; it was moved meanwhile.")
        if (folder / target).exists():
            raise FileProblem(
                f"{folder / source} cannot be moved: {folder / target} is in the way. Give one of "
                f"them another name."
            )
    _write_journal(folder, moves)
    _carry_out(folder, moves, moves)


def recover(folder: Path, report: Reporter) -> int:
    """Finish moves that were aborted, and return how many there were.

    Parameters
    ----------
    folder
        The library.
    report
        Is warned of files that are in neither place or in both.

    Raises
    ------
    FormatError
        If the journal is damaged.
    FileProblem
        If the disk refuses.
    """
    journal = folder / JOURNAL
    if not journal.exists():
        return 0
    moves = _read_journal(journal)
    left = []
    for source, target in moves:
        here, there = (folder / source).exists(), (folder / target).exists()
        if here and there:
            report.warn(f"{source} and {target} are both there; neither was touched.")
        elif here:
            left.append((source, target))
        elif not there:
            report.warn(f"Neither {source} nor {target} is there.")
    _carry_out(folder, left, moves)
    report.say(f"{len(left)} of {len(moves)} moves that were aborted have been finished.")
    return len(left)


def _carry_out(folder: Path, moves: Moves, noted: Moves) -> None:
    """Rename the files, and remove the journal when all are where they belong."""
    try:
        for source, target in moves:
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            (folder / source).rename(folder / target)
        for touched in {(folder / path).parent for pair in moves for path in pair}:
            _settle(touched)
        (folder / JOURNAL).unlink()
        for source, _ in noted:
            _remove_empty(folder, source)
    except OSError as error:
        raise FileProblem(
            f"Files of {folder} cannot be moved: {error.strerror}. Nothing is lost; the moves are "
            f"finished when the library is used the next time."
        ) from error


def _write_journal(folder: Path, moves: Moves) -> None:
    """Write down what is to be moved, so that it survives an abort and a power cut."""
    part = folder / f"{JOURNAL}.part"
    try:
        with part.open("w", encoding="utf-8") as stream:
            json.dump([list(pair) for pair in moves], stream, indent=0, ensure_ascii=False)
            stream.flush()
            os.fsync(stream.fileno())
        part.rename(folder / JOURNAL)
        _settle(folder)
    except OSError as error:
        raise FileProblem(
            f"Cannot write {folder / JOURNAL}: {error.strerror}. Nothing was moved."
        ) from error


def _read_journal(journal: Path) -> list[tuple[str, str]]:
    """Return the moves of a journal; none of them may leave the folder."""
    try:
        moves = [(str(a), str(b)) for a, b in json.loads(journal.read_text(encoding="utf-8"))]
    except OSError as error:
        raise FileProblem(f"Cannot read {journal}: {error.strerror}.") from error
    except (ValueError, TypeError) as error:
        raise FormatError(
            f"{journal} is damaged: {error}. It names moves that were aborted; look at the folder, "
            f"and remove it when each file is where it belongs."
        ) from error
    for path in (path for pair in moves for path in pair):
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or not pure.parts:
            raise FormatError(f"{journal} names {path!r}, which is not in the library.")
    return moves


def _settle(folder: Path) -> None:
    """Have a folder's names written to the disk, where the system can."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _remove_empty(folder: Path, source: str) -> None:
    """Remove folders below ``bad`` that hold nothing any more, deepest first."""
    if PurePosixPath(source).parts[0] != BAD:
        return
    for parent in list(PurePosixPath(source).parents)[:-1]:
        place = folder / parent
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()
