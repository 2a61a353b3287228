"""Text files line by line, with errors that name line and column."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import FormatError
from napari_cryonet.io.compressed import open_stream, read_bytes

Row = tuple[int, list[str]]
"""The number of a line and its words."""

MISSING = ("", "<NA>", "nan", "NaN", "None", "null")
"""Words that stand for nothing in a column."""
_DIGITS = r"0|[1-9]\d{0,17}"
_WHOLE = re.compile(rf"[+-]?({_DIGITS})")
_NUMBER = re.compile(
    rf"[+-]?(({_DIGITS}|\d+\.\d*|\.\d+)(e[+-]?\d+)?|inf|infinity|nan)", re.IGNORECASE
)
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_LARGEST = 1 << 30


def content(path: Path) -> bytes:
    """Return the bytes of a file, unpacked.

    Raises
    ------
    FileProblem
        If it cannot be read.
    FormatError
        If it is a pickle, which is never opened, or is empty.
    """
    with open_stream(path) as stream:
        data = bytes(read_bytes(stream, _LARGEST, path))
    if data.startswith(_PICKLES):
        raise FormatError(
            f"{path} is a pickle, as TomoTwin's .tloc files are: opening it would run whatever "
            f"program it holds. Export the picks as .coords or .star instead."
        )
    if not data.strip():
        raise FormatError(f"{path} is empty; a file of coordinates has a header or a line.")
    return data


def text(path: Path) -> str:
    """Return a file as text.

    Raises
    ------
    FileProblem, FormatError
        As `content`, or if the file is not text.
    """
    data = content(path)
    try:
        found = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_text(path, error.start) from None
    if "\0" in found:
        raise _not_text(path, data.index(b"\0"))
    return found


def used(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a text file that are neither empty nor comments (#), with numbers.

    Raises
    ------
    FileProblem, FormatError
        As `text`.
    """
    lines = enumerate(text(path).splitlines(), 1)
    return [(number, line) for number, line in lines if line.strip() and line.strip()[0] != "#"]


def rows(path: Path, separator: str | None = None) -> list[Row]:
    """Return the words of those lines.

    Parameters
    ----------
    path
        The file.
    separator
        A character, or None for any white space.

    Raises
    ------
    FileProblem, FormatError
        As `text`.
    """
    if separator is None:
        return [(number, line.split()) for number, line in used(path)]
    return [
        (number, [word.strip() for word in next(csv.reader([line], delimiter=separator))])
        for number, line in used(path)
    ]


def values(path: Path, found: Sequence[Row], width: int) -> NDArray[np.float64]:
    """Return lines of numbers as an array.

    Parameters
    ----------
    path
        The file, for messages.
    found
        The lines.
    width
        How many numbers every line has.

    Raises
    ------
    FormatError
        If a line has more or fewer words, or one that is not a number.
    """
    for line, words in found:
        if len(words) != width:
            raise FormatError(
                f"{path}, line {line}: {len(words)} values where the lines before have {width}; "
                f"every line has as many. Correct or delete it."
            )
    table = np.empty((len(found), width))
    for row, (line, words) in enumerate(found):
        for place, word in enumerate(words):
            table[row, place] = number(path, line, str(place + 1), word)
    return table


def number(path: Path, line: int, name: str, word: str) -> float:
    """Return one word as a number.

    Raises
    ------
    FormatError
        If it is none; the message names line and column.
    """
    try:
        return float(word)
    except ValueError:
        raise FormatError(
            f"{path}, line {line}, column {name}: {word[:40]!r} is not a number. Correct or delete "
            f"the line."
        ) from None


def column(words: Sequence[str]) -> NDArray[np.generic]:
    """Return a column as whole numbers, numbers or text, whichever holds all of it.

    What a number would change is text: ``007`` and ``2024_01`` are names.
    """
    given = [word for word in words if word not in MISSING]
    if not given or not all(_NUMBER.fullmatch(word) for word in given):
        return np.array(words, dtype=str)
    if len(given) == len(words) and all(_WHOLE.fullmatch(word) for word in words):
        return np.array(words, dtype=np.int64)
    return np.array([np.nan if word in MISSING else float(word) for word in words])


def _not_text(path: Path, place: int) -> FormatError:
    """Return the error for a file with bytes that no text has."""
    return FormatError(
        f"{path} is not a text file (byte {place}); its name promises a list of coordinates. "
        f"Choose another file, or export it anew."
    )
