"""Training of Noise2Noise, from pairs of halves to a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from napari_cryonet.errors import DataError
from napari_cryonet.methods.noise2noise.data import Pair, prepare
from napari_cryonet.methods.noise2noise.objective import HalvesLearner
from napari_cryonet.methods.noise2noise.settings import TrainSettings
from napari_cryonet.nn.device import Compute, choose
from napari_cryonet.nn.fit import card_of, fit, new_network
from napari_cryonet.nn.gains import measured_spectra, rounded
from napari_cryonet.nn.source import of_one_size
from napari_cryonet.nn.tiles import predict
from napari_cryonet.reporting import Reporter
from napari_cryonet.signal.combine import Values, mixtures
from napari_cryonet.types import Model, Volume

Halves = tuple[Volume, Volume]


def train(
    things: Sequence[Halves],
    settings: TrainSettings,
    report: Reporter,
    *,
    validation: Sequence[Halves] = (),
    folder: Path | None = None,
    resume: bool = False,
    start: Model | None = None,
) -> Model:
    """Train a network on pairs of halves.

    Parameters
    ----------
    things
        The pairs.
    settings
        How to train.
    report
        Is told of every step, and asked whether to stop.
    validation
        Pairs to measure the quality with; without any, cubes of `things` are held out.
    folder
        Where checkpoint and models of epochs go; None writes nothing.
    resume
        Whether to go on from the checkpoint in `folder`.
    start
        A model whose weights the training starts from; None starts as the settings say.

    Raises
    ------
    DataError
        If the halves do not belong together.
    TrainingError, OutOfMemory, DeviceError
        As `napari_cryonet.nn.fit.fit`.
    """
    if not things:
        raise DataError("Noise2Noise needs at least one pair of halves; none was given.")
    compute = choose(settings.device, settings.precision)
    report.say(f"Training on {compute}.")
    spec, network = new_network(settings, compute)
    multiple = int(getattr(network, "multiple", 1))
    held = 0.0 if validation else None
    pairs = [prepare(each, settings, multiple, report, held_out=held) for each in things]
    judges = [prepare(each, settings, multiple, report, held_out=0.5) for each in validation]
    pairs = of_one_size(pairs)
    learner = HalvesLearner(network, pairs, judges or pairs, settings, compute, things[0][0])
    card = card_of("noise2noise", settings, spec, pairs[0], things, mixing=settings.mixing)

    def measure(trained: nn.Module, hurry: bool) -> dict[str, Any]:
        return {"gains": training_gains(trained, pairs[0], settings.mixing, compute, hurry=hurry)}

    return fit(learner, card, report, measure, folder=folder, resume=resume, start=start)


def training_gains(
    network: nn.Module, pair: Pair, mixing: float, compute: Compute, *, hurry: bool = False
) -> dict[str, list[float]]:
    """Measure on training data how to mix raw and denoised, for inputs without halves.

    Parameters
    ----------
    network
        Trained, in evaluation mode.
    pair
        The data it was trained on.
    mixing
        α of the training.
    compute
        Device and precision.
    hurry
        Whether to look at little data.

    Returns
    -------
    dict
        Factors of ``raw`` and ``denoised`` in shells of equal width up to Nyquist.
    """

    def denoised(first: Values, second: Values) -> Values:
        return predict(network, mixtures(first, second, mixing)[0], compute)

    found = measured_spectra(pair.sampler.shape, pair.read, denoised, mixing, hurry=hurry)
    return rounded(found.gains())
