"""The two halves of one thing, recognised by their file names."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MARKS = (
    (r"(half[ _-]?(?:map)?[ _-]?)(1|2)", "12"),
    (r"((?:^|[ _.-])h(?:alf)?)(1|2)(?=$|[ _.-])", "12"),
    (r"((?:^|[ _.-]))(a|b)(?=$|[ _.-])", "ab"),
    (r"()(even|odd)", ("even", "odd")),
    (r"()(evn|odd)", ("evn", "odd")),
)


def other_half(name: str) -> tuple[str, ...]:
    """Return what the other half of a file or layer may be called, in lower case.

    Parameters
    ----------
    name
        For example ``emd_0552_half_map_1`` or ``TS_01_EVN``.

    Returns
    -------
    tuple of str
        Empty if the name is not that of a half.
    """
    lowered, found = name.lower(), []
    for pattern, marks in _MARKS:
        for match in re.finditer(pattern, lowered):
            if match[2] not in tuple(marks):
                continue
            other = marks[1 - tuple(marks).index(match[2])]
            found.append(lowered[: match.start(2)] + other + lowered[match.end(2) :])
    return tuple(dict.fromkeys(found))


def pairs(names: Iterable[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Sort names into pairs of halves and the rest.

    Parameters
    ----------
    names
        Of files or layers.

    Returns
    -------
    pairs : list of tuple
        In the order in which they were given, half 1 (even, A) first.
    rest : list of str
        Names whose other half is not there.
    """
    waiting: dict[str, str] = {}
    found: list[tuple[str, str]] = []
    for name in names:
        partner = next((waiting.pop(each) for each in other_half(name) if each in waiting), None)
        if partner is None:
            waiting[name.lower()] = name
        else:
            first, second = sorted((partner, name))
            found.append((first, second))
    return found, list(waiting.values())
