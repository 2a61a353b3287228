"""What tiled inference costs above the bare network, and whether memory grows.

    python benchmarks/tiles.py [--side 256] [--memory 1 2] [--width 2] [--device cpu]

First ``apply`` on a cube against the bare network over the same voxels as often; a side of 0
leaves that out. Then the largest memory of ``apply`` from file to file, in one pass with tiles
of 128, for volumes of 1 and 2 GB, each in a process of its own. Memory is what the process holds
itself, without the files' pages.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import torch
from _say import say

from napari_cryonet.io import mrc, read_volume
from napari_cryonet.methods.noise2noise.apply import apply
from napari_cryonet.methods.noise2noise.settings import ApplySettings, TrainSettings
from napari_cryonet.nn.architecture import specification
from napari_cryonet.nn.device import choose, use_threads
from napari_cryonet.nn.unet import build
from napari_cryonet.reporting import SilentReporter
from napari_cryonet.types import Model, ModelCard, Volume

PLANE = 512


def main() -> None:
    """Print both figures."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--side", type=int, default=256)
    options.add_argument("--memory", type=float, nargs="*", default=[1.0, 2.0], metavar="GB")
    options.add_argument("--device", default="auto")
    options.add_argument("--width", type=int, help="channels of the network")
    options.add_argument("--one", type=float, help=argparse.SUPPRESS)
    arguments = options.parse_args()
    use_threads(window=False)
    if arguments.one is not None:
        began = time.perf_counter()
        start, peak = peak_memory(arguments.one, arguments.device, arguments.width)
        say(
            f"{arguments.one:g} GB in {time.perf_counter() - began:.0f} s: own memory "
            f"{start:.0f} MB before, at most {peak:.0f} MB, {peak - start:+.0f} MB"
        )
        return
    for passes in (1, 4) if arguments.side else ():
        overhead(arguments.side, passes, arguments.device, arguments.width)
    for size in arguments.memory:
        command = [sys.executable, __file__, "--one", str(size), "--device", arguments.device]
        command += ["--width", str(arguments.width)] if arguments.width else []
        subprocess.run(command, check=True)


def overhead(side: int, passes: int, device: str, width: int | None) -> None:
    """Compare `apply` on two halves with the bare network over the same voxels."""
    random = np.random.default_rng(0)
    halves = [
        Volume(random.standard_normal((side,) * 3, dtype=np.float32), name=name) for name in "ab"
    ]
    model, compute = untrained(width), choose(device)
    network = build(model.card.network).to(compute.device).eval()
    tensor = torch.from_numpy(halves[0].data)[None, None].to(compute.device)

    def bare() -> None:
        with torch.inference_mode(), compute.autocast():
            for _ in range(2 * passes):
                network(tensor).float().cpu()

    def whole() -> None:
        apply(halves, model, ApplySettings(passes=passes, device=device), SilentReporter())

    bare()
    alone, full = seconds(bare), seconds(whole)
    say(
        f"{side}³, {passes} passes on {compute}: bare {alone:.2f} s, apply {full:.2f} s, "
        f"ratio {full / alone:.2f}"
    )


def peak_memory(gigabytes: float, device: str, width: int | None) -> tuple[float, float]:
    """Return the MB that the process held before denoising a file, and at the most."""
    shape = (round(gigabytes * 2**30 / 4 / PLANE**2), PLANE, PLANE)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        source, target = Path(folder) / "in.mrc", Path(folder) / "out.mrc"
        random = np.random.default_rng(0)
        plane = random.standard_normal(shape[1:], dtype=np.float32)
        like = Volume(np.broadcast_to(plane, shape), (5.0, 5.0, 5.0))
        with mrc.create(source, like, "f4") as data:
            for number in range(shape[0]):
                data[number] = np.roll(plane, 7 * number)
        volume = read_volume(source)
        choose(device)
        process = psutil.Process()
        start, peak, over = own_memory(process), [0], threading.Event()

        def watch() -> None:
            while not over.wait(0.02):
                peak[0] = max(peak[0], own_memory(process))

        threading.Thread(target=watch, daemon=True).start()
        settings = ApplySettings(passes=1, device=device, tile=128)
        with mrc.create(target, like, "f4") as into:
            apply([volume], untrained(width), settings, SilentReporter(), into=into)
        over.set()
    return start / 2**20, peak[0] / 2**20


def own_memory(process: psutil.Process) -> int:
    """Return the memory of a process without pages of files, where the system tells."""
    info = process.memory_info()
    return int(info.rss - getattr(info, "shared", 0))


def untrained(width: int | None) -> Model:
    """Return a model with random weights."""
    spec = specification(TrainSettings(width=width))
    weights = {name: value.numpy() for name, value in build(spec).state_dict().items()}
    extra = {"mixing": 0.5, "rotations": "flips"}
    extra["gains"] = {"raw": [0.5] * 64, "denoised": [0.5] * 64}
    return Model(ModelCard(method="noise2noise", network=spec, extra=extra), weights)


def seconds(work: object) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
