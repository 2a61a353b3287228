"""Exploration of simulated tomograms: do clusters hold the targets, and nothing else?

    python benchmarks/exploration.py --seeds 2 --snr 0.2 0.05

Of the clusters of one tomogram those are put together that hold the targets best, and their F1,
precision and recall are printed: for descriptions that were learnt, and for the principal
components of the voxels themselves, clustered alike. Beside it are the best F1 of the strength
alone, with the best of all thresholds, and the CPU time of training and application.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from _say import say

from napari_cryonet.methods.exploration.apply import apply
from napari_cryonet.methods.exploration.data import find_candidates, plan
from napari_cryonet.methods.exploration.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.exploration.train import train
from napari_cryonet.nn.device import use_threads
from napari_cryonet.reporting import SilentReporter
from napari_cryonet.signal.clusters import kmeans, principal_components
from napari_cryonet.signal.score import fbeta, score
from napari_cryonet.simulate.particles import DIAMETER, PickingSample, picking_sample
from napari_cryonet.types import Points

NUMBERS = 16


def main() -> None:
    """Print the table."""
    arguments = parser().parse_args()
    use_threads(window=False)
    say(f"{'':22}{'learnt: F1, P, R':>22}{'voxels: F1, P, R':>22}{'DoG F1':>9}{'CPU s':>12}")
    for snr in arguments.snr:
        for seed in range(arguments.seeds):
            say(f"SNR {snr:<6g} seed {seed:<6}" + one(seed, snr, arguments.steps))


def one(seed: int, snr: float, steps: int) -> str:
    """Return the figures of one tomogram."""
    sample = picking_sample(seed=seed, snr=snr)
    settings = TrainSettings(diameter=DIAMETER, max_minutes=None, steps=steps, seed=seed)
    started = time.process_time()
    model = train([(sample.tomogram,)], settings, SilentReporter())
    trained = time.process_time()
    asked = ApplySettings(seed=seed)
    found = apply([sample.tomogram], model, asked, SilentReporter()).others["candidates"]
    applied = time.process_time()
    volume = find_candidates(sample.tomogram, plan([sample.tomogram], settings), len(found))
    voxels = volume.cubes(settings.patch).reshape(len(found), -1)
    plain = kmeans(principal_components(voxels, NUMBERS), asked.clusters, seed)
    cells = [best_union(found, groups, sample) for groups in (found.features["cluster"], plain)]
    text = "".join(f"{', '.join(f'{figure:.3f}' for figure in cell):>22}" for cell in cells)
    strength = score(found, sample.particles, DIAMETER / 2).best_f1
    seconds = f"{trained - started:.0f} + {applied - trained:.0f}"
    return f"{text}{strength:9.3f}{seconds:>12}"


def best_union(found: Points, groups: np.ndarray, sample: PickingSample) -> tuple[float, ...]:
    """Return F1, precision and recall of the clusters that together hold the targets best."""
    ranked = []
    for number in np.unique(groups):
        own = score(found.kept(groups == number), sample.particles, DIAMETER / 2)
        ranked.append((own.precision, own.hits, own.picks))
    hits, picks = np.cumsum([row[1:] for row in sorted(ranked, reverse=True)], axis=0).T
    precision, recall = hits / picks, np.minimum(hits / len(sample.particles), 1)
    f1 = fbeta(precision, recall, 1)
    best = f1.argmax()
    return float(f1[best]), float(precision[best]), float(recall[best])


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=2)
    options.add_argument("--snr", type=float, nargs="+", default=[0.2, 0.05])
    options.add_argument("--steps", type=int, default=100)
    return options


if __name__ == "__main__":
    main()
