"""Noise2Noise against the raw average and the best Gaussian filter, on halves and a truth.

    python benchmarks/denoise_quality.py half1.mrc half2.mrc --truth truth.mrc \
        --mask mask.mrc --mask-above 20 --minutes 3

Without a truth only the cross-half estimates are printed; without files the built-in
simulated half maps are used.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from _say import say
from scipy import ndimage

from napari_cryonet.io import read_volume
from napari_cryonet.methods.noise2noise.apply import apply
from napari_cryonet.methods.noise2noise.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.noise2noise.train import train
from napari_cryonet.nn.device import use_threads
from napari_cryonet.reporting import SilentReporter
from napari_cryonet.signal.correlate import correlation
from napari_cryonet.signal.shells import fsc
from napari_cryonet.simulate import half_map_pair

SIGMAS = np.arange(0.4, 4.01, 0.2)
KNOWN = 0.5


def main() -> None:
    """Train, denoise and print the table."""
    arguments = parser().parse_args()
    use_threads(window=False)
    if arguments.halves:
        halves = tuple(read_volume(path) for path in arguments.halves)
        truth = read_volume(arguments.truth).data if arguments.truth else None
        mask = read_volume(arguments.mask).data > arguments.mask_above if arguments.mask else None
    else:
        sample = half_map_pair()
        halves, truth = (sample.first, sample.second), sample.truth.data
        mask = np.asarray(sample.mask.data) > KNOWN
    limit = {"max_minutes": arguments.minutes}
    if arguments.steps:
        limit = {"max_minutes": None, "steps": arguments.steps, "patience": 0}
    settings = TrainSettings(
        **limit, seed=arguments.seed, initial_weights=arguments.initial_weights
    )
    started = time.monotonic()
    model = train([halves], settings, SilentReporter())
    trained = time.monotonic()
    result, measures, _ = apply(
        halves, model, ApplySettings(passes=arguments.passes), SilentReporter()
    )
    figures = model.card.training
    say(f"trained {trained - started:.0f} s: {figures['steps']} steps, {figures['ended']}")
    say(f"device {figures['device']}; denoised in {time.monotonic() - trained:.0f} s")
    say(f"cross-half estimate in held-out cubes: {figures.get('quality', float('nan')):.4f}")
    average = (np.asarray(halves[0].data, np.float32) + halves[1].data) / 2
    if truth is None:
        curves = [
            (raw, own)
            for raw, own in zip(measures["fsc_raw"], measures["fsc_denoised"], strict=True)
            if own is not None
        ]
        raw, own = np.mean(curves, axis=0)
        say(
            f"mean estimated FSC with the truth over {len(curves)} shells: raw {raw:.4f}, "
            f"denoised {own:.4f}"
        )
        return
    filtered = [ndimage.gaussian_filter(average, sigma) for sigma in SIGMAS]
    best = max(correlation(each, truth, mask) for each in filtered)
    say("correlation with the truth" + (" inside the mask" if mask is not None else ""))
    say(f"  average of the halves  {correlation(average, truth, mask):.4f}")
    say(f"  best Gaussian          {best:.4f}")
    say(f"  Noise2Noise            {correlation(result.data, truth, mask):.4f}")
    known = fsc(halves[0].data, halves[1].data) > KNOWN
    change = (fsc(result.data, truth) - fsc(average, truth))[known]
    say(
        f"FSC to the truth against the average's, {known.sum()} shells with half-map FSC > 0.5: "
        f"smallest change {change.min():+.4f}, mean {change.mean():+.4f}"
    )


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("halves", nargs="*", type=Path, help="two half maps")
    options.add_argument("--truth", type=Path)
    options.add_argument("--mask", type=Path)
    options.add_argument("--mask-above", type=float, default=0.5)
    options.add_argument("--minutes", type=float, default=3.0)
    options.add_argument("--steps", type=int, help="train for so many steps instead of minutes")
    options.add_argument("--initial-weights", choices=("general", "random"), default="general")
    options.add_argument("--passes", type=int, default=8)
    options.add_argument("--seed", type=int, default=0)
    return options


if __name__ == "__main__":
    main()
