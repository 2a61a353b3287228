"""Training of the resolution network, from maps or half maps to a model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from napari_cryonet.errors import DataError
from napari_cryonet.methods.resolution.data import Row, Source, divided, of_one_size, prepare
from napari_cryonet.methods.resolution.network import build, specification
from napari_cryonet.methods.resolution.objective import ResolutionLearner
from napari_cryonet.methods.resolution.powers import CHANNELS
from napari_cryonet.methods.resolution.settings import TrainSettings
from napari_cryonet.nn.device import choose
from napari_cryonet.nn.fit import fit, new_card
from napari_cryonet.reporting import PartReporter, Reporter
from napari_cryonet.types import Model


def train(
    things: Sequence[Row],
    settings: TrainSettings,
    report: Reporter,
    *,
    validation: Sequence[Row] = (),
    folder: Path | None = None,
    resume: bool = False,
    start: Model | None = None,
) -> Model:
    """Train a network to see local resolution in single maps.

    Parameters
    ----------
    things
        Rows of a map and its local resolution, or of two half maps, and perhaps a mask.
    settings
        How to train.
    report
        Is told of every step, and asked whether to stop.
    validation
        Rows to measure the error with; without any, some maps of `things` are held out, or
        regions of a single one.
    folder
        Where checkpoint and models of epochs go; None writes nothing.
    resume
        Whether to go on from the checkpoint in `folder`.
    start
        A model whose weights the training starts from; None starts from chance.

    Raises
    ------
    DataError
        If the volumes of a row do not fit together.
    TrainingError, OutOfMemory, DeviceError
        As `napari_cryonet.nn.fit.fit`.
    """
    if not things:
        raise DataError("The resolution network needs at least one map to learn from; none given.")
    compute = choose(settings.device, settings.precision)
    report.say(f"Training on {compute}.")
    size = _voxel_size(things, settings)
    rows, count = [*things, *validation], len(things) + len(validation)
    ready = [
        prepare(row, settings, size, compute, PartReporter(report, n / count, (n + 1) / count))
        for n, row in enumerate(rows)
    ]
    sources, judges = (
        list(chain.from_iterable(part)) for part in (ready[: len(things)], ready[len(things) :])
    )
    if settings.held_out and not judges:
        if len(sources) > len(things):
            raise DataError(
                "Fragments do not tell which map they are of, so none can be held out: give others "
                "for validation, or set held_out = 0."
            )
        sources, judges = _held_out(sources, settings, report)
    sources = of_one_size(sources)
    spec = specification(settings, CHANNELS)
    torch.manual_seed(settings.seed)
    network = build(spec)
    learner = ResolutionLearner(network, sources, judges, settings, compute, things[0][0])
    card = new_card(
        "resolution",
        settings,
        spec,
        things,
        voxel_size=None if size is None else (size, size, size),
        extra={"maps": len(sources)},
    )

    def measure(trained: nn.Module, hurry: bool) -> dict[str, Any]:  # noqa: ARG001 - as all
        return _measured(learner, trained, report)

    return fit(learner, card, report, measure, folder=folder, resume=resume, start=start)


def _voxel_size(things: Sequence[Row], settings: TrainSettings) -> float | None:
    """Return the voxel size in Å that the original network works at; None for the default one."""
    if settings.network == "bands":
        return None
    return float(np.median([row[0].scale[0] for row in things]))


def _held_out(
    sources: Sequence[Source], settings: TrainSettings, report: Reporter
) -> tuple[list[Source], list[Source]]:
    """Return what to train on and what to judge with: whole maps, unless there is only one."""
    if len(sources) == 1:
        report.say("There is a single map, so the error is measured in regions held out of it.")
        train, judge = divided(sources[0], settings)
        return [train], [judge]
    count = min(max(1, round(settings.held_out * len(sources))), len(sources) - 1)
    order = np.random.default_rng(settings.seed).permutation(len(sources))
    held = set(order[:count].tolist())
    parts: tuple[list[Source], list[Source]] = ([], [])
    for number, source in enumerate(sources):
        parts[number in held].append(source)
    return parts


def _measured(learner: ResolutionLearner, network: nn.Module, report: Reporter) -> dict[str, Any]:
    """Return the error of a network for its card, and say it beside that of the best constant."""
    figures = learner.validate(network)
    if not figures:
        return {}
    report.say(
        f"Mean error inside the mask {figures['mae']:.2f} Å; the best constant has "
        f"{figures['constant']:.2f} Å."
    )
    return {name: round(value, 4) for name, value in figures.items() if name != "quality"}
