"""Training of picking, from tomograms with sparse labels to a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import KDTree
from torch import nn

from napari_cryonet.errors import DataError
from napari_cryonet.methods.picking.data import Plan, Row, Source, plan, prepare
from napari_cryonet.methods.picking.network import new_network
from napari_cryonet.methods.picking.objective import PickLearner
from napari_cryonet.methods.picking.picks import APART, score_maps
from napari_cryonet.methods.picking.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.picking.threshold import LOWEST, calibrate
from napari_cryonet.nn.device import Compute, choose
from napari_cryonet.nn.fit import fit, new_card
from napari_cryonet.reporting import Reporter, SilentReporter
from napari_cryonet.types import Model, ModelCard, Volume

_FALLBACK = 0.5


def train(
    things: Sequence[Row],
    settings: TrainSettings,
    report: Reporter,
    *,
    validation: Sequence[Row] = (),
    folder: Path | None = None,
    resume: bool = False,
) -> Model:
    """Train a network on tomograms of which some particles are labelled.

    Parameters
    ----------
    things
        Rows of a tomogram, its labels and, if wanted, a mask of where to learn.
    settings
        How to train.
    report
        Is told of every step, and asked whether to stop.
    validation
        Rows to measure the quality with, by the labels that would be held out of them;
        without any, labels of `things` are held out.
    folder
        Where checkpoint and models of epochs go; None writes nothing.
    resume
        Whether to go on from the checkpoint in `folder`.

    Raises
    ------
    DataError
        If labels and tomograms do not belong together.
    TrainingError, OutOfMemory, DeviceError
        As `napari_cryonet.nn.fit.fit`.
    """
    if not things:
        raise DataError("Picking needs at least one tomogram with labels; none was given.")
    compute = choose(settings.device, settings.precision)
    report.say(f"Training on {compute}.")
    shared = plan([*things, *validation], settings)
    sources = [prepare(row, shared, settings, report) for row in things]
    judges = [prepare(row, shared, settings, report) for row in validation]
    prior = np.mean([source.prior for source in sources], axis=0).tolist()
    spec, network = new_network(settings, prior)
    first = things[0][0]
    assert isinstance(first, Volume)  # noqa: S101 - plan has looked
    learner = PickLearner(network, sources, judges or sources, settings, compute, first)

    def measure(trained: nn.Module, hurry: bool) -> dict[str, Any]:
        passes = 1 if hurry else ApplySettings().passes
        return {"thresholds": thresholds(trained, sources, shared, passes, compute)}

    card = _card(things, settings, spec, shared)
    return fit(learner, card, report, measure, folder=folder, resume=resume)


def thresholds(
    network: nn.Module, sources: Sequence[Source], shared: Plan, passes: int, compute: Compute
) -> dict[str, dict[str, float]]:
    """Find the best threshold of each class on the tomograms of the training.

    Parameters
    ----------
    network
        Trained, in evaluation mode.
    sources
        What it was trained on; labels that were held out of the training say how high
        particles score that the network has not seen as such.
    shared
        What they have in common.
    passes
        Mirror images to average over, as in the application.
    compute
        Device and precision.
    """
    classes = len(shared.classes)
    free: list[list[float]] = [[] for _ in range(classes)]
    known: list[list[float]] = [[] for _ in range(classes)]
    trained: list[list[float]] = [[] for _ in range(classes)]
    for source in sources:
        own = source.labels
        maps = score_maps(
            network, source.values, ApplySettings(), passes, own.core, compute, SilentReporter()
        )
        positions, scores, found = maps.peaks(APART * own.diameter, [LOWEST] * classes)
        gaps, nearest = KDTree(own.positions).query(positions)
        near = gaps <= own.diameter / 2
        for kind in range(classes):
            ours = found == kind
            free[kind].extend(scores[ours & ~near])
            mine = ours & near & (own.kinds[nearest] == kind)
            held = mine & own.held[nearest]
            known[kind].extend(scores[held])
            trained[kind].extend(scores[mine & ~held])
    made = {}
    for kind, name in enumerate(shared.classes):
        groups = (np.array(group[kind]) for group in (free, known, trained))
        result = calibrate(*groups)
        made[name] = {"threshold": _FALLBACK} if result is None else result.to_dict()
    return made


def _card(
    rows: Sequence[Row], settings: TrainSettings, spec: dict[str, Any], shared: Plan
) -> ModelCard:
    """Return what is known of a model before it is trained."""
    volumes = [[thing for thing in row if isinstance(thing, Volume)] for row in rows]
    counts = [len(row[1].positions) for row in rows]  # type: ignore[union-attr]
    return new_card(
        "picking",
        settings,
        spec,
        volumes,
        voxel_size=(shared.voxel_size,) * 3,
        normalisation={"kind": "robust"},
        extra={
            "classes": list(shared.classes),
            "diameter": shared.diameter,
            "labels": counts,
        },
    )
