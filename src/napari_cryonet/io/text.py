"""Sentences for headers that hold printable ASCII and nothing else."""

from __future__ import annotations

import re


def ascii_text(sentence: str) -> str:
    """Return a sentence in one line of printable ASCII: Å becomes A, the rest that is not, ?."""
    line = " ".join(sentence.replace("Å", "A").split())
    return re.sub(r"[^ -~]", "?", line)


def file_stem(name: str, otherwise: str) -> str:
    """Return a name without what files of some systems must not be called.

    Parameters
    ----------
    name
        For example that of a layer.
    otherwise
        What to return if nothing is left of it.
    """
    return re.sub(r"[^\w .+-]", "_", name).strip() or otherwise
