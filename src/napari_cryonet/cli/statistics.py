"""Minimum, maximum, mean and deviation of an array of any size, plane by plane."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.reporting import Reporter

NAMES = ("min", "max", "mean", "std")


def statistics(data: NDArray[Any], report: Reporter) -> dict[str, float | None]:
    """Return the statistics of the numbers in an array.

    What is NaN or infinite is left out; of complex numbers the magnitude counts.

    Parameters
    ----------
    data
        ``(..., y, x)``, often a memory map.
    report
        Is told of each plane, and asked whether to stop.

    Returns
    -------
    dict
        ``min``, ``max``, ``mean`` and ``std``; None where there is no number at all.

    References
    ----------
    Chan, Golub, LeVeque, *Updating formulae and a pairwise algorithm for computing sample
    variances*, Stanford STAN-CS-79-773 (1979).
    """
    low, high, mean, squares, count = math.inf, -math.inf, 0.0, 0.0, 0
    planes = list(np.ndindex(data.shape[:-2]))
    for done, plane in enumerate(planes):
        report.check()
        report.step(done, len(planes))
        values = np.abs(data[plane]) if data.dtype.kind == "c" else data[plane]
        values = np.asarray(values, dtype=np.float64)
        values = values[np.isfinite(values)]
        if not values.size:
            continue
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        own = float(values.mean())
        total = count + values.size
        shift = own - mean
        squares += float(np.square(values - own).sum())
        squares += shift * shift * count * values.size / total
        mean += shift * values.size / total
        count = total
    if not count:
        return dict.fromkeys(NAMES)
    found = (low, high, mean, math.sqrt(squares / count))
    return dict(zip(NAMES, found, strict=True))
