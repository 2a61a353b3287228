"""A volume on a grid of another voxel size."""

from __future__ import annotations

import numpy as np
from scipy.signal import resample

from napari_cryonet.types import Volume


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
