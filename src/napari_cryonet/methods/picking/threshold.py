"""The score above which a peak is taken for a particle, from labels and peaks alone.

Of the peaks of a tomogram nobody knows which are particles. Their log-odds are a mixture of those
of particles, of what looks like them, and of noise, which is fitted to all peaks and labels. The
threshold is where the F1 that follows is highest.

References
----------
Elkan and Noto, *Learning classifiers from only positive and unlabeled data*, KDD 2008.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from napari_cryonet.methods.picking import noise_tail, normals
from napari_cryonet.methods.picking.picks import LOWEST

Floats = NDArray[np.floating[Any]]

_FEWEST = 2
_HIGHEST_ODDS = 7.0
_USUAL_BELOW = 3.1  # the middle of particles, where no peaks tell
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
    groups = [_odds(each) for each in (unlabelled, known, trained)]
    fitted = noise_tail.fit(*groups) if tail else normals.fit(*groups)
    shares = fitted.above(_GRID)
    recall, count = shares[0], fitted.counts[0] + labels
    right = count * recall
    every = right + fitted.counts[1:] @ shares[1:]
    best = _GRID[(2 * right / (every + count)).argmax()]
    odds = best if fitted.counts.any() else fitted.middles[0] - _USUAL_BELOW
    precision = right / np.maximum(every, 1e-9)
    columns = {"score": expit(_GRID), "precision": precision, "recall": recall}
    curve = {name: column[::_COARSE].round(4).tolist() for name, column in columns.items()}
    right_part, found = (float(np.interp(odds, _GRID, each)) for each in (precision, recall))
    return Calibration(float(expit(odds)), right_part, found, float(count), curve)


def _odds(scores: Floats) -> Floats:
    """Return the log-odds of scores, the highest cut off."""
    odds = logit(np.clip(scores, 1e-6, 1 - 1e-6))
    return np.asarray(np.minimum(odds, _HIGHEST_ODDS), dtype=np.float64)
