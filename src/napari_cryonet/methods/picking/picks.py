"""From score maps on the network's grid to picks, without a threshold of the user yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from torch import nn

from napari_cryonet.methods.picking.labels import Labels
from napari_cryonet.methods.picking.network import as_picker, predict
from napari_cryonet.methods.picking.settings import APART, ApplySettings
from napari_cryonet.methods.picking.template import moved
from napari_cryonet.nn.augment import spread
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.settings import Inference
from napari_cryonet.nn.tiles import Grid, Tile, fitting_side, over_tiles
from napari_cryonet.reporting import Reporter, Tick
from napari_cryonet.signal.peaks import apart, find_peaks

Floats = NDArray[np.floating[Any]]

LOWEST = 1e-3
"""Peaks below this score are not looked at."""

_NEAREST = 0.35
"""Smallest distance of two candidates, in diameters."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """All places that might be picks, the highest score first.

    Parameters
    ----------
    positions
        ``(n, 3)`` in voxels of the network's grid.
    scores
        ``(n,)``.
    kinds
        ``(n,)`` number of the class of each.
    """

    positions: Floats
    scores: Floats
    kinds: NDArray[np.intp]

    def kept(self, chosen: NDArray[Any]) -> Candidates:
        """Return some of them, by their numbers or by a mask."""
        return Candidates(self.positions[chosen], self.scores[chosen], self.kinds[chosen])

    def picks(self, distances: Floats, thresholds: Sequence[float]) -> NDArray[np.intp]:
        """Return the numbers of those that are picked, the highest score first.

        Parameters
        ----------
        distances
            ``(classes,)`` smallest distance of two picks of each class, in voxels; picks of two
            classes keep the smallest of all.
        thresholds
            Smallest score of each class.
        """
        high = np.flatnonzero(self.scores >= np.asarray(thresholds)[self.kinds])
        thinned = [
            self._apart(high[self.kinds[high] == kind], distance)
            for kind, distance in enumerate(distances)
        ]
        return self._apart(np.sort(np.concatenate(thinned)), distances.min())

    def _apart(self, numbers: NDArray[np.intp], distance: float) -> NDArray[np.intp]:
        """Return those of some candidates that keep a distance, the highest score first."""
        return numbers[apart(self.positions[numbers], self.scores[numbers], distance)]


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

    def candidates(self, diameters: Floats, lowest: float = LOWEST) -> Candidates:
        """Return the peaks of all classes.

        Parameters
        ----------
        diameters
            ``(classes,)`` of the particles, in voxels.
        lowest
            Smallest score of a peak.
        """
        found = [
            find_peaks(scores, _NEAREST * diameter, lowest, offsets=self.ways)
            for scores, diameter in zip(self.scores, diameters, strict=True)
        ]
        positions = np.concatenate([places for places, _ in found])
        scores = np.concatenate([values for _, values in found])
        kinds = np.repeat(np.arange(len(found)), [len(values) for _, values in found])
        order = np.argsort(-scores, kind="stable")
        return Candidates(positions[order], scores[order], kinds[order])


def refined(
    candidates: Candidates, values: Floats, network: nn.Module, diameters: Floats
) -> Candidates:
    """Move candidates to where the mean particle of their class fits best.

    Parameters
    ----------
    candidates
        What was found.
    values
        ``(z, y, x)`` on the network's grid and scale.
    network
        Holds the mean particles.
    diameters
        ``(classes,)`` of the particles, in voxels.
    """
    positions = candidates.positions.copy()
    for kind, template in enumerate(as_picker(network).template[:, 0].cpu().numpy()):
        own = candidates.kinds == kind
        positions[own] = moved(positions[own], values, template, diameters[kind])
    return replace(candidates, positions=positions)


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
    picker = as_picker(network)
    scores = np.empty((picker.classes, *values.shape), np.float32)
    ways = np.empty((3, *values.shape), np.float32)
    margin = picker.reach if settings.margin is None else settings.margin
    side = fitting_side(settings.tile, margin, compute)
    turned = spread("flips", passes)

    def work(tile: Tile, tick: Tick) -> None:
        made, way = predict(picker, values[tile.read], compute, turned, tick)
        scores[(slice(None), *tile.write)] = made[(slice(None), *tile.inner)]
        ways[(slice(None), *tile.write)] = way[(slice(None), *tile.inner)] * core

    grid = Grid(side, margin, picker.multiple)
    over_tiles(values.shape, grid, work, compute, report)
    for own in (*scores, *ways):
        ndimage.uniform_filter(own, 3, output=own, mode="nearest")
    return Maps(scores, ways)


def labelled_peaks(
    network: nn.Module,
    values: NDArray[np.float32],
    labels: Labels,
    passes: int,
    compute: Compute,
    report: Reporter,
) -> Candidates:
    """Score a tomogram of the training, and return its peaks as far apart as picks are.

    Parameters
    ----------
    network, values, passes, compute, report
        As in `score_maps`.
    labels
        Tell classes and sizes.
    """
    maps = score_maps(network, values, ApplySettings(), passes, labels.core, compute, report)
    every = maps.candidates(labels.diameters)
    return every.kept(every.picks(APART * labels.diameters, [0.0] * labels.classes))
