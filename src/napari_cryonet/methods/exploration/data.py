"""Candidates: whatever in a tomogram has the size of a particle, and cubes around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_cryonet.errors import DataError, SettingsError
from napari_cryonet.methods.exploration.settings import TrainSettings
from napari_cryonet.nn.source import check_volume
from napari_cryonet.signal.peaks import blobs, find_peaks
from napari_cryonet.signal.resample import on_scale
from napari_cryonet.types import Thing, Volume

Floats = NDArray[np.floating[Any]]

LEAST = 8
"""Fewer candidates cannot be told apart."""

_APART = 0.5
_TAIL = 1e-3
_SMOOTH = 1.0  # voxels; clusters are better than without


@dataclass(frozen=True)
class Plan:
    """What all tomograms of a training have in common.

    Parameters
    ----------
    diameter
        Of the particles in Å.
    voxel_size
        Å per voxel of the network's grid.
    sign
        1 if particles are bright, -1 if they are dark.
    strength
        Smallest strength of a candidate, in deviations.
    """

    diameter: float
    voxel_size: float
    sign: int
    strength: float


@dataclass(frozen=True, eq=False)
class Candidates:
    """The candidates of one tomogram.

    Parameters
    ----------
    values
        ``(z, y, x)`` the tomogram on the network's grid and scale, slightly smoothed, particles
        bright.
    strength
        ``(z, y, x)`` of blobs, in deviations over the tomogram.
    positions
        ``(n, 3)`` in voxels of that grid, the strongest first.
    scores
        ``(n,)`` the strength of each.
    """

    values: NDArray[np.float32]
    strength: Floats
    positions: Floats
    scores: Floats

    def cubes(self, side: int) -> NDArray[np.float32]:
        """Return ``(n, side, side, side)`` around the candidates, mirrored at the border."""
        padded = np.pad(self.values, side, mode="symmetric")
        corners = np.round(self.positions - (side - 1) / 2).astype(int) + side
        made = np.empty((len(corners), side, side, side), np.float32)
        for cube, (z, y, x) in zip(made, corners, strict=True):
            cube[...] = padded[z : z + side, y : y + side, x : x + side]
        return made


def plan(things: Sequence[Thing], settings: TrainSettings) -> Plan:
    """Find what all tomograms of a training have in common.

    Raises
    ------
    SettingsError
        If the diameter is not given.
    DataError
        If one is no tomogram with a voxel size.
    """
    if settings.diameter is None:
        raise SettingsError(
            "Exploration needs the diameter of the particles in Å (--diameter); about right is "
            "enough."
        )
    volumes = [checked(thing) for thing in things]
    finest = max(max(volume.scale) for volume in volumes)
    size = max(finest, settings.diameter / settings.across)
    sign = {"dark": -1, "bright": 1}.get(settings.contrast)
    if sign is None:
        sign = contrast(on_scale(volumes[0], size), settings.diameter / size)
    return Plan(settings.diameter, size, sign, settings.strength)


def checked(thing: Thing) -> Volume:
    """Return a thing that is a tomogram with a voxel size.

    Raises
    ------
    DataError
        If it is anything else.
    """
    check_volume(thing, "Exploration", sized=True)
    assert isinstance(thing, Volume)  # noqa: S101 - check_volume has looked
    return thing


def contrast(values: NDArray[np.float32], diameter: float) -> int:
    """Return 1 if the strongest blobs are bright, -1 if they are dark.

    Parameters
    ----------
    values
        ``(z, y, x)``.
    diameter
        Of the blobs in voxels.
    """
    dark, bright = np.quantile(blobs(values, diameter), (_TAIL, 1 - _TAIL))
    return 1 if bright >= -dark else -1


def find_candidates(volume: Volume, shared: Plan, most: int) -> Candidates:
    """Find what in a tomogram has the size of a particle.

    Parameters
    ----------
    volume
        The tomogram.
    shared
        Size and contrast of the particles.
    most
        How many to keep at the most.

    Raises
    ------
    DataError
        If there are too few to be told apart, or values that are not numbers.
    """
    values = np.float32(shared.sign) * on_scale(volume, shared.voxel_size)
    diameter = shared.diameter / shared.voxel_size
    strength = blobs(values, diameter)
    strength = strength / _deviation(strength)
    positions, scores = find_peaks(strength, _APART * diameter, shared.strength)
    if len(positions) < LEAST:
        raise DataError(
            f"{volume.name} has {len(positions)} candidates of {shared.diameter:g} Å that are "
            f"{'bright' if shared.sign > 0 else 'dark'}; at least {LEAST} are needed. Look at "
            f"diameter and contrast, or lower the strength that a candidate has to have."
        )
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(values, _SMOOTH)
    smooth /= _deviation(smooth)
    return Candidates(smooth, strength, positions[:most], scores[:most])


def _deviation(values: Floats) -> np.float32:
    """Return the deviation of values around 0, whatever a few of them are."""
    return np.float32(max(np.median(np.abs(values)) * 1.4826, np.finfo(np.float32).tiny))
