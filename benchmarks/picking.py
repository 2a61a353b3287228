"""Picking of simulated tomograms from few labels: F1 on one that was never seen.

    python benchmarks/picking.py --seeds 5 --snr 0.05 0.02 --labels 30 10 --minutes 1

Prints, for each signal-to-noise ratio and number of labels, the median and the worst of all
seeds: F1 at the threshold of the model, the best F1 of any threshold, how far the former is
below the latter, the average precision, the localisation error, and the CPU time of training.
A difference of Gaussians with the best threshold is beside it.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from _say import say

from napari_cryonet.methods.picking.apply import apply
from napari_cryonet.methods.picking.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.picking.train import train
from napari_cryonet.nn.device import use_threads
from napari_cryonet.reporting import SilentReporter
from napari_cryonet.signal.peaks import blobs, find_peaks
from napari_cryonet.signal.score import score
from napari_cryonet.simulate.particles import DIAMETER, PickingSample, picking_sample
from napari_cryonet.types import Points

COLUMNS = ("F1", "best F1", "lost", "AP", "error Å", "CPU s", "DoG")
LOWEST = 0.002


def main() -> None:
    """Train, pick and print the table."""
    arguments = parser().parse_args()
    use_threads(window=False)
    say(f"{'':24}" + "".join(f"{name:>18}" for name in COLUMNS))
    for snr in arguments.snr:
        for labels in arguments.labels:
            rows = []
            for seed in range(arguments.seeds):
                rows.append(one(seed, snr, labels, arguments))
                say(f"  seed {seed:<15}  " + "".join(f"{value:>18.3f}" for value in rows[-1]))
            table = np.array(rows)
            signs = np.array([1, 1, -1, 1, -1, -1, 1])
            worst = signs * (signs * table).min(axis=0)
            cells = zip(np.median(table, axis=0), worst, strict=True)
            text = "".join(f"{f'{middle:.3f} ({low:.3f})':>18}" for middle, low in cells)
            say(f"SNR {snr:<6g} {labels:>3} labels  " + text)


def one(seed: int, snr: float, count: int, arguments: argparse.Namespace) -> tuple[float, ...]:
    """Return the figures of one training."""
    seen, unseen = (picking_sample(seed=number, snr=snr) for number in (2 * seed, 2 * seed + 1))
    chosen = np.random.default_rng(seed).choice(len(seen.particles), count, replace=False)
    limits = {"max_minutes": arguments.minutes}
    if arguments.steps:
        limits = {"max_minutes": None, "steps": arguments.steps}
    start = {"initial_weights": arguments.initial_weights}
    settings = TrainSettings.load({"diameter": DIAMETER, "seed": seed, **start, **limits})
    started = time.process_time()
    model = train([(seen.tomogram, seen.particles.kept(chosen))], settings, SilentReporter())
    seconds = time.process_time() - started
    volumes = [unseen.tomogram]
    picks, every = (
        apply(volumes, model, asked, SilentReporter()).others["picks"]
        for asked in (ApplySettings(), ApplySettings(threshold=LOWEST))
    )
    own, best = (score(each, unseen.particles, DIAMETER / 2) for each in (picks, every))
    lost = best.best_f1 - own.f1
    figures = (own.f1, best.best_f1, lost, best.average_precision, own.median_error or np.nan)
    return (*figures, seconds, plain(unseen))


def plain(sample: PickingSample) -> float:
    """Return the best F1 of a difference of Gaussians."""
    volume = sample.tomogram
    strength = blobs(volume.data, DIAMETER / volume.scale[0])
    places, scores = find_peaks(strength, 0.65 * DIAMETER, 0.0, scale=volume.scale)
    found = Points(places, {"score": scores}, volume.voxel_size)
    return score(found, sample.particles, DIAMETER / 2).best_f1


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--snr", type=float, nargs="+", default=[0.05, 0.02])
    options.add_argument("--labels", type=int, nargs="+", default=[30, 10])
    options.add_argument("--minutes", type=float, default=1.0)
    options.add_argument("--steps", type=int, help="instead of minutes")
    options.add_argument("--initial-weights", choices=("general", "random"), default="general")
    return options


if __name__ == "__main__":
    main()
