"""Answers that the network chooses among: where the signal ends, smoothed, or the next extreme.

A place has few independent values of the power, so what is seen in wide windows is smoothed, a
little and a lot. The latter flattens slopes; smoothing once more what it has missed, and adding
that, restores them. At a jump every smoothing is wrong: there the finest and the coarsest of what
is seen around are on offer as well.

References
----------
Tukey, *Exploratory Data Analysis*, Addison-Wesley 1977 (smoothing twice).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

ANSWERS = 5
"""The finest and the coarsest around, the sharp one, and two in wide windows."""

_SHARP, _VERY, _LITTLE = 1.2, 3.5, 1.0  # places, sigmas of the smoothing
_AROUND = 7  # places, side of the cube in which the extremes are looked for
_LEAST, _FAR = 1e-3, 9.0

Values = NDArray[np.float32]


def answers(sharp: Values, wide: Values, inside: NDArray[np.bool_]) -> Values:
    """Return the answers to choose among, ``(ANSWERS, z, y, x)``.

    Parameters
    ----------
    sharp
        ``(z, y, x)`` where the signal ends, with the blur of the windows undone, as a logarithm.
    wide
        The same in wide windows.
    inside
        ``(z, y, x)`` the molecule; nothing else counts.
    """
    weight = inside.astype(np.float32)

    def smoothed(values: Values, sigma: float) -> Values:
        total, share = (
            ndimage.gaussian_filter(part, sigma, truncate=3.0)
            for part in (np.where(inside, values, np.float32(0)), weight)
        )
        mean: Values = total / np.maximum(share, np.float32(_LEAST))
        return mean

    middle = smoothed(sharp, _SHARP)
    low, high = (
        sign * ndimage.maximum_filter(np.where(inside, sign * middle, np.float32(-_FAR)), _AROUND)
        for sign in (-1, 1)
    )
    first = smoothed(wide, _VERY)
    very = first + smoothed(wide - first, _VERY)
    ends = (np.where(np.abs(end) < _FAR, end, middle) for end in (low, high))
    return np.stack([*ends, middle, very, smoothed(wide, _LITTLE)])
