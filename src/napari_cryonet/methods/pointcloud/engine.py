"""From images to a cloud and poses: searches until two agree, then sharper and sharper images."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_cryonet.methods.pointcloud.cloud import Cloud
from napari_cryonet.methods.pointcloud.data import Level, Particles, held_out
from napari_cryonet.methods.pointcloud.figures import Figures, Movement
from napari_cryonet.methods.pointcloud.progress import Progress
from napari_cryonet.methods.pointcloud.refine import Fit, Refinement, measured
from napari_cryonet.methods.pointcloud.rotations import grid
from napari_cryonet.methods.pointcloud.search import MIDDLE, Search, Start, best_poses
from napari_cryonet.methods.pointcloud.settings import TrainSettings
from napari_cryonet.reporting import Cancelled, Reporter, Tick
from napari_cryonet.signal.cloud_score import pose_errors
from napari_cryonet.types import Poses

AGREE = 25.0
"""Degrees by which the poses of two searches may differ, in the median, to be called alike."""

_LADDER = (0.2, 0.2, 0.16, 0.16, 0.125, 0.125, 0.1, 0.1, 0.08, 0.08, 0.063, 0.063, 0.05, 0.05)
_LAST = 3
_SEARCHED = 0.12
_JITTER = 0.05
_OUTLYING = 4 * 1.4826  # median absolute deviations that make four standard deviations
_PREVIEW_SECONDS = 0.5


@dataclass
class Engine:
    """A reconstruction in progress.

    Parameters
    ----------
    particles
        The images.
    settings
        How.
    report
        Is told of every step, and asked whether to stop.
    checkpoint
        Where to keep what is finished; None keeps nothing.
    owner
        Tells these images and settings apart from others.
    """

    particles: Particles
    settings: TrainSettings
    report: Reporter
    checkpoint: Path | None = None
    owner: str = ""
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        """Choose the images that are held out, and the levels."""
        images, settings = self.particles.images, self.settings
        held = held_out(len(images), settings.held_out, settings.seed)
        self.held = held.to(images.device)
        radius = self.particles.radius
        finest = max(self.particles.finest, (settings.finest or 0.0) / radius)
        ladder = [width for width in _LADDER if width > 1.1 * finest]
        self.widths = [max(width, finest) for width in ladder] + [finest] * _LAST
        self._begun = time.monotonic()
        self._shown = 0.0
        self._figures = Figures(self.held, radius)

    def run(self, *, resume: bool = False) -> str:
        """Reconstruct, and return how it ended; `progress` has what was found.

        Parameters
        ----------
        resume
            Whether to go on from the checkpoint.

        Raises
        ------
        Cancelled
            If the user wants nothing kept.
        """
        if resume and self.checkpoint is not None:
            symmetry, device = self.settings.symmetry, str(self.particles.images.device)
            self.progress = Progress.load(self.checkpoint, self.owner, symmetry, device)
            self.report.say(f"Resumed after {self.progress.levels} of {len(self.widths)} levels.")
        self._begun = time.monotonic() - self.progress.seconds
        self._save()
        try:
            while self._more_starts():
                self._start()
            while self.progress.levels < len(self.widths):
                self._level()
        except Cancelled as stop:
            if not stop.keep:
                raise
            self.progress.fit = self.progress.fit or self._first_fit()
            return "stopped"
        return "steps"

    @property
    def agreement(self) -> float | None:
        """By how many degrees the poses of the two most alike searches differ, in the median."""
        pairs = combinations(self.progress.starts, 2)
        return min((self._apart(*pair) for pair in pairs), default=None)

    @property
    def stuck(self) -> bool:
        """Whether no two searches agree; a run that was stopped in the first is not judged."""
        return self.agreement is not None and self.agreement > AGREE

    def best_start(self) -> Start:
        """Return the search with the least residual, of those that another agrees with if any."""
        starts = self.progress.starts
        agreeing = [
            start
            for start in starts
            if any(other is not start and self._apart(start, other) <= AGREE for other in starts)
        ]
        return min(agreeing or starts, key=lambda start: start.residual)

    def _apart(self, one: Start, two: Start) -> float:
        """Return the median angle between the poses of two searches, over both hands."""
        first, second = (
            Poses(start.rotations.double().cpu().numpy(), np.zeros((len(self.held), 2)))
            for start in (one, two)
        )
        symmetry = self.settings.symmetry
        return min(
            float(np.median(pose_errors(first, second, hand, symmetry)))
            for hand in ("same", "mirrored")
        )

    def _more_starts(self) -> bool:
        """Whether another search is needed."""
        done = len(self.progress.starts)
        if self.progress.levels or done >= max(self.settings.starts, self.settings.most_starts):
            return False
        return done < self.settings.starts or self.stuck

    def _start(self) -> None:
        """Do one search; a first one that is stopped counts as far as it came."""
        starts, steps = self.progress.starts, self.settings.iterations
        work = Search(self.particles, self.held, self.settings, len(starts))
        tick = self._ticking(len(starts) * steps, steps, MIDDLE, work)
        self._figures.movement = Movement()  # of another cloud
        try:
            start = work.run(tick)
            tick(1.0)
        except Cancelled as stop:
            if stop.keep and not starts:
                starts.append(work.end())
            raise
        starts.append(start)
        self.report.say(f"Search {len(starts)}: {start.residual:.1%} of the images unexplained.")
        self._save()

    def _first_fit(self) -> Fit:
        """Return the best search with all its points, and the pose of every image."""
        random = np.random.default_rng((self.settings.seed, 1000))
        start = self.best_start()
        inside = start.points[start.points.norm(dim=1) < self.particles.reach]
        count = max(8, self.settings.points // self.settings.symmetry)
        chosen = random.integers(len(inside), size=count)
        moved = torch.from_numpy(random.normal(scale=_JITTER, size=(count, 3))).to(inside)
        points = inside[torch.from_numpy(chosen).to(inside.device)] + moved
        cloud = Cloud.at(points, self.settings.symmetry, background=self.settings.background)
        level = self.particles.level(self.widths[0])
        rough = Cloud.at(start.points, self.settings.symmetry)
        rotations, _ = best_poses(rough, level, slice(None), self._grid(random))
        shifts = torch.zeros(len(rotations), 2, device=rotations.device)
        return measured(Fit(cloud, rotations[:, 0], shifts, shifts[:, 0]), level)

    def _level(self) -> None:
        """Refine at the next level."""
        progress, settings = self.progress, self.settings
        number = progress.levels
        random = np.random.default_rng((settings.seed, 2000 + number))
        level = self.particles.level(self.widths[number])
        fit = progress.fit or self._first_fit()
        if number and level.sigma >= _SEARCHED:
            fit = self._searched(fit, level, random)
        counted = torch.ones_like(fit.residuals, dtype=torch.bool)
        if progress.kept is not None:
            counted &= progress.kept
        counted[self.held] = False
        work = Refinement(fit, level, counted, settings, self.particles.reach)
        before = len(progress.starts) * settings.iterations + number * settings.passes
        tick = self._ticking(before, settings.passes, level.sigma, work)
        try:
            fit = work.run(random, tick, fading=number == len(self.widths) - 1)
            tick(1.0)
        except Cancelled:
            progress.fit = work.end()
            raise
        progress.fit, progress.kept = fit, self._kept(fit.residuals)
        progress.history.append(fit.cloud.whole)
        progress.levels += 1
        self._save()

    def _searched(self, fit: Fit, level: Level, random: np.random.Generator) -> Fit:
        """Return a fit with new poses for images that look more like the cloud in these."""
        found, _ = best_poses(fit.cloud, level, slice(None), self._grid(random))
        centred = torch.zeros_like(fit.shifts)
        tried = measured(Fit(fit.cloud, found[:, 0], centred, fit.residuals), level)
        fit = measured(fit, level)
        better = tried.residuals < fit.residuals
        return Fit(
            fit.cloud,
            torch.where(better[:, None, None], tried.rotations, fit.rotations),
            torch.where(better[:, None], tried.shifts, fit.shifts),
            torch.minimum(tried.residuals, fit.residuals),
        )

    def _kept(self, left: Tensor) -> Tensor:
        """Return which images are explained well enough to count."""
        middle = left.median()
        limit = middle + _OUTLYING * (left - middle).abs().median()
        most = torch.quantile(left, 1 - self.settings.reject)
        return left <= torch.maximum(limit, most)

    def _grid(self, random: np.random.Generator) -> Tensor:
        """Return a grid of poses that is turned at random."""
        poses = grid(self.settings.views, self.settings.turns, random)
        return poses.to(self.particles.images.device)

    def _ticking(self, before: int, steps: int, width: float, work: Search | Refinement) -> Tick:
        """Return what reports the steps of a search or a level, with previews of its cloud."""
        starts = max(self.settings.starts, len(self.progress.starts))
        total = starts * self.settings.iterations + len(self.widths) * self.settings.passes
        sigma = width * self.particles.radius

        def tick(share: float) -> None:
            self.report.check()
            done, now = min(before + share * steps, total), time.monotonic()
            known = {"step": done, "seconds": now - self._begun, "sigma": sigma}
            self.report.step(done, total, **known, **self._figures.at(done, work))
            if self.report.wanted() is not None and now - self._shown >= _PREVIEW_SECONDS:
                self._shown = now
                self.report.preview(self.particles.cloud(work.cloud.whole))

        return tick

    def _save(self) -> None:
        """Keep what is finished."""
        self.progress.seconds = time.monotonic() - self._begun
        if self.checkpoint is not None:
            self.progress.save(self.checkpoint, self.owner)
