"""How long the window's event loop waits while a network is trained on the CPU.

    python benchmarks/responsiveness.py [--seconds 30]  (under Xvfb where there is no screen)

A timer of 20 ms runs beside a training in the worker thread; its delays are printed, and how
long Stop takes from the click to the end.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from _say import say
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication

from napari_cryonet.gui.runner import Order, Runner
from napari_cryonet.jobs import Job
from napari_cryonet.simulate import half_map_pair

TICK = 0.02
SETTLE = 8.0


def main() -> None:
    """Train in the worker thread and watch the clock in the main one."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=30.0)
    seconds = options.parse_args().seconds
    application = QApplication.instance() or QApplication([])
    runner, sample = Runner(), half_map_pair()
    with tempfile.TemporaryDirectory() as folder:
        job = Job(inputs=(("one", "two"),), settings={"max_minutes": 60.0, "device": "cpu"})
        given = {"one": sample.first, "two": sample.second}
        work = runner.submit(Order("benchmark", job, Path(folder), given))
        losses: list[float] = []
        work.stepped.connect(lambda *step: losses.append(step[2].get("step", 0)))
        wait(SETTLE)
        late = delays(seconds)
        say(
            f"{losses[-1]:.0f} steps; event loop late by p50 {np.percentile(late, 50):.1f} ms, "
            f"p99 {np.percentile(late, 99):.1f} ms, most {max(late):.1f} ms"
        )
        start = time.perf_counter()
        work.stop()
        say(f"Stop acknowledged after {1e3 * (time.perf_counter() - start):.1f} ms ({work.state})")
        while not work.has_ended:
            wait(0.01)
        say(f"idle after {1e3 * (time.perf_counter() - start):.0f} ms ({work.state})")
        runner.close()
    application.quit()


def delays(seconds: float) -> list[float]:
    """Return by how many ms each tick of a timer came late."""
    late: list[float] = []
    last = time.perf_counter()

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        late.append(max(0.0, 1e3 * (now - last - TICK)))
        last = now

    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(int(1e3 * TICK))
    wait(seconds)
    timer.stop()
    return late


def wait(seconds: float) -> None:
    """Let the event loop run for a while."""
    loop = QEventLoop()
    QTimer.singleShot(int(1e3 * seconds), loop.quit)
    loop.exec()


if __name__ == "__main__":
    main()
