"""Tomograms and their labels made ready for training: one grid, one scale, patches to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError
from napari_cryonet.methods.picking.labels import Labels
from napari_cryonet.methods.picking.settings import TrainSettings
from napari_cryonet.nn.patches import box, patch_sides
from napari_cryonet.nn.source import check_volume
from napari_cryonet.reporting import Box, Reporter
from napari_cryonet.signal.peaks import blobs, find_peaks
from napari_cryonet.signal.resample import resampled
from napari_cryonet.types import Points, Thing, Volume

Row = Sequence[Thing]

_CLIP = 4.0
_JITTER = 0.6
_NEAR_LABELS, _ANYWHERE = 0.5, 0.75
_SAMPLE = 1_000_000


@dataclass(frozen=True, eq=False)
class Plan:
    """What all tomograms of a training have in common.

    Parameters
    ----------
    diameter
        Of the particles in Å.
    classes
        Their names.
    voxel_size
        Å per voxel of the network's grid.
    """

    diameter: float
    classes: tuple[str, ...]
    voxel_size: float


@dataclass(frozen=True, eq=False)
class Source:
    """A tomogram with labels, ready to be trained on or to be judged with.

    Parameters
    ----------
    values
        ``(z, y, x)`` on the network's grid and scale.
    labels
        On that grid.
    allowed
        ``(z, y, x)`` where to learn; None for everywhere.
    sides
        Of a patch.
    candidates
        ``(n, 3)`` voxels where there is something of the size of a particle.
    prior
        Which part of the unlabelled voxels belongs to particles of a class, for each class.
    """

    values: NDArray[np.float32]
    labels: Labels
    allowed: NDArray[np.bool_] | None
    sides: tuple[int, ...]
    candidates: NDArray[np.floating[Any]]
    prior: tuple[float, ...]

    def draw(self, random: np.random.Generator) -> Box:
        """Return a region: half of them near labels, the rest anywhere or near candidates."""
        places = self.labels.positions[~self.labels.held]
        chance = random.random()
        if chance >= _ANYWHERE and len(self.candidates):
            places = self.candidates
        elif chance >= _NEAR_LABELS:
            places = random.uniform(0, self.values.shape, (1, 3))
        jitter = random.uniform(-_JITTER, _JITTER, 3) * self.labels.diameter
        return self.around(places[random.integers(len(places))] + jitter)

    def around(self, place: NDArray[np.floating[Any]]) -> Box:
        """Return the region of a patch around a place, moved inwards at the border."""
        room = np.subtract(self.values.shape, self.sides)
        start = np.clip(np.round(place - np.array(self.sides) / 2), 0, room)
        return box(start.astype(int), self.sides)


def plan(rows: Sequence[Row], settings: TrainSettings) -> Plan:
    """Find what all tomograms have in common.

    Raises
    ------
    DataError
        If a row is not a tomogram with labels, or if diameter or voxel size are not known.
    """
    names: set[str] = set()
    radii: list[float] = []
    for row in rows:
        _check_row(row)
        names.update(kinds(_labels(row)))
        radii.extend(np.asarray(_labels(row).features.get("radius", ()), dtype=float))
    known = [radius for radius in radii if np.isfinite(radius) and radius > 0]
    diameter = settings.diameter or (2 * float(np.median(known)) if known else None)
    if diameter is None:
        raise DataError(
            "The size of the particles is not known: give their diameter in Å (--diameter), or "
            "labels with a column 'radius'."
        )
    finest = max(max(_tomogram(row).scale) for row in rows)
    return Plan(diameter, tuple(sorted(names)), max(finest, diameter / settings.across))


def prepare(row: Row, shared: Plan, settings: TrainSettings, report: Reporter) -> Source:
    """Make a tomogram and its labels ready.

    Parameters
    ----------
    row
        The tomogram, its labels and, if wanted, a mask.
    shared
        What all tomograms have in common.
    settings
        Those of the training.
    report
        Is told what was done, and asked whether to stop.

    Raises
    ------
    DataError
        If labels lie outside, or the tomogram holds values that are not numbers.
    """
    volume, points = _tomogram(row), _labels(row)
    report.check()
    values = on_scale(volume, shared.voxel_size)
    report.check()
    ratio = np.array(values.shape) / np.array(volume.shape)
    numbers = np.array([shared.classes.index(name) for name in kinds(points)], dtype=np.intp)
    labels = Labels(
        points.positions * ratio,
        numbers,
        _held(numbers, settings),
        len(shared.classes),
        shared.diameter / shared.voxel_size,
        settings.positives == "soft",
    )
    allowed = None
    if len(row) > 2:
        allowed = _on_grid(np.asarray(row[2].data) > 0, values.shape)  # type: ignore[union-attr]
    room = float(values.size if allowed is None else max(allowed.sum(), 1))
    counts = np.bincount(numbers, minlength=len(shared.classes))
    expected = [settings.expected or 3.0 * count for count in counts]
    hidden = [max(total - count, 0.0) for total, count in zip(expected, counts, strict=True)]
    prior = tuple(min(number * labels.core_voxels / room, 0.5) for number in hidden)
    sides = patch_sides(values.shape, settings.patch, 4)
    return Source(values, labels, allowed, sides, _candidates(values, labels), prior)


def on_scale(volume: Volume, voxel_size: float) -> NDArray[np.float32]:
    """Return a tomogram on the network's grid and scale: median 0, deviation about 1, clipped.

    Parameters
    ----------
    volume
        The tomogram.
    voxel_size
        Å per voxel of the grid.

    Raises
    ------
    DataError
        If it is constant or holds values that are not numbers.
    """
    binned = resampled(volume, voxel_size)
    data = np.asarray(binned.data, dtype=np.float32)
    if not np.isfinite(data).all():
        raise DataError(
            f"{volume.name} holds values that are not numbers; replace them before picking."
        )
    some = data.ravel()[:: max(1, data.size // _SAMPLE)]
    middle = float(np.median(some))
    spread = float(np.median(np.abs(some - middle))) * 1.4826
    if spread == 0:
        raise DataError(f"More than half of {volume.name} has one value; there is nothing to pick.")
    scaled: NDArray[np.float32] = (data - np.float32(middle)) / np.float32(spread)
    return scaled.clip(-_CLIP, _CLIP)


def kinds(points: Points) -> list[str]:
    """Return the class of each point; points without classes are all of the class particle."""
    column = points.features.get("class")
    return ["particle"] * len(points) if column is None else [str(name) for name in column]


def _check_row(row: Row) -> None:
    """Raise unless a row is a tomogram, its labels and perhaps a mask that fit together."""
    fits = len(row) in (2, 3) and isinstance(row[0], Volume) and isinstance(row[1], Points)
    if not fits or not isinstance(row[-1], Points | Volume):
        raise DataError(
            f"Picking learns from rows of a tomogram, its labels and perhaps a mask; this row has "
            f"{', '.join(type(thing).__name__ for thing in row)}."
        )
    volume, points = _tomogram(row), _labels(row)
    check_volume(volume, "Picking")
    if volume.voxel_size is None:
        raise DataError(f"The voxel size of {volume.name} is not known; set it first.")
    if points.voxel_size is not None and not np.allclose(
        points.voxel_size, volume.voxel_size, rtol=0.01
    ):
        raise DataError(
            f"{points.name} counts voxels of {points.voxel_size[0]:.4g} Å, {volume.name} has "
            f"{volume.voxel_size[0]:.4g} Å; convert the labels to this tomogram."
        )
    if len(points) < 2:
        raise DataError(
            f"{points.name} holds {len(points)} labels; label at least two particles, better ten."
        )
    inside = np.all(
        (points.positions >= -0.5) & (points.positions <= np.array(volume.shape) - 0.5), axis=1
    )
    if not inside.all():
        first = points.positions[~inside][0]
        raise DataError(
            f"{int((~inside).sum())} of {len(points)} labels of {points.name} lie outside "
            f"{volume.name}, which has {volume.shape} voxels z, y, x; the first is at "
            f"{first.round(1).tolist()}. Look at the order of the axes and the binning."
        )
    if len(row) == 3 and row[2].data.shape != volume.shape:  # type: ignore[union-attr]
        raise DataError(
            f"The mask {row[2].name} has the shape {row[2].data.shape}; "  # type: ignore[union-attr]
            f"that of {volume.name} is {volume.shape}."
        )


def _tomogram(row: Row) -> Volume:
    """Return the tomogram of a row that was looked at."""
    assert isinstance(row[0], Volume)  # noqa: S101 - _check_row has looked
    return row[0]


def _labels(row: Row) -> Points:
    """Return the labels of a row that was looked at."""
    assert isinstance(row[1], Points)  # noqa: S101 - _check_row has looked
    return row[1]


def _held(numbers: NDArray[np.intp], settings: TrainSettings) -> NDArray[np.bool_]:
    """Choose the labels that are kept from training, of each class with four or more."""
    held = np.zeros(len(numbers), dtype=bool)
    random = np.random.default_rng(settings.seed)
    for number in np.unique(numbers):
        own = np.flatnonzero(numbers == number)
        if len(own) >= 4 and settings.held_out:
            count = max(1, round(settings.held_out * len(own)))
            held[random.choice(own, count, replace=False)] = True
    return held


def _candidates(values: NDArray[np.float32], labels: Labels) -> NDArray[np.floating[Any]]:
    """Return the strongest blobs ``(n, 3)`` of the size of a particle, labelled or not."""
    strength = blobs(values, labels.diameter)
    places = np.clip(np.round(labels.positions), 0, np.array(values.shape) - 1).astype(int)
    if strength[tuple(places.T)].mean() < 0:
        strength = -strength
    threshold = float(np.quantile(strength, 0.9))
    return find_peaks(strength, labels.diameter / 2, threshold)[0]


def _on_grid(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a mask on another grid, of the nearest voxels."""
    axes = [
        np.minimum(np.arange(new) * old // new, old - 1)
        for old, new in zip(mask.shape, shape, strict=True)
    ]
    return mask[np.ix_(*axes)]
