"""Training of picking, from tomograms with sparse labels to a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import nn

from napari_cryonet.errors import DataError
from napari_cryonet.methods.picking.data import Plan, Source, plan, prepare
from napari_cryonet.methods.picking.learner import PickLearner
from napari_cryonet.methods.picking.network import PickNet, build, specification
from napari_cryonet.methods.picking.picks import labelled_peaks
from napari_cryonet.methods.picking.rows import Labelled, Row, checked
from napari_cryonet.methods.picking.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.picking.template import mean_particle, side
from napari_cryonet.methods.picking.threshold import calibrate
from napari_cryonet.nn.device import Compute, choose
from napari_cryonet.nn.fit import fit, new_card
from napari_cryonet.reporting import Reporter, SilentReporter
from napari_cryonet.types import Model, ModelCard

_FALLBACK = 0.5
_LOOKS = 16
"""Threshold where labels are too few to find one, and length of an embedding."""


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
    """Train a network on tomograms of which some particles are labelled.

    Parameters
    ----------
    things
        Rows of a tomogram, its labels and, if wanted, painted regions: 1 background, 2 fully
        annotated, 3 ignored. Labels of the status rejected are no particles.
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
    start
        A model whose weights the training starts from; None starts as the settings say.

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
    rows, others = ([checked(row) for row in given] for given in (things, validation))
    shared = plan([*rows, *others], settings)
    sources = [prepare(row, shared, settings, report) for row in rows]
    judges = [prepare(row, shared, settings, report) for row in others]
    prior = np.mean([source.prior for source in sources], axis=0).tolist()
    spec, network = _network(sources, shared, settings, prior)
    learner = PickLearner(network, sources, judges or sources, settings, compute, rows[0].volume)

    def measure(trained: nn.Module, hurry: bool) -> dict[str, Any]:
        passes = 1 if hurry else ApplySettings().passes
        found = thresholds(trained, sources, shared, passes, compute, tail=learner.knowing)
        return {"thresholds": found, "believed": learner.believed}

    card = _card(rows, settings, spec, shared)
    return fit(learner, card, report, measure, folder=folder, resume=resume, start=start)


def thresholds(
    network: nn.Module,
    sources: Sequence[Source],
    shared: Plan,
    passes: int,
    compute: Compute,
    *,
    tail: bool = False,
) -> dict[str, dict[str, Any]]:
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
    tail
        Whether it started from weights that know particles.
    """
    classes = len(shared.classes)
    free: list[list[float]] = [[] for _ in range(classes)]
    known: list[list[float]] = [[] for _ in range(classes)]
    trained: list[list[float]] = [[] for _ in range(classes)]
    for source in sources:
        own = source.labels
        peaks = labelled_peaks(network, source.values, own, passes, compute, SilentReporter())
        gaps, nearest = KDTree(own.positions).query(peaks.positions)
        near = gaps <= own.diameters[peaks.kinds] / 2
        for kind in range(classes):
            ours, scores = peaks.kinds == kind, peaks.scores
            free[kind].extend(scores[ours & ~near])
            mine = ours & near & (own.kinds[nearest] == kind)
            held = mine & own.held[nearest]
            known[kind].extend(scores[held])
            trained[kind].extend(scores[mine & ~held])
    made = {}
    for kind, name in enumerate(shared.classes):
        groups = (np.array(group[kind]) for group in (free, known, trained))
        result = calibrate(*groups, tail=tail)
        made[name] = {"threshold": _FALLBACK} if result is None else result.to_dict()
    return made


def _network(
    sources: Sequence[Source], shared: Plan, settings: TrainSettings, prior: Sequence[float]
) -> tuple[dict[str, Any], PickNet]:
    """Return the network with its specification; it holds the mean particle of each class."""
    length = side(float(shared.across.max()))
    looks = _LOOKS if settings.contrast else 0
    spec = specification(settings.width, len(shared.classes), looks, length)
    torch.manual_seed(settings.seed)
    network = build(spec)
    network.expect(prior)
    values = [source.values for source in sources]
    for kind, diameter in enumerate(shared.across):
        places = [source.labels.positions[source.labels.kinds == kind] for source in sources]
        mean = mean_particle(values, places, diameter, length)
        network.template[kind, 0] = torch.from_numpy(mean)
    return spec, network


def _card(
    rows: Sequence[Labelled], settings: TrainSettings, spec: dict[str, Any], shared: Plan
) -> ModelCard:
    """Return what is known of a model before it is trained."""
    return new_card(
        "picking",
        settings,
        spec,
        [[row.volume] for row in rows],
        voxel_size=(shared.voxel_size,) * 3,
        normalisation={"kind": "robust"},
        extra={
            "classes": list(shared.classes),
            "diameters": dict(zip(shared.classes, shared.diameters, strict=True)),
            "labels": [len(row.particles) for row in rows],
        },
    )
