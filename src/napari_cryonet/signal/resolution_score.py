"""How close a map of local resolution comes to a known one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError


def score_resolution(
    found: NDArray[Any], truth: NDArray[Any], inside: NDArray[np.bool_] | None = None
) -> dict[str, float]:
    """Compare local resolution with the truth, beside the best constant.

    Parameters
    ----------
    found, truth
        ``(z, y, x)`` in Å. Voxels in which one of them is no number between 0 and 100 do not
        count: programs write these outside their masks.
    inside
        ``(z, y, x)`` where to compare; None compares wherever both are known.

    Returns
    -------
    dict
        ``mae``, the mean error in Å; ``bias`` in Å; ``correlation``; ``constant``, the mean error
        of the best constant, the median of the truth; ``skill``, 1 for no error and 0 for that of
        the constant; ``voxels`` that were compared.

    Raises
    ------
    DataError
        If the shapes differ, or there are no two voxels to compare.
    """
    shapes = {array.shape for array in (found, truth, inside) if array is not None}
    if len(shapes) > 1:
        raise DataError(
            f"Maps that are compared have one shape; found were "
            f"{' and '.join(str(shape) for shape in sorted(shapes))}."
        )
    with np.errstate(invalid="ignore"):
        known = (found > 0) & (found < 100) & (truth > 0) & (truth < 100)
    if inside is not None:
        known &= inside
    count = int(known.sum())
    if count < 2:
        raise DataError(
            f"There are {count} voxels in which both maps hold a resolution between 0 and 100 Å; "
            f"look at the maps and at the mask."
        )
    ours, theirs = (array[known].astype(np.float64) for array in (found, truth))
    error = ours - theirs
    mae = float(np.abs(error).mean())
    constant = float(np.abs(theirs - np.median(theirs)).mean())
    spread = ours.std() * theirs.std()
    together = ((ours - ours.mean()) * (theirs - theirs.mean())).mean()
    return {
        "mae": mae,
        "bias": float(error.mean()),
        "correlation": float(together / spread) if spread > 0 else 0.0,
        "constant": constant,
        "skill": 1 - mae / constant if constant > 0 else 0.0,
        "voxels": count,
    }
