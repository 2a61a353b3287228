"""What a network is to learn around each label: where its score is high, and the way there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.reporting import Box

Floats = NDArray[np.floating[Any]]

_SIGMA, _CORE, _RING = 1 / 8, 0.2, 0.5
"""Of the diameter: how fast scores fall, how far positives reach, and what is undecided."""


def core_radius(diameter: float) -> float:
    """Return how far from its centre the voxels of a particle are positive, in voxels."""
    return max(_CORE * diameter, 0.9)


@dataclass(frozen=True, eq=False)
class Target:
    """What is wanted in a region.

    Parameters
    ----------
    heat
        ``(classes, z, y, x)`` weight of each voxel as a positive, up to 1.
    unlabelled
        ``(classes, z, y, x)`` 1 where nothing is known.
    offsets
        ``(3, z, y, x)`` from each positive voxel to its particle, in radii of the core.
    """

    heat: NDArray[np.float32]
    unlabelled: NDArray[np.float32]
    offsets: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Labels:
    """Labelled particles of one tomogram.

    Parameters
    ----------
    positions
        ``(n, 3)`` in voxels of the network's grid.
    kinds
        ``(n,)`` number of the class of each.
    held
        ``(n,)`` whether it is kept from training.
    classes
        How many classes there are.
    diameter
        Of the particles in voxels of the grid.
    soft
        Whether positives count less away from the centre.
    """

    positions: Floats
    kinds: NDArray[np.intp]
    held: NDArray[np.bool_]
    classes: int
    diameter: float
    soft: bool

    @property
    def core(self) -> float:
        """How far from its centre the voxels of a particle are positive, in voxels."""
        return core_radius(self.diameter)

    @property
    def core_voxels(self) -> float:
        """How many voxels of a particle are positive."""
        return max(4 / 3 * np.pi * self.core**3, 1.0)

    def target(self, region: Box, *, held: bool = False) -> Target:
        """Return what is wanted in a region.

        Parameters
        ----------
        region
            In voxels of the grid.
        held
            True to want the labels that are kept from training instead of the others; what is
            not wanted is undecided, neither positive nor unlabelled.
        """
        sides = tuple(part.stop - part.start for part in region)
        heat = np.zeros((self.classes, *sides), np.float32)
        unlabelled = np.ones((self.classes, *sides), np.float32)
        offsets = np.zeros((3, *sides), np.float32)
        start = np.array([part.start for part in region])
        ring = max(_RING * self.diameter, self.core + 1)
        for position, kind, kept in zip(self.positions - start, self.kinds, self.held, strict=True):
            low = np.maximum(np.floor(position - ring), 0).astype(int)
            high = np.minimum(np.ceil(position + ring) + 1, sides).astype(int)
            if np.any(low >= high):
                continue
            window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            away = position[:, None, None, None] - np.mgrid[window]
            squares = (away**2).sum(axis=0)
            unlabelled[(kind, *window)][squares <= ring**2] = 0
            if kept != held:
                continue
            inside = squares <= self.core**2
            weight = np.exp(-squares / (2 * (_SIGMA * self.diameter) ** 2)) if self.soft else 1.0
            patch = heat[(kind, *window)]
            nearer = inside & (weight > patch)
            patch[nearer] = np.broadcast_to(weight, squares.shape)[nearer]
            offsets[(slice(None), *window)][:, nearer] = away[:, nearer] / self.core
        return Target(heat, unlabelled, offsets)
