"""Peaks of a score map: where particles are, each of them once.

A voxel that no neighbour exceeds is a candidate, also at the border of the volume. Of
candidates that are closer together than a distance the one with the highest score stays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]

_SLAB = 32


def find_peaks(
    scores: Floats,
    distance: float,
    threshold: float,
    *,
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0),
    offsets: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Find the peaks of a score map, the highest first.

    Parameters
    ----------
    scores
        ``(z, y, x)`` score of each voxel; may be a memory map, it is read in slabs.
    distance
        Smallest distance of two peaks in Å.
    threshold
        Smallest score of a peak.
    scale
        Å per voxel, z, y, x.
    offsets
        ``(3, z, y, x)`` from each voxel to the centre of its particle, in voxels; None puts
        a parabola through the scores around the peak.

    Returns
    -------
    positions : ndarray
        ``(n, 3)`` in voxels, z, y, x, inside the volume.
    scores : ndarray
        ``(n,)`` the score of each.
    """
    places = local_maxima(scores, threshold)
    values = np.asarray(scores[tuple(places.T)], dtype=np.float64)
    if offsets is None:
        moves = parabola(scores, places)
    else:
        moves = np.asarray(offsets[:, *places.T], dtype=np.float64).T
    positions = np.clip(places + moves, 0, np.array(scores.shape) - 1)
    kept = apart(positions * np.array(scale), values, distance)
    return positions[kept], values[kept]


def local_maxima(scores: Floats, threshold: float) -> Indices:
    """Return the voxels ``(n, 3)`` above a threshold that none of their 26 neighbours exceeds.

    Parameters
    ----------
    scores
        ``(z, y, x)``, read in slabs. All voxels of a plateau are returned.
    threshold
        Smallest score of a voxel.
    """
    found = []
    for start in range(0, len(scores), _SLAB):
        low, stop = max(start - 1, 0), min(start + _SLAB, len(scores))
        slab = np.asarray(scores[low : stop + 1])
        highest = ndimage.maximum_filter(slab, 3, mode="nearest")
        which = (slab == highest) & (slab >= threshold)
        places = np.argwhere(which[start - low : stop - low])
        found.append(places + np.array([start, 0, 0]))
    return np.concatenate(found)


def apart(positions: Floats, scores: Floats, distance: float) -> Indices:
    """Choose points that keep a distance, the highest scores first.

    One is taken after the other: `napari_cryonet.signal.curation.best_of` thins faster, but it has
    to list all near pairs, and on a plateau these are too many.

    Parameters
    ----------
    positions
        ``(n, 3)`` in Å.
    scores
        ``(n,)``.
    distance
        Smallest distance of two chosen points in Å.

    Returns
    -------
    ndarray
        Indices of the chosen points, by falling score.
    """
    if not len(positions):
        return np.empty(0, dtype=np.intp)
    tree, free, kept = KDTree(positions), np.ones(len(positions), dtype=bool), []
    for index in np.argsort(-scores, kind="stable"):
        if free[index]:
            kept.append(index)
            free[tree.query_ball_point(positions[index], distance)] = False
    return np.array(kept, dtype=np.intp)


def blobs(data: Floats, diameter: float) -> Floats:
    """Return the difference of two Gaussians, high where something bright has a diameter.

    Parameters
    ----------
    data
        ``(z, y, x)``.
    diameter
        In voxels.

    Returns
    -------
    ndarray
        ``(z, y, x)`` float32, in grey values of `data`.
    """
    values = np.asarray(data, dtype=np.float32)
    narrow = ndimage.gaussian_filter(values, diameter / 6)
    result: Floats = narrow - ndimage.gaussian_filter(values, diameter / 3)
    return result


def parabola(scores: Floats, places: Indices) -> Floats:
    """Return the way from each place to the top of a parabola through it and its neighbours.

    Parameters
    ----------
    scores
        ``(z, y, x)``.
    places
        ``(n, 3)`` voxels.

    Returns
    -------
    ndarray
        ``(n, 3)`` in voxels, at most half a voxel along each axis.
    """
    moves = np.zeros(places.shape)
    here = np.asarray(scores[tuple(places.T)], dtype=np.float64)
    for axis, length in enumerate(scores.shape):
        inside = (places[:, axis] > 0) & (places[:, axis] < length - 1)
        step = np.eye(3, dtype=np.intp)[axis]
        before, after = (
            np.asarray(scores[tuple((places[inside] + way).T)], dtype=np.float64)
            for way in (-step, step)
        )
        bend = 2 * here[inside] - before - after
        slope = np.divide(after - before, 2 * bend, out=np.zeros_like(bend), where=bend > 0)
        moves[inside, axis] = np.clip(slope, -0.5, 0.5)
    return moves
