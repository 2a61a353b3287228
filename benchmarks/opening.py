"""How long until the first slice of a 2 GB file is painted, and how much memory it takes.

python benchmarks/opening.py [--gigabytes 2]       (under Xvfb where there is no screen)
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import napari
import numpy as np
import psutil
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
        viewer = napari.Viewer()
        QApplication.processEvents()
        process = psutil.Process()
        before, start = process.memory_info().rss, time.perf_counter()
        viewer.open(path, plugin="napari-cryonet")
        viewer.screenshot(flash=False)
        say(
            f"{shape}: first slice after {time.perf_counter() - start:.2f} s, "
            f"memory {(process.memory_info().rss - before) / 2**20:+.0f} MB"
        )
        start = time.perf_counter()
        viewer.dims.ndisplay = 3
        viewer.screenshot(flash=False)
        say(f"3D after {time.perf_counter() - start:.2f} s")
        viewer.close()


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
