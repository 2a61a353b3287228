"""The score above which a peak is taken for a particle, from labels and peaks alone.

Of the peaks of a tomogram nobody knows which are particles. Labels know: the log-odds of their
scores say how those of particles are spread. Half of the particles score higher than the middle
of that, where hardly anything else does, so peaks above it tell how many are still hidden. What
peaks there are beyond that number is background. The threshold is where the F1 that follows is
highest.

References
----------
Elkan and Noto, *Learning classifiers from only positive and unlabeled data*, KDD 2008 (the
number of positives from the scores of labelled ones).
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
_NARROWEST = 0.7
_COARSE = 10
_GRID = np.linspace(logit(LOWEST), -logit(LOWEST), 400)


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


def calibrate(unlabelled: Floats, known: Floats, trained: Floats) -> Calibration | None:
    """Find the best threshold.

    Parameters
    ----------
    unlabelled
        ``(n,)`` scores of peaks away from labels.
    known
        ``(m,)`` scores at labels that were kept from training.
    trained
        ``(k,)`` scores at the others, which may be too high.

    Returns
    -------
    Calibration or None
        None if fewer than two labels have a peak.
    """
    middle, spread = _labels(_odds(known), _odds(trained))
    if not np.isfinite(middle):
        return None
    peaks = np.sort(_odds(unlabelled[unlabelled >= LOWEST]))
    hidden = 2.0 * float((peaks >= middle).sum())
    recall = 1 - ndtr((_GRID - middle) / spread)
    labels = len(known) + len(trained)
    above = len(peaks) - np.searchsorted(peaks, _GRID) + labels * recall
    count = hidden + labels
    right = np.minimum(count * recall, above)
    f1 = 2 * right / (above + count)
    best = int(f1.argmax())
    precision = right / np.maximum(above, 1e-9)
    columns = {"score": expit(_GRID), "precision": precision, "recall": recall}
    curve = {name: column[::_COARSE].round(4).tolist() for name, column in columns.items()}
    threshold = float(expit(_GRID[best]))
    return Calibration(threshold, float(precision[best]), float(recall[best]), count, curve)


def _labels(known: Floats, trained: Floats) -> tuple[float, float]:
    """Return middle and spread of the log-odds of labels; NaN if there are too few.

    The spread is that of all of them, each group about its own mean. The middle is that of
    those that were kept from training, as far as they are enough to say.
    """
    groups = [group for group in (known, trained) if len(group)]
    if sum(len(group) for group in groups) < _FEWEST:
        return float("nan"), _NARROWEST
    spread = float(np.std(np.concatenate([group - group.mean() for group in groups])))
    pooled = float(np.median(np.concatenate(groups)))
    if not len(known):
        return pooled, max(spread, _NARROWEST)
    trust = len(known) / (len(known) + 4.0)
    middle = trust * float(np.median(known)) + (1 - trust) * pooled
    return middle, max(spread, _NARROWEST)


def _odds(scores: Floats) -> Floats:
    """Return the log-odds of scores."""
    return np.asarray(logit(np.clip(scores, 1e-6, 1 - 1e-6)), dtype=np.float64)
