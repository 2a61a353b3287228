"""Choosing picks from the peaks of a score map, quickly enough to follow a slider.

Of peaks of one class that are closer together than a distance only the highest stays. Taken by
falling score, which one stays does not depend on what is below it: so a threshold is a mere mask
over peaks that were thinned once, and only another distance costs work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.special import logit

from napari_cryonet.types import Points

Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
Indices = NDArray[np.integer[Any]]

_SURE = 1e-6  # log-odds are taken of scores that are this far from 0 and 1
_QUEUE = 200
_SPREAD = 3.0  # diameters between the first that are asked about


@dataclass(frozen=True)
class Cut:
    """What is wanted of a pick.

    Parameters
    ----------
    thresholds
        Smallest score of each class.
    distance
        Smallest distance of two picks in Å.
    border
        Smallest distance from the border of the volume in Å.
    """

    thresholds: Mapping[str, float]
    distance: float
    border: float = 0.0


class Candidates:
    """All peaks of a tomogram, from which picks are chosen again and again.

    Parameters
    ----------
    points
        Peaks with the features ``score`` and ``class``, in a volume of known voxel size.

    Attributes
    ----------
    points
        The same by falling score.
    classes
        The names of their classes.
    thinned
        How often they were thinned: once for each distance that was asked for in a row.
    """

    def __init__(self, points: Points) -> None:
        scores = np.asarray(points.features["score"], dtype=float)
        self.points = points.kept(np.argsort(-scores, kind="stable"))
        self.scores: Floats = np.asarray(self.points.features["score"], dtype=float)
        names = np.asarray(self.points.features["class"]).astype(str)
        self.classes, kinds = np.unique(names, return_inverse=True)
        self._kinds: Indices = kinds
        self._places = in_angstrom(self.points)
        self.thinned = 0
        self._distance = -1.0
        self._thin: Mask = np.ones(len(points), dtype=bool)
        self._between = np.empty((0, 2), dtype=np.intp)

    def chosen(self, cut: Cut, allowed: Mask | None = None) -> Mask:
        """Return which of the candidates are picks.

        Parameters
        ----------
        cut
            What is wanted of them.
        allowed
            ``(n,)`` which of `points` may be picks at all; None for all.

        Returns
        -------
        ndarray
            ``(n,)`` over `points`.
        """
        if cut.distance != self._distance:
            self._thin_out(cut.distance)
        lowest = np.array([cut.thresholds[str(name)] for name in self.classes])
        above = self._thin & (self.scores >= lowest[self._kinds])
        kept = best_of(self._between, above)
        if allowed is not None:
            kept &= allowed
        return kept & off_border(self.points, cut.border)

    def values(self, data: NDArray[Any]) -> NDArray[Any]:
        """Return what a volume ``(z, y, x)`` of the same grid holds at each of `points`."""
        voxels = np.clip(np.round(self.points.positions), 0, np.array(data.shape) - 1).astype(int)
        found: NDArray[Any] = np.asarray(data[tuple(voxels.T)])
        return found

    def _thin_out(self, distance: float) -> None:
        """Leave out what is too near to a higher peak of its own class."""
        pairs = near_pairs(self._places, distance)
        same = self._kinds[pairs[:, 0]] == self._kinds[pairs[:, 1]]
        self._thin = best_of(pairs[same], np.ones(len(self.points), dtype=bool))
        self._between = pairs[~same & self._thin[pairs].all(axis=1)]
        self._distance = distance
        self.thinned += 1


@dataclass(frozen=True)
class Expected:
    """How good picks of one class are expected to be at any threshold.

    Parameters
    ----------
    particles
        Expected number in the tomograms that were learnt from.
    score, precision, recall
        ``(n,)`` the curve, by rising score.
    """

    particles: float
    score: Floats
    precision: Floats
    recall: Floats

    @classmethod
    def read(cls, estimate: Mapping[str, Any]) -> Expected | None:
        """Return what a model says of a class; None if it says nothing but a threshold."""
        curve = estimate.get("curve")
        if not curve or "particles" not in estimate:
            return None
        columns = (np.asarray(curve[name], float) for name in ("score", "precision", "recall"))
        return cls(float(estimate["particles"]), *columns)

    def at(self, threshold: float) -> tuple[float, float]:
        """Return precision and recall at a threshold."""
        precision, recall = (
            float(np.interp(threshold, self.score, values))
            for values in (self.precision, self.recall)
        )
        return precision, recall


def expected(
    counts: Mapping[str, int], thresholds: Mapping[str, float], known: Mapping[str, Expected]
) -> tuple[float, float] | None:
    """Return the expected precision and recall of picks of several classes together.

    Parameters
    ----------
    counts
        How many picks there are of each class.
    thresholds
        At which score each class was cut.
    known
        What is known of each class.

    Returns
    -------
    tuple of float or None
        None if a class is not known, or there are no picks.
    """
    picks = sum(counts.values())
    particles = sum(known[name].particles for name in counts if name in known)
    if not picks or not particles or not set(counts) <= set(known):
        return None
    at = {name: known[name].at(thresholds[name]) for name in counts}
    precision = sum(counts[name] * at[name][0] for name in counts) / picks
    recall = sum(known[name].particles * at[name][1] for name in counts) / particles
    return precision, recall


def most_doubtful(places: Floats, scores: Floats, thresholds: Floats, diameter: float) -> Indices:
    """Return picks in the order in which it helps most to look at them.

    Those whose log-odds are nearest to the threshold come first; of the very first, those that
    lie far from each other, since neighbours tell much the same.

    Parameters
    ----------
    places
        ``(n, 3)`` in Å.
    scores, thresholds
        ``(n,)`` score of each, and where its class was cut.
    diameter
        Of a particle in Å.
    """
    doubt = np.abs(log_odds(scores) - log_odds(thresholds))
    order = np.argsort(doubt, kind="stable")
    first, rest = order[:_QUEUE], order[_QUEUE:]
    pairs = near_pairs(places[first], _SPREAD * diameter)
    left, spread = np.ones(len(first), dtype=bool), []
    while left.any():
        now = best_of(pairs, left)
        spread.append(first[now])
        left &= ~now
    return np.concatenate([*spread, rest])


def near_pairs(places: Floats, distance: float) -> Indices:
    """Return the pairs ``(m, 2)`` of places within a distance, the smaller index first."""
    if len(places) < 2:
        return np.empty((0, 2), dtype=np.intp)
    pairs: Indices = KDTree(places).query_pairs(distance, output_type="ndarray")
    return pairs


def best_of(pairs: Indices, among: Mask) -> Mask:
    """Return which items stay if of each pair the second leaves as long as the first stays.

    Parameters
    ----------
    pairs
        ``(m, 2)`` indices of items that are too near to each other, the better one first.
    among
        ``(n,)`` which items there are.
    """
    stays = among.copy()
    open_pairs = pairs[stays[pairs].all(axis=1)]
    while len(open_pairs):
        beaten = np.zeros(len(stays), dtype=bool)
        beaten[open_pairs[:, 1]] = True
        stays[open_pairs[~beaten[open_pairs[:, 0]], 1]] = False
        open_pairs = open_pairs[stays[open_pairs].all(axis=1)]
    return stays


def off_border(points: Points, border: float) -> Mask:
    """Return which points ``(n,)`` are far enough from the border of their volume.

    Parameters
    ----------
    points
        In a volume of known voxel size; all are far enough if its shape is not known.
    border
        Smallest distance in Å.
    """
    if points.volume_shape is None or border <= 0:
        return np.ones(len(points), dtype=bool)
    rim = border / np.array(points.voxel_size)
    last = np.array(points.volume_shape) - 1
    far: Mask = np.all((points.positions >= rim) & (points.positions <= last - rim), axis=1)
    return far


def in_angstrom(points: Points) -> Floats:
    """Return positions ``(n, 3)`` in Å from the first voxel; voxels count as 1 Å if unknown."""
    places: Floats = points.positions * np.array(points.voxel_size or (1.0, 1.0, 1.0))
    return places


def log_odds(scores: Floats) -> Floats:
    """Return the log-odds of scores, finite also for 0 and 1."""
    odds: Floats = logit(np.clip(scores, _SURE, 1 - _SURE))
    return odds
