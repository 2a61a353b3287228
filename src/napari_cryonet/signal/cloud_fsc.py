"""How far two clouds of one particle agree: distances, and the FSC of their densities.

Clouds of two halves of the images share nothing but the particle, so what of them correlates is
certain; as for half maps, the resolution is where the FSC falls below 0.143.

References
----------
Rosenthal, Henderson, J. Mol. Biol. 333 (2003), doi:10.1016/j.jmb.2003.07.013 (the threshold).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.signal.cloud_score import Alignment, align_hands, rms_radius
from napari_cryonet.signal.fsc import measure
from napari_cryonet.signal.resolution_settings import FscSettings
from napari_cryonet.types import PointCloud, Volume
from napari_cryonet.types.fsc import THRESHOLDS, Crossing, Fsc

Floats = NDArray[np.floating[Any]]

_SAMPLING = 0.8  # voxels of a density, in widths of its points
_EDGE = 4.0  # around the outermost point, in such widths
_MOST_VOXELS = 192  # along a side
_ANGSTROM = {"nm": 10.0, "Å": 1.0}


@dataclass(frozen=True, eq=False)
class Agreement:
    """Two clouds after one was moved onto the other.

    Parameters
    ----------
    moved
        The second cloud on the place of the first, in the hand that fits better.
    alignment
        How it was moved, and the distances that are left.
    other_rmse
        What is left with the other hand.
    rms_radius
        Root mean square radius of the first cloud.
    fsc
        Of the densities of both; in Å.
    """

    moved: PointCloud
    alignment: Alignment
    other_rmse: float
    rms_radius: float
    fsc: Fsc

    @property
    def crossing(self) -> Crossing:
        """Where the FSC falls below 0.143, in the unit of the clouds."""
        found, angstrom = self.fsc.crossing(THRESHOLDS[0]), _ANGSTROM[self.moved.unit]
        resolution = None if found.resolution is None else found.resolution / angstrom
        return replace(found, resolution=resolution, limit=found.limit / angstrom)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON, lengths in the unit of the clouds."""
        frequency = self.fsc.frequency * _ANGSTROM[self.moved.unit]
        return {
            "unit": self.moved.unit,
            "rmse": self.alignment.rmse,
            "chamfer": self.alignment.chamfer,
            "rms_radius": self.rms_radius,
            "hand": self.alignment.hand,
            "other_rmse": self.other_rmse,
            "scale": self.alignment.scale,
            "resolution": self.crossing.resolution,
            "threshold": THRESHOLDS[0],
            "frequency": [round(float(value), 8) for value in frequency],
            "fsc": [round(float(value), 6) for value in self.fsc.unmasked],
        }


def agreement(first: PointCloud, second: PointCloud, width: float) -> Agreement:
    """Compare two clouds of one particle.

    Parameters
    ----------
    first, second
        In one unit; the second is moved onto the first.
    width
        Standard deviation with which points are drawn, in that unit; the FSC ends at 1.6 of it.

    Raises
    ------
    DataError
        If one of them is too small to be aligned.
    """
    hands = align_hands(second.vertices, first.vertices)
    best, other = sorted(hands, key=lambda each: each.rmse)
    moved = replace(second, vertices=best.moved(second.vertices))
    return Agreement(
        moved, best, other.rmse, rms_radius(first.vertices), density_fsc(first, moved, width)
    )


def density_fsc(first: PointCloud, second: PointCloud, width: float) -> Fsc:
    """Return the FSC of the densities of two clouds in one place.

    Parameters
    ----------
    first, second
        In one unit.
    width
        Standard deviation with which points are drawn, in that unit; the same blur of both leaves
        their FSC as it is.
    """
    both = np.concatenate([first.vertices, second.vertices])
    middle = (both.min(axis=0) + both.max(axis=0)) / 2
    reach = float(np.abs(both - middle).max())
    voxel = max(_SAMPLING * width, 2 * reach / (_MOST_VOXELS - 2 * _EDGE / _SAMPLING))
    width = voxel / _SAMPLING
    side = 2 * math.ceil((reach + _EDGE * width) / voxel)
    size = (voxel * _ANGSTROM[first.unit],) * 3
    one, two = (
        Volume(_density((cloud.vertices - middle) / voxel + side // 2, cloud.weights, side), size)
        for cloud in (first, second)
    )
    return measure((one, two), None, FscSettings())


def _density(places: Floats, weights: Floats | None, side: int) -> NDArray[np.float32]:
    """Draw points at places in voxels as Gaussians of one width, in a cube."""
    along = np.exp(-0.5 * np.square((places[:, :, None] - np.arange(side)) * _SAMPLING))
    shares = np.ones(len(places)) if weights is None else weights
    planes = along[:, 1, :, None] * along[:, 2, None, :]
    rows = along[:, 0] * (shares / shares.sum())[:, None]
    density: NDArray[np.float32] = np.tensordot(rows, planes, (0, 0)).astype(np.float32)
    return density
