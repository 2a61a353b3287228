"""Spikes: groups of picks that stand for one particle each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from napari_cryonet.errors import DataError
from napari_cryonet.signal.curating_settings import SpikeSettings
from napari_cryonet.signal.curation import in_angstrom, near_pairs
from napari_cryonet.types import Points


def merge_spikes(picks: Points, settings: SpikeSettings) -> Points:
    """Merge picks that belong together, and drop those that are alone.

    Parameters
    ----------
    picks
        With a voxel size; a feature ``score`` says which is the best, and ``radius`` in Å how
        near they have to be if the settings do not.
    settings
        How near, how many, and what becomes of them.

    Returns
    -------
    Points
        One for each group, by falling score: the features are those of its best pick, and
        ``picks`` is how many it had.

    Raises
    ------
    DataError
        If the voxel size is not known, or the distance is neither set nor follows from a radius.
    """
    check_scale(picks)
    if not len(picks):
        return picks
    pairs = near_pairs(in_angstrom(picks), settings.distance or _diameter(picks))
    links = sparse.coo_matrix((np.ones(len(pairs)), pairs.T), (len(picks), len(picks)))
    _, groups = connected_components(links, directed=False)
    counts = np.bincount(groups)
    scores = np.asarray(picks.features.get("score", np.zeros(len(picks))), dtype=float)
    order = np.argsort(-scores, kind="stable")
    _, first = np.unique(groups[order], return_index=True)
    best = np.sort(first[counts >= settings.least])
    chosen = order[best]
    kept = picks.kept(chosen)
    own = groups[chosen]
    positions = kept.positions if settings.merged == "best" else _means(picks, groups)[own]
    sentence = f"Groups of at least {settings.least} picks merged: {len(kept)} of {len(picks)}."
    return replace(
        kept,
        positions=positions,
        features={**kept.features, "picks": counts[own]},
        history=(*picks.history, sentence),
    )


def check_scale(picks: Points) -> None:
    """Check that distances between picks can be told in Å.

    Raises
    ------
    DataError
        If their voxel size is not known.
    """
    if picks.voxel_size is None:
        raise DataError(
            f"The voxel size of {picks.name} is not known, so distances in Å mean nothing; say "
            f"what it is (--voxel-size)."
        )


def _diameter(picks: Points) -> float:
    """Return the diameter of the picks in Å."""
    radius = np.asarray(picks.features.get("radius", ()), dtype=float)
    known = radius[np.isfinite(radius) & (radius > 0)]
    if not len(known):
        raise DataError(
            f"{picks.name} does not say how large its picks are; give the distance in Å within "
            f"which picks belong together (--distance)."
        )
    return 2 * float(np.median(known))


def _means(picks: Points, groups: NDArray[np.integer[Any]]) -> NDArray[np.floating[Any]]:
    """Return the mean place ``(groups, 3)`` of each group in voxels."""
    counts = np.bincount(groups)
    columns = [np.bincount(groups, weights=column) for column in picks.positions.T]
    means: NDArray[np.floating[Any]] = np.stack(columns, axis=1) / counts[:, None]
    return means
