"""Denoising of single volumes of any size, averaged over random passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError, ModelError, SettingsError
from napari_cryonet.methods.self2self.corruption import Added, Corruption, corruption
from napari_cryonet.methods.self2self.data import deconvolved
from napari_cryonet.methods.self2self.settings import ApplySettings, TrainSettings
from napari_cryonet.nn.denoise import Denoising, on_its_grid, scratch, target_for
from napari_cryonet.nn.device import choose
from napari_cryonet.nn.gains import measured_spectra
from napari_cryonet.nn.patches import random_at
from napari_cryonet.nn.source import check_volume, on_grid
from napari_cryonet.nn.tiles import Tile, predict
from napari_cryonet.nn.unet import dropping
from napari_cryonet.nn.weights import load
from napari_cryonet.reporting import Box, Reporter, Tick
from napari_cryonet.signal.combine import Values, mixtures
from napari_cryonet.signal.noise import Noise, measure_noise
from napari_cryonet.types import Model, Result, Volume
from napari_cryonet.types.model import voxel_size_warning

_MEASURED_PASSES = 4


def apply(
    things: Sequence[Volume],
    model: Model,
    settings: ApplySettings,
    report: Reporter,
    *,
    into: NDArray[np.float32] | None = None,
) -> Result:
    """Denoise one volume.

    Parameters
    ----------
    things
        The volume.
    model
        A Self2Self model.
    settings
        How to apply it.
    report
        Is told of the progress, and asked whether to stop.
    into
        ``(z, y, x)`` to write the result to, for example a memory map; None makes an array.

    Returns
    -------
    Result
        The denoised volume, in the grey values of the input. Measures: ``fsc_raw`` and
        ``fsc_denoised`` with the truth, estimated from the measured noise, in equal shells up
        to Nyquist, and the share of each shell that was kept (``gains``). Others, if wanted:
        ``uncertainty``, the standard deviation over the passes.

    Raises
    ------
    ModelError
        If the model is not one of Self2Self.
    DataError
        If there is not one volume, or one without noise.
    SettingsError
        If the uncertainty is asked of one pass.
    OutOfMemory, DeviceError
        If the device is too small or not there.
    """
    model.check_method("self2self")
    if len(things) != 1:
        raise DataError(f"Self2Self denoises one volume at a time, not {len(things)}.")
    (thing,) = things
    check_volume(thing, "Self2Self")
    if settings.uncertainty and settings.passes < 2:
        raise SettingsError("The uncertainty is a deviation over passes; two are needed at least.")
    if warning := voxel_size_warning(model.card, thing.voxel_size):
        report.warn(warning)
    training = TrainSettings.load(model.card.settings)
    given = on_grid(thing, training, report)
    if training.deconvolution is not None:
        given = deconvolved(given, training.deconvolution, report)
    compute = choose(settings.device, settings.precision)
    report.say(f"Denoising on {compute}.")
    network = load(model, compute)
    target = target_for(given, thing, into)
    mode, how = _corruption(model, training)
    work = _Single([given], model.card, settings, network, compute, report, target, how)
    work.run()
    title = f"Denoised by Self2Self, mode {mode}, CryoNet {model.card.product}."
    result = given.changed(target, title, name=f"{thing.name} denoised")
    others = {}
    if work.deviation is not None:
        sentence = f"Standard deviation over {settings.passes} passes of Self2Self."
        unsure = given.changed(work.deviation, sentence, name=f"{thing.name} uncertainty")
        others["uncertainty"] = back = on_its_grid(unsure, thing)
        if back is not unsure:
            np.maximum(back.data, 0, out=back.data)  # resampling rings
    return Result(on_its_grid(result, thing, into), work.measures(), others)


def _corruption(model: Model, training: TrainSettings) -> tuple[str, Corruption]:
    """Return the mode that a model was trained in, and what it does.

    Raises
    ------
    ModelError
        If the card does not tell.
    """
    try:
        mode, reach = str(model.card.extra["mode"]), int(model.card.extra["noise"]["reach"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"The card of {model.path or 'the model'} does not tell in which mode it was trained; "
            f"train it again."
        ) from error
    return mode, corruption(mode, training, reach)


@dataclass
class _Single(Denoising):
    """The network over one volume, in random passes."""

    settings: ApplySettings
    corruption: Corruption
    deviation: NDArray[np.float32] | None = field(default=None, init=False)
    noise: Noise = field(init=False)

    def prepare(self) -> None:
        """Measure the noise, and what of the volume the network loses."""
        shape = self.target.shape
        self.noise = noise = measure_noise(self._region, shape, self.report.check)
        self.report.say(noise.sentence())
        if self.settings.uncertainty:
            self.deviation = scratch(self.target)
        if self.settings.keep != "auto":
            return

        def halves(region: Box) -> tuple[Values, Values]:
            self.report.check()
            values = self._region(region)
            drawn = noise.draw(values.shape, random_at(region, self.settings.seed))
            return values + drawn, values - drawn

        self.spectra = measured_spectra(shape, halves, self._half, self.mixing)

    def denoised(self, values: list[Values], tile: Tile, tick: Tick) -> Values:
        """Return the mean over the passes, and keep their deviation."""
        (given,) = values
        total, squares = np.zeros_like(given), np.zeros_like(given)
        passes = self._passes(given, random_at(tile.read, self.settings.seed), self.settings.passes)
        for number, made in enumerate(passes, 1):
            total += made
            if self.deviation is not None:
                squares += made * made
            tick(number / self.settings.passes)
        count = self.settings.passes
        mean = total / np.float32(count)
        if self.deviation is not None:
            variance = np.maximum(squares / np.float32(count) - mean * mean, 0)
            factor = self.scaling.scale * self.corruption.spread * np.sqrt(count / (count - 1))
            self.deviation[tile.write] = (np.sqrt(variance) * np.float32(factor))[tile.inner]
        return mean

    def _half(self, near: Values, far: Values) -> Values:
        """Denoise the mixture of two halves that is nearer to the first."""
        given, _ = mixtures(near, far, self.mixing)
        if isinstance(self.corruption, Added):
            return predict(self.network, given, self.compute)
        count = min(self.settings.passes, _MEASURED_PASSES)
        random = np.random.default_rng(self.settings.seed)
        made = sum(self._passes(given, random, count), np.zeros_like(given))
        return np.asarray(made / np.float32(count), dtype=np.float32)

    def _passes(self, values: Values, random: np.random.Generator, count: int) -> Iterator[Values]:
        """Yield what the network makes of a region in each pass."""
        for number in range(count):
            turn = self.turns[number % len(self.turns)]
            if number % 2 == 0:
                pair = self.corruption.inputs(values, self.noise, random)
            with dropping(self.network):
                yield predict(self.network, pair[number % 2], self.compute, (turn,))

    def _region(self, region: Box) -> Values:
        """Return a region of the volume on the network's scale."""
        return self.scaling.forward(self.volumes[0].data[region])
