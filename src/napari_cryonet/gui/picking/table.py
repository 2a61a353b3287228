"""The columns that every pick in the window has, and tables put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.types import Points

UNREVIEWED, ACCEPTED, REJECTED = "unreviewed", "accepted", "rejected"
"""What the column ``status`` says of a pick."""

MANUAL, PREDICTED = "manual", "model"
"""What the column ``source`` says: whether a person or a model has found it."""

_SURE = 1.0  # the score of what a person has found


def full(
    points: Points,
    radius: float,
    *,
    kind: str = "particle",
    status: str = UNREVIEWED,
    source: str = PREDICTED,
) -> Points:
    """Return points with all columns of a pick, and no others.

    Parameters
    ----------
    points
        Where they are, with whatever columns they have.
    radius
        Of a particle in Å.
    kind, status, source
        What columns say that they lack.
    """
    missing = {
        "score": _SURE,
        "class": kind,
        "status": status,
        "source": source,
        "radius": radius,
    }
    columns = {
        name: np.asarray(points.features.get(name, np.full(len(points), value)))
        for name, value in missing.items()
    }
    return replace(points, features=columns)


def joined(parts: Sequence[Points]) -> Points:
    """Return tables of the same columns as one, in the volume of the first.

    Parameters
    ----------
    parts
        At least one.
    """
    first = parts[0]
    columns = {
        name: np.concatenate([part.features[name] for part in parts]) for name in first.features
    }
    positions = np.concatenate([part.positions for part in parts])
    return replace(first, positions=positions, features=columns)


def marked(points: Points, which: Any, **columns: Any) -> Points:
    """Return points of which some have other values in some columns.

    Parameters
    ----------
    points
        All of them.
    which
        An index or a mask.
    **columns
        The new values by column.
    """
    changed = dict(points.features)
    for name, value in columns.items():
        old = changed[name]
        new: NDArray[Any] = old.astype(np.result_type(old.dtype, np.asarray(value).dtype))
        new[which] = value
        changed[name] = new
    return replace(points, features=changed)
