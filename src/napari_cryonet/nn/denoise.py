"""A denoiser over volumes of any size: the network in tiles, then the mixing of the shells."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from napari_cryonet.nn.augment import spread
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.gains import rounded
from napari_cryonet.nn.settings import Denoise
from napari_cryonet.nn.tiles import Grid, Tile, fitting_side, over_tiles
from napari_cryonet.reporting import PartReporter, Reporter, Tick
from napari_cryonet.signal.combine import SHELLS, Spectra, Values, combine
from napari_cryonet.signal.normalise import Scaling, measure
from napari_cryonet.signal.resample import resampled
from napari_cryonet.signal.shells import Real
from napari_cryonet.types import ModelCard, Volume

_FILTER_MARGIN = 32
_IN_MEMORY = 1 << 29
_NETWORK_SHARE = 0.9


@dataclass
class Denoising(ABC):
    """One application of a denoiser.

    Parameters
    ----------
    volumes
        One volume, or two halves.
    card
        Of the model.
    settings
        How to apply it.
    network
        In evaluation mode.
    compute
        Device and precision.
    report
        Is told of the progress, and asked whether to stop.
    target
        ``(z, y, x)`` to write the result to, in the grey values of the volumes.
    """

    volumes: Sequence[Volume]
    card: ModelCard
    settings: Denoise
    network: nn.Module
    compute: Compute
    report: Reporter
    target: NDArray[np.float32]
    spectra: Spectra | None = field(default=None, init=False)

    @abstractmethod
    def denoised(self, values: list[Values], tile: Tile, tick: Tick) -> Values:
        """Return what is made of the grey values of a tile, on the network's scale."""

    def prepare(self) -> None:  # noqa: B027 - not every method has something to prepare
        """Measure what has to be known before the first tile."""

    def run(self) -> None:
        """Fill the target."""
        data = tuple(volume.data for volume in self.volumes)
        self.scaling: Scaling = measure(data, self.card.normalisation.get("kind", "standard"))
        self.mixing = float(self.card.extra.get("mixing", 1.0))
        group = self.card.extra.get("rotations", "none")
        self.turns = spread(group, self.settings.passes)
        self.prepare()
        shape = self.target.shape
        self.grid = self._grid()
        mixed = self.settings.keep == "auto" and self.can_mix
        self.made = scratch(self.target) if mixed else self.target
        part = PartReporter(self.report, 0.0, _NETWORK_SHARE if mixed else 1.0)
        over_tiles(shape, self.grid, self._denoise, self.compute, part)
        if mixed:
            self.factors = self.gains()
            grid = Grid(self.grid.side, _FILTER_MARGIN)
            part = PartReporter(self.report, _NETWORK_SHARE, 1.0)
            over_tiles(shape, grid, self._mix, self.compute, part)

    @property
    def can_mix(self) -> bool:
        """Whether it is known, or will be measured, how to mix the data back in."""
        return self.spectra is not None or bool(self.card.extra.get("gains"))

    def gains(self) -> tuple[Real, Real]:
        """Return the factors of raw and denoised: measured here, or in the training."""
        if self.spectra is not None:
            return self.spectra.gains()
        gains = self.card.extra["gains"]
        return np.asarray(gains["raw"]), np.asarray(gains["denoised"])

    def measures(self) -> dict[str, Any]:
        """Return what was measured: curves in equal shells up to Nyquist, and the mixture."""
        if self.spectra is None:
            return {}
        alone = np.zeros(SHELLS), np.ones(SHELLS)
        gains = alone if self.settings.keep == "off" else self.spectra.gains()
        return {
            "fsc_raw": _known(self.spectra.fsc_raw()),
            "fsc_denoised": _known(self.spectra.fsc_mixed(gains)),
            "gains": rounded(gains),
        }

    def _grid(self) -> Grid:
        """Return how the volume is cut."""
        margin = self.settings.margin
        margin = int(getattr(self.network, "reach", 0)) if margin is None else margin
        side = fitting_side(self.settings.tile, margin, self.compute)
        return Grid(side, margin, int(getattr(self.network, "multiple", 1)))

    def _read(self, tile: Tile) -> list[Values]:
        """Return the grey values of a tile with its rim, on the network's scale."""
        return [self.scaling.forward(volume.data[tile.read]) for volume in self.volumes]

    def _denoise(self, tile: Tile, tick: Tick) -> None:
        """Denoise one tile, on the network's scale if it will be mixed."""
        kept = self.denoised(self._read(tile), tile, tick)[tile.inner]
        self.made[tile.write] = self.scaling.backward(kept) if self.made is self.target else kept

    def _mix(self, tile: Tile, tick: Tick) -> None:
        """Mix raw and denoised of one tile into the target."""
        values = self._read(tile)
        raw = values[0] if len(values) == 1 else (values[0] + values[1]) / 2
        mixed = combine(raw, self.made[tile.read], self.factors)[tile.inner]
        self.target[tile.write] = self.scaling.backward(mixed.astype(np.float32))
        tick(1.0)


def target_for(
    given: Volume, thing: Volume, into: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Return the array to denoise into: `into`, unless the volume was resampled.

    Parameters
    ----------
    given
        What is denoised.
    thing
        What it was made from.
    into
        ``(z, y, x)`` for the result on the grid of `thing`; None if an array is to be made.
    """
    if into is not None and given.shape == thing.shape:
        return into
    return np.empty(given.shape, np.float32)


def on_its_grid(result: Volume, like: Volume, into: NDArray[np.float32] | None = None) -> Volume:
    """Return a result on the grid of what it was made from, if it was resampled.

    Parameters
    ----------
    result
        What was made.
    like
        What it was made from.
    into
        ``(z, y, x)`` to write it to, if it is not there already.
    """
    if result.shape == like.shape:
        return result
    back = resampled(result, like.scale[0], like.shape)
    if into is not None:
        into[...] = back.data
    data = back.data if into is None else into
    return result.changed(data, "Resampled back.", voxel_size=like.voxel_size)


def scratch(like: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an array like another, on disk if it is large."""
    if like.nbytes <= _IN_MEMORY:
        return np.empty_like(like, subok=False)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.float32, "w+", shape=like.shape)


def _known(values: Real) -> list[float | None]:
    """Return rounded values with None for what is not known, ready for JSON."""
    return [None if np.isnan(value) else round(float(value), 4) for value in values]
