"""What the network has to learn: local resolution that was measured, here or elsewhere."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from napari_cryonet.errors import DataError
from napari_cryonet.methods.resolution.settings import TrainSettings
from napari_cryonet.nn.bands import Bands
from napari_cryonet.nn.device import Compute, memory_errors
from napari_cryonet.nn.filtering import by_filtering
from napari_cryonet.nn.lattice import everywhere, places
from napari_cryonet.reporting import Tick
from napari_cryonet.signal.resolution_settings import window_radius
from napari_cryonet.types import Volume

_STEP = 2
_KNOWN = 0.999  # of the places around a voxel, weighted as they are interpolated
_OUTSIDE = 100.0
"""What ResMap writes outside of its mask; no map has so coarse a resolution."""


def is_resolution(volume: Volume, settings: TrainSettings) -> bool:
    """Whether the second volume of a row is a map of local resolution, and not a half map."""
    if settings.targets != "auto":
        return settings.targets == "map"
    values = np.asarray(volume.data)
    return not bool((values[np.isfinite(values)] < 0).any())


def imported(volume: Volume) -> NDArray[np.float32]:
    """Return local resolution in Å, NaN where a program has none.

    Parameters
    ----------
    volume
        As ResMap, MonoRes, blocres, RELION, cryoSPARC or CryoNet write it: outside their masks
        stands 0, 100, or no number at all.

    Raises
    ------
    DataError
        If nothing is left.
    """
    values = np.asarray(volume.data, dtype=np.float32)
    with np.errstate(invalid="ignore"):
        known = (values > 0) & (values < _OUTSIDE)
    if not known.any():
        raise DataError(
            f"{volume.name} holds no resolution: between 0 and {_OUTSIDE:g} Å there is no value. "
            f"Give a map of local resolution in Å, or a half map."
        )
    return np.where(known, values, np.float32(np.nan))


def measured(
    first: Volume, second: Volume, threshold: float, compute: Compute, tick: Tick
) -> NDArray[np.float32]:
    """Return the local resolution of two half maps in Å, NaN where their FSC does not tell.

    Parameters
    ----------
    first, second
        The half maps, with a voxel size.
    threshold
        Of the FSC.
    compute
        Where to compute.
    tick
        Is told how far it is.
    """
    size, shape = first.scale, first.shape
    radius = window_radius(max(size))
    bands = Bands.of(shape, size, radius, None)
    with torch.inference_mode(), memory_errors("the local resolution of these half maps"):
        one, two = (
            torch.from_numpy(np.array(half.data, dtype=np.float32)).to(compute.device)
            for half in (first, second)
        )
        found = by_filtering((one, two), size, radius, bands, _STEP, threshold, tick)
        frequency = np.asarray(found.cpu())
    ends = (frequency <= 1.001 * bands.centres[0]) | (frequency >= 0.999 * bands.centres[-1])
    axes = [places(count, _STEP).numpy() for count in shape]
    values = everywhere(np.where(ends, np.float32(1), frequency), shape, axes)
    shares = everywhere((~ends).astype(np.float32), shape, axes)
    return np.stack(
        [
            np.where(share > _KNOWN, 1 / plane, np.float32(np.nan))
            for plane, share in zip(values, shares, strict=True)
        ]
    )
