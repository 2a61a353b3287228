"""Peaks that are taken for particles while a network learns: self-training.

A handful of labels shows particles from few sides, and a network soon knows them by heart. So a
few times in a training, early first, the peaks without a label that score like the labels are
taken for labels too, until the next look. They belong to the training alone: neither the
threshold nor the validation counts them as labels.

References
----------
Lee, *Pseudo-Label*, ICML workshop on challenges in representation learning, 2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from torch import nn

from napari_cryonet.methods.picking.data import Source
from napari_cryonet.methods.picking.picks import labelled_peaks
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.patches import box
from napari_cryonet.reporting import Box, PassingReporter, Reporter

Floats = NDArray[np.floating[Any]]

Leniency = Sequence[float | None]

LOOKS: Leniency = (0.5, 0.4, 0.3, 0.2, 0.1, 0.1)
"""At each look, which part of the labels may score below a peak that is believed."""

LATER: Leniency = (None, None, None, 0.4, 0.3, 0.2)
"""The same where all particles, whatever their kind, score high at first: nothing is believed."""

_MOST = 4_000_000


def believed(
    network: nn.Module, source: Source, below: float, compute: Compute, report: Reporter
) -> tuple[Floats, NDArray[np.intp]]:
    """Find the peaks that score like labels.

    Parameters
    ----------
    network
        As far as it has learnt, in evaluation mode.
    source
        A tomogram with its labels. Of a large one only the middle of the labels is looked at, and
        nothing where something is painted.
    below
        Which part of the labels of a class may score below a peak.
    compute
        Device and precision.
    report
        Is asked whether to stop.

    Returns
    -------
    positions : ndarray
        ``(n, 3)`` in voxels of the grid.
    kinds : ndarray
        ``(n,)`` number of the class of each.
    """
    labels = source.labels
    region = _looked_at(source)
    start = np.array([part.start for part in region])
    values = source.values[region]
    peaks = labelled_peaks(network, values, labels, 1, compute, _Asking(report))
    positions, kinds = peaks.positions, peaks.kinds
    own = labels.positions - start
    taken = np.zeros(len(positions), dtype=bool)
    for kind, diameter in enumerate(labels.diameters):
        known = own[(labels.kinds == kind) & _inside(own, values.shape)]
        ours = np.flatnonzero(kinds == kind)
        if len(known) and len(ours):
            gaps, nearest = KDTree(positions[ours]).query(known)
            reached = np.where(gaps <= diameter / 2, peaks.scores[ours][nearest], 0.0)
            bar = max(float(np.quantile(reached, below)), 0.5)
            taken[ours] = peaks.scores[ours] >= bar
    if len(own):
        gaps, _ = KDTree(own).query(positions)
        taken &= gaps > labels.diameters[kinds] / 2
    places = positions + start
    if source.regions is not None:
        taken &= source.regions[tuple(np.round(places).astype(int).T)] == 0
    return places[taken], kinds[taken]


class _Asking(PassingReporter):
    """Asks whether to stop, and says nothing of the progress of a look."""

    def step(self, done: float, total: float, **metrics: float) -> None:
        """Do nothing."""


def _looked_at(source: Source) -> Box:
    """Return the region around the middle of the labels that is small enough to be looked at."""
    shape = np.array(source.values.shape)
    sides = np.ceil(shape * min(1.0, (_MOST / shape.prod()) ** (1 / 3))).astype(int)
    places = source.labels.learnt
    middle = np.median(places, axis=0) if len(places) else shape / 2
    start = np.clip(np.round(middle - sides / 2), 0, shape - sides)
    return box(start.astype(int), sides)


def _inside(places: Floats, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which places are in a volume."""
    inside: NDArray[np.bool_] = np.all((places >= 0) & (places <= np.array(shape) - 1), axis=1)
    return inside
