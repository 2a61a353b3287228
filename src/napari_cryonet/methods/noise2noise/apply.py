"""Denoising with a trained Noise2Noise network, of volumes of any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError
from napari_cryonet.methods.noise2noise.settings import ApplySettings, TrainSettings
from napari_cryonet.nn.denoise import Denoising, on_its_grid, target_for
from napari_cryonet.nn.device import choose
from napari_cryonet.nn.source import check_volume, on_grid
from napari_cryonet.nn.tiles import Tile, predict, some
from napari_cryonet.nn.weights import load
from napari_cryonet.reporting import Reporter, Tick
from napari_cryonet.signal.combine import SHELLS, Spectra, Values, mixtures
from napari_cryonet.types import Model, Result, Volume
from napari_cryonet.types.model import voxel_size_warning
from napari_cryonet.types.volume import check_pair

_MEASURED_TILES = 8


def apply(
    things: Sequence[Volume],
    model: Model,
    settings: ApplySettings,
    report: Reporter,
    *,
    into: NDArray[np.float32] | None = None,
) -> Result:
    """Denoise two halves, or one volume.

    Parameters
    ----------
    things
        Two halves, or a single volume that is like their average.
    model
        A Noise2Noise model.
    settings
        How to apply it.
    report
        Is told of the progress, and asked whether to stop.
    into
        ``(z, y, x)`` to write the result to, for example a memory map; None makes an array.

    Returns
    -------
    Result
        The denoised volume, in the grey values of the input. Measures of halves: ``fsc_raw``
        and ``fsc_denoised`` with the truth, estimated across them, in equal shells up to
        Nyquist, and the share of each shell that was kept (``gains``).

    Raises
    ------
    ModelError
        If the model is not one of Noise2Noise.
    DataError
        If there are not one or two volumes, or two that do not fit together.
    OutOfMemory, DeviceError
        If the device is too small or not there.
    """
    model.check_method("noise2noise")
    _check(things)
    if warning := voxel_size_warning(model.card, things[0].voxel_size):
        report.warn(warning)
    training = TrainSettings.load(model.card.settings)
    given = [on_grid(thing, training, report) for thing in things]
    compute = choose(settings.device, settings.precision)
    report.say(f"Denoising on {compute}.")
    network = load(model, compute)
    target = target_for(given[0], things[0], into)
    work = _Halves(given, model.card, settings, network, compute, report, target)
    work.run()
    title = f"Denoised by Noise2Noise, CryoNet {model.card.product}."
    result = given[0].changed(target, title, name=f"{things[0].name} denoised")
    return Result(on_its_grid(result, things[0], into), work.measures())


@dataclass
class _Halves(Denoising):
    """The network over both halves, whose spectra are measured in some of the tiles."""

    measured: set[tuple[int, ...]] = field(default_factory=set, init=False)

    @property
    def can_mix(self) -> bool:
        """Whether there are two halves, or gains from the training."""
        return len(self.volumes) == 2 or super().can_mix

    def prepare(self) -> None:
        """Choose the tiles to measure in."""
        tiles = self._grid().tiles(self.target.shape)
        self.measured = {_start(tile) for tile in some(tiles, _MEASURED_TILES)}

    def denoised(self, values: list[Values], tile: Tile, tick: Tick) -> Values:
        """Return what is made of one volume, or the mean of what is made of both halves."""
        if len(values) == 1:
            return predict(self.network, values[0], self.compute, self.turns, tick)
        one, two = values
        first = self._half(one, two, lambda share: tick(share / 2))
        second = self._half(two, one, lambda share: tick(0.5 + share / 2))
        if _start(tile) in self.measured:
            inner = tile.inner
            found = Spectra.measure(
                (one[inner], two[inner]), (first[inner], second[inner]), self.mixing, SHELLS
            )
            self.spectra = found if self.spectra is None else self.spectra + found
        return (first + second) / np.float32(2)

    def _half(self, near: Values, far: Values, tick: Tick) -> Values:
        """Denoise the mixture of two halves that is nearer to the first."""
        given, _ = mixtures(near, far, self.mixing)
        return predict(self.network, given, self.compute, self.turns, tick)


def _check(things: Sequence[Volume]) -> None:
    """Raise unless there are one or two volumes that fit together."""
    if len(things) not in (1, 2):
        raise DataError(f"Noise2Noise denoises one volume or two halves, not {len(things)}.")
    for thing in things:
        check_volume(thing, "Noise2Noise")
    if len(things) == 2:
        check_pair(things[0], things[1])


def _start(tile: Tile) -> tuple[int, ...]:
    """Return the voxel at which a tile begins, the same for the first of its pieces."""
    return tuple(part.start for part in tile.write)
