"""From score maps on the network's grid to picks, without a threshold of the user yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from torch import nn

from napari_cryonet.methods.picking.network import predict
from napari_cryonet.nn.augment import spread
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.settings import Inference
from napari_cryonet.nn.tiles import Grid, Tile, fitting_side, over_tiles
from napari_cryonet.reporting import Reporter, Tick
from napari_cryonet.signal.peaks import apart, find_peaks

Floats = NDArray[np.floating[Any]]

APART = 0.65
"""Smallest distance of two picks, in diameters, unless something else is asked for."""


@dataclass(frozen=True, eq=False)
class Maps:
    """What a network makes of a tomogram, on its grid.

    Parameters
    ----------
    scores
        ``(classes, z, y, x)`` from 0 to 1, averaged over neighbours.
    ways
        ``(3, z, y, x)`` to the centre of the particle, in voxels, averaged alike.
    """

    scores: NDArray[np.float32]
    ways: NDArray[np.float32]

    def peaks(
        self, distance: float, thresholds: Sequence[float]
    ) -> tuple[Floats, Floats, NDArray[np.intp]]:
        """Return positions in voxels of the grid, scores and classes, the highest score first.

        Parameters
        ----------
        distance
            Smallest distance of two peaks, of whatever class, in voxels.
        thresholds
            Smallest score of each class.
        """
        found = [
            find_peaks(scores, distance, threshold, offsets=self.ways)
            for scores, threshold in zip(self.scores, thresholds, strict=True)
        ]
        positions = np.concatenate([places for places, _ in found])
        scores = np.concatenate([values for _, values in found])
        kinds = np.repeat(np.arange(len(found)), [len(values) for _, values in found])
        kept = apart(positions, scores, distance)
        return positions[kept], scores[kept], kinds[kept]


def score_maps(
    network: nn.Module,
    values: NDArray[np.float32],
    settings: Inference,
    passes: int,
    core: float,
    compute: Compute,
    report: Reporter,
) -> Maps:
    """Score every voxel of a tomogram, in pieces.

    Parameters
    ----------
    network
        On the device of `compute`, in evaluation mode.
    values
        ``(z, y, x)`` on the network's grid and scale.
    settings
        The pieces.
    passes
        Mirror images to average over.
    core
        Radius of a particle's core in voxels: the unit of the ways.
    compute
        Device and precision.
    report
        Is told of the progress, and asked whether to stop.
    """
    classes = _classes(network)
    scores = np.empty((classes, *values.shape), np.float32)
    ways = np.empty((3, *values.shape), np.float32)
    reach = int(getattr(network, "reach", 20))
    margin = reach if settings.margin is None else settings.margin
    side = fitting_side(settings.tile, margin, compute)
    turned = spread("flips", passes)

    def work(tile: Tile, tick: Tick) -> None:
        made, way = predict(network, values[tile.read], compute, turned, tick)
        scores[(slice(None), *tile.write)] = made[(slice(None), *tile.inner)]
        ways[(slice(None), *tile.write)] = way[(slice(None), *tile.inner)] * core

    grid = Grid(side, margin, int(getattr(network, "multiple", 1)))
    over_tiles(values.shape, grid, work, compute, report)
    for own in (*scores, *ways):
        ndimage.uniform_filter(own, 3, output=own, mode="nearest")
    return Maps(scores, ways)


def _classes(network: nn.Module) -> int:
    """Return how many classes a network scores."""
    last: nn.Module = network.get_submodule("head")[-1]  # type: ignore[index]
    return int(last.out_channels) - 3  # type: ignore[arg-type]
