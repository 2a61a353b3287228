"""A volume on a grid of another voxel size, and on a scale that networks like."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample

from napari_cryonet.errors import DataError
from napari_cryonet.types import Volume

_CLIP = 4.0
_SAMPLE = 1_000_000


def resampled(volume: Volume, voxel_size: float, shape: tuple[int, ...] | None = None) -> Volume:
    """Return a volume resampled to another voxel size, band-limited, by Fourier transform.

    Parameters
    ----------
    volume
        A volume whose voxel size is known or taken as 1 Å.
    voxel_size
        Å per voxel along each axis of the result, met as nearly as whole voxels allow.
    shape
        The exact shape of the result, to come back to a grid that was left before; None
        computes it from `voxel_size`.
    """
    data = np.asarray(volume.data, dtype=np.float32)
    wanted = shape or tuple(
        max(1, round(length * size / voxel_size))
        for length, size in zip(data.shape, volume.scale, strict=True)
    )
    sizes = tuple(
        size * old / new for size, old, new in zip(volume.scale, data.shape, wanted, strict=True)
    )
    for axis, count in enumerate(wanted):
        if count != data.shape[axis]:
            data = resample(data, count, axis=axis)
    sentence = f"Resampled to {sizes[0]:.4g} Å per voxel."
    return volume.changed(data.astype(np.float32), sentence, voxel_size=sizes)


def rescaled(
    positions: NDArray[np.floating[Any]], old: tuple[int, ...], new: tuple[int, ...]
) -> NDArray[np.floating[Any]]:
    """Return positions ``(n, 3)`` in voxels of one grid in those of another of the same box.

    Parameters
    ----------
    positions
        In voxels of the old grid.
    old, new
        The shapes of the grids.
    """
    moved: NDArray[np.floating[Any]] = positions * (np.array(new) / np.array(old))
    return moved.clip(max=np.array(new) - 1)


def on_scale(volume: Volume, voxel_size: float) -> NDArray[np.float32]:
    """Return a tomogram on a grid and a scale of its own: median 0, deviation about 1, clipped.

    Parameters
    ----------
    volume
        The tomogram.
    voxel_size
        Å per voxel of the grid.

    Raises
    ------
    DataError
        If it is constant or holds values that are not numbers.
    """
    data = np.asarray(resampled(volume, voxel_size).data, dtype=np.float32)
    if not np.isfinite(data).all():
        raise DataError(
            f"{volume.name} holds values that are not numbers; replace them before picking."
        )
    some = data.ravel()[:: max(1, data.size // _SAMPLE)]
    middle = float(np.median(some))
    spread = float(np.median(np.abs(some - middle))) * 1.4826
    if spread == 0:
        raise DataError(f"More than half of {volume.name} has one value; there is nothing to pick.")
    scaled: NDArray[np.float32] = (data - np.float32(middle)) / np.float32(spread)
    return scaled.clip(-_CLIP, _CLIP)
