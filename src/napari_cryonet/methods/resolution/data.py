"""Rows of volumes made ready for training: what is given, what is wanted, what is held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError
from napari_cryonet.methods.resolution.network import OriginalNetwork
from napari_cryonet.methods.resolution.powers import Field, powers
from napari_cryonet.methods.resolution.settings import TrainSettings
from napari_cryonet.methods.resolution.targets import imported, is_resolution, measured
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.patches import Sampler, box, hold_out, patch_sides
from napari_cryonet.nn.source import check_volume
from napari_cryonet.reporting import PartReporter, Reporter
from napari_cryonet.signal.halves import are_masked, average, check_halves
from napari_cryonet.signal.mask import Mask, given_mask, make_mask
from napari_cryonet.signal.resample import resampled
from napari_cryonet.signal.resolution_settings import Masking
from napari_cryonet.types import Volume

Row = Sequence[Volume]
Values = NDArray[np.float32]

_AROUND = 10  # places of solvent that patches may show
_REGION = 6  # places, side of regions of a single map that are held out


@dataclass(frozen=True, eq=False)
class Source:
    """A map with its local resolution, at the places of the network.

    Parameters
    ----------
    given
        ``(c, z, y, x)`` what the network is given.
    wanted
        ``(z, y, x)`` Å, NaN where it does not count.
    sampler
        Draws patches in which something counts.
    """

    given: Values
    wanted: Values
    sampler: Sampler

    @classmethod
    def of(cls, given: Values, wanted: Values, sides: tuple[int, ...]) -> Source:
        """Return a source with patches of some sides, which lie near to where something counts."""
        centres = np.argwhere(np.isfinite(wanted))
        low = np.maximum(centres.min(axis=0) - _AROUND, 0)
        high = np.minimum(centres.max(axis=0) + 1 + _AROUND, wanted.shape)
        low = np.minimum(low, np.subtract(wanted.shape, sides))
        high = np.maximum(high, low + sides)
        within = box(low, high - low)
        return cls(given, wanted, Sampler(wanted.shape, sides, centres, within))

    def constant(self) -> float:
        """Return the mean error of the best constant, the median, in Å."""
        known = self.wanted[np.isfinite(self.wanted)]
        return float(np.abs(known - np.median(known)).mean())


def prepare(
    row: Row, settings: TrainSettings, voxel_size: float | None, compute: Compute, report: Reporter
) -> list[Source]:
    """Make a row of volumes ready: one source, or one for each fragment.

    Parameters
    ----------
    row
        A map and its local resolution, or two half maps, and perhaps a mask; or two stacks of
        fragments of maps and of their local resolution.
    settings
        How to train.
    voxel_size
        Å per voxel of the original network; None for the default one, which knows no voxels.
    compute
        Where to compute.
    report
        Is told of the progress, and asked whether to stop.

    Raises
    ------
    DataError
        If the volumes do not fit together, or nothing is left to learn from.
    """
    _check_row(row, settings)
    multiple = 1 if voxel_size is None else OriginalNetwork.multiple
    if row[0].data.ndim == 4:
        return _of_fragments(row, settings)
    map_, wanted, mask = _opened(row, settings, compute, report)
    field = given(map_, mask, voxel_size, compute, PartReporter(report, 0.5, 1.0))
    wanted = np.where(mask > 0.5, wanted, np.float32(np.nan))
    target = np.asarray(field.at(wanted), dtype=np.float32)
    if not np.isfinite(target).any():
        raise DataError(
            f"Nothing of the local resolution of {map_.name} is inside the mask; look at both, or "
            f"give another mask."
        )
    return [Source.of(field.values, target, patch_sides(target.shape, settings.patch, multiple))]


def given(
    volume: Volume, mask: Mask, voxel_size: float | None, compute: Compute, report: Reporter
) -> Field:
    """Return what a network is given of a map.

    Parameters
    ----------
    volume
        The map.
    mask
        ``(z, y, x)`` from 0 to 1, 1 in the molecule.
    voxel_size
        Å per voxel of the original network; None for the default one.
    compute
        Where to compute.
    report
        Is told of the progress, and asked whether to stop.

    Raises
    ------
    DataError
        If there is no solvent to measure the noise in.
    """
    if voxel_size is None:
        return powers(volume, mask, compute, report)
    data = np.asarray(resampled(volume, voxel_size).data)
    low, high = float(data.min()), float(data.max())
    axes = tuple(
        np.minimum(np.arange(new) * (old / new), old - 1)
        for old, new in zip(volume.shape, data.shape, strict=True)
    )
    scaled = np.asarray((data - low) / (high - low), dtype=np.float32)
    return Field(scaled[None], axes)


def mask_for(volume: Volume, mask: Volume | None, how: Masking) -> Mask:
    """Return the mask of a map: the given one, or one made as wanted.

    Raises
    ------
    DataError
        If the mask does not fit or is empty, or there is nothing to be found in the map.
    SettingsError
        If no mask can be made as wanted.
    """
    if mask is not None:
        return given_mask(mask.data, volume.shape, mask.name)
    made = make_mask(np.asarray(volume.data), volume.scale, how)
    return np.ones(volume.shape, np.float32) if made is None else made


def check_map(volume: Volume, report: Reporter) -> None:
    """Check that local resolution can be told from a map, and warn if it is masked.

    Raises
    ------
    DataError
        If it is no volume of numbers, or has no voxel size.
    """
    check_volume(volume, "The resolution network")
    if volume.voxel_size is None:
        raise DataError(
            f"{volume.name} has no voxel size, without which there are no Å. Set it first: Layers "
            f"> Data > Set voxel size… or cryonet convert --voxel-size."
        )
    if not np.isfinite(volume.data).all():
        raise DataError(f"{volume.name} holds values that are not numbers (NaN or infinite).")
    if volume.data.min() == volume.data.max():
        raise DataError(f"All voxels of {volume.name} have the same value; it holds no map.")
    if are_masked(volume.data):
        report.say(f"{volume.name} has one value around the molecule, as maps with a mask have.")


def divided(source: Source, settings: TrainSettings) -> tuple[Source, Source]:
    """Return what of a single map is trained on, and the regions that are held out."""
    wanted, sides = source.wanted, source.sampler.sides

    def counted(region: tuple[slice, ...]) -> float:
        return float(np.isfinite(wanted[region]).sum())

    held = np.zeros(wanted.shape, dtype=bool)
    for region in hold_out(wanted.shape, settings.held_out, _REGION, counted):
        held[region] = True
    nothing = np.float32(np.nan)
    train, judge = (np.where(part, wanted, nothing) for part in (~held, held))
    if not (np.isfinite(train).any() and np.isfinite(judge).any()):
        raise DataError(
            "The map is too small to hold some of it out; train with more maps, or with "
            "held_out = 0."
        )
    return Source.of(source.given, train, sides), Source.of(source.given, judge, sides)


def of_one_size(sources: Sequence[Source]) -> list[Source]:
    """Return sources with cubic patches of one size, which fit into all of them."""
    side = min(min(source.sampler.sides) for source in sources)
    return [
        replace(source, sampler=replace(source.sampler, sides=(side,) * 3)) for source in sources
    ]


def _opened(
    row: Row, settings: TrainSettings, compute: Compute, report: Reporter
) -> tuple[Volume, Values, Mask]:
    """Return the map of a row, its local resolution in Å and its mask."""
    first, second = row[:2]
    mask = row[2] if len(row) > 2 else None
    if is_resolution(second, settings):
        wanted = imported(second)
        inside = np.isfinite(wanted).astype(np.float32)
        return first, wanted, inside if mask is None else mask_for(first, mask, settings)
    check_halves(first, second)
    part = PartReporter(report, 0.0, 0.5)

    def tick(share: float) -> None:
        part.step(share, 1.0)
        part.check()

    wanted = measured(first, second, settings.threshold, compute, tick)
    both = first.changed(average((first, second)), "Average of two half maps.")
    return both, wanted, mask_for(both, mask, settings)


def _of_fragments(row: Row, settings: TrainSettings) -> list[Source]:
    """Return a source for each fragment in which something counts."""
    if settings.network != "original":
        raise DataError(
            f"{row[0].name} holds fragments of maps, too small to compare them with solvent; the "
            f"original network learns from them: network = original."
        )
    maps, wanted = np.asarray(row[0].data, dtype=np.float32), imported(row[1])
    multiple = OriginalNetwork.multiple
    if any(side % multiple for side in maps.shape[1:]):
        raise DataError(
            f"{row[0].name} holds fragments of {' × '.join(map(str, maps.shape[1:]))} voxels; the "
            f"original network takes sides that are multiples of {multiple}. Cut them so."
        )
    return [
        Source.of(part[None], target, part.shape)
        for part, target in zip(maps, wanted, strict=True)
        if np.isfinite(target).any()
    ]


def _check_row(row: Row, settings: TrainSettings) -> None:
    """Raise unless a row is two volumes of one shape, and perhaps a mask."""
    if len(row) not in (2, 3) or not all(isinstance(thing, Volume) for thing in row):
        raise DataError(
            f"The resolution network learns from rows of a map and its local resolution, or of "
            f"two half maps, and perhaps a mask; this row has "
            f"{', '.join(type(thing).__name__ for thing in row)}."
        )
    first, second = row[:2]
    if first.shape != second.shape:
        raise DataError(
            f"A map and its local resolution, or two half maps, have the same shape; {first.name} "
            f"is {first.shape} and {second.name} is {second.shape}."
        )
    if first.data.ndim == 3 and settings.network == "bands" and first.voxel_size is None:
        raise DataError(f"{first.name} has no voxel size, without which there are no Å. Set it.")
