"""The score above which a peak is taken for a particle, from labels and peaks alone.

Of the peaks of a tomogram nobody knows which are particles. Their log-odds are a mixture of
three normal distributions: of particles, of what looks like them, and of noise. Labels that were
kept from training tell how far particles spread and about where they lie; where exactly, how many
there are, and where the other two lie, follows from all peaks by expectation maximisation. The
threshold is where the F1 that follows is highest.

A training that starts from weights which know particles ends with scores of another kind: noise
becomes rarer exponentially, look-alikes lie between it and the particles, and labels that were
trained on score higher than others, but spread hardly less. There the three are fitted like that.

References
----------
Elkan and Noto, *Learning classifiers from only positive and unlabeled data*, KDD 2008.
Dempster, Laird, Rubin, *Maximum likelihood from incomplete data via the EM algorithm*, 1977.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr

from napari_cryonet.methods.picking.picks import LOWEST

Floats = NDArray[np.floating[Any]]

_FEWEST = 2
_LOWEST_ODDS, _HIGHEST_ODDS = -4.0, 7.0
_USUAL_MIDDLE, _MIDDLE_WORTH = 4.5, 0.5
_USUAL_SPREAD, _SPREAD_WORTH = 2.0, 6.0
_USUAL_BELOW = 3.1
"""What is usual in log-odds, how many labels that counts for, and how far below the middle of
particles the threshold lies where no peaks tell."""

_LABELS_WORTH = 10.0  # peaks, when the middle of the particles is sought

_TRAINED = 1.0  # log-odds by which labels score higher if they were trained on
_APART = 2.0  # log-odds at least between particles and what looks like them
_NARROWEST = 0.5
_ROUNDS = 200

_TAIL_ODDS = -3.0
_TAIL_MIDDLE, _TAIL_TRAINED, _TAIL_FEWEST = 4.0, 20.0, 4
_TAIL_SPREAD, _TAIL_SPREAD_WORTH, _TAIL_SPREADS_WORTH = 1.2, 4.0, 40.0
_TAIL_RATE, _TAIL_RATE_WORTH = 0.8, 20.0
_TAIL_LABELS_WORTH = 5.0
_WIDENED = 1.15
_LOOKALIKE_SPREAD, _LOOKALIKES_APART, _LOOKALIKES_DOUBTED = 0.9, 2.4, 1.0
_TAIL_SHARES = (0.45, 0.1, 0.45)
"""Where a tail begins; what is usual beside it, and what that counts for, labels or peaks."""

_GRID = np.linspace(logit(LOWEST), _HIGHEST_ODDS, 400)
_COARSE = 10


@dataclass(frozen=True)
class Calibration:
    """What labels and peaks say of the scores of one class.

    Parameters
    ----------
    threshold
        The score with the highest expected F1.
    precision, recall
        Expected there.
    particles
        Expected number in the tomograms of the training, labelled ones included.
    curve
        Expected precision and recall over the score.
    """

    threshold: float
    precision: float
    recall: float
    particles: float
    curve: dict[str, list[float]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        plain = ("threshold", "precision", "recall", "particles")
        return {name: round(getattr(self, name), 4) for name in plain} | {"curve": self.curve}


@dataclass(frozen=True)
class _Normals:
    """Three normal distributions of log-odds: particles, look-alikes, noise.

    Parameters
    ----------
    counts, middles, spreads
        ``(3,)`` how many peaks belong to each, and where it lies.
    """

    counts: Floats
    middles: Floats
    spreads: Floats

    def above(self, odds: Floats) -> Floats:
        """Return the part ``(3, n)`` of each that lies above some log-odds."""
        made: Floats = 1 - ndtr((odds - self.middles[:, None]) / self.spreads[:, None])
        return made


@dataclass(frozen=True)
class _Tail:
    """Normal distributions of log-odds of particles and look-alikes beside a tail of noise.

    Parameters
    ----------
    counts
        ``(3,)`` how many peaks are particles, look-alikes and noise.
    middles, spreads
        ``(2,)`` where particles and look-alikes lie.
    rate
        At which noise becomes rarer.
    """

    counts: Floats
    middles: Floats
    spreads: Floats
    rate: float

    def above(self, odds: Floats) -> Floats:
        """Return the part ``(3, n)`` of each that lies above some log-odds."""
        normal = 1 - ndtr((odds - self.middles[:, None]) / self.spreads[:, None])
        noise = np.exp(-self.rate * np.maximum(odds - _TAIL_ODDS, 0))
        return np.concatenate([normal, noise[None]])

    def likely(self, peaks: Floats) -> Floats:
        """Return the densities ``(3, n)`` of each at peaks beyond the start of the tail."""
        away = (peaks - self.middles[:, None]) / self.spreads[:, None]
        seen = 1 - ndtr((_TAIL_ODDS - self.middles) / self.spreads)
        scale = self.spreads * np.sqrt(2 * np.pi) * np.maximum(seen, 0.05)
        noise = self.rate * np.exp(-self.rate * (peaks - _TAIL_ODDS))
        return np.concatenate([np.exp(-0.5 * away**2) / scale[:, None], noise[None]])


def calibrate(
    unlabelled: Floats, known: Floats, trained: Floats, *, tail: bool = False
) -> Calibration | None:
    """Find the best threshold.

    Parameters
    ----------
    unlabelled
        ``(n,)`` scores of peaks away from labels.
    known
        ``(m,)`` scores at labels that were kept from training.
    trained
        ``(k,)`` scores at the others, which are too high.
    tail
        Whether the training started from weights that know particles.

    Returns
    -------
    Calibration or None
        None if fewer than two labels have a peak.
    """
    labels = len(known) + len(trained)
    if labels < _FEWEST:
        return None
    peaks, own, others = _odds(unlabelled), _odds(known), _odds(trained)
    fitted: _Normals | _Tail
    if tail:
        middle, spread = _particles_beside_tail(own, others)
        fitted = _beside_tail(peaks[peaks > _TAIL_ODDS], middle, spread)
    else:
        middle, spread = _particles(own, others)
        fitted = _fitted(peaks[peaks > _LOWEST_ODDS], middle, spread)
    shares = fitted.above(_GRID)
    recall, count = shares[0], fitted.counts[0] + labels
    right = count * recall
    every = right + fitted.counts[1:] @ shares[1:]
    best = _GRID[(2 * right / (every + count)).argmax()]
    odds = best if fitted.counts.any() else middle - _USUAL_BELOW
    precision = right / np.maximum(every, 1e-9)
    columns = {"score": expit(_GRID), "precision": precision, "recall": recall}
    curve = {name: column[::_COARSE].round(4).tolist() for name, column in columns.items()}
    right_part, found = (float(np.interp(odds, _GRID, each)) for each in (precision, recall))
    return Calibration(float(expit(odds)), right_part, found, float(count), curve)


def _particles(known: Floats, trained: Floats) -> tuple[float, float]:
    """Return where the log-odds of particles lie and how far they spread."""
    usual = _USUAL_MIDDLE
    if len(trained):
        usual = min(usual, float(np.median(trained)) - _TRAINED)
    count = len(known)
    middle = (known.sum() + _MIDDLE_WORTH * usual) / (count + _MIDDLE_WORTH)
    squares = ((known - middle) ** 2).sum() + _SPREAD_WORTH * _USUAL_SPREAD**2
    return float(middle), float(np.sqrt(squares / (count + _SPREAD_WORTH)))


def _particles_beside_tail(known: Floats, trained: Floats) -> tuple[float, float]:
    """Return the same for scores with a tail; the fewer labels, the higher score the trained."""
    usual, squares, count = _TAIL_MIDDLE, 0.0, len(known) + len(trained)
    if len(trained):
        usual = float(np.median(trained))
        squares = float(((trained - usual) ** 2).sum()) * _WIDENED**2
        usual -= _TAIL_TRAINED / max(count, _TAIL_FEWEST)
    middle = float((known.sum() + usual) / (len(known) + 1))
    squares += ((known - middle) ** 2).sum() + _TAIL_SPREAD_WORTH * _TAIL_SPREAD**2
    return middle, float(np.sqrt(squares / (count + _TAIL_SPREAD_WORTH)))


def _beside_tail(peaks: Floats, middle: float, spread: float) -> _Tail:
    """Fit where particles and look-alikes lie, how fast noise becomes rarer, and their numbers.

    Parameters
    ----------
    peaks
        ``(n,)`` their log-odds.
    middle, spread
        Those of the particles, as the labels tell them.
    """
    middles = np.array([middle, middle - _LOOKALIKES_APART])
    made = _Tail(np.zeros(3), middles, np.array([spread, _LOOKALIKE_SPREAD]), _TAIL_RATE)
    if not len(peaks):
        return made
    shares = np.array(_TAIL_SHARES)
    for _ in range(_ROUNDS):
        likely = shares[:, None] * made.likely(peaks) + 1e-12
        belongs = likely / likely.sum(axis=0)
        own, others, noise = belongs
        counts = belongs.sum(axis=1)
        doubted = counts - np.array([0.0, min(_LOOKALIKES_DOUBTED, counts[1]), 0.0])
        shares = np.maximum(doubted, 1e-6) / np.maximum(doubted, 1e-6).sum()
        place = (_TAIL_LABELS_WORTH * middle + own @ peaks) / (_TAIL_LABELS_WORTH + counts[0])
        squares = _TAIL_SPREADS_WORTH * spread**2 + own @ (peaks - place) ** 2
        beyond = _TAIL_RATE_WORTH / _TAIL_RATE + noise @ (peaks - _TAIL_ODDS)
        lower = min(others @ peaks / max(counts[1], 1e-6), place - _LOOKALIKES_APART)
        made = _Tail(
            shares * len(peaks),
            np.array([place, lower]),
            np.array([np.sqrt(squares / (_TAIL_SPREADS_WORTH + counts[0])), _LOOKALIKE_SPREAD]),
            float((_TAIL_RATE_WORTH + counts[2]) / beyond),
        )
    return made


def _fitted(peaks: Floats, middle: float, spread: float) -> _Normals:
    """Fit where particles, look-alikes and noise lie, and how many peaks there are of each.

    Parameters
    ----------
    peaks
        ``(n,)`` their log-odds.
    middle, spread
        Those of the particles, as the labels tell them.
    """
    shares = np.full(3, 1 / 3)
    middles = np.array([middle, min(0.0, middle - _APART), _LOWEST_ODDS + 0.5])
    spreads = np.array([spread, 1.2, 1.0])
    if not len(peaks):
        return _Normals(np.zeros(3), middles, spreads)
    for _ in range(_ROUNDS):
        away = (peaks - middles[:, None]) / spreads[:, None]
        likely = shares[:, None] / spreads[:, None] * np.exp(-0.5 * away**2) + 1e-12
        belongs = likely / likely.sum(axis=0)
        shares = belongs.mean(axis=1)
        weight = _LABELS_WORTH + belongs[0].sum()
        middles[0] = (_LABELS_WORTH * middle + belongs[0] @ peaks) / weight
        for kind in (1, 2):
            total = belongs[kind].sum()
            middles[kind] = (belongs[kind] @ peaks) / total
            squares = belongs[kind] @ (peaks - middles[kind]) ** 2 / total
            spreads[kind] = max(float(np.sqrt(squares)), _NARROWEST)
        middles[1] = min(middles[1], middles[0] - _APART)
    return _Normals(shares * len(peaks), middles, spreads)


def _odds(scores: Floats) -> Floats:
    """Return the log-odds of scores, the highest cut off."""
    odds = logit(np.clip(scores, 1e-6, 1 - 1e-6))
    return np.asarray(np.minimum(odds, _HIGHEST_ODDS), dtype=np.float64)
