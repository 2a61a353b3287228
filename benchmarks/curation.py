"""How quickly picks follow the filter, for many candidates.

    python benchmarks/curation.py [--candidates 10000 50000]

A change of the threshold is compared with a change of the distance, which thins all candidates
anew, and with the plain search of `napari_cryonet.signal.peaks.apart` above the threshold.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from _say import say

from napari_cryonet.signal.curation import Candidates, Cut, in_angstrom
from napari_cryonet.signal.peaks import apart
from napari_cryonet.types import Points

DIAMETER, VOXEL = 200.0, 10.0
ROOM = 0.7  # diameters from a candidate to the next, on average
ROUNDS = 20


def main() -> None:
    """Time the three for each number of candidates."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--candidates", type=int, nargs="+", default=[10_000, 50_000])
    for count in options.parse_args().candidates:
        points = candidates(count)
        kept = Candidates(points)
        distance = 0.65 * DIAMETER
        kept.chosen(cut(0.5, distance))
        threshold = seconds(lambda n: kept.chosen(cut(n / ROUNDS, distance)))  # noqa: B023
        anew = seconds(lambda n: kept.chosen(cut(0.5, distance + n + 1)))  # noqa: B023
        plain = seconds(lambda n: search(points, n / ROUNDS, distance))  # noqa: B023
        say(
            f"{count} candidates: threshold {1e3 * threshold:.2f} ms, distance {1e3 * anew:.0f} "
            f"ms ({anew / threshold:.0f} times), plain search {1e3 * plain:.0f} ms "
            f"({plain / threshold:.0f} times)"
        )


def candidates(count: int) -> Points:
    """Return candidates of two classes in a box in which they have room."""
    random = np.random.default_rng(0)
    side = ROOM * DIAMETER * count ** (1 / 3) / VOXEL
    columns = {"score": random.beta(0.4, 1.2, count), "class": random.choice(["a", "b"], count)}
    return Points(random.uniform(0, side, (count, 3)), columns, (VOXEL,) * 3)


def cut(threshold: float, distance: float) -> Cut:
    """Return what is wanted of a pick, of both classes alike."""
    return Cut({"a": threshold, "b": threshold}, distance)


def search(points: Points, threshold: float, distance: float) -> None:
    """Thin the candidates above a threshold, as if nothing were known of them."""
    above = points.kept(points.features["score"] >= threshold)
    apart(in_angstrom(above), above.features["score"], distance)


def seconds(action: Callable[[int], object]) -> float:
    """Return how long an action takes, the median of some."""
    times = []
    for number in range(ROUNDS):
        start = time.perf_counter()
        action(number)
        times.append(time.perf_counter() - start)
    return float(np.median(times))


if __name__ == "__main__":
    main()
