"""How alike volumes are, and how alike a result is to a truth that nobody has seen.

References
----------
The cross-half estimate rests on the independence of the noise of two half maps, as does
the FSC: Rosenthal and Henderson, J. Mol. Biol. 333 (2003), doi:10.1016/j.jmb.2003.07.013.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAST = 1e-12


def correlation(
    first: NDArray[Any], second: NDArray[Any], mask: NDArray[np.bool_] | None = None
) -> float:
    """Return the correlation coefficient of two arrays, inside a mask if there is one.

    Parameters
    ----------
    first, second
        Arrays of one shape.
    mask
        True where to look.

    Returns
    -------
    float
        From -1 to 1; 0 where one of them is constant.
    """
    one, two = (first, second) if mask is None else (first[mask], second[mask])
    power = _covariance(one, one) * _covariance(two, two)
    return _covariance(one, two) / power**0.5 if power > 0 else 0.0


def cross_half(
    denoised: NDArray[Any], independent: NDArray[Any], first: NDArray[Any], second: NDArray[Any]
) -> float:
    """Estimate the correlation of a denoised volume with the truth, without knowing it.

    The noise of `independent` is not in `denoised`, so their covariance is that of
    `denoised` with the truth; the covariance of two halves is the power of the truth.
    With ``independent = second`` and halves of equal noise this is
    ``CC(D(h1), h2) / sqrt(CC(h1, h2))``.

    Parameters
    ----------
    denoised
        What was made by a network that never saw these voxels of `independent`.
    independent
        Data of the same voxels whose noise is not in what was denoised.
    first, second
        The two halves.

    Returns
    -------
    float
        At most about 1; nan where the halves have nothing in common or nothing was made.
    """
    signal, made = _covariance(first, second), _covariance(denoised, denoised)
    noisy = math.sqrt(_covariance(first, first) * _covariance(second, second))
    if signal <= _LEAST * noisy or made <= 0:
        return math.nan
    return _covariance(denoised, independent) / math.sqrt(signal * made)


def _covariance(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the covariance of two arrays of one shape; exactly 0 if one is constant."""
    one, two = _from_zero(first), _from_zero(second)
    return float(one @ two) / one.size - float(one.mean()) * float(two.mean())


def _from_zero(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return values as one line that begins with 0, so that a large mean does no harm."""
    line: NDArray[np.float64] = np.asarray(values, dtype=np.float64).ravel()
    return line - line[:1]
