"""Log-odds of peaks as a tail of noise, with look-alikes and particles beyond it.

Where a training starts from weights that know particles, noise becomes rarer exponentially, and
look-alikes lie between it and the particles. Labels that were trained on score higher than other
particles, but spread hardly less: they tell the spread, and those that were kept from training
the middle.

References
----------
Dempster, Laird, Rubin, *Maximum likelihood from incomplete data via the EM algorithm*, 1977.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.floating[Any]]

_START = -3.0  # log-odds, from where on there is nothing but a tail of noise
_USUAL_MIDDLE, _USUAL_SPREAD, _SPREAD_WORTH = 4.0, 1.2, 4.0
_TRAINED, _FEWEST = 20.0, 4
_WIDENED = 1.15
"""What is usual of particles, and how many labels the spread counts for; by how much those that
were trained on are higher, if there were one of them, and narrower."""

_LABELS_WORTH, _SPREAD_KEPT = 5.0, 40.0
_USUAL_RATE, _RATE_WORTH = 0.8, 20.0
"""How many peaks count as much as what the labels say, and as what is usual of the noise."""

_LOOKALIKE_SPREAD, _APART, _DOUBTED = 0.9, 2.4, 1.0
"""Of look-alikes: how far below particles they lie at least, and how many are made light of."""

_SHARES = (0.45, 0.1, 0.45)
_ROUNDS = 200


@dataclass(frozen=True)
class Tail:
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
        noise = np.exp(-self.rate * np.maximum(odds - _START, 0))
        return np.concatenate([normal, noise[None]])

    def likely(self, peaks: Floats) -> Floats:
        """Return the densities ``(3, n)`` of each at peaks beyond the start of the tail."""
        away = (peaks - self.middles[:, None]) / self.spreads[:, None]
        seen = 1 - ndtr((_START - self.middles) / self.spreads)
        scale = self.spreads * np.sqrt(2 * np.pi) * np.maximum(seen, 0.05)
        noise = self.rate * np.exp(-self.rate * (peaks - _START))
        return np.concatenate([np.exp(-0.5 * away**2) / scale[:, None], noise[None]])


def fit(peaks: Floats, known: Floats, trained: Floats) -> Tail:
    """Fit where particles and look-alikes lie, how fast noise becomes rarer, and their numbers.

    Parameters
    ----------
    peaks
        ``(n,)`` log-odds of peaks away from labels.
    known
        ``(m,)`` those at labels that were kept from training.
    trained
        ``(k,)`` those at the others.
    """
    middle, spread = _particles(known, trained)
    peaks = peaks[peaks > _START]
    middles = np.array([middle, middle - _APART])
    made = Tail(np.zeros(3), middles, np.array([spread, _LOOKALIKE_SPREAD]), _USUAL_RATE)
    if not len(peaks):
        return made
    shares = np.array(_SHARES)
    for _ in range(_ROUNDS):
        likely = shares[:, None] * made.likely(peaks) + 1e-12
        belongs = likely / likely.sum(axis=0)
        own, others, noise = belongs
        counts = belongs.sum(axis=1)
        shares = np.maximum(counts - (0.0, _DOUBTED, 0.0), 1e-6)
        shares /= shares.sum()
        place = (_LABELS_WORTH * middle + own @ peaks) / (_LABELS_WORTH + counts[0])
        squares = _SPREAD_KEPT * spread**2 + own @ (peaks - place) ** 2
        beyond = _RATE_WORTH / _USUAL_RATE + noise @ (peaks - _START)
        lower = min(others @ peaks / max(counts[1], 1e-6), place - _APART)
        made = Tail(
            shares * len(peaks),
            np.array([place, lower]),
            np.array([np.sqrt(squares / (_SPREAD_KEPT + counts[0])), _LOOKALIKE_SPREAD]),
            float((_RATE_WORTH + counts[2]) / beyond),
        )
    return made


def _particles(known: Floats, trained: Floats) -> tuple[float, float]:
    """Return where particles lie and how far they spread; few labels are known by heart."""
    usual, squares, count = _USUAL_MIDDLE, 0.0, len(known) + len(trained)
    if len(trained):
        usual = float(np.median(trained))
        squares = float(((trained - usual) ** 2).sum()) * _WIDENED**2
        usual -= _TRAINED / max(count, _FEWEST)
    middle = float((known.sum() + usual) / (len(known) + 1))
    squares += ((known - middle) ** 2).sum() + _SPREAD_WORTH * _USUAL_SPREAD**2
    return middle, float(np.sqrt(squares / (count + _SPREAD_WORTH)))
