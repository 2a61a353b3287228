"""Two half maps: whether their resolution can be measured, their average, their mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError
from napari_cryonet.signal.mask import Mask, given_mask, make_mask
from napari_cryonet.signal.resolution_settings import Masking
from napari_cryonet.types import Volume
from napari_cryonet.types.volume import ZYX, check_pair

_MASKED_SHARE = 0.05  # of the inscribed ellipsoid that has one value in halves with a mask


def check_halves(first: Volume, second: Volume) -> ZYX:
    """Return the voxel size of two halves whose resolution can be measured.

    Raises
    ------
    DataError
        If they are not two different volumes of numbers, of one shape, with a voxel size.
    """
    if first.data.ndim != 3 or first.data.dtype.kind not in "buif":
        raise DataError(
            f"Half maps are volumes z, y, x of real numbers; {first.name} has the shape "
            f"{first.shape} and the type {first.data.dtype}."
        )
    if first.shape == second.shape and np.array_equal(first.data, second.data):
        raise DataError(
            f"{first.name} and {second.name} hold the same values: their FSC is 1 and means "
            f"nothing. Choose the two independent halves."
        )
    check_pair(first, second)
    for half in (first, second):
        if not np.isfinite(half.data).all():
            raise DataError(f"{half.name} holds values that are not numbers (NaN or infinite).")
        if half.data.min() == half.data.max():
            raise DataError(f"All voxels of {half.name} have the same value; it holds no map.")
    if first.voxel_size is None:
        raise DataError(
            f"{first.name} has no voxel size, without which there are no Å. Set it first: Layers > "
            f"Data > Set voxel size… or cryonet convert --voxel-size."
        )
    return first.voxel_size


def average(halves: Sequence[Volume]) -> NDArray[np.float32]:
    """Return the mean of two halves, ``(z, y, x)``."""
    first, second = halves
    total: Mask = np.asarray(first.data, np.float32) + np.asarray(second.data, np.float32)
    return total / np.float32(2)


def mask_of(halves: Sequence[Volume], given: Volume | None, how: Masking) -> Mask | None:
    """Return the mask of two halves: the given one, or one made as wanted; None for none.

    Parameters
    ----------
    halves
        The half maps, as `check_halves` lets them pass.
    given
        A mask, or None.
    how
        Which mask to make if none is given.

    Raises
    ------
    DataError
        If the mask does not fit or is empty, or there is nothing to be found in the map.
    SettingsError
        If no mask can be made as wanted.
    """
    if given is not None:
        return given_mask(given.data, halves[0].shape, given.name)
    if how.mask == "none":
        return None
    return make_mask(average(halves), halves[0].scale, how)


def are_masked(data: NDArray[Any]) -> bool:
    """Whether a half map was multiplied with a mask that is tighter than the box.

    Parameters
    ----------
    data
        ``(z, y, x)``. A mask leaves one value all around; what lies outside the inscribed
        ellipsoid does not count, since programs clear it.
    """
    axes = (np.square(np.linspace(-1, 1, count, dtype=np.float32)) for count in data.shape)
    inside = sum(np.ix_(*axes)) < np.float32(0.9)
    return float((data[inside] == data[0, 0, 0]).mean()) > _MASKED_SHARE
