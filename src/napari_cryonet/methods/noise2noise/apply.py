"""Denoising with a trained Noise2Noise network, of volumes of any size."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from napari_cryonet.errors import DataError
from napari_cryonet.methods.noise2noise.combine import SHELLS, Spectra, combine
from napari_cryonet.methods.noise2noise.data import on_grid
from napari_cryonet.methods.noise2noise.objective import Values, mixtures
from napari_cryonet.methods.noise2noise.settings import ApplySettings, TrainSettings
from napari_cryonet.nn.augment import spread
from napari_cryonet.nn.device import Compute, choose
from napari_cryonet.nn.tiles import Grid, Tick, Tile, fitting_side, over_tiles, predict, some
from napari_cryonet.nn.weights import load
from napari_cryonet.reporting import PartReporter, Reporter
from napari_cryonet.signal.normalise import Scaling, measure
from napari_cryonet.signal.resample import resampled
from napari_cryonet.signal.shells import Real
from napari_cryonet.types import Model, Volume
from napari_cryonet.types.model import voxel_size_warning
from napari_cryonet.types.volume import check_pair

_FILTER_MARGIN = 32
_MEASURED_TILES = 8
_IN_MEMORY = 1 << 29


def apply(
    things: Sequence[Volume],
    model: Model,
    settings: ApplySettings,
    report: Reporter,
    *,
    into: NDArray[np.float32] | None = None,
) -> tuple[Volume, dict[str, Any]]:
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
    volume : Volume
        The denoised volume, in the grey values of the input.
    measures : dict
        ``fsc_raw`` and ``fsc_denoised`` with the truth, estimated across the halves, in
        equal shells up to Nyquist, and the share of each shell that was kept (``gains``).

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
    same_grid = given[0].shape == things[0].shape
    target = into if same_grid and into is not None else np.empty(given[0].shape, np.float32)
    work = _Work(given, model, settings, network, compute, report, target)
    work.run()
    title = f"Denoised by Noise2Noise, CryoNet {model.card.product}."
    result = given[0].changed(target, title, name=f"{things[0].name} denoised")
    if not same_grid:
        back = resampled(result, things[0].scale[0], things[0].shape)
        result = result.changed(back.data, "Resampled back.", voxel_size=things[0].voxel_size)
        if into is not None:
            into[...] = result.data
    return result, work.measures()


@dataclass
class _Work:
    """One application: the network over all tiles, then the mixing of the shells."""

    volumes: Sequence[Volume]
    model: Model
    settings: ApplySettings
    network: nn.Module
    compute: Compute
    report: Reporter
    target: NDArray[np.float32]
    spectra: Spectra | None = field(default=None, init=False)
    measured: set[tuple[int, ...]] = field(default_factory=set, init=False)

    def run(self) -> None:
        """Fill the target."""
        card = self.model.card
        self.scaling: Scaling = measure(
            tuple(volume.data for volume in self.volumes),
            card.normalisation.get("kind", "standard"),
        )
        self.mixing = float(card.extra.get("mixing", 1.0))
        self.turns = spread(card.extra.get("rotations", "none"), self.settings.passes)
        shape = self.target.shape
        multiple = int(getattr(self.network, "multiple", 1))
        margin = self.settings.margin
        margin = int(getattr(self.network, "reach", 0)) if margin is None else margin
        side = fitting_side(self.settings.tile, margin, self.compute)
        mixed = self.settings.keep == "auto" and (
            len(self.volumes) == 2 or bool(card.extra.get("gains"))
        )
        self.denoised = _scratch(self.target) if mixed else self.target
        part = PartReporter(self.report, 0.0, 0.9 if mixed else 1.0)
        grid = Grid(side, margin, multiple)
        self.measured = {_start(tile) for tile in some(grid.tiles(shape), _MEASURED_TILES)}
        over_tiles(shape, grid, self._denoise, self.compute, part)
        if mixed:
            self.gains = self._gains()
            grid = Grid(side, _FILTER_MARGIN)
            over_tiles(shape, grid, self._mix, self.compute, PartReporter(self.report, 0.9, 1.0))

    def measures(self) -> dict[str, Any]:
        """Return what was measured across the halves."""
        if self.spectra is None:
            return {}
        alone = np.zeros(SHELLS), np.ones(SHELLS)
        raw, denoised = alone if self.settings.keep == "off" else self.spectra.gains()
        estimate = self.spectra.fsc_mixed((raw, denoised))
        return {
            "fsc_raw": _known(self.spectra.fsc_raw()),
            "fsc_denoised": _known(estimate),
            "gains": {"raw": raw.round(4).tolist(), "denoised": denoised.round(4).tolist()},
        }

    def _denoise(self, tile: Tile, tick: Tick) -> None:
        """Denoise one tile, on the network's scale."""
        values = [self.scaling.forward(volume.data[tile.read]) for volume in self.volumes]
        if len(values) == 1:
            made = predict(self.network, values[0], self.compute, self.turns, tick)
        else:
            one, two = values
            first = self._half((one, two), lambda share: tick(share / 2))
            second = self._half((two, one), lambda share: tick(0.5 + share / 2))
            self._measure((one, two), (first, second), tile)
            made = (first + second) / np.float32(2)
        kept = made[tile.inner]
        self.denoised[tile.write] = (
            self.scaling.backward(kept) if self.denoised is self.target else kept
        )

    def _half(self, halves: tuple[Values, Values], tick: Tick) -> Values:
        """Denoise the mixture of two halves that is nearer to the first."""
        given, _ = mixtures(*halves, self.mixing)
        return predict(self.network, given, self.compute, self.turns, tick)

    def _measure(
        self,
        halves: tuple[Values, Values],
        denoised: tuple[Values, Values],
        tile: Tile,
    ) -> None:
        """Add the spectra of a tile to those of the tiles before, if it is one of the sample."""
        if _start(tile) not in self.measured:
            return
        inner = tile.inner
        found = Spectra.measure(
            (halves[0][inner], halves[1][inner]),
            (denoised[0][inner], denoised[1][inner]),
            self.mixing,
            SHELLS,
        )
        self.spectra = found if self.spectra is None else self.spectra + found

    def _gains(self) -> tuple[Real, Real]:
        """Return the factors of raw and denoised: measured here, or in the training."""
        if self.spectra is not None:
            return self.spectra.gains()
        gains = self.model.card.extra["gains"]
        return np.asarray(gains["raw"]), np.asarray(gains["denoised"])

    def _mix(self, tile: Tile, tick: Tick) -> None:
        """Mix raw and denoised of one tile into the target."""
        values = [self.scaling.forward(volume.data[tile.read]) for volume in self.volumes]
        raw = values[0] if len(values) == 1 else (values[0] + values[1]) / 2
        mixed = combine(raw, self.denoised[tile.read], self.gains)[tile.inner]
        self.target[tile.write] = self.scaling.backward(mixed.astype(np.float32))
        tick(1.0)


def _check(things: Sequence[Volume]) -> None:
    """Raise unless there are one or two volumes that fit together."""
    if len(things) not in (1, 2):
        raise DataError(f"Noise2Noise denoises one volume or two halves, not {len(things)}.")
    for thing in things:
        if not isinstance(thing, Volume) or thing.data.ndim != 3 or thing.data.dtype.kind == "c":
            raise DataError(
                f"Noise2Noise denoises volumes z, y, x of real numbers; {thing.name} has the "
                f"shape {thing.shape} and the type {thing.data.dtype}."
            )
    if len(things) == 2:
        check_pair(things[0], things[1])


def _known(values: Real) -> list[float | None]:
    """Return rounded values with None for what is not known, ready for JSON."""
    return [None if np.isnan(value) else round(float(value), 4) for value in values]


def _start(tile: Tile) -> tuple[int, ...]:
    """Return the voxel at which a tile begins, the same for the first of its pieces."""
    return tuple(part.start for part in tile.write)


def _scratch(like: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an array like another, on disk if it is large."""
    if like.nbytes <= _IN_MEMORY:
        return np.empty_like(like, subok=False)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.float32, "w+", shape=like.shape)
