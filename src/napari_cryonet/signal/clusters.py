"""Groups of things that are described by a few numbers each, and maps of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]

_ROUNDS = 100
_TRIES = 8


def standardised(values: Floats) -> Floats:
    """Return columns ``(n, d)`` with mean 0 and deviation 1; constant ones become 0."""
    spread = values.std(axis=0)
    scaled: Floats = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return scaled


def principal_components(values: Floats, count: int) -> Floats:
    """Return the coordinates ``(n, count)`` along the directions of largest variance.

    Parameters
    ----------
    values
        ``(n, d)``.
    count
        How many; coordinates beyond the d-th are 0. Their signs are such that the largest
        absolute value is positive.
    """
    left, sizes, _ = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    made = np.zeros((len(values), count))
    some = (left * sizes)[:, :count]
    made[:, : some.shape[1]] = some * np.sign(
        some[np.abs(some).argmax(axis=0), range(some.shape[1])]
    )
    return made


def kmeans(values: Floats, count: int, seed: int = 0) -> Indices:
    """Divide things into groups that are each around their mean.

    Parameters
    ----------
    values
        ``(n, d)``.
    count
        How many groups; not more than things.
    seed
        Start of the random numbers.

    Returns
    -------
    ndarray
        ``(n,)`` the group of each, from 0; the best of several starts.

    References
    ----------
    Arthur and Vassilvitskii, *k-means++*, SODA 2007.
    """
    random = np.random.default_rng(seed)
    tries = [_settled(values, _spread_out(values, count, random)) for _ in range(_TRIES)]
    return min(tries, key=lambda made: made[1])[0]


def _spread_out(values: Floats, count: int, random: np.random.Generator) -> Floats:
    """Choose things ``(count, d)`` that are far from each other by chance."""
    chosen = [int(random.integers(len(values)))]
    gaps = np.full(len(values), np.inf)
    while len(chosen) < min(count, len(values)):
        gaps = np.minimum(gaps, ((values - values[chosen[-1]]) ** 2).sum(axis=1))
        total = gaps.sum()
        share = gaps / total if total > 0 else None
        chosen.append(int(random.choice(len(values), p=share)))
    return values[chosen]


def _settled(values: Floats, centres: Floats) -> tuple[Indices, float]:
    """Move centres until their groups stay; return the groups and how wide they are."""
    groups = np.full(len(values), -1)
    for _ in range(_ROUNDS):
        squares = ((values[:, None] - centres[None]) ** 2).sum(axis=2)
        nearest = squares.argmin(axis=1)
        if np.array_equal(nearest, groups):
            break
        groups = nearest
        counts = np.bincount(groups, minlength=len(centres))
        sums = np.zeros_like(centres)
        np.add.at(sums, groups, values)
        centres = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centres)
    return groups, float(squares.min(axis=1).sum())
