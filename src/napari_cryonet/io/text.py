"""Sentences for headers that hold printable ASCII and nothing else."""

from __future__ import annotations

import re


def ascii_text(sentence: str) -> str:
    """Return a sentence in one line of printable ASCII: Å becomes A, the rest that is not, ?."""
    line = " ".join(sentence.replace("Å", "A").split())
    return re.sub(r"[^ -~]", "?", line)
