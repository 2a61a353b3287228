"""Exact rotations and mirror images of cubes: permutations of voxels, nothing interpolated."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from typing import Literal

from torch import Tensor

Group = Literal["rotations", "flips", "none"]
Order = tuple[int, int, int]


@dataclass(frozen=True)
class Turn:
    """A permutation of the axes z, y, x followed by mirror images along some of them.

    Parameters
    ----------
    order
        Which axis becomes z, which y and which x.
    mirrored
        The axes turned round afterwards, counted 0, 1, 2.
    """

    order: Order = (0, 1, 2)
    mirrored: tuple[int, ...] = ()

    def apply(self, volume: Tensor) -> Tensor:
        """Turn the last three axes of a tensor."""
        lead = list(range(volume.ndim - 3))
        turned = volume.permute(*lead, *(len(lead) + axis for axis in self.order))
        return (
            turned.flip([len(lead) + axis for axis in self.mirrored]) if self.mirrored else turned
        )

    def undo(self, volume: Tensor) -> Tensor:
        """Turn back."""
        lead = list(range(volume.ndim - 3))
        volume = volume.flip([len(lead) + axis for axis in self.mirrored])
        back = (self.order.index(axis) for axis in range(3))
        return volume.permute(*lead, *(len(lead) + axis for axis in back))


def turns(group: Group) -> tuple[Turn, ...]:
    """Return the turns of a group, the identity first.

    Parameters
    ----------
    group
        ``"rotations"``: the 24 rotations of a cube; ``"flips"``: the 8 combinations of
        mirror images along the axes, which keep a missing wedge in place; ``"none"``.
    """
    if group == "none":
        return (Turn(),)
    orders: list[Order] = (
        [(0, 1, 2)] if group == "flips" else [(a, b, c) for a, b, c in permutations(range(3))]
    )
    mirrors = [
        tuple(axis for axis in range(3) if chosen[axis]) for chosen in product((0, 1), repeat=3)
    ]
    every = (Turn(order, mirrored) for order in orders for mirrored in mirrors)
    if group == "flips":
        return tuple(every)
    return tuple(turn for turn in every if _sign(turn.order) == (-1) ** len(turn.mirrored))


def spread(group: Group, count: int) -> tuple[Turn, ...]:
    """Return up to `count` turns of a group, spread evenly over it, the identity first."""
    every = turns(group)
    count = min(count, len(every))
    return tuple(every[number * len(every) // count] for number in range(count))


def _sign(order: tuple[int, ...]) -> int:
    """The sign of a permutation of three."""
    swaps = sum(order[i] > order[j] for i in range(3) for j in range(i + 1, 3))
    return -1 if swaps % 2 else 1
