"""How alike two half maps are: one number, computed plane by plane so that memory stays small.

References
----------
The uncentred correlation is ``CCC`` of TEMPy, with which Protein-Denoiser sorts half maps:
Farabella et al., J. Appl. Cryst. 48 (2015), doi:10.1107/S1600576715010092.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_cryonet.errors import DataError
from napari_cryonet.signal.shells import frequency
from napari_cryonet.types.volume import ZYX


def likeness(
    first: NDArray[Any],
    second: NDArray[Any],
    measure: Literal["uncentred", "pearson"] = "uncentred",
    weight: NDArray[Any] | None = None,
) -> float:
    """Return the correlation of two volumes.

    Parameters
    ----------
    first, second
        ``(z, y, x)`` of one shape.
    measure
        ``uncentred`` is ``sum(xy) / sqrt(sum(xx) sum(yy))``; ``pearson`` subtracts the means.
    weight
        ``(z, y, x)`` the weight of each voxel, from 0 to 1; None weighs all the same.

    Returns
    -------
    float
        From -1 to 1; 0 where one of them has nothing to compare.

    Raises
    ------
    DataError
        If the shapes differ or values are not finite numbers.
    """
    if first.shape != second.shape or (weight is not None and weight.shape != first.shape):
        raise DataError(
            f"Only volumes of one shape can be compared; these have {first.shape} and "
            f"{second.shape}."
        )
    shifts = [0.0, 0.0]
    if measure == "pearson":  # a large mean would swallow the digits
        shifts = [float(np.mean(each, dtype=np.float64)) for each in (first, second)]
    sums = np.zeros(6)
    for z in range(len(first)):
        x, y = (np.asarray(each[z], np.float64) - shift
                for each, shift in zip((first, second), shifts, strict=True))  # fmt: skip
        w = np.ones_like(x) if weight is None else np.asarray(weight[z], np.float64)
        sums += [float(np.vdot(w, part)) for part in (np.ones_like(x), x, y, x * x, y * y, x * y)]
    if not np.isfinite(sums).all():
        raise DataError("The half maps hold values that are not numbers (NaN or infinite).")
    count, x_sum, y_sum, xx, yy, xy = sums.tolist()
    if measure == "pearson" and count > 0:
        xx, yy, xy = xx - x_sum**2 / count, yy - y_sum**2 / count, xy - x_sum * y_sum / count
    power = math.sqrt(max(xx, 0.0)) * math.sqrt(max(yy, 0.0))
    return min(1.0, max(-1.0, xy / power)) if power > 0 else 0.0


def banded(
    data: NDArray[Any], voxel_size: ZYX, coarsest: float | None, finest: float | None
) -> NDArray[Any]:
    """Return what of a volume lies between two resolutions.

    Parameters
    ----------
    data
        ``(z, y, x)``.
    voxel_size
        Å per voxel along z, y, x.
    coarsest, finest
        Å; None leaves that side open.

    Raises
    ------
    DataError
        If nothing lies between them.
    """
    if coarsest is None and finest is None:
        return data
    found = frequency(data.shape, voxel_size)
    inside = np.ones(found.shape, dtype=bool)
    if coarsest is not None:
        inside &= found >= 1 / coarsest
    if finest is not None:
        inside &= found <= 1 / finest
    if not inside.any():
        raise DataError(
            f"No Fourier coefficient lies between {coarsest or math.inf:g} and {finest or 0:g} Å; "
            f"the voxels have {max(voxel_size):g} Å and show nothing finer than twice that."
        )
    terms = fft.rfftn(np.asarray(data, np.float32), workers=-1)
    return np.asarray(fft.irfftn(terms * inside, data.shape, workers=-1), np.float32)
