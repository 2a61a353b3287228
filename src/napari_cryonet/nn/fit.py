"""A training from a learner to a model: the loop, the models of epochs, the card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from napari_cryonet.errors import TrainingError
from napari_cryonet.io import write_model
from napari_cryonet.nn.architecture import specification
from napari_cryonet.nn.checkpoint import Checkpoints
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.initial import RANDOM, begin
from napari_cryonet.nn.learning import Fitted
from napari_cryonet.nn.settings import Denoiser, Training
from napari_cryonet.nn.source import AnySource, describe
from napari_cryonet.nn.train import Loop
from napari_cryonet.nn.unet import build
from napari_cryonet.reporting import Reporter
from napari_cryonet.types import Model, ModelCard, Volume

Measure = Callable[[nn.Module, bool], dict[str, Any]]
"""Measures on training data what the card is to say; the less the better if in a hurry."""


def new_network(settings: Denoiser, compute: Compute) -> tuple[dict[str, Any], nn.Module]:
    """Return the network that the settings ask for, with its specification.

    Parameters
    ----------
    settings
        Kind, size and seed.
    compute
        Where it will be trained; slow devices get a narrow one.
    """
    spec = specification(settings, fast=compute.fast)
    torch.manual_seed(settings.seed)
    return spec, build(spec)


def fit(
    learner: Fitted,
    card: ModelCard,
    report: Reporter,
    measure: Measure | None = None,
    *,
    folder: Path | None = None,
    resume: bool = False,
    start: Model | None = None,
) -> Model:
    """Train a network to the end, or until the user stops.

    Parameters
    ----------
    learner
        What is trained, on what, how and where.
    card
        What is known of the model before it is trained.
    report
        Is told of every step, and asked whether to stop.
    measure
        Returns what else the card's `extra` is to hold; None adds nothing.
    folder
        Where checkpoint and models of epochs go; None writes nothing.
    resume
        Whether to go on from the checkpoint in `folder`.
    start
        A model whose weights the training starts from; None starts as the settings say.

    Raises
    ------
    TrainingError, OutOfMemory, DeviceError
        As `napari_cryonet.nn.train.Loop.run`; also if there is no folder to resume from.
    ModelError
        If the model to start from is one of another method, or damaged.
    """
    if resume and folder is None:
        raise TrainingError("A training is resumed from its run folder; none was given.")

    def model_of(weights: dict[str, Tensor], training: dict[str, Any], **extra: Any) -> Model:
        fields = {"training": training, "extra": {**card.extra, "start": began, **extra}}
        arrays = {name: value.numpy() for name, value in weights.items()}
        return Model(card.model_copy(update=fields), arrays)

    def keep_epoch(number: int, weights: dict[str, Tensor]) -> None:
        path = _epoch_path(folder, number)
        write_model(path, model_of(weights, {"epoch": number}), overwrite=True)

    began = begin(learner, start, card, report)
    settings, network = learner.settings, learner.network
    checkpoints = Checkpoints(folder / "checkpoint.safetensors") if folder else None
    on_epoch = keep_epoch if folder and settings.keep_epochs else None
    anchored = began != RANDOM
    loop = Loop(learner, settings, learner.compute, report, checkpoints, on_epoch, anchored)
    trained = loop.run(resume=resume)
    network.load_state_dict(trained.weights)
    network.eval()
    hurry = trained.summary["ended"] == "stopped"
    found = {} if measure is None else measure(network, hurry)
    return model_of(trained.weights, trained.summary, **found)


def card_of(
    method: str,
    settings: Denoiser,
    spec: dict[str, Any],
    source: AnySource,
    rows: Sequence[Sequence[Volume]],
    **extra: Any,
) -> ModelCard:
    """Return what is known of a model before it is trained.

    Parameters
    ----------
    method
        Name of the method.
    settings
        How it will be trained.
    spec
        Its network.
    source
        The first of what it is trained on.
    rows
        All that it is trained on.
    **extra
        What only the method itself understands.
    """
    like = rows[0][0]
    size = settings.voxel_size if source.sampler.shape != like.shape else None
    return new_card(
        method,
        settings,
        spec,
        rows,
        voxel_size=(size, size, size) if size else like.voxel_size,
        normalisation={"kind": settings.normalisation, **source.scaling.to_dict()},
        extra={"rotations": source.rotations, **extra},
    )


def new_card(
    method: str,
    settings: Training,
    spec: dict[str, Any],
    rows: Sequence[Sequence[Volume]],
    **fields: Any,
) -> ModelCard:
    """Return the card of a model that is made now, by this version.

    Parameters
    ----------
    method
        Name of the method.
    settings
        How it will be trained.
    spec
        Its network.
    rows
        All volumes that it is trained on.
    **fields
        Other fields of the card.
    """
    from napari_cryonet import __version__

    return ModelCard(
        method=method,
        settings=settings.to_dict(),
        network=spec,
        product=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        inputs=describe(rows),
        **fields,
    )


def _epoch_path(folder: Path | None, number: int) -> Path:
    """Return where the model of an epoch goes."""
    models = (folder or Path()) / "models"
    models.mkdir(exist_ok=True)
    return models / f"epoch_{number:04d}.safetensors"
