"""Poses of images under a model: the grid of all poses, and the best few refined."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from napari_cryonet.errors import DataError
from napari_cryonet.methods.pointcloud.cloud import Cloud
from napari_cryonet.methods.pointcloud.data import Particles, join, prepare
from napari_cryonet.methods.pointcloud.refine import Fit, Refinement
from napari_cryonet.methods.pointcloud.results import cloud_of, draw, known_of
from napari_cryonet.methods.pointcloud.rotations import grid
from napari_cryonet.methods.pointcloud.search import MIDDLE, best_poses
from napari_cryonet.methods.pointcloud.settings import ApplySettings, TrainSettings
from napari_cryonet.nn.device import choose, memory_errors
from napari_cryonet.reporting import Reporter
from napari_cryonet.types import ImageStack, Model, PointCloud, Poses, Result

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
        If the model is not one of point clouds, or damaged.
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
    with memory_errors("the search for poses"):
        sought = _units(cloud, known, compute.device)
        parts = [
            _posed(particles, sought, settings, start, report)
            for start in range(0, len(images), _CHUNK)
        ]
    rotations, shifts, left = (torch.cat(each).cpu().numpy() for each in zip(*parts, strict=True))
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


def _units(cloud: PointCloud, known: dict[str, float], device: torch.device) -> Cloud:
    """Return a cloud in units of its radius."""
    points = torch.from_numpy(cloud.vertices / known["radius"]).float().to(device)
    weights = torch.from_numpy(np.asarray(cloud.weights)).float().to(device)
    share = min(max(known["background"], 1e-4), 1 - 1e-4)
    backdrop = torch.logit(torch.tensor(share, device=device))
    return Cloud(points, weights.clamp_min(1e-12).log(), backdrop)


def _posed(
    particles: Particles,
    cloud: Cloud,
    settings: ApplySettings,
    start: int,
    report: Reporter,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return rotations, shifts from the middle, in units, and residuals of images from `start`."""
    report.check()
    total = len(particles.images)
    particles = particles.part(start, start + _CHUNK)
    random = np.random.default_rng((settings.seed, start))
    device, number = particles.images.device, len(particles.images)
    poses = grid(settings.views, settings.turns, random).to(device)
    widths = [max(width, particles.finest) for width in _WIDTHS] + [particles.finest]
    level = particles.level(widths[0])
    found, _ = best_poses(cloud, level, slice(None), poses, settings.candidates)
    best: Fit | None = None
    how = TrainSettings(passes=settings.passes)
    nobody = torch.zeros(number, dtype=torch.bool, device=device)
    pieces = settings.candidates * len(widths)
    for candidate in range(settings.candidates):
        zeros = torch.zeros(number, 2, device=device)
        fit = Fit(cloud, found[:, candidate], zeros, zeros[:, 0])
        for step, width in enumerate(widths):
            done = candidate * len(widths) + step

            def tick(share: float, done: int = done) -> None:
                report.check()
                report.step(start + number * (done + share) / pieces, total)

            level = particles.level(width)
            work = Refinement(fit, level, nobody, how, particles.reach)
            fit = work.run(random, tick, fading=step == len(widths) - 1)
        best = _better(best, fit)
    assert best is not None  # noqa: S101 - there is at least one candidate
    return best.rotations, best.shifts + particles.centres, best.residuals


def _better(best: Fit | None, fit: Fit) -> Fit:
    """Return of each image the pose that explains it better."""
    if best is None:
        return fit
    first = best.residuals <= fit.residuals
    return Fit(
        fit.cloud,
        torch.where(first[:, None, None], best.rotations, fit.rotations),
        torch.where(first[:, None], best.shifts, fit.shifts),
        torch.minimum(best.residuals, fit.residuals),
    )
