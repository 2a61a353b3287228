"""The two halves of one thing, recognised by their file names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_START, _END = r"(?<![^ _.\-/\\])", r"(?![^ _.\-])"
_MARKS = (  # the surest first: pattern, the two marks, whether folders may bear them too
    (r"half[ _-]?(?:map)?[ _-]?(1|2)(?!\d)", ("1", "2"), True),
    (rf"half[ _-]?(?:map)?[ _-]?(a|b){_END}", ("a", "b"), True),
    (r"(even|odd)", ("even", "odd"), True),
    (r"(evn|odd)", ("evn", "odd"), True),
    (rf"{_START}h(1|2){_END}", ("1", "2"), False),
    (rf"{_START}(a|b){_END}", ("a", "b"), False),
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
        The likeliest first; empty if the name is not that of a half.
    """
    lowered = name.lower()
    start = max(lowered.rfind("/"), lowered.rfind("\\")) + 1
    found = []
    for pattern, marks, anywhere in _MARKS:
        places = [
            place for place in re.finditer(pattern, lowered) if anywhere or place.start(1) >= start
        ]
        together = [places] if len(places) > 1 else []  # as in even/TS_01_even.mrc
        for chosen in (*together, *([place] for place in reversed(places))):
            found.append(_exchanged(lowered, chosen, marks))
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
    left = {name.lower(): name for name in names}
    found: list[tuple[str, str]] = []
    for key in tuple(left):
        partner = next((each for each in other_half(key) if each in left), None)
        if key in left and partner is not None:
            first, second = sorted((key, partner))
            found.append((left.pop(first), left.pop(second)))
    return found, list(left.values())


def _exchanged(name: str, places: Sequence[re.Match[str]], marks: tuple[str, str]) -> str:
    """Return a name in which the mark at some places is the other one."""
    for place in reversed(places):
        other = marks[1 - marks.index(place[1])]
        name = name[: place.start(1)] + other + name[place.end(1) :]
    return name
