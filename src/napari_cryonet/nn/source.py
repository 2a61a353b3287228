"""Data made ready for a denoiser: one scale, one grid, some cubes held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import numpy as np

from napari_cryonet.errors import DataError
from napari_cryonet.io import fingerprint
from napari_cryonet.nn.augment import Group
from napari_cryonet.nn.patches import Sampler
from napari_cryonet.nn.settings import Denoiser
from napari_cryonet.reporting import Box, Reporter
from napari_cryonet.signal.normalise import Scaling
from napari_cryonet.signal.resample import resampled
from napari_cryonet.types import Volume


class Source(Protocol):
    """What a denoiser is trained on or judged with: a frozen dataclass of each method's own.

    Attributes
    ----------
    scaling
        Brings grey values to the network's scale.
    sampler
        Where patches come from.
    held
        Cubes that are never trained on.
    rotations
        Turned copies that are as good as the original.
    """

    @property
    def scaling(self) -> Scaling: ...  # noqa: D102

    @property
    def sampler(self) -> Sampler: ...  # noqa: D102

    @property
    def held(self) -> tuple[Box, ...]: ...  # noqa: D102

    @property
    def rotations(self) -> Group: ...  # noqa: D102


AnySource = TypeVar("AnySource", bound=Source)


def check_volume(thing: Any, method: str, *, sized: bool = False) -> None:
    """Check that a thing is one volume of real numbers.

    Parameters
    ----------
    thing
        What was given.
    method
        Who needs it.
    sized
        Whether its voxel size has to be known.

    Raises
    ------
    DataError
        If it is anything else, or its voxel size is needed and not known.
    """
    if not isinstance(thing, Volume) or thing.data.ndim != 3 or thing.data.dtype.kind == "c":
        raise DataError(
            f"{method} needs volumes z, y, x of real numbers; {thing.name} has the shape "
            f"{thing.shape} and the type {thing.data.dtype}."
        )
    if sized and thing.voxel_size is None:
        raise DataError(f"The voxel size of {thing.name} is not known; set it first.")


def of_one_size(sources: Sequence[AnySource]) -> list[AnySource]:
    """Return sources with patches of one size, which fit into all of them in every turn."""
    sides = np.min([source.sampler.sides for source in sources], axis=0)
    if any(source.rotations == "rotations" for source in sources):
        sides[:] = sides.min()
    common = tuple(int(side) for side in sides)
    return [
        replace(source, sampler=replace(source.sampler, sides=common))  # type: ignore[type-var]
        for source in sources
    ]


def on_grid(volume: Volume, settings: Denoiser, report: Reporter) -> Volume:
    """Return the volume, resampled if its voxel size is outside the limits."""
    size = max(volume.scale)
    inside = settings.voxel_size_min <= min(volume.scale) and size <= settings.voxel_size_max
    if settings.voxel_size is None or volume.voxel_size is None or inside:
        return volume
    report.say(f"{volume.name} is resampled from {size:.4g} to {settings.voxel_size:.4g} Å.")
    return resampled(volume, settings.voxel_size)


def group_for(volume: Volume, settings: Denoiser) -> Group:
    """Return which turned copies are as good as the original.

    A cube with one voxel size is taken as a map of a molecule, which has no preferred
    direction; anything else as a tomogram, whose missing wedge has one.
    """
    cubic = len(set(volume.shape)) == 1 and np.allclose(volume.scale, volume.scale[0], rtol=1e-3)
    if settings.rotations == "auto":
        return "rotations" if cubic else "flips"
    return settings.rotations


def describe(rows: Sequence[Sequence[Volume]]) -> tuple[dict[str, Any], ...]:
    """Return what a model card says of its training data."""
    return tuple(
        {
            "name": volume.name,
            "shape": list(volume.shape),
            "fingerprint": fingerprint(volume.data),
        }
        for row in rows
        for volume in row
    )
