"""The correlation of two half maps over a whole box, plane by plane so that memory stays small.

References
----------
The uncentred correlation is ``CCC`` of TEMPy, with which Protein-Denoiser sorts half maps:
Farabella et al., J. Appl. Cryst. 48 (2015), doi:10.1107/S1600576715010092.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError

_COPIES = 1 - 1e-6


def likeness(first: NDArray[Any], second: NDArray[Any], *, centred: bool = False) -> float:
    """Return the correlation of two volumes.

    Parameters
    ----------
    first, second
        ``(z, y, x)`` of one shape.
    centred
        Whether the means are subtracted; else it is ``sum(xy) / sqrt(sum(xx) sum(yy))``.

    Returns
    -------
    float
        From -1 to 1; 0 where one of them has nothing to compare.

    Raises
    ------
    DataError
        If the shapes differ or values are not finite numbers.
    """
    if first.shape != second.shape:
        raise DataError(
            f"Only volumes of one shape can be compared; these have {first.shape} and "
            f"{second.shape}."
        )
    shifts = [float(np.mean(each, dtype=np.float64)) if centred else 0.0
              for each in (first, second)]  # fmt: skip
    sums = np.zeros(3)
    for z in range(len(first)):
        x, y = (np.asarray(each[z], np.float64) - shift
                for each, shift in zip((first, second), shifts, strict=True))  # fmt: skip
        sums += [float(np.vdot(x, x)), float(np.vdot(y, y)), float(np.vdot(x, y))]
    if not np.isfinite(sums).all():
        raise DataError("The half maps hold values that are not numbers (NaN or infinite).")
    xx, yy, xy = sums.tolist()
    power = math.sqrt(xx) * math.sqrt(yy)
    return min(1.0, max(-1.0, xy / power)) if power > 0 else 0.0


def check_independent(first: NDArray[Any], second: NDArray[Any]) -> None:
    """Check that two half maps are not one map twice, brought to other grey values or not.

    Raises
    ------
    DataError
        If they are, if the shapes differ or values are not finite numbers.
    """
    if likeness(first, second, centred=True) > _COPIES or np.array_equal(first, second):
        raise DataError(
            "The halves are copies of each other: half maps are made of different particles, and "
            "their noise differs. Fetch them again, or find the other half."
        )
