"""Tomograms and their labels made ready for training: one grid, one scale, patches to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError
from napari_cryonet.methods.picking.labels import REJECTED, Labels, core_voxels
from napari_cryonet.methods.picking.network import PickNet
from napari_cryonet.methods.picking.rows import Labelled, kinds
from napari_cryonet.methods.picking.settings import (
    BACKGROUND,
    COMPLETE,
    IGNORE,
    TrainSettings,
)
from napari_cryonet.nn.patches import box, patch_sides
from napari_cryonet.reporting import Box, Reporter
from napari_cryonet.signal.resample import on_scale

_JITTER = 1.0
_NEAR_LABELS, _ANYWHERE = 0.5, 0.75


@dataclass(frozen=True, eq=False)
class Plan:
    """What all tomograms of a training have in common.

    Parameters
    ----------
    classes
        Names of the particles.
    diameters
        Of each class in Å.
    voxel_size
        Å per voxel of the network's grid.
    """

    classes: tuple[str, ...]
    diameters: tuple[float, ...]
    voxel_size: float

    @property
    def across(self) -> NDArray[np.float64]:
        """Diameter of each class in voxels of the grid."""
        return np.array(self.diameters) / self.voxel_size


@dataclass(frozen=True, eq=False)
class Source:
    """A tomogram with labels, ready to be trained on or to be judged with.

    Parameters
    ----------
    values
        ``(z, y, x)`` on the network's grid and scale.
    labels
        On that grid.
    regions
        ``(z, y, x)`` what was painted, 0 where nothing was; None if nothing was at all.
    sides
        Of a patch.
    prior
        Which part of the unlabelled voxels belongs to particles of a class, for each class.
    """

    values: NDArray[np.float32]
    labels: Labels
    regions: NDArray[np.uint8] | None
    sides: tuple[int, ...]
    prior: tuple[float, ...]

    def draw(self, random: np.random.Generator) -> Box:
        """Return a region: half of them near labels, others anywhere or near what was rejected."""
        places = self.labels.learnt
        chance = random.random()
        if chance >= _ANYWHERE and len(self.labels.refused):
            places = self.labels.refused
        elif chance >= _NEAR_LABELS or not len(places):
            places = random.uniform(0, self.values.shape, (1, 3))
        jitter = random.uniform(-_JITTER, _JITTER, 3) * self.labels.diameter
        return self.around(places[random.integers(len(places))] + jitter)

    def known(self, region: Box) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return where nothing is to be learnt, and where nothing but labels is a particle."""
        if self.regions is None:
            nowhere = np.zeros([part.stop - part.start for part in region], dtype=bool)
            return nowhere, nowhere
        painted = self.regions[region]
        return painted == IGNORE, (painted == BACKGROUND) | (painted == COMPLETE)

    def around(self, place: NDArray[np.floating[Any]]) -> Box:
        """Return the region of a patch around a place, moved inwards at the border."""
        room = np.subtract(self.values.shape, self.sides)
        start = np.clip(np.round(place - np.array(self.sides) / 2), 0, room)
        return box(start.astype(int), self.sides)


def plan(rows: Sequence[Labelled], settings: TrainSettings) -> Plan:
    """Find what all tomograms have in common.

    Raises
    ------
    DataError
        If the diameter is not known.
    """
    names = sorted({name for row in rows for name in kinds(row.particles)})
    diameters = tuple(settings.diameter or _diameter(rows, name) for name in names)
    finest = max(max(row.volume.scale) for row in rows)
    return Plan(tuple(names), diameters, max(finest, min(diameters) / settings.across))


def prepare(row: Labelled, shared: Plan, settings: TrainSettings, report: Reporter) -> Source:
    """Make a tomogram and its labels ready.

    Parameters
    ----------
    row
        The tomogram, its labels and what was painted.
    shared
        What all tomograms have in common.
    settings
        Those of the training.
    report
        Is asked whether to stop.

    Raises
    ------
    DataError
        If the tomogram is constant, too thin or holds values that are not numbers.
    """
    report.check()
    values = on_scale(row.volume, shared.voxel_size)
    report.check()
    if min(values.shape) < PickNet.multiple:
        raise DataError(
            f"{row.volume.name} is {min(values.shape)} voxels thick where a particle has "
            f"{settings.across:g} across; {PickNet.multiple} are the least. Give the whole "
            f"tomogram, or a smaller diameter."
        )
    ratio = np.array(values.shape) / np.array(row.volume.shape)
    numbers = np.array([shared.classes.index(name) for name in kinds(row.particles)], np.intp)
    every = np.full(len(row.points), REJECTED)
    every[~row.rejected] = numbers
    labels = Labels(
        row.points.positions * ratio,
        every,
        _held(every, settings),
        shared.across,
        settings.positives == "soft",
    )
    regions = None if row.regions is None else _on_grid(row.regions, values.shape)
    unknown = values.size if regions is None else np.count_nonzero(regions == 0)
    counts = np.bincount(numbers, minlength=len(shared.classes))
    expected = [settings.expected or 3.0 * count for count in counts]
    hidden = [max(total - count, 0.0) for total, count in zip(expected, counts, strict=True)]
    prior = tuple(
        min(number * core_voxels(across) / max(unknown, 1), 0.5)
        for number, across in zip(hidden, shared.across, strict=True)
    )
    sides = patch_sides(values.shape, settings.patch, PickNet.multiple)
    return Source(values, labels, regions, sides, prior)


def _diameter(rows: Sequence[Labelled], name: str) -> float:
    """Return the diameter of a class in Å, twice the median radius of its labels."""
    found = []
    for row in rows:
        radii = np.asarray(row.particles.features.get("radius", ()), dtype=float)
        own = np.array(kinds(row.particles)) == name
        found.append(radii[own] if len(radii) else radii)
    every = np.concatenate(found)
    known = every[np.isfinite(every) & (every > 0)]
    if not len(known):
        raise DataError(
            f"The size of the particles of the class {name} is not known: give their diameter in "
            f"Å (--diameter), or labels with a column 'radius'."
        )
    return 2 * float(np.median(known))


def _held(numbers: NDArray[np.intp], settings: TrainSettings) -> NDArray[np.bool_]:
    """Choose the labels that are kept from training, of each class with four or more."""
    held = np.zeros(len(numbers), dtype=bool)
    random = np.random.default_rng(settings.seed)
    for number in np.unique(numbers[numbers >= 0]):
        own = np.flatnonzero(numbers == number)
        if len(own) >= 4 and settings.held_out:
            count = max(1, round(settings.held_out * len(own)))
            held[random.choice(own, count, replace=False)] = True
    return held


def _on_grid(regions: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return painted regions on another grid, those of the nearest voxels."""
    axes = [
        np.minimum(np.arange(new) * old // new, old - 1)
        for old, new in zip(regions.shape, shape, strict=True)
    ]
    return regions[np.ix_(*axes)].astype(np.uint8)
