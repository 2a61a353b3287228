"""What a command says: results on the standard output, complaints on the standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any


def say(text: str = "") -> None:
    """Write one line of results."""
    sys.stdout.write(f"{text}\n")


def say_table(rows: Mapping[str, object] | Iterable[tuple[str, object]]) -> None:
    """Write names and values in two columns, leaving out values that are None or empty.

    Parameters
    ----------
    rows
        The values by name; a value of several lines keeps to its column.
    """
    pairs = list(rows.items()) if isinstance(rows, Mapping) else list(rows)
    shown = [(name, str(value)) for name, value in pairs if value not in (None, "")]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        first, *others = value.splitlines()
        say(f"{name:<{width}}  {first}")
        for other in others:
            say(f"{'':<{width}}  {other}")


def say_json(value: object) -> None:
    """Write a value as JSON; a number that is not finite becomes null."""
    say(json.dumps(finite(value), indent=2, ensure_ascii=False, allow_nan=False))


def complain(sentence: str) -> None:
    """Write one sentence, in one line, to the standard error."""
    sys.stderr.write(f"cryonet: {' '.join(sentence.split())}\n")
    sys.stderr.flush()


def finite(value: Any) -> Any:
    """Return plain values in which NaN and infinity are None, at every depth."""
    if isinstance(value, Mapping):
        return {str(name): finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def number(value: float | None) -> str:
    """Return a number with four digits, or a dash."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.4g}"


def tolerant() -> None:
    """Let both streams escape what their encoding lacks, instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
