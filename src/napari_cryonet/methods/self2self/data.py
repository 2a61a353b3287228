"""A single volume made ready for training: cut, deconvolved, scaled, its noise measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError
from napari_cryonet.methods.self2self.settings import Box6, TrainSettings
from napari_cryonet.nn.augment import Group
from napari_cryonet.nn.patches import Sampler, hold_out, patch_sides
from napari_cryonet.nn.source import check_volume, group_for, on_grid
from napari_cryonet.reporting import Box, Reporter
from napari_cryonet.signal.combine import Values
from napari_cryonet.signal.ctf import Deconvolution
from napari_cryonet.signal.deconvolve import deconvolve
from napari_cryonet.signal.noise import Noise, measure_noise
from napari_cryonet.signal.normalise import Scaling, measure
from napari_cryonet.types import Volume

_LEAST_SIDE = 8


@dataclass(frozen=True, eq=False)
class Single:
    """One volume, ready to be trained on or to be judged with.

    Parameters
    ----------
    data
        ``(z, y, x)`` grey values, often a memory map.
    noise
        Its noise, on the network's scale.
    scaling
        Brings the grey values to that scale.
    sampler
        Where patches come from.
    held
        Cubes that are never trained on.
    rotations
        Turned copies that are as good as the original.
    """

    data: NDArray[Any]
    noise: Noise
    scaling: Scaling
    sampler: Sampler
    held: tuple[Box, ...]
    rotations: Group

    def read(self, region: Box) -> Values:
        """Return a region on the network's scale."""
        return self.scaling.forward(self.data[region])


def prepare(
    volume: Volume,
    settings: TrainSettings,
    multiple: int,
    report: Reporter,
    *,
    held_out: float | None = None,
) -> Single:
    """Make a volume ready.

    Parameters
    ----------
    volume
        One volume, with its noise in it.
    settings
        Those of the training.
    multiple
        The sides of patches are multiples of this.
    report
        Is asked whether to stop, and told what was found.
    held_out
        Which part is kept from training, instead of the settings'.

    Raises
    ------
    DataError
        If it is not a volume, the box is not inside, or there is nothing to learn from.
    """
    check_volume(volume, "Self2Self")
    if settings.box is not None:
        check_box(volume, settings.box)
    before, volume = volume.shape, on_grid(volume, settings, report)
    if settings.deconvolution is not None:
        volume = deconvolved(volume, settings.deconvolution, report)
    if settings.box is not None:
        ratios = np.repeat(np.divide(volume.shape, before), 2)
        z, zz, y, yy, x, xx = (int(edge) for edge in np.rint(settings.box * ratios))
        volume = cut(volume, (z, zz, y, yy, x, xx))
    scaling = measure((volume.data,), settings.normalisation)
    report.check()

    def read(region: Box) -> Values:
        return scaling.forward(volume.data[region])

    noise = measure_noise(read, volume.shape, report.check)
    report.say(f"{volume.name}: {noise.sentence()}")

    def power(region: Box) -> float:
        report.check()
        return float(read(region).var())

    part = settings.held_out if held_out is None else held_out
    return Single(
        volume.data,
        noise,
        scaling,
        Sampler(volume.shape, patch_sides(volume.shape, settings.patch, multiple)),
        hold_out(volume.shape, part, settings.held_out_side, power),
        group_for(volume, settings),
    )


def chosen_mode(settings: TrainSettings, singles: Sequence[Single], report: Reporter) -> str:
    """Return the mode, chosen by what was measured of the noise unless it is set.

    Parameters
    ----------
    settings
        Those of the training.
    singles
        What is trained on.
    report
        Is told why.
    """
    if settings.mode != "auto":
        return settings.mode
    if all(single.noise.white for single in singles):
        report.say(
            "Mode bernoulli: noise that is independent from voxel to voxel cannot be predicted "
            "from the voxels around."
        )
        return "bernoulli"
    report.say(
        "Mode noise: neighbouring voxels share noise, which a network would predict from them; "
        "noise of the same kind is added to the input instead."
    )
    return "noise"


def deconvolved(volume: Volume, settings: Deconvolution, report: Reporter) -> Volume:
    """Return a volume with its contrast transfer function undone.

    Raises
    ------
    DataError
        If its voxel size is not known.
    """
    report.say(f"{volume.name} is deconvolved: {settings}.")
    data, _ = deconvolve(
        volume.data, volume.voxel_size, settings, tick=lambda _share: report.check()
    )
    return volume.changed(data, f"Deconvolution, {settings}.")


def cut(volume: Volume, box: Box6) -> Volume:
    """Return a box of a volume, at its place.

    Parameters
    ----------
    volume
        The volume.
    box
        First and last voxel (exclusive) along z, y, x.

    Raises
    ------
    DataError
        As `check_box`.
    """
    check_box(volume, box)
    z, y, x = (slice(first, last) for first, last in zip(box[::2], box[1::2], strict=True))
    origin = tuple(
        start + part.start * size
        for start, part, size in zip(volume.origin, (z, y, x), volume.scale, strict=True)
    )
    sentence = f"Cut to z {z.start}-{z.stop}, y {y.start}-{y.stop}, x {x.start}-{x.stop}."
    return volume.changed(volume.data[z, y, x], sentence, origin=origin)


def check_box(volume: Volume, box: Box6) -> None:
    """Check that a box can be trained on.

    Raises
    ------
    DataError
        If the box is empty, tiny or not inside the volume.
    """
    edges = np.reshape(box, (3, 2))
    inside = (edges[:, 0] >= 0).all() and (edges[:, 1] <= volume.shape).all()
    if not inside or (edges[:, 1] - edges[:, 0] < np.minimum(_LEAST_SIDE, volume.shape)).any():
        raise DataError(
            f"The box {tuple(box)} (first and last voxel along z, y, x) has to lie inside "
            f"{volume.name}, {volume.shape}, with at least {_LEAST_SIDE} voxels along each axis."
        )
