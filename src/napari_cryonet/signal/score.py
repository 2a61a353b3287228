"""How good picks are: matched one to one with the true positions.

References
----------
The F-beta score with beta 4 is that of the CZII challenge, *CryoET Object Identification*, 2024.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from napari_cryonet.errors import DataError
from napari_cryonet.types import Points

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Matching:
    """Which pick has found which particle.

    Parameters
    ----------
    partner
        ``(n,)`` the true position that each pick has found, -1 for none.
    error
        ``(n,)`` Å from each pick to it; NaN for none.
    near
        ``(n,)`` whether any true position is within the distance.
    truths
        How many true positions there are.
    """

    partner: Indices
    error: Floats
    near: NDArray[np.bool_]
    truths: int

    @property
    def hits(self) -> NDArray[np.bool_]:
        """``(n,)`` whether a pick has found a particle."""
        return self.partner >= 0


@dataclass(frozen=True)
class Score:
    """Figures of picks against the truth; a share of nothing is 0.

    Parameters
    ----------
    picks, truths, hits, duplicates
        Numbers of picks, of true positions, of picks that have found one, and of picks near
        one that a better pick has found.
    precision, recall, f1, f4
        Of all picks; `f4` counts recall 16 times, as the CZII challenge does.
    average_precision
        Area under the interpolated curve of precision over recall.
    best_f1, best_threshold
        The highest F1 of any threshold on the scores, and that threshold.
    median_error
        Å between hits and what they have found; None without hits.
    """

    picks: int
    truths: int
    hits: int
    duplicates: int
    precision: float
    recall: float
    f1: float
    f4: float
    average_precision: float
    best_f1: float
    best_threshold: float | None
    median_error: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)


def match(picks: Floats, scores: Floats, truth: Floats, distance: float) -> Matching:
    """Match picks with true positions one to one, the highest scores first.

    Each pick takes the nearest true position within the distance that is still free, so that
    leaving out picks below a threshold changes nothing for those above.

    Parameters
    ----------
    picks
        ``(n, 3)`` in Å.
    scores
        ``(n,)``.
    truth
        ``(m, 3)`` in Å.
    distance
        How far a pick may be from what it has found, in Å.
    """
    partner, error = np.full(len(picks), -1), np.full(len(picks), np.nan)
    near = np.zeros(len(picks), dtype=bool)
    if len(picks) and len(truth):
        around: Any = KDTree(truth).query_ball_point(picks, distance)
        near = np.array([len(each) > 0 for each in around])
        free = np.ones(len(truth), dtype=bool)
        for index in np.argsort(-scores, kind="stable"):
            places = np.array([place for place in around[index] if free[place]], dtype=np.intp)
            if len(places):
                gaps = np.linalg.norm(truth[places] - picks[index], axis=1)
                partner[index], error[index] = places[gaps.argmin()], gaps.min()
                free[partner[index]] = False
    return Matching(partner, error, near, len(truth))


def score(picks: Points, truth: Points, distance: float) -> Score:
    """Score picks against true positions, whatever their classes.

    Parameters
    ----------
    picks
        With a feature ``score``; without one all count alike.
    truth
        The true positions.
    distance
        How far a pick may be from what it has found, in Å.

    Raises
    ------
    DataError
        If the voxel sizes are not known, or scores are not finite.
    """
    scores = _scores(picks)
    found = match(_in_angstrom(picks), scores, _in_angstrom(truth), distance)
    threshold, precision, recall = curve(scores, found)
    f1 = fbeta(precision, recall, 1)
    best = int(f1.argmax()) if len(f1) else None
    hits = int(found.hits.sum())
    ends = (float(precision[-1]), float(recall[-1])) if len(f1) else (0.0, 0.0)
    return Score(
        picks=len(picks),
        truths=found.truths,
        hits=hits,
        duplicates=int((found.near & ~found.hits).sum()),
        precision=ends[0],
        recall=ends[1],
        f1=float(fbeta(*ends, 1)),
        f4=float(fbeta(*ends, 4)),
        average_precision=_area(precision, recall),
        best_f1=0.0 if best is None else float(f1[best]),
        best_threshold=None if best is None else float(threshold[best]),
        median_error=float(np.median(found.error[found.hits])) if hits else None,
    )


def score_classes(picks: Points, truth: Points, distance: float) -> Iterator[tuple[str, Score]]:
    """Yield each class of the truth or of the picks, and its score.

    Parameters
    ----------
    picks, truth
        With a feature ``class``.
    distance
        As in `score`.

    Raises
    ------
    DataError
        As `score`; also if one of the two has no classes.
    """
    for points in (picks, truth):
        if "class" not in points.features:
            raise DataError(
                f"{points.name} has no column 'class', so its classes cannot be scored; score "
                f"all of them together, or name the column."
            )
    ours, theirs = (np.asarray(points.features["class"]).astype(str) for points in (picks, truth))
    for name in sorted({*ours, *theirs}):
        yield name, score(picks.kept(ours == name), truth.kept(theirs == name), distance)


def curve(scores: Floats, found: Matching) -> tuple[Floats, Floats, Floats]:
    """Return thresholds, falling, and the precision and recall of what is not below them.

    Parameters
    ----------
    scores
        ``(n,)`` of the picks.
    found
        What they have found.

    Returns
    -------
    tuple of ndarray
        Each with one entry for every different score.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(found.hits[order])
    last = np.append(ranked[1:] != ranked[:-1], [True])[: len(ranked)]
    counts = np.arange(1, len(ranked) + 1)
    return ranked[last], (hits / counts)[last], (hits / max(found.truths, 1))[last]


def fbeta(precision: Any, recall: Any, beta: float) -> Any:
    """Return the F-beta score, 0 where both are 0."""
    precision, recall = np.asarray(precision), np.asarray(recall)
    below = beta**2 * precision + recall
    return (1 + beta**2) * precision * recall / np.where(below > 0, below, 1)


def _area(precision: Floats, recall: Floats) -> float:
    """Return the area under a curve, the precision of each recall that of the best beyond it."""
    if not len(recall):
        return 0.0
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * best))


def _in_angstrom(points: Points) -> Floats:
    """Return positions in Å."""
    if points.voxel_size is None:
        raise DataError(
            f"The voxel size of {points.name} is not known, so distances in Å mean nothing; "
            f"say what it is."
        )
    places: Floats = np.asarray(points.positions, dtype=np.float64) * np.array(points.voxel_size)
    return places


def _scores(points: Points) -> Floats:
    """Return the scores of picks."""
    if "score" not in points.features:
        return np.ones(len(points))
    values = np.asarray(points.features["score"], dtype=np.float64)
    if not np.isfinite(values).all():
        raise DataError(f"{points.name} has scores that are not numbers; correct or delete them.")
    return values
