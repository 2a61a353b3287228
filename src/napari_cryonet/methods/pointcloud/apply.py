"""Poses of images under a model: the best of a grid, or what its network says, refined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_cryonet.errors import DataError
from napari_cryonet.methods.pointcloud.cloud import Cloud
from napari_cryonet.methods.pointcloud.data import Particles, prepare
from napari_cryonet.methods.pointcloud.pose_network import PoseNetwork, network_of, told_poses
from napari_cryonet.methods.pointcloud.refine import Fit, Refinement, measured
from napari_cryonet.methods.pointcloud.results import cloud_of, draw, known_of
from napari_cryonet.methods.pointcloud.rotations import grid
from napari_cryonet.methods.pointcloud.search import MIDDLE, best_poses
from napari_cryonet.methods.pointcloud.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.pointcloud.stacks import join
from napari_cryonet.nn.device import choose, memory_errors
from napari_cryonet.reporting import Reporter, Tick
from napari_cryonet.types import ImageStack, Model, Poses, Result

Floats = NDArray[np.floating[Any]]

_WIDTHS = (MIDDLE, 0.125)
_CHUNK = 200


def apply(
    things: Sequence[ImageStack], model: Model, settings: ApplySettings, report: Reporter
) -> Result:
    """Find how images show the cloud of a model.

    Parameters
    ----------
    things
        One stack of images, of any pixel size and box.
    model
        A model of point clouds.
    settings
        How thoroughly poses are sought.
    report
        Is told of the progress, and asked whether to stop.

    Returns
    -------
    Result
        No volume, but ``poses`` with the residual of each image, ``rendered``, the cloud in these
        poses on the pixels of the images, and ``cloud``. Measures: median and largest residual,
        and the number of images.

    Raises
    ------
    ModelError
        If the model is not one of point clouds, is damaged, or has no network and is asked for one.
    DataError
        If there is not one stack of images, or an image is empty.
    OutOfMemory, DeviceError
        If the device is too small or not there.
    """
    model.check_method("pointcloud")
    if len(things) != 1:
        raise DataError(f"Poses are found for one stack of images, not for {len(things)}.")
    images, pixel, spot = join(things, settings.pixel_size, settings.spot, report)
    known = known_of(model)
    compute = choose(settings.device, "float32")
    report.say(f"Finding poses on {compute}.")
    particles = prepare(images, pixel, spot, compute.device, known["radius"], known["reach"])
    cloud = cloud_of(model)
    network = network_of(model, compute) if settings.by == "network" else None
    sought = Cloud.known(cloud, known["radius"], known["background"], compute.device)
    finder = _Finder(sought, settings, network, report)
    with memory_errors("the search for poses"):
        rotations, shifts, left = finder.poses(particles)
    said = f"Poses by CryoNet {model.card.product}, cloud of {len(cloud)} points."
    stack = things[0]
    poses = Poses(
        rotations, shifts * particles.radius, {"residual": left}, name=f"{stack.name} poses",
        history=(said,),
    )  # fmt: skip
    rendered = draw(cloud, poses, stack, (pixel, spot), known["background"])
    measures = {
        "images": len(images),
        "residual": round(float(np.median(left)), 4),
        "largest_residual": round(float(left.max()), 4),
        "hand": "undetermined",
    }
    return Result(None, measures, {"poses": poses, "rendered": rendered, "cloud": cloud})


@dataclass(frozen=True)
class _Finder:
    """Finds the poses in which images show a cloud; without a network it searches."""

    cloud: Cloud
    settings: ApplySettings
    network: PoseNetwork | None
    report: Reporter

    def poses(self, particles: Particles) -> tuple[Floats, Floats, Floats]:
        """Return rotations, shifts from the middle in units, and residuals."""
        total = len(particles.images)
        found = []
        for start in range(0, total, _CHUNK):
            self.report.check()
            part = particles.part(slice(start, start + _CHUNK))
            told = partial(self._tell, start, len(part.images), total)
            fit = self._one(part, np.random.default_rng((self.settings.seed, start)), told)
            found.append((fit.rotations, fit.shifts + part.centres, fit.residuals))
        rotations, shifts, left = (torch.cat(each) for each in zip(*found, strict=True))
        return rotations.cpu().numpy(), shifts.cpu().numpy(), left.cpu().numpy()

    def _one(self, particles: Particles, random: np.random.Generator, tick: Tick) -> Fit:
        """Return the poses of a few images."""
        first = self._first(particles, random)
        if not self.settings.refine:
            tick(1.0)
            fits = [measured(fit, particles.level(particles.finest)) for fit in first]
            return reduce(_better, fits)
        levels = [particles.level(width) for width in self._widths(particles)]
        pieces, done, fits = len(first) * len(levels), 0, []
        for begun in first:
            fit = begun
            for level in levels:
                shown = partial(_shared, tick, done, pieces)
                nobody = torch.zeros(len(fit.shifts), dtype=torch.bool, device=fit.shifts.device)
                how = TrainSettings(passes=self.settings.passes)
                work = Refinement(fit, level, nobody, how, particles.reach)
                fit = work.run(random, shown, fading=level is levels[-1])
                done += 1
            fits.append(fit)
        return reduce(_better, fits)

    def _first(self, particles: Particles, random: np.random.Generator) -> list[Fit]:
        """Return rough poses: several by the grid, or one by the network."""
        if self.network is not None:
            return [told_poses(self.network, self.cloud, particles)]
        settings, device = self.settings, particles.images.device
        poses = grid(settings.views, settings.turns, random).to(device)
        level = particles.level(max(MIDDLE, particles.finest))
        found, _ = best_poses(self.cloud, level, slice(None), poses, settings.candidates)
        none = torch.zeros(len(found), 2, device=device)
        return [Fit(self.cloud, each, none, none[:, 0]) for each in found.unbind(dim=1)]

    def _widths(self, particles: Particles) -> list[float]:
        """Return the widths of the refinement; a network is past the first."""
        widths = _WIDTHS if self.network is None else _WIDTHS[1:]
        return [max(width, particles.finest) for width in widths] + [particles.finest]

    def _tell(self, start: int, count: int, total: int, share: float) -> None:
        """Report the share that is done of some images."""
        self.report.check()
        self.report.step(start + count * share, total)


def _shared(tick: Tick, done: int, pieces: int, share: float) -> None:
    """Tell of one of several pieces."""
    tick((done + share) / pieces)


def _better(best: Fit, fit: Fit) -> Fit:
    """Return of each image the pose that explains it better."""
    first = best.residuals <= fit.residuals
    return Fit(
        fit.cloud,
        torch.where(first[:, None, None], best.rotations, fit.rotations),
        torch.where(first[:, None], best.shifts, fit.shifts),
        torch.minimum(best.residuals, fit.residuals),
    )
