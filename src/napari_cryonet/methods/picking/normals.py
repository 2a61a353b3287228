"""Log-odds of peaks as three normal distributions: particles, look-alikes and noise.

Labels that were kept from training tell how far particles spread and about where they lie; where
exactly, how many there are, and where the other two lie, follows from all peaks.

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

_LOWEST = -4.0  # log-odds of the peaks that are looked at
_USUAL_MIDDLE, _MIDDLE_WORTH = 4.5, 0.5
_USUAL_SPREAD, _SPREAD_WORTH = 2.0, 6.0
"""What is usual in log-odds, and how many labels that counts for."""

_LABELS_WORTH = 10.0  # peaks, when the middle of the particles is sought
_TRAINED = 1.0  # log-odds by which labels score higher if they were trained on
_APART = 2.0  # log-odds at least between particles and what looks like them
_NARROWEST = 0.5
_ROUNDS = 200


@dataclass(frozen=True)
class Normals:
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


def fit(peaks: Floats, known: Floats, trained: Floats) -> Normals:
    """Fit where particles, look-alikes and noise lie, and how many peaks there are of each.

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
    peaks = peaks[peaks > _LOWEST]
    shares = np.full(3, 1 / 3)
    middles = np.array([middle, min(0.0, middle - _APART), _LOWEST + 0.5])
    spreads = np.array([spread, 1.2, 1.0])
    if not len(peaks):
        return Normals(np.zeros(3), middles, spreads)
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
    return Normals(shares * len(peaks), middles, spreads)


def _particles(known: Floats, trained: Floats) -> tuple[float, float]:
    """Return where the log-odds of particles lie and how far they spread."""
    usual = _USUAL_MIDDLE
    if len(trained):
        usual = min(usual, float(np.median(trained)) - _TRAINED)
    count = len(known)
    middle = (known.sum() + _MIDDLE_WORTH * usual) / (count + _MIDDLE_WORTH)
    squares = ((known - middle) ** 2).sum() + _SPREAD_WORTH * _USUAL_SPREAD**2
    return float(middle), float(np.sqrt(squares / (count + _SPREAD_WORTH)))
