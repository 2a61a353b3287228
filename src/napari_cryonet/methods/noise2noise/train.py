"""Training of a Noise2Noise network."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from napari_cryonet.errors import DataError
from napari_cryonet.io import write_model
from napari_cryonet.methods.noise2noise.combine import SHELLS, Spectra
from napari_cryonet.methods.noise2noise.data import Pair, describe, of_one_size, prepare
from napari_cryonet.methods.noise2noise.network import specification
from napari_cryonet.methods.noise2noise.objective import HalvesLearner, mixtures
from napari_cryonet.methods.noise2noise.settings import TrainSettings
from napari_cryonet.nn.checkpoint import Checkpoints
from napari_cryonet.nn.device import Compute, choose
from napari_cryonet.nn.tiles import Grid, predict, some
from napari_cryonet.nn.train import Loop
from napari_cryonet.nn.unet import build
from napari_cryonet.reporting import Reporter
from napari_cryonet.types import Model, ModelCard, Volume

Halves = tuple[Volume, Volume]

_SIDE, _MOST = 96, 4  # of the pieces in which a training is measured: a second on a CPU


def train(
    things: Sequence[Halves],
    settings: TrainSettings,
    report: Reporter,
    *,
    validation: Sequence[Halves] = (),
    folder: Path | None = None,
    resume: bool = False,
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

    Raises
    ------
    DataError
        If the halves do not belong together.
    TrainingError, OutOfMemory, DeviceError
        As `napari_cryonet.nn.train.Loop.run`.
    """
    if not things:
        raise DataError("Noise2Noise needs at least one pair of halves; none was given.")
    compute = choose(settings.device, settings.precision)
    report.say(f"Training on {compute}.")
    spec = specification(settings, fast=compute.fast)
    torch.manual_seed(settings.seed)
    network = build(spec)
    multiple = int(getattr(network, "multiple", 1))
    held = 0.0 if validation else None
    pairs = [prepare(each, settings, multiple, report, held_out=held) for each in things]
    judges = [prepare(each, settings, multiple, report, held_out=0.5) for each in validation]
    pairs = of_one_size(pairs)
    learner = HalvesLearner(network, pairs, judges or pairs, settings, compute, things[0][0])
    inputs = describe(things)

    def model_of(weights: dict[str, Tensor], training: dict[str, Any]) -> Model:
        card = _card(settings, spec, things[0][0], pairs[0], inputs, training)
        return Model(card, {name: value.numpy() for name, value in weights.items()})

    def keep_epoch(number: int, weights: dict[str, Tensor]) -> None:
        path = _epoch_path(folder, number)
        write_model(path, model_of(weights, {"epoch": number}), overwrite=True)

    loop = Loop(
        learner,
        settings,
        compute,
        report,
        Checkpoints(folder / "checkpoint.safetensors") if folder else None,
        keep_epoch if folder and settings.keep_epochs else None,
    )
    trained = loop.run(resume=resume)
    network.load_state_dict(trained.weights)
    network.eval()
    gains = training_gains(network, pairs[0], settings.mixing, compute)
    return model_of(trained.weights, trained.summary | {"gains": gains})


def training_gains(
    network: nn.Module, pair: Pair, mixing: float, compute: Compute
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

    Returns
    -------
    dict
        Factors of ``raw`` and ``denoised`` in shells of equal width up to Nyquist.
    """
    total: Spectra | None = None
    grid = Grid(_SIDE, 0, 8)
    for tile in some(grid.tiles(pair.first.shape), _MOST):
        first, second = pair.read(tile.read)
        made = [
            predict(network, mixtures(*halves, mixing)[0], compute)
            for halves in ((first, second), (second, first))
        ]
        found = Spectra.measure((first, second), (made[0], made[1]), mixing, SHELLS)
        total = found if total is None else total + found
    if total is None:
        return {}
    raw, denoised = total.gains()
    return {"raw": raw.round(4).tolist(), "denoised": denoised.round(4).tolist()}


def _card(
    settings: TrainSettings,
    spec: dict[str, Any],
    like: Volume,
    pair: Pair,
    inputs: tuple[dict[str, Any], ...],
    training: dict[str, Any],
) -> ModelCard:
    """Return the card of a model."""
    from napari_cryonet import __version__

    gains = training.pop("gains", {})
    size = settings.voxel_size if pair.first.shape != like.shape else None
    return ModelCard(
        method="noise2noise",
        settings=settings.to_dict(),
        network=spec,
        product=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        voxel_size=(size, size, size) if size else like.voxel_size,
        normalisation={"kind": settings.normalisation, **pair.scaling.to_dict()},
        training=training,
        inputs=inputs,
        extra={"mixing": settings.mixing, "rotations": pair.rotations, "gains": gains},
    )


def _epoch_path(folder: Path | None, number: int) -> Path:
    """Return where the model of an epoch goes."""
    models = (folder or Path()) / "models"
    models.mkdir(exist_ok=True)
    return models / f"epoch_{number:04d}.safetensors"
