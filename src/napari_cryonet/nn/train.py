"""The one training loop of all methods.

Every step's patches are a function of the seed and the step's number, so that a training
that was stopped and resumed ends bit for bit like one that was not (on a CPU, with a limit
on steps). What a method trains, and on what, it says as a `Learner`.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_cryonet.errors import TrainingError
from napari_cryonet.nn.average import copied, evaluating, follow
from napari_cryonet.nn.checkpoint import Checkpoints, State
from napari_cryonet.nn.decay import Decay
from napari_cryonet.nn.device import Compute, memory_errors
from napari_cryonet.nn.learning import Learner, Revising
from napari_cryonet.nn.schedule import learning_rate
from napari_cryonet.nn.settings import Training
from napari_cryonet.nn.team import Team
from napari_cryonet.reporting import Cancelled, Reporter

_PREVIEW_SECONDS = 1.5
_REPORT_SECONDS = 0.1


@dataclass
class Trained:
    """The end of a training.

    Parameters
    ----------
    weights
        Of the network, the best by validation or, without one, the last average.
    summary
        Steps, seconds, quality and why it ended.
    """

    weights: dict[str, Tensor]
    summary: dict[str, Any]


@dataclass
class Loop:
    """A training in progress.

    Parameters
    ----------
    learner
        What is trained.
    settings
        How.
    compute
        Where.
    report
        Is told of every step.
    checkpoints
        Where to keep what is learnt on the way; None keeps nothing on disk.
    on_epoch
        Called with the number and the weights of each epoch that ends.
    anchored
        Whether weights decay to those at the start, which a model has brought, instead of to 0.
    """

    learner: Learner
    settings: Training
    compute: Compute
    report: Reporter
    checkpoints: Checkpoints | None = None
    on_epoch: Callable[[int, dict[str, Tensor]], None] | None = None
    anchored: bool = False
    state: State = field(init=False)

    def __post_init__(self) -> None:
        """Put the network on its device and build the optimiser."""
        self.network = self.learner.network.to(self.compute.device)
        self.average = copy.deepcopy(self.network).requires_grad_(requires_grad=False).eval()
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            lr=self.settings.learning_rate,
            weight_decay=0.0 if self.anchored else self.settings.weight_decay,
            fused=self.compute.device.type in ("cpu", "cuda"),
        )
        strength = self.settings.weight_decay
        self.decay = Decay(self.network, strength) if self.anchored else None
        self.scaler = torch.amp.GradScaler(
            self.compute.device.type, enabled=self.compute.dtype is torch.float16
        )
        self.state = State()
        self.team = Team.gather(self.compute.device)

    @property
    def steps(self) -> int:
        """How many steps there are at the most."""
        if self.settings.epochs is not None:
            return self.settings.epochs * self.learner.steps_per_epoch
        return self.settings.steps

    def run(self, *, resume: bool = False) -> Trained:
        """Train until the steps, the time or the patience are used up, or the user stops.

        Parameters
        ----------
        resume
            Whether to go on from the checkpoint.

        Raises
        ------
        Cancelled
            If the user wants nothing kept, or if another process leads, which keeps all.
        TrainingError
            If the loss is not finite.
        OutOfMemory
            If a step does not fit into the device's memory.
        """
        if not self.team.place.leads:
            self.team.lend(self.learner, self.network, self.average, self.settings.seed)
            raise Cancelled(keep=False)
        if resume and self.checkpoints is not None:
            self.state = self.checkpoints.load(self.network, self.average, self.optimiser)
            if isinstance(self.learner, Revising) and self.state.memory:
                self.learner.recall(self.state.memory)
            self.report.say(f"Resumed at step {self.state.step}.")
        try:
            with memory_errors("a training step"):
                reason = self._steps()
        except Cancelled as stop:
            self.team.dismiss()
            if not stop.keep:
                raise
            reason = "stopped"
            self._save()
        return self._trained(reason)

    def _steps(self) -> str:
        """Do all steps; return why they ended."""
        started = time.monotonic() - self.state.seconds
        previewed = reported = saved = time.monotonic()
        while True:
            self.report.check()
            progress = self._progress()
            if progress >= 1:
                reason = "time" if self.state.step < self.steps else "steps"
                break
            self._revise(progress)
            loss, rate = self._step(progress)
            now = time.monotonic()
            self.state.seconds = now - started
            metrics = {"loss": loss, "learning_rate": rate}
            validated = self.state.step % self.settings.validate_every == 0
            if validated:
                metrics |= self._validate()
            self._end_epoch()
            last = self._progress() >= 1
            if validated or last or now - reported >= _REPORT_SECONDS:
                reported = now
                self._say_step(metrics)
            region = self.report.wanted()
            if region is not None and (last or now - previewed >= _PREVIEW_SECONDS):
                with evaluating(self.average):
                    self.report.preview(self.learner.preview(self.average, region))
                previewed = time.monotonic()
            if now - saved >= 60 * self.settings.checkpoint_minutes:
                self._save()
                saved = now
            if self._patience_is_over():
                reason = "no improvement"
                break
        self.team.dismiss()
        if self.state.step % self.settings.validate_every:
            self._say_step(self._validate())
        self._save()
        return reason

    def _step(self, progress: float) -> tuple[float, float]:
        """Do one step; return the loss and the learning rate."""
        state, settings = self.state, self.settings
        rate = learning_rate(settings, state.step, progress, self.learner.steps_per_epoch)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        torch.manual_seed(_mixed(settings.seed, state.step))
        random = np.random.default_rng((settings.seed, state.step))
        self.team.begin_step(state.step, progress, self.learner, self.network, self.average)
        self.network.train()
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.learner.loss(self.network, random)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"The loss is not a number any more at step {state.step}. Try a lower learning "
                f"rate than {settings.learning_rate:g}, or look for NaN in the data."
            )
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimiser)
        self.team.end_step(self.network)
        if settings.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        if self.decay is not None:
            self.decay.step(rate)
        state.step += 1
        follow(self.average, self.network, min(settings.average, state.step / (state.step + 9)))
        return value, rate

    def _revise(self, progress: float) -> None:
        """Let the learner change what it learns from."""
        if isinstance(self.learner, Revising):
            with evaluating(self.average):
                self.learner.revise(self.average, progress, self.report)

    def _validate(self) -> dict[str, float]:
        """Validate the averaged network and keep it if it is the best so far."""
        with evaluating(self.average):
            figures = self.learner.validate(self.average)
        quality = figures.get("quality", math.nan)
        if math.isfinite(quality) and quality > self.state.quality:
            self.state.quality, self.state.best_step = quality, self.state.step
            self.state.best = copied(self.average)
        return figures

    def _end_epoch(self) -> None:
        """Hand the weights over where an epoch ends."""
        epoch, rest = divmod(self.state.step, self.learner.steps_per_epoch)
        if rest == 0 and self.on_epoch is not None:
            self.on_epoch(epoch, copied(self.average))

    def _say_step(self, metrics: dict[str, float]) -> None:
        """Report a step, the share of the work that is done standing for its time."""
        self.report.step(
            self._progress() * self.steps,
            self.steps,
            step=self.state.step,
            epoch=self.state.step / self.learner.steps_per_epoch,
            seconds=self.state.seconds,
            **metrics,
        )

    def _progress(self) -> float:
        """Which share of the steps or of the time is used up, whichever is more."""
        share = self.state.step / self.steps
        if self.settings.max_minutes is not None:
            share = max(share, self.state.seconds / (60 * self.settings.max_minutes))
        return min(share, 1.0)

    def _patience_is_over(self) -> bool:
        """Whether the last validations brought nothing better."""
        waited = (self.state.step - self.state.best_step) // self.settings.validate_every
        return 0 < self.settings.patience <= waited and self.state.best is not None

    def _save(self) -> None:
        """Write a checkpoint."""
        if self.checkpoints is not None:
            if isinstance(self.learner, Revising):
                self.state.memory = self.learner.memory()
            self.checkpoints.save(self.state, self.network, self.average, self.optimiser)

    def _trained(self, reason: str) -> Trained:
        """Return the best weights with the summary of the training."""
        state = self.state
        summary = {
            "steps": state.step,
            "seconds": round(state.seconds, 2),
            "ended": reason,
            "device": str(self.compute),
        }
        if state.best is not None:
            summary |= {"quality": round(state.quality, 4), "best_step": state.best_step}
        return Trained(state.best or copied(self.average), summary)


def _mixed(seed: int, step: int) -> int:
    """Return one number for a seed and a step."""
    return (seed * 1_000_003 + step) % (1 << 63)
