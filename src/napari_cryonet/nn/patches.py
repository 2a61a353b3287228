"""Which cubes of a volume a network is trained on, and which are held out to judge it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.reporting import Box


@dataclass(frozen=True, eq=False)
class Sampler:
    """Draws patches at random, all over a volume or where a mask allows it.

    Parameters
    ----------
    shape
        ``(z, y, x)`` of the volume.
    sides
        ``(z, y, x)`` of a patch, none longer than the volume.
    centres
        ``(n, 3)`` voxels of which one lies inside each patch; None draws all over.
    within
        The region that no patch leaves, large enough for one; None is the volume.
    """

    shape: tuple[int, ...]
    sides: tuple[int, ...]
    centres: NDArray[np.integer] | None = None
    within: Box | None = None

    def draw(self, random: np.random.Generator) -> Box:
        """Return the box of one patch."""
        region = self.within or box(np.zeros(len(self.shape), int), self.shape)
        low, high = np.array([(part.start, part.stop) for part in region]).T
        high = high - self.sides
        if self.centres is None:
            start = random.integers(low, high + 1)
        else:
            centre = self.centres[random.integers(len(self.centres))]
            start = np.clip(centre - random.integers(0, self.sides), low, high)
        return box(start, self.sides)


def patch_sides(shape: tuple[int, ...], patch: int, multiple: int) -> tuple[int, ...]:
    """Return the sides of a patch that fits into a volume and the network's cells.

    Along an axis thinner than one cell the patch is as thin; `nn.tiles.padded` helps there.
    """
    return tuple(
        max(min(length, multiple), min(patch, length) // multiple * multiple) for length in shape
    )


def random_at(region: Box, seed: int) -> np.random.Generator:
    """Return random numbers that are always the same for a region and a seed."""
    return np.random.default_rng([seed, *(part.start for part in region)])


def box(start: Sequence[int] | NDArray[np.integer], sides: Sequence[int]) -> Box:
    """Return the box at a start, z, y, x."""
    z, y, x = (slice(int(a), int(a) + int(b)) for a, b in zip(start, sides, strict=True))
    return z, y, x


def hold_out(
    shape: tuple[int, ...],
    fraction: float,
    side: int,
    score: Callable[[Box], float],
    *,
    most: int = 32,
) -> tuple[Box, ...]:
    """Choose cubes to hold out of training, spread evenly over strong and weak regions.

    Parameters
    ----------
    shape
        ``(z, y, x)`` of the volume.
    fraction
        Which part of its voxels to hold out, 0 to 1.
    side
        Side of the cubes in voxels, halved where fewer than two would fit in.
    score
        How much signal a cube holds, for example the covariance of two halves.
    most
        Number of cubes that are enough, so that judging a large volume takes no longer.

    Returns
    -------
    tuple of Box
        At least one cube unless `fraction` is 0 or the volume is a single voxel, the
        strongest regions represented.
    """
    sides = [min(side, length) for length in shape]
    grid = [range(0, length - own + 1, own) for length, own in zip(shape, sides, strict=True)]
    cubes = [box(start, sides) for start in product(*grid)]
    if fraction == 0 or max(shape) == 1:
        return ()
    if len(cubes) < 2:
        return hold_out(shape, fraction, side // 2, score, most=most)
    wanted = round(fraction * float(np.prod(shape)) / float(np.prod(sides)))
    wanted = min(max(wanted, 1), len(cubes) // 2, most)
    ranked = sorted(cubes, key=score, reverse=True)
    places = np.unique(np.linspace(1, len(ranked) - 1, wanted).astype(int))
    return tuple(ranked[place] for place in places)


def outside(boxes: Sequence[Box], region: Box) -> NDArray[np.bool_] | None:
    """Return a mask of `region` that is False inside `boxes`; None if nothing is inside."""
    mask: NDArray[np.bool_] | None = None
    for held in boxes:
        cut = [
            (max(a.start, b.start) - b.start, min(a.stop, b.stop) - b.start)
            for a, b in zip(held, region, strict=True)
        ]
        if all(low < high for low, high in cut):
            if mask is None:
                mask = np.ones([part.stop - part.start for part in region], dtype=bool)
            mask[tuple(slice(low, high) for low, high in cut)] = False
    return mask
