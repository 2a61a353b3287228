"""Point clouds from simulated images: figures against the truth, and the speed of the renderer.

    OMP_NUM_THREADS=1 python benchmarks/pointcloud.py --seeds 4
    OMP_NUM_THREADS=1 python benchmarks/pointcloud.py --speed
    OMP_NUM_THREADS=1 python benchmarks/pointcloud.py --network

Prints, for each condition and seed, the root mean square distance to the nearest neighbour over the
root mean square radius, the Chamfer distance likewise, the median error of the poses in degrees,
whether the product itself calls the run stuck, and the CPU time of one thread. With ``--network``
how fast network and points are trained together, and how well and how fast poses of new images are
found by a network that was taught, by its poses refined, and by a search.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import numpy as np
import torch
from _say import say

from napari_cryonet import read
from napari_cryonet.methods.pointcloud.apply import apply
from napari_cryonet.methods.pointcloud.data import prepare
from napari_cryonet.methods.pointcloud.joint import Joint
from napari_cryonet.methods.pointcloud.network_settings import NetworkSettings
from napari_cryonet.methods.pointcloud.pose_network import network_of
from napari_cryonet.methods.pointcloud.render import render
from napari_cryonet.methods.pointcloud.results import cloud_of
from napari_cryonet.methods.pointcloud.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.pointcloud.stacks import join
from napari_cryonet.methods.pointcloud.train import train
from napari_cryonet.nn.device import choose
from napari_cryonet.reporting import SilentReporter
from napari_cryonet.signal.cloud_score import pose_errors, score
from napari_cryonet.signal.smlm_settings import SmlmSettings
from napari_cryonet.simulate.smlm import smlm_images
from napari_cryonet.types import ImageStack, Model, PointCloud, Poses

CONDITIONS = {
    "clean": ({}, 0.03, 1.0),
    "wobble 0.03, 30 % lost": ({"wobble": 0.03, "loss": 0.3}, 0.08, 2.0),
    "wobble 0.06, 60 % lost": ({"wobble": 0.06, "loss": 0.6}, 0.12, 5.0),
    "5 % background": ({"background": 0.05}, 0.08, 2.0),
}
BATCH, POINTS, SIDE, SIGMA = 20, 230, 128, 1.5
NEW = 200
WAYS = {
    "network": {"by": "network", "refine": False},
    "network, refined": {"by": "network"},
    "search, refined": {"by": "search"},
}


def main() -> None:
    """Print what was asked for."""
    torch.set_num_threads(1)
    arguments = parser().parse_args()
    if arguments.speed:
        speed()
        return
    if arguments.network:
        joint_speed()
        poses_of_new_images()
        return
    cloud = read(arguments.object) if arguments.object else None
    say(f"{'':26}{'seed':>5}{'RMSE':>9}{'Chamfer':>9}{'pose °':>9}{'stuck':>7}{'CPU s':>8}  good")
    for name, (values, largest, turned) in CONDITIONS.items():
        if arguments.only not in name:
            continue
        good = 0
        for seed in range(arguments.first, arguments.first + arguments.seeds):
            rmse, chamfer, error, stuck, seconds = one(SmlmSettings(seed=seed, **values), cloud)
            fine = rmse <= largest and error <= turned
            good += fine
            say(
                f"{name:26}{seed:5}{rmse:9.4f}{chamfer:9.4f}{error:9.2f}{stuck!s:>7}"
                f"{seconds:8.1f}"
                f"  {fine}"
            )
        say(f"{name:26}{good} of {arguments.seeds} with RMSE ≤ {largest} and poses ≤ {turned}°")


def one(
    simulated: SmlmSettings, cloud: PointCloud | None
) -> tuple[float, float, float, bool, float]:
    """Return the figures of one run."""
    sample = smlm_images(simulated, cloud)
    started = time.process_time()
    model = train([(sample.images,)], TrainSettings(seed=simulated.seed), SilentReporter())
    seconds = time.process_time() - started
    found = score(PointCloud(model.weights["points"].astype(float)), sample.truth)
    poses = Poses(model.weights["rotations"], model.weights["shifts"])
    error = float(np.median(pose_errors(poses, sample.poses, found.hand)))
    stuck = bool(model.card.training["stuck"])
    return found.rmse / found.rms_radius, found.chamfer / found.rms_radius, error, stuck, seconds


def speed() -> None:
    """Compare the renderer with one that draws an image at a time on all pixels."""
    places = (SIDE / 2 + 20 * torch.randn(BATCH, POINTS, 2)).requires_grad_()
    shape = (SIDE, SIDE)
    ours = fastest(lambda: render(places, shape, SIGMA).square().sum().backward())
    theirs = fastest(lambda: broadcast(places).square().sum().backward())
    say(f"{BATCH} images of {SIDE}², {POINTS} points, forward and backward:")
    say(f"separable {ours:.4f} s, broadcast {theirs:.4f} s: {theirs / ours:.0f} times as fast")


def joint_speed() -> None:
    """Measure a step of the network with its points: forward, drawn, backward and moved."""
    shown = SmlmSettings(count=60, box=SIDE, pixel_size=3.125, sigma=4.7)
    images, pixel, spot = join([smlm_images(shown).images], None, None, SilentReporter())
    particles = prepare(images, pixel, spot, torch.device("cpu"))
    say(f"{BATCH} images of {SIDE}², {POINTS} points, a whole step of the joint training:")
    for hypotheses in (1, 4):
        how = NetworkSettings(side=SIDE, batch=BATCH, hypotheses=hypotheses)
        settings = TrainSettings(engine="network", points=POINTS, network=how)
        joint = Joint(particles, settings, SilentReporter(), torch.arange(6))
        joint.step()
        seconds = fastest(joint.step)
        say(f"{hypotheses} hypotheses: {seconds:.3f} s, {BATCH / seconds:.0f} images a second")


def poses_of_new_images() -> None:
    """Compare the ways in which a model finds poses of images that it has not seen."""
    for name in ("clean", "wobble 0.03, 30 % lost"):
        shown = SmlmSettings(**CONDITIONS[name][0])
        sample, fresh = smlm_images(shown), smlm_images(shown.updated({"seed": 7, "count": NEW}))
        settings, report = TrainSettings(learn_poses=True), SilentReporter()
        started = time.process_time()
        searched = train([(sample.images,)], TrainSettings(), report)
        between = time.process_time()
        model = train([(sample.images,)], settings, report, start=searched)
        ended = time.process_time()
        say(f"{name}: searched {between - started:.0f} CPU s, taught {ended - between:.0f}")
        hand = score(cloud_of(model), sample.truth).hand
        for way, values in WAYS.items():
            started = time.process_time()
            result = apply([fresh.images], model, ApplySettings(**values), report)
            seconds = time.process_time() - started
            errors = pose_errors(result.others["poses"], fresh.poses, hand)
            say(
                f"  {way:18} median {np.median(errors):6.2f}°, nine in ten below "
                f"{np.quantile(errors, 0.9):6.2f}°, {NEW / seconds:6.0f} images a second"
            )
        say(f"  the network itself {told_a_second(model, fresh.images):.0f} images a second")


def told_a_second(model: Model, images: ImageStack) -> float:
    """Return how many images a second a network tells the hypotheses of."""
    network = network_of(model, choose("cpu", "float32"))
    side = network.spec["side"]
    seen = torch.rand(len(images.images), side, side)
    with torch.inference_mode():
        return len(seen) / fastest(lambda: network(seen))


def broadcast(places: torch.Tensor) -> torch.Tensor:
    """Draw every spot on all pixels, image by image."""
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    images = []
    for own in places:
        square = (own[:, 0, None, None] - y) ** 2 + (own[:, 1, None, None] - x) ** 2
        images.append((torch.exp(-square / (2 * SIGMA**2)) / (2 * math.pi * SIGMA**2)).sum(0))
    return torch.stack(images)


def fastest(work: Callable[[], object]) -> float:
    """Return the CPU seconds of the fastest of five calls."""
    times = []
    for _ in range(5):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def parser() -> argparse.ArgumentParser:
    """Return what the command line understands."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    made.add_argument("--seeds", type=int, default=4)
    made.add_argument("--first", type=int, default=0)
    made.add_argument("--only", default="", help="part of the name of a condition")
    made.add_argument("--object", default="", help="an .obj or .ply to take instead of the blob")
    made.add_argument("--network", action="store_true", help="measure networks of poses")
    made.add_argument("--speed", action="store_true", help="measure the renderer")
    return made


if __name__ == "__main__":
    main()
