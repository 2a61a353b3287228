"""Pairs of halves made ready for training: one scale, one grid, some cubes held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_cryonet.methods.noise2noise.settings import TrainSettings
from napari_cryonet.nn.augment import Group
from napari_cryonet.nn.patches import Sampler, hold_out, patch_sides
from napari_cryonet.nn.source import check_volume, group_for, on_grid
from napari_cryonet.reporting import Box, Reporter
from napari_cryonet.signal.normalise import Scaling, measure
from napari_cryonet.types import Volume
from napari_cryonet.types.volume import check_pair

_SMOOTH = 2.0
_SIGNAL_PART = 0.1


@dataclass(frozen=True, eq=False)
class Pair:
    """Two halves, ready to be trained on or to be judged with.

    Parameters
    ----------
    first, second
        ``(z, y, x)`` grey values, often memory maps.
    scaling
        Common to both.
    sampler
        Where patches come from.
    held
        Cubes that are never trained on.
    rotations
        Turned copies that are as good as the original.
    """

    first: NDArray[Any]
    second: NDArray[Any]
    scaling: Scaling
    sampler: Sampler
    held: tuple[Box, ...]
    rotations: Group

    def read(self, region: Box) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return both halves of a region on the network's scale."""
        return self.scaling.forward(self.first[region]), self.scaling.forward(self.second[region])


def prepare(
    halves: tuple[Volume, Volume],
    settings: TrainSettings,
    multiple: int,
    report: Reporter,
    *,
    held_out: float | None = None,
) -> Pair:
    """Make two halves ready.

    Parameters
    ----------
    halves
        Of one shape and voxel size, with independent noise.
    settings
        Those of the training.
    multiple
        The sides of patches are multiples of this.
    report
        Is asked whether to stop, and told what was done.
    held_out
        Which part is kept from training, instead of the settings'.

    Raises
    ------
    DataError
        If the two do not belong together or hold nothing to learn from.
    """
    check_pair(*halves)
    for half in halves:
        check_volume(half, "Noise2Noise")
    first, second = (on_grid(half, settings, report) for half in halves)
    report.check()
    scaling = measure((first.data, second.data), settings.normalisation)
    report.check()

    def covariance(region: Box) -> float:
        report.check()
        one = scaling.forward(first.data[region])
        two = scaling.forward(second.data[region])
        return float(np.vdot(one - one.mean(), two - two.mean()))

    part = settings.held_out if held_out is None else held_out
    held = hold_out(first.shape, part, settings.held_out_side, covariance)
    sides = patch_sides(first.shape, settings.patch, multiple)
    centres = None
    if settings.sampling == "signal":
        centres = signal_voxels(scaling.forward(first.data), scaling.forward(second.data))
    return Pair(
        first.data,
        second.data,
        scaling,
        Sampler(first.shape, sides, centres),
        held,
        group_for(first, settings),
    )


def signal_voxels(
    first: NDArray[np.float32], second: NDArray[np.float32]
) -> NDArray[np.integer[Any]]:
    """Return the tenth of the voxels around which the halves agree most on density.

    Parameters
    ----------
    first, second
        ``(z, y, x)`` halves on the network's scale.

    Returns
    -------
    ndarray
        ``(n, 3)`` voxels.
    """
    strength = ndimage.gaussian_filter(first, _SMOOTH) * ndimage.gaussian_filter(second, _SMOOTH)
    return np.argwhere(strength >= np.quantile(strength, 1 - _SIGNAL_PART))
