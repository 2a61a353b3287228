"""Reconstruction of a cloud, from stacks of images to a model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_cryonet.errors import DataError, TrainingError
from napari_cryonet.io import fingerprint
from napari_cryonet.methods.pointcloud.data import Particles, join, prepare
from napari_cryonet.methods.pointcloud.engine import AGREE, Engine
from napari_cryonet.methods.pointcloud.refine import Fit
from napari_cryonet.methods.pointcloud.settings import TAKEN, TrainSettings
from napari_cryonet.nn.device import choose, memory_errors
from napari_cryonet.reporting import Reporter
from napari_cryonet.types import ImageStack, Model, ModelCard

_FEWEST = 20
_FAINT = 0.25  # of the mean weight; weaker points belong to nothing

HAND = "The hand is undetermined: the mirror image of the cloud explains the images equally well."


def train(
    things: Sequence[tuple[ImageStack, ...]],
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
        Rows of one stack each; all images are taken together.
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
        Not used: every cloud is searched anew.

    Returns
    -------
    Model
        Weights: ``points`` ``(p, 3)`` z, y, x in nm and their ``weights``; ``rotations``,
        ``shifts`` (nm), ``residuals`` and ``kept`` of each image; ``history`` ``(levels, p, 3)``
        in nm. The card's training says whether the run got ``stuck``: its searches disagree.

    Raises
    ------
    DataError
        If there are fewer than 20 images, or they do not fit together.
    Cancelled
        If the user wants nothing kept.
    OutOfMemory, DeviceError
        If the device is too small or not there.
    """
    if validation:
        raise DataError("A point cloud is judged by images of its own; give no validation data.")
    if start is not None:
        raise DataError("A point cloud is always searched anew; give no model to start from.")
    if resume and folder is None:
        raise TrainingError("A run is resumed from its folder; none was given.")
    stacks = [stack for row in things for stack in row]
    images, pixel, spot = join(stacks, settings.pixel_size, settings.spot, report)
    images = images[TAKEN[settings.images]]
    if len(images) < _FEWEST:
        raise DataError(
            f"{len(images)} images are too few for a point cloud; give at least {_FEWEST}, better "
            f"some hundred, from all sides."
        )
    compute = choose(settings.device, "float32")
    report.say(f"Reconstructing from {len(images)} images on {compute}.")
    particles = prepare(images, pixel, spot, compute.device)
    inputs = tuple(_described(stack) for stack in stacks)
    checkpoint = folder / "checkpoint.safetensors" if folder else None
    engine = Engine(particles, settings, report, checkpoint, _owner(settings, inputs))
    with memory_errors("a step of the reconstruction"):
        ended = engine.run(resume=resume)
    model = _model(engine, settings, pixel, spot, inputs, ended)
    if model.card.training["stuck"]:
        report.warn(
            f"The searches disagree on the poses by {model.card.training['agreement']:.0f}° "
            f"(at most {AGREE:.0f}° are allowed): this run is stuck and the cloud probably wrong. "
            f"Give more images, set the symmetry if there is one, or try another seed."
        )
    report.say(HAND)
    return model


def _owner(settings: TrainSettings, inputs: Sequence[dict[str, Any]]) -> str:
    """Return what tells images and settings of a run apart from others."""
    values = settings.to_dict()
    values.pop("device")
    words = json.dumps([values, [each["fingerprint"] for each in inputs]], sort_keys=True)
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _described(stack: ImageStack) -> dict[str, Any]:
    """Return what a model card says of a stack."""
    mark = fingerprint(np.asarray(stack.images, np.float32))
    return {"name": stack.name, "shape": list(stack.shape), "fingerprint": mark}


def _model(
    engine: Engine,
    settings: TrainSettings,
    pixel: float,
    spot: float,
    inputs: tuple[dict[str, Any], ...],
    ended: str,
) -> Model:
    """Return what a run has found, in nm, with its card."""
    from napari_cryonet import __version__

    progress, particles = engine.progress, engine.particles
    fit = progress.fit
    assert fit is not None  # noqa: S101 - a run ends with a fit or raises
    agreement = engine.agreement
    arrays = _arrays(fit, particles)
    kept = torch.ones_like(fit.residuals) if progress.kept is None else progress.kept
    arrays["kept"] = kept.cpu().numpy().astype(np.uint8)
    if progress.history:
        history = torch.stack(progress.history).cpu().numpy() * particles.radius
        arrays["history"] = history.astype(np.float32)
    residual = float(fit.residuals[engine.held].mean())
    card = ModelCard(
        method="pointcloud",
        settings=settings.to_dict(),
        product=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        inputs=inputs,
        training={
            "steps": len(progress.starts) * settings.iterations + progress.levels * settings.passes,
            "seconds": round(engine.progress.seconds, 2),
            "ended": ended,
            "device": str(particles.images.device),
            "quality": round(1 - residual, 4),
            "agreement": agreement and round(agreement, 2),
            "stuck": engine.stuck,
            "points": len(arrays["points"]),
            "left_out": int((arrays["kept"] == 0).sum()),
        },
        extra={
            "radius": particles.radius,
            "reach": particles.reach * particles.radius,
            "pixel_size": pixel,
            "spot": spot,
            "finest": engine.widths[max(progress.levels - 1, 0)] * particles.radius,
            "background": float(fit.cloud.background),
            "symmetry": settings.symmetry,
            "hand": "undetermined",
            "unit": "nm",
        },
    )
    return Model(card, arrays)


def _arrays(fit: Fit, particles: Particles) -> dict[str, Any]:
    """Return points without the faint ones, and poses from the middle of the images, in nm."""
    weights = fit.cloud.weights
    strong = weights >= _FAINT * weights.mean()
    shifts = (fit.shifts + particles.centres) * particles.radius
    tensors = {
        "points": fit.cloud.whole[strong] * particles.radius,
        "weights": weights[strong] / weights[strong].sum(),
        "rotations": fit.rotations,
        "shifts": shifts,
        "residuals": fit.residuals,
    }
    return {name: value.detach().float().cpu().numpy() for name, value in tensors.items()}
