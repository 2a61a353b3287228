"""Reconstruction of a cloud, from stacks of images to a model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_cryonet.errors import DataError, TrainingError
from napari_cryonet.io import fingerprint
from napari_cryonet.methods.pointcloud.data import Particles, held_out, prepare
from napari_cryonet.methods.pointcloud.engine import AGREE, Engine
from napari_cryonet.methods.pointcloud.joint import Joint
from napari_cryonet.methods.pointcloud.outcome import Outcome
from napari_cryonet.methods.pointcloud.results import known_of
from napari_cryonet.methods.pointcloud.settings import TAKEN, TrainSettings
from napari_cryonet.methods.pointcloud.stacks import join
from napari_cryonet.methods.pointcloud.teach import teach
from napari_cryonet.nn.device import choose, memory_errors
from napari_cryonet.reporting import PartReporter, Reporter
from napari_cryonet.types import ImageStack, Model, PointCloud

_FEWEST = 20
_CHECKPOINT = "checkpoint.safetensors"
_SEARCHING = 0.6  # what the search takes of a run that teaches a network, too

HAND = "The hand is undetermined: the mirror image of the cloud explains the images equally well."


def train(
    things: Sequence[tuple[ImageStack | PointCloud, ...]],
    settings: TrainSettings,
    report: Reporter,
    *,
    validation: Sequence[tuple[ImageStack, ...]] = (),
    folder: Path | None = None,
    resume: bool = False,
    start: Model | None = None,
) -> Model:
    """Reconstruct a cloud from images of one particle.

    Parameters
    ----------
    things
        Rows of one stack of images each, which are taken together; for the engine ``network`` a
        row may also be a cloud to begin with, which is brought to the radius of the particle.
    settings
        How.
    report
        Is told of every step, and asked whether to stop; what was found so far is then kept.
    validation
        Not used: some of the images are held out.
    folder
        Where the checkpoint goes; None writes nothing.
    resume
        Whether to go on from the checkpoint in `folder`; the result is that of a run without a
        break.
    start
        A model whose poses a network is to learn; None searches a cloud.

    Returns
    -------
    Model
        Weights: ``points`` ``(p, 3)`` z, y, x in nm and their ``weights``; ``rotations``,
        ``shifts`` (nm), ``residuals`` and ``kept`` of each image; ``history`` ``(levels, p, 3)``
        in nm; with a network its weights, under ``network.``. The card's training says whether
        the run got ``stuck``: its searches disagree.

    Raises
    ------
    DataError
        If there are fewer than 20 images, they do not fit together, or there is what has no use.
    Cancelled
        If the user wants nothing kept.
    OutOfMemory, DeviceError
        If the device is too small or not there.
    """
    teaching = settings.learn_poses and settings.engine == "search"
    if validation:
        raise DataError("A point cloud is judged by images of its own; give no validation data.")
    if start is not None and not teaching:
        raise DataError(
            "A point cloud is always searched anew. Give no model to start from, unless a network "
            "is to learn its poses (learn_poses)."
        )
    if resume and folder is None:
        raise TrainingError("A run is resumed from its folder; none was given.")
    known, stacks = _sorted([thing for row in things for thing in row], settings)
    images, pixel, spot = join(stacks, settings.pixel_size, settings.spot, report)
    images = images[TAKEN[settings.images]]
    if len(images) < _FEWEST:
        raise DataError(
            f"{len(images)} images are too few for a point cloud; give at least {_FEWEST}, better "
            f"some hundred, from all sides."
        )
    compute = choose(settings.device, "float32")
    lengths = known_of(start) if start is not None else {}
    particles = prepare(
        images, pixel, spot, compute.device, lengths.get("radius"), lengths.get("reach")
    )
    inputs = tuple(_described(stack) for stack in stacks)
    begins = _SEARCHING if teaching and start is None else 0
    model = start
    if model is None:
        report.say(f"Reconstructing from {len(images)} images on {compute}.")
        part = PartReporter(report, 0, begins or 1)
        if settings.engine == "search":
            outcome = _search(particles, settings, part, folder, inputs, resume)
        else:
            outcome = _learn(particles, settings, part, folder, known, resume)
        model = outcome.model(particles, settings, (pixel, spot), inputs)
        _judge(model, report)
        teaching &= model.card.training["ended"] != "stopped"
    if teaching:
        part = PartReporter(report, begins, 1)
        model = teach(model, particles, settings, part, folder, resume=resume)
    return model


def _search(
    particles: Particles,
    settings: TrainSettings,
    report: Reporter,
    folder: Path | None,
    inputs: Sequence[dict[str, Any]],
    resume: bool,
) -> Outcome:
    """Search for the cloud."""
    checkpoint = folder / _CHECKPOINT if folder else None
    engine = Engine(particles, settings, report, checkpoint, _owner(settings, inputs))
    with memory_errors("a step of the reconstruction"):
        ended = engine.run(resume=resume)
    progress, agreement = engine.progress, engine.agreement
    assert progress.fit is not None  # noqa: S101 - a run ends with a fit or raises
    searched = len(progress.starts) * settings.iterations
    training = {
        "steps": searched + progress.levels * settings.passes,
        "seconds": round(progress.seconds, 2),
        "ended": ended,
        "agreement": agreement and round(agreement, 2),
        "stuck": engine.stuck,
    }
    finest = engine.widths[max(progress.levels - 1, 0)]
    return Outcome(progress.fit, engine.held, finest, training, progress.kept, progress.history)


def _learn(
    particles: Particles,
    settings: TrainSettings,
    report: Reporter,
    folder: Path | None,
    known: PointCloud | None,
    resume: bool,
) -> Outcome:
    """Let a network learn poses together with the points."""
    device = particles.images.device
    held = held_out(len(particles.images), settings.held_out, settings.seed).to(device)
    points = None if known is None else _of_radius_one(known).to(device)
    checkpoint = folder / _CHECKPOINT if folder else None
    joint = Joint(particles, settings, report, held, points, checkpoint)
    with memory_errors("a step of the network"):
        ended = joint.run(resume=resume)
        fit = joint.fit()
    training = {
        "steps": joint.state.step,
        "seconds": round(joint.state.seconds, 2),
        "ended": ended,
        "agreement": None,
        "stuck": False,
    }
    share = joint.state.step / joint.how.steps
    return Outcome(
        fit, held, joint.widths.at(share), training, history=joint.history(),
        network=joint.scene.network,
    )  # fmt: skip


def _sorted(
    things: Sequence[ImageStack | PointCloud], settings: TrainSettings
) -> tuple[PointCloud | None, list[ImageStack]]:
    """Return the cloud to begin with, if there is one, and the images."""
    clouds = [thing for thing in things if isinstance(thing, PointCloud)]
    if clouds and settings.engine == "search":
        raise DataError(
            f"A search begins with random points and has no use for {clouds[0].name}; leave the "
            f"cloud out, or take the engine network."
        )
    if len(clouds) > 1:
        raise DataError(f"A network begins with one cloud at the most, not with {len(clouds)}.")
    stacks = [thing for thing in things if isinstance(thing, ImageStack)]
    return (clouds[0] if clouds else None), stacks


def _of_radius_one(cloud: PointCloud) -> Tensor:
    """Return the points of a cloud around its mean, with a root mean square radius of 1."""
    points = torch.from_numpy(cloud.vertices - cloud.vertices.mean(axis=0)).float()
    return points / points.square().sum(dim=1).mean().sqrt()


def _judge(model: Model, report: Reporter) -> None:
    """Say what speaks against a cloud."""
    training = model.card.training
    if training["stuck"]:
        report.warn(
            f"The searches disagree on the poses by {training['agreement']:.0f}° "
            f"(at most {AGREE:.0f}° are allowed): this run is stuck and the cloud probably wrong. "
            f"Give more images, set the symmetry if there is one, or try another seed."
        )
    report.say(HAND)


def _owner(settings: TrainSettings, inputs: Sequence[dict[str, Any]]) -> str:
    """Return what tells images and settings of a run apart from others."""
    values = settings.to_dict()
    for name in ("device", "learn_poses", "network"):
        values.pop(name, None)
    words = json.dumps([values, [each["fingerprint"] for each in inputs]], sort_keys=True)
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _described(stack: ImageStack) -> dict[str, Any]:
    """Return what a model card says of a stack."""
    mark = fingerprint(np.asarray(stack.images, np.float32))
    told = {"history": list(stack.history)} if stack.history else {}
    return {"name": stack.name, "shape": list(stack.shape), "fingerprint": mark, **told}
