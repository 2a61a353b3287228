"""A network that knows the poses of a reconstructed cloud, added to its model."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_cryonet.errors import DataError
from napari_cryonet.methods.pointcloud.cloud import Cloud
from napari_cryonet.methods.pointcloud.data import Particles, held_out
from napari_cryonet.methods.pointcloud.distil import PoseLearner
from napari_cryonet.methods.pointcloud.network_settings import NetworkSettings
from napari_cryonet.methods.pointcloud.pose_network import PREFIX, PoseNetwork, spec_of
from napari_cryonet.methods.pointcloud.refine import Fit
from napari_cryonet.methods.pointcloud.results import cloud_of, known_of, poses_of
from napari_cryonet.methods.pointcloud.settings import TrainSettings
from napari_cryonet.nn.checkpoint import Checkpoints
from napari_cryonet.nn.device import choose
from napari_cryonet.nn.settings import Training
from napari_cryonet.nn.train import Loop, Trained
from napari_cryonet.reporting import PassingReporter, Reporter
from napari_cryonet.types import Model

_FILE = "poses.safetensors"
_WARMUP = 50
_VALIDATE_EVERY = 250


def teach(
    model: Model,
    particles: Particles,
    settings: TrainSettings,
    report: Reporter,
    folder: Path | None,
    *,
    resume: bool,
) -> Model:
    """Teach a network the poses of a cloud.

    Parameters
    ----------
    model
        The cloud, and the poses of the images.
    particles
        These images.
    settings
        The network, and how it learns.
    report
        Is told of every step, and asked whether to stop; what was learnt so far is then kept.
    folder
        Where the checkpoint goes; None writes nothing.
    resume
        Whether to go on from the checkpoint, if the training of the network had begun.

    Returns
    -------
    Model
        The same with the network's weights; its training tells the network's ``pose_error``, the
        median angle to the poses of images it has not learnt from, in degrees.

    Raises
    ------
    DataError
        If the model has poses of other images.
    """
    how = settings.network or NetworkSettings()
    held = held_out(len(particles.images), settings.held_out, settings.seed)
    torch.manual_seed(settings.seed)
    network = PoseNetwork(spec_of(how, particles) | {"predict_width": False})
    device = particles.images.device
    learner = PoseLearner(
        network.to(device), _fit(model, particles), particles, held.to(device),
        int(model.card.extra.get("symmetry", 1)), how,
    )  # fmt: skip
    report.say(
        f"Teaching a network the poses, with up to {learner.lost:.0%} of the labels lost at random."
    )
    told = _Told(
        report, model.card.training.get("steps", 0), network.spec["sigma"] * particles.radius
    )
    checkpoints = Checkpoints(folder / _FILE) if folder else None
    loop = Loop(
        learner, _training(settings, how), choose(settings.device, "float32"), told, checkpoints
    )
    trained = loop.run(resume=resume and folder is not None and (folder / _FILE).is_file())
    return _with(model, network, trained, learner)


class _Told(PassingReporter):
    """Counts the steps on behind those of the search, and says how wide the spots are."""

    def __init__(self, report: Reporter, before: int, sigma: float) -> None:
        super().__init__(report)
        self._before, self._sigma = before, sigma

    def step(self, done: float, total: float, **metrics: float) -> None:
        """Pass a step on."""
        number = self._before + metrics.pop("step", done)
        super().step(done, total, **metrics, step=number, sigma=self._sigma)


def _fit(model: Model, particles: Particles) -> Fit:
    """Return the cloud of a model and the poses of its images, in units."""
    known, poses, device = known_of(model), poses_of(model), particles.images.device
    if len(poses) != len(particles.images):
        raise DataError(
            f"{model.path or 'The model'} has poses of {len(poses)} images, but "
            f"{len(particles.images)} are given. A network is taught with the images that the "
            f"cloud was reconstructed from."
        )
    cloud = Cloud.known(cloud_of(model), known["radius"], known["background"], device)

    def tensor(values: object) -> Tensor:
        return torch.from_numpy(np.asarray(values)).float().to(device)

    shifts = tensor(poses.shifts) / particles.radius - particles.centres
    return Fit(cloud, tensor(poses.rotations), shifts, tensor(poses.features["residual"]))


def _training(settings: TrainSettings, how: NetworkSettings) -> Training:
    """Return how the loop is to train."""
    return Training(
        steps=how.steps,
        max_minutes=math.inf,
        seed=settings.seed,
        learning_rate=how.rate,
        weight_decay=how.decay,
        warmup=_WARMUP,
        patience=0,
        validate_every=_VALIDATE_EVERY,
        device=settings.device,
        precision="float32",
    )


def _with(model: Model, network: PoseNetwork, trained: Trained, learner: PoseLearner) -> Model:
    """Return a model with the network that was trained."""
    network.load_state_dict(trained.weights)
    figures = learner.validate(network.eval())
    said = {
        "seconds": model.card.training.get("seconds", 0) + trained.summary["seconds"],
        "network_steps": trained.summary["steps"],
        "ended": trained.summary["ended"],
        "pose_error": round(figures["pose_error"], 2),
    }
    how = {"learn_poses": True, "network": learner.settings.to_dict()}
    changes = {
        "network": network.spec,
        "settings": model.card.settings | how,
        "training": model.card.training | said,
    }
    weights = {PREFIX + name: value.numpy() for name, value in trained.weights.items()}
    own = {name: value for name, value in model.weights.items() if not name.startswith(PREFIX)}
    return Model(model.card.model_copy(update=changes), own | weights)
