"""How long until the first slice of a 2 GB file is painted, and how much memory it takes.

    python benchmarks/opening.py [--gigabytes 2]       (under Xvfb where there is no screen)

A tiny file is opened first, so that the first canvas and the modules that napari loads at the
first layer are counted apart. The resident memory counts pages of files that are mapped, which
the system takes back when it needs room; the process's own memory does not.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from pathlib import Path

import napari
import numpy as np
import psutil
from _say import say
from qtpy.QtWidgets import QApplication

from napari_cryonet.io import mrc
from napari_cryonet.types import Volume

SIDE = 1440


def main() -> None:
    """Open the file, toggle 3D, print the figures."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--gigabytes", type=float, default=2.0)
    arguments = options.parse_args()
    shape = (round(arguments.gigabytes * 1e9 / 2 / SIDE**2), SIDE, SIDE)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "large.mrc"
        plane = np.random.default_rng(0).integers(-99, 99, shape[1:], dtype=np.int16)
        with mrc.create(path, Volume(np.broadcast_to(plane, shape), (10.0,) * 3), "i2") as data:
            for number in range(shape[0]):
                data[number] = np.roll(plane, number)
        tiny = Path(folder) / "tiny.mrc"
        mrc.write(tiny, Volume(np.zeros((8, 64, 64), np.int16), (10.0,) * 3))
        viewer = napari.Viewer()
        QApplication.processEvents()
        say(f"a tiny file, with the first canvas: {opened(viewer, tiny)}")
        viewer.layers.clear()
        QApplication.processEvents()
        say(f"{shape}: {opened(viewer, path)}")
        start = time.perf_counter()
        viewer.dims.ndisplay = 3
        viewer.screenshot(flash=False)
        say(f"3D after {time.perf_counter() - start:.2f} s")
        viewer.close()


def opened(viewer: napari.Viewer, path: Path) -> str:
    """Open a file, and return how long it took and by how much memory grew."""
    process = psutil.Process()
    gc.collect()
    before, start = memory(process), time.perf_counter()
    viewer.open(path, plugin="napari-cryonet")
    viewer.screenshot(flash=False)
    seconds = time.perf_counter() - start
    gc.collect()
    resident, own = (after - old for after, old in zip(memory(process), before, strict=True))
    return f"first slice after {seconds:.2f} s, resident {resident:+.0f} MB, own {own:+.0f} MB"


def memory(process: psutil.Process) -> tuple[float, float]:
    """Return the MB that are resident, and those without pages of files where it is told."""
    info = process.memory_info()
    return info.rss / 2**20, (info.rss - getattr(info, "shared", 0)) / 2**20


if __name__ == "__main__":
    main()
