"""A network that learns poses together with the points that they show, as Blundell et al. do.

An image is given to the network, the points are drawn in the poses it offers, and both learn from
the difference between the best of these pictures and the image, while the spots become narrower.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from napari_cryonet.errors import SettingsError, TrainingError
from napari_cryonet.methods.pointcloud.cloud import Cloud
from napari_cryonet.methods.pointcloud.data import Particles
from napari_cryonet.methods.pointcloud.distil import OTHERS
from napari_cryonet.methods.pointcloud.figures import Movement
from napari_cryonet.methods.pointcloud.network_settings import NetworkSettings
from napari_cryonet.methods.pointcloud.pose_network import PoseNetwork, spec_of, told_poses
from napari_cryonet.methods.pointcloud.refine import Fit
from napari_cryonet.methods.pointcloud.rotations import turned
from napari_cryonet.methods.pointcloud.scene import FRAMES, Scene
from napari_cryonet.methods.pointcloud.schedule import Widths, widths_in
from napari_cryonet.methods.pointcloud.search import COARSE, beyond
from napari_cryonet.methods.pointcloud.settings import TrainSettings
from napari_cryonet.nn.checkpoint import Checkpoints, State
from napari_cryonet.reporting import Cancelled, Reporter

_SPREAD = 0.6
_BACKDROP_RATE = 0.02
_SAVE_SECONDS = 60.0
_PREVIEW_SECONDS = 0.5


@dataclass
class Joint:
    """A training of network and points in progress.

    Parameters
    ----------
    particles
        The images.
    settings
        How.
    report
        Is told of every step, and asked whether to stop.
    held
        Indices of the images that are not learnt from.
    known
        ``(p, 3)`` points to begin with, in units; None begins with random ones.
    checkpoint
        Where to keep what is learnt; None keeps nothing.
    """

    particles: Particles
    settings: TrainSettings
    report: Reporter
    held: Tensor
    known: Tensor | None = None
    checkpoint: Path | None = None

    def __post_init__(self) -> None:
        """Make network, points and optimiser.

        Raises
        ------
        SettingsError
            If points are to stay where they are and none are given, or widths are no numbers.
        """
        self.how = self.settings.network or NetworkSettings()
        if self.how.fixed_points and self.known is None:
            raise SettingsError(
                "Points that stay where they are have to be given: name a cloud (.ply or .obj) "
                "behind the images, or leave fixed_points out."
            )
        torch.manual_seed(self.settings.seed)
        device = self.held.device
        network = PoseNetwork(spec_of(self.how, self.particles)).to(device)
        self.widths = self._widths(network.spec["sigma"])
        symmetry = self.settings.symmetry if self.known is None else 1  # those given are all
        cloud = Cloud.at(self._points(), symmetry, background=self.settings.background)
        self.scene = Scene(network, cloud).to(device)
        self.optimiser = torch.optim.AdamW(self._groups(), fused=device.type in ("cpu", "cuda"))
        everything = np.arange(len(self.particles.images))
        self._learnt = np.setdiff1d(everything, self.held.cpu().numpy())
        self.state, self._movement = State(), Movement()

    def run(self, *, resume: bool = False) -> str:
        """Train to the end or until the user stops, and return how it ended.

        Parameters
        ----------
        resume
            Whether to go on from the checkpoint.

        Raises
        ------
        Cancelled
            If the user wants nothing kept.
        TrainingError
            If the loss is not finite.
        """
        if resume and self.checkpoint is not None:
            kept = Checkpoints(self.checkpoint)
            self.state = kept.load(self.scene, nn.Module(), self.optimiser)
            self.report.say(f"Resumed at step {self.state.step}.")
        begun = shown = saved = time.monotonic()
        begun -= self.state.seconds
        ended = "steps"
        try:
            while self.state.step < self.how.steps:
                self.report.check()
                figures = self.step()
                now = time.monotonic()
                self.state.seconds = now - begun
                done = self.state.step
                self.report.step(done, self.how.steps, step=done, seconds=now - begun, **figures)
                if self.report.wanted() is not None and now - shown >= _PREVIEW_SECONDS:
                    shown = now
                    self.report.preview(self.particles.cloud(self.scene.cloud.whole))
                if now - saved >= _SAVE_SECONDS:
                    saved = now
                    self._save()
        except Cancelled as stop:
            if not stop.keep:
                raise
            ended = "stopped"
        self._save()
        return ended

    def fit(self) -> Fit:
        """Return the cloud and the pose of every image, as the network tells it."""
        self.scene.eval()
        return told_poses(self.scene.network, self.scene.cloud.detached(), self.particles)

    def history(self) -> list[Tensor]:
        """Return the points after equal parts of the training, in units."""
        return list(self.scene.history[: int(self.scene.frames)])

    def step(self) -> dict[str, float]:
        """Learn from one batch; return the figures of the step."""
        how, step, scene = self.how, self.state.step, self.scene
        share = step / how.steps
        torch.manual_seed(self.settings.seed * 1_000_003 + step)
        random = np.random.default_rng((self.settings.seed, step))
        chosen = random.choice(self._learnt, min(how.batch, len(self._learnt)), replace=False)
        rows = torch.from_numpy(chosen).to(self.held.device)
        scene.train()
        factor = scene.rates.factor(how, share)
        for group in self.optimiser.param_groups:
            group["lr"] = factor * group["highest"]
        self.optimiser.zero_grad()
        width = self.widths.at(share)
        loss, figures = self._loss(rows, width)
        if not math.isfinite(float(loss.detach())):
            raise TrainingError(
                f"The loss is not a number any more at step {step}. Lower the rates: the network's "
                f"is {how.rate:g}, the points' {how.point_rate:g}."
            )
        loss.backward()
        self.optimiser.step()
        scene.rates.see(how, figures["loss"])
        self.state.step += 1
        if self.state.step * FRAMES // how.steps > int(scene.frames):
            figures |= self._frame(width)
        radius = self.particles.radius
        figures |= {"sigma": width * radius, "point_rate": factor * how.point_rate * radius}
        return figures | {"learning_rate": factor * how.rate}

    @torch.no_grad()
    def _frame(self, width: float) -> dict[str, float]:
        """Remember the points; return how far they have moved, and the loss of held-out images."""
        self.scene.remember()
        self.scene.eval()
        _, held = self._loss(self.held, width)
        moved = self._movement.to(self.scene.cloud.whole) * self.particles.radius
        found = {"held_out_loss": held["loss"], "movement": moved}
        return {name: value for name, value in found.items() if math.isfinite(value)}

    def _loss(self, rows: Tensor, width: float) -> tuple[Tensor, dict[str, float]]:
        """Return what the best hypotheses leave unexplained of some images, and figures."""
        how, cloud, network = self.how, self.scene.cloud, self.scene.network
        level = self.particles.level(width, rows, network.spec["pixel"])
        images = level.images
        if how.augment:
            images = turned(images, 2 * torch.pi * torch.rand(len(rows), device=rows.device))
        guess = network(images)
        many, widths = how.hypotheses, guess.widths
        pictures = cloud.seen(
            guess.rotations.flatten(0, 1), guess.shifts.flatten(0, 1), level,
            None if widths is None else widths.repeat_interleave(many),
        ).unflatten(0, (len(rows), many))  # fmt: skip
        bright, drawn = self._brightness(rows)
        apart = (drawn * pictures - (bright[:, None, None] * images)[:, None]).abs()
        if how.mask:
            apart = apart * (images > how.mask * images.amax((1, 2), keepdim=True))[:, None]
        errors = apart.sum((2, 3)) / 2
        best = errors.amin(dim=1).mean()
        figures = {"loss": float(best.detach())}
        if widths is not None:
            figures["told_sigma"] = float(widths.detach().mean()) * self.particles.radius
        outside = beyond(cloud.points, self.particles.reach)
        return torch.lerp(best, errors.mean(), OTHERS) + 0.05 * outside, figures

    def _brightness(self, rows: Tensor) -> tuple[Tensor, float]:
        """Return the sums that images of a batch are brought to, and that of a picture."""
        sums = self.particles.sums[rows]
        if self.how.normalisation == "image":
            return torch.ones_like(sums), 1.0
        if self.how.normalisation == "batch":
            return sums / sums.mean(), 1.0
        usual = self.particles.sums.mean()
        return sums / usual, len(self.scene.cloud.whole) / float(usual)

    def _points(self) -> Tensor:
        """Return the points to begin with."""
        if self.known is not None:
            return self.known.clone()
        count = max(8, self.settings.points // self.settings.symmetry)
        return _SPREAD * torch.randn(count, 3)

    def _widths(self, finest: float) -> Widths:
        """Return the widths of the spots, in units."""
        radius, least = self.particles.radius, self.particles.finest
        table = [max(width / radius, least) for width in widths_in(self.how.widths)]
        usual = [max(COARSE, finest), max(finest, (self.settings.finest or 0) / radius)]
        return Widths(table or usual, self.how.continuous)

    def _groups(self) -> list[dict[str, object]]:
        """Return what learns how fast; points do not decay, since that would draw them together."""
        how, scene = self.how, self.scene
        learnt = [(list(scene.network.parameters()), how.rate, how.decay)]
        if not how.fixed_points:
            learnt.append(([scene.points], how.point_rate, 0.0))
        if self.settings.background:
            learnt.append(([scene.backdrop], _BACKDROP_RATE, 0.0))
        return [
            {"params": params, "highest": rate, "weight_decay": decay}
            for params, rate, decay in learnt
        ]

    def _save(self) -> None:
        """Keep what is learnt."""
        if self.checkpoint is not None:
            Checkpoints(self.checkpoint).save(self.state, self.scene, nn.Module(), self.optimiser)
