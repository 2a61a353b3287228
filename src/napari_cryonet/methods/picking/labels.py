"""What a network is to learn around each label: how high its score is, and the way there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.reporting import Box

Floats = NDArray[np.floating[Any]]

_SIGMA, _CORE, _RING = 1 / 8, 0.2, 0.5
"""Of the diameter: how fast scores fall, how far positives reach, and what is undecided."""

REJECTED = -1
"""The class of a place that was looked at and is no particle of any class."""


def core_radius(diameter: float) -> float:
    """Return how far from its centre the voxels of a particle are positive, in voxels."""
    return max(_CORE * diameter, 0.9)


def core_voxels(diameter: float) -> float:
    """Return how many voxels of a particle are positive, for a diameter in voxels."""
    return max(4 / 3 * float(np.pi) * core_radius(diameter) ** 3, 1.0)


@dataclass(frozen=True, eq=False)
class Target:
    """What is wanted in a region.

    Parameters
    ----------
    heat
        ``(classes, z, y, x)`` weight of each voxel as a positive, up to 1.
    negative
        ``(classes, z, y, x)`` weight of each voxel as a negative: what was rejected, and the
        labels of other classes.
    unlabelled
        ``(classes, z, y, x)`` 1 where nothing is known.
    offsets
        ``(3, z, y, x)`` from each positive voxel to its particle, in radii of the core of the
        smallest class.
    """

    heat: NDArray[np.float32]
    negative: NDArray[np.float32]
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
        ``(n,)`` number of the class of each, or `REJECTED`.
    held
        ``(n,)`` whether it is kept from training.
    diameters
        ``(classes,)`` of the particles of each class, in voxels of the grid.
    soft
        Whether positives count less away from the centre.
    """

    positions: Floats
    kinds: NDArray[np.intp]
    held: NDArray[np.bool_]
    diameters: Floats
    soft: bool

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.diameters)

    @property
    def diameter(self) -> float:
        """Of the particles of the smallest class, in voxels of the grid."""
        return float(self.diameters.min())

    @property
    def core(self) -> float:
        """How far the voxels of the smallest particles are positive, in voxels."""
        return core_radius(self.diameter)

    @property
    def learnt(self) -> Floats:
        """Positions ``(n, 3)`` of the particles that the network learns from."""
        found: Floats = self.positions[~self.held & (self.kinds >= 0)]
        return found

    @property
    def refused(self) -> Floats:
        """Positions ``(n, 3)`` of what was rejected."""
        found: Floats = self.positions[self.kinds == REJECTED]
        return found

    def joined(self, positions: Floats, kinds: NDArray[np.intp]) -> Labels:
        """Return these labels and others, ``(n, 3)`` positions with ``(n,)`` classes, to learn."""
        return replace(
            self,
            positions=np.concatenate([self.positions, positions]),
            kinds=np.concatenate([self.kinds, kinds]),
            held=np.concatenate([self.held, np.zeros(len(kinds), dtype=bool)]),
        )

    def target(self, region: Box, *, held: bool = False) -> Target:
        """Return what is wanted in a region.

        Parameters
        ----------
        region
            In voxels of the grid.
        held
            True to want the labels that are kept from training instead of the others; what is
            not wanted is undecided, neither positive nor unlabelled. What was rejected always
            counts.
        """
        sides = tuple(part.stop - part.start for part in region)
        heat, negative = (np.zeros((self.classes, *sides), np.float32) for _ in range(2))
        unlabelled = np.ones((self.classes, *sides), np.float32)
        offsets = np.zeros((3, *sides), np.float32)
        start = np.array([part.start for part in region])
        for position, kind, kept in zip(self.positions - start, self.kinds, self.held, strict=True):
            across = self.diameter if kind == REJECTED else float(self.diameters[kind])
            ring = max(_RING * across, core_radius(across) + 1)
            low = np.maximum(np.floor(position - ring), 0).astype(int)
            high = np.minimum(np.ceil(position + ring) + 1, sides).astype(int)
            if np.any(low >= high):
                continue
            window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            away = position[:, None, None, None] - np.mgrid[window]
            squares = (away**2).sum(axis=0)
            if kind >= 0:
                unlabelled[(kind, *window)][squares <= ring**2] = 0
            if kind >= 0 and kept != held:
                continue
            weight = self._weight(squares, across)
            for other in set(range(self.classes)) - {int(kind)}:
                patch = negative[other][window]
                np.maximum(patch, weight, out=patch)
                unlabelled[other][window][weight > 0] = 0
            if kind >= 0:
                patch = heat[(kind, *window)]
                nearer = weight > patch
                patch[nearer] = weight[nearer]
                offsets[(slice(None), *window)][:, nearer] = away[:, nearer] / self.core
        return Target(heat, negative, unlabelled, offsets)

    def _weight(self, squares: Floats, diameter: float) -> Floats:
        """Return how much voxels count at squares of distances to a label."""
        inside = squares <= core_radius(diameter) ** 2
        if not self.soft:
            return inside.astype(np.float32)
        weight: Floats = np.exp(-squares / (2 * (_SIGMA * diameter) ** 2)) * inside
        return weight
