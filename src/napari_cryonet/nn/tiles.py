"""A network over a volume of any size, piece by piece, from memory map to memory map.

The pieces overlap by what the network sees, and that rim is thrown away: where no piece
ends, tiled equals untiled. Memory does not grow with the volume. If it runs out, the pieces
are halved and the work goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_cryonet.errors import OutOfMemory
from napari_cryonet.nn.augment import Turn
from napari_cryonet.nn.device import Compute, free_memory, is_out_of_memory, release_memory
from napari_cryonet.reporting import Box, Reporter, Tick

_SMALLEST = 16
_BYTES_PER_VOXEL = 120


@dataclass(frozen=True)
class Tile:
    """A piece of a volume.

    Parameters
    ----------
    read
        The region to read, with its rim.
    write
        The region that is kept; those of all tiles fill the volume once.
    """

    read: Box
    write: Box

    @property
    def inner(self) -> Box:
        """The kept region, counted from the start of the one that is read."""
        z, y, x = (
            slice(kept.start - seen.start, kept.stop - seen.start)
            for kept, seen in zip(self.write, self.read, strict=True)
        )
        return z, y, x


@dataclass(frozen=True)
class Grid:
    """How a volume is cut.

    Parameters
    ----------
    side
        Largest side of the kept regions.
    margin
        Width of the rim around them.
    multiple
        Pieces start at multiples of this, as networks with pooling need.
    """

    side: int
    margin: int
    multiple: int = 1

    def tiles(self, shape: tuple[int, ...]) -> list[Tile]:
        """Return the tiles of a volume, or of a region, of this shape."""
        axes = [list(self._intervals(length)) for length in shape]
        return [Tile((z[0], y[0], x[0]), (z[1], y[1], x[1])) for z, y, x in product(*axes)]

    def halved(self) -> Grid:
        """Return the grid to try when memory runs out.

        Raises
        ------
        OutOfMemory
            If the pieces cannot be smaller.
        """
        if self.side // 2 < max(_SMALLEST, self.multiple):
            raise OutOfMemory(
                f"Not enough memory even for pieces of {self.side} voxels. Close other programs "
                f"that use the device, or choose the device cpu."
            )
        return Grid(self.side // 2, self.margin, self.multiple)

    def widened(self, kept: slice, length: int) -> slice:
        """Return an interval with its rim on both sides, as far as the axis goes."""
        margin = -(-self.margin // self.multiple) * self.multiple
        return slice(max(0, kept.start - margin), min(length, kept.stop + margin))

    def _intervals(self, length: int) -> Iterator[tuple[slice, slice]]:
        """Yield what to read and what to keep along one axis, in pieces of about one size."""
        count = -(-length // self.side)
        step = -(-length // count)
        step = -(-step // self.multiple) * self.multiple
        for start in range(0, length, step):
            kept = slice(start, min(start + step, length))
            yield self.widened(kept, length), kept


def some(tiles: Sequence[Tile], most: int) -> Sequence[Tile]:
    """Return up to a number of tiles, spread evenly over all."""
    return tiles[:: -(-len(tiles) // most)]


def over_tiles(
    shape: tuple[int, ...],
    grid: Grid,
    work: Callable[[Tile, Tick], None],
    compute: Compute,
    report: Reporter,
) -> None:
    """Do some work for every tile; when memory runs out, cut the tile into smaller ones.

    Parameters
    ----------
    shape
        ``(z, y, x)`` of the volume.
    grid
        How to cut it.
    work
        What to do for one tile; it calls the function it is given with the share of the
        tile that is done, so that progress is smooth and Stop is quick.
    compute
        The device, whose cached memory is given back before a smaller tile is tried.
    report
        Is told how many voxels are done, and asked whether to stop.

    Raises
    ------
    OutOfMemory
        If even the smallest tile does not fit.
    Cancelled
        If the user has asked to stop.
    """
    total = int(np.prod(shape))
    waiting = [(tile, grid) for tile in reversed(grid.tiles(shape))]
    done, told = 0, 0.0
    while waiting:
        tile, own = waiting.pop()
        sides = [part.stop - part.start for part in tile.write]
        voxels, before = int(np.prod(sides)), done

        def tick(share: float, before: int = before, voxels: int = voxels) -> None:
            nonlocal told
            told = max(told, before + share * voxels)
            report.check()
            report.step(told, total)

        tick(0.0)
        try:
            work(tile, tick)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            smaller = replace(own, side=min(own.side, max(sides))).halved()
        else:
            done += voxels
            tick(1.0)
            continue
        release_memory(compute.device)
        report.say(f"Memory ran out; going on with pieces of {smaller.side} voxels.")
        waiting += [(part, smaller) for part in reversed(_within(tile.write, smaller, shape))]


def predict(
    network: torch.nn.Module,
    values: NDArray[Any],
    compute: Compute,
    turns: Sequence[Turn] = (Turn(),),
    tick: Tick | None = None,
) -> NDArray[np.float32]:
    """Return what a network makes of one piece of a volume, averaged over turns of it.

    Parameters
    ----------
    network
        On the device of `compute`, in evaluation mode.
    values
        ``(z, y, x)``, or several such as ``(n, z, y, x)``, on the network's scale.
    compute
        Device and precision.
    turns
        The rotations or mirror images under which to look at it.
    tick
        Is told the share of the turns that is done.

    Returns
    -------
    ndarray
        float32 of the shape of `values`.
    """
    z, y, x = values.shape[-3:]
    tensor = torch.as_tensor(values, dtype=torch.float32).to(compute.device)
    whole = padded(tensor.reshape(-1, 1, z, y, x), getattr(network, "multiple", 1))
    total = torch.zeros_like(whole)
    for number, turn in enumerate(turns, 1):
        with torch.inference_mode(), compute.autocast():
            total += turn.undo(network(turn.apply(whole))).float()
        if tick is not None:
            tick(number / len(turns))
    mean = total[:, 0, :z, :y, :x] / len(turns)
    return np.asarray(mean.reshape(values.shape).cpu())


def fitting_side(side: int, margin: int, compute: Compute) -> int:
    """Return the largest side up to `side` of pieces for which there is memory now."""
    voxels = 0.5 * free_memory(compute.device) / _BYTES_PER_VOXEL
    while side // 2 >= 4 * _SMALLEST and (side + 2 * margin) ** 3 > voxels:
        side //= 2
    return side


def padded(batch: Tensor, multiple: int) -> Tensor:
    """Return ``(b, c, z, y, x)`` repeated at the far ends until its sides are multiples."""
    lack = [-side % multiple for side in batch.shape[2:]]
    if not any(lack):
        return batch
    return functional.pad(batch, [n for short in reversed(lack) for n in (0, short)], "replicate")


def _within(region: Box, grid: Grid, shape: tuple[int, ...]) -> list[Tile]:
    """Return the tiles of a grid that fill one region of a volume."""
    cut = Grid(grid.side, 0, grid.multiple)
    tiles = []
    for tile in cut.tiles(tuple(part.stop - part.start for part in region)):
        write = [
            slice(own.start + part.start, own.stop + part.start)
            for own, part in zip(tile.write, region, strict=True)
        ]
        read = [grid.widened(own, length) for own, length in zip(write, shape, strict=True)]
        tiles.append(Tile((read[0], read[1], read[2]), (write[0], write[1], write[2])))
    return tiles
