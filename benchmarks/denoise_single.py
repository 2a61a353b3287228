"""Denoising of one volume without halves: every mode of Self2Self beside what is simple.

    python benchmarks/denoise_single.py tomogram.mrc --truth clean.mrc \
        --halves even.mrc odd.mrc --minutes 5 --defocus 4

Prints, for the raw volume, the best Gaussian, the best median, the Wiener-like deconvolution,
Noise2Noise on the halves, and each mode: correlation with the truth, SSIM (Gaussian window in
3D) and PSNR after the grey values were fitted to the truth, and where the FSC to the truth
falls to 0.5. Without files the built-in simulated tomogram is used.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from _say import say
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import spearmanr

from napari_cryonet.io import read_volume
from napari_cryonet.methods.noise2noise import apply as n2n_apply
from napari_cryonet.methods.noise2noise import settings as n2n_settings
from napari_cryonet.methods.noise2noise import train as n2n_train
from napari_cryonet.methods.self2self.apply import apply
from napari_cryonet.methods.self2self.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.self2self.train import train
from napari_cryonet.nn.device import use_threads
from napari_cryonet.reporting import RecordingReporter, SilentReporter
from napari_cryonet.signal.correlate import correlation
from napari_cryonet.signal.ctf import Deconvolution
from napari_cryonet.signal.deconvolve import deconvolve
from napari_cryonet.signal.shells import fsc
from napari_cryonet.simulate import even_odd_tomogram
from napari_cryonet.types import Volume

Floats = NDArray[np.floating[Any]]

SIGMAS = np.arange(0.4, 2.61, 0.1)
MODES = ("bernoulli", "fourier", "noise", "auto")
SHELLS = 48


def main() -> None:
    """Train every mode, denoise and print the table."""
    arguments = parser().parse_args()
    use_threads(window=False)
    volume, truth, halves = data(arguments)
    raw = np.asarray(volume.data, np.float32)
    say(f"{volume.name}, {volume.shape}; {arguments.minutes:g} minutes of training each")
    say(f"{'':24}  correlation   SSIM    PSNR  FSC 0.5 at   shells better/worse")
    row("raw", raw, truth, raw)
    row("best Gaussian", best(raw, truth, ndimage.gaussian_filter, SIGMAS), truth, raw)
    row("best median", best(raw, truth, ndimage.median_filter, (3, 5)), truth, raw)
    filtered = Deconvolution(defocus=arguments.defocus)
    row("deconvolution", deconvolve(raw, volume.voxel_size, filtered)[0], truth, raw)
    if halves is not None and "noise2noise" in arguments.modes:
        row("Noise2Noise, halves", with_halves(halves, arguments), truth, raw)
    for mode in arguments.modes:
        if mode in MODES:
            alone(mode, volume, truth, arguments)


def data(arguments: argparse.Namespace) -> tuple[Volume, Floats, tuple[Volume, Volume] | None]:
    """Return the volume, the truth, and the halves if there are any."""
    if arguments.volume is None:
        sample = even_odd_tomogram()
        mean = (sample.even.data + sample.odd.data) / 2
        return sample.even.changed(mean, "Mean."), sample.truth.data, (sample.even, sample.odd)
    halves = None
    if arguments.halves:
        first, second = (read_volume(path) for path in arguments.halves)
        halves = first, second
    truth = np.asarray(read_volume(arguments.truth).data, np.float32)
    return read_volume(arguments.volume), truth, halves


def with_halves(halves: tuple[Volume, Volume], arguments: argparse.Namespace) -> Floats:
    """Return what Noise2Noise makes of the halves."""
    settings = n2n_settings.TrainSettings(
        max_minutes=arguments.minutes,
        seed=arguments.seed,
        initial_weights=arguments.initial_weights,
    )
    model = n2n_train.train([halves], settings, SilentReporter())
    how = n2n_settings.ApplySettings(passes=arguments.passes)
    return n2n_apply.apply(halves, model, how, SilentReporter()).volume.data


def alone(mode: str, volume: Volume, truth: Floats, arguments: argparse.Namespace) -> None:
    """Print the row of one mode, and what the uncertainty is worth."""
    settings = TrainSettings(
        mode=mode,
        max_minutes=arguments.minutes,
        seed=arguments.seed,
        initial_weights=arguments.initial_weights,
    )
    report = RecordingReporter()
    started = time.monotonic()
    model = train([(volume,)], settings, report)
    trained = time.monotonic()
    how = ApplySettings(passes=arguments.passes, uncertainty=True)
    found = apply([volume], model, how, SilentReporter())
    denoised = time.monotonic() - trained
    made, chosen = found.volume.data, model.card.extra["mode"]
    raw = np.asarray(volume.data, np.float32)
    row(f"{mode}: {chosen}" if mode == "auto" else mode, made, truth, raw)
    error = np.abs(fitted(made, truth) - truth)
    unsure = found.others["uncertainty"].data
    say(
        f"{'':24}  {model.card.training['steps']} steps in {trained - started:.0f} s, denoised in "
        f"{denoised:.0f} s, estimated quality {model.card.training.get('quality', np.nan):.3f}, "
        f"rank correlation of uncertainty and error {spearmanr(unsure, error, None)[0]:.2f}"
    )
    if mode == "auto":
        for sentence in report.said[1:3]:
            say(f"{'':24}  {sentence}")


def best(raw: Floats, truth: Floats, smooth: Any, sizes: Any) -> Floats:
    """Return the smoothed volume that is most like the truth."""
    every = (smooth(raw, size) for size in sizes)
    found: Floats = max(every, key=lambda each: correlation(each, truth))
    return found


def row(name: str, made: Floats, truth: Floats, raw: Floats) -> None:
    """Print one row of the table."""
    curve, before = fsc(made, truth, SHELLS), fsc(raw, truth, SHELLS)
    below = np.flatnonzero(curve[1:] < 0.5)
    at = (below[0] + 1.5) * 0.5 / SHELLS if below.size else 0.5
    near = fitted(made, truth)
    say(
        f"{name:24}  {correlation(made, truth):11.4f}  {ssim(near, truth):5.3f}  "
        f"{psnr(near, truth):5.2f} dB  {at:5.3f}/voxel  {(curve > before + 0.005).sum():3d} / "
        f"{(curve < before - 0.005).sum()}"
    )


def fitted(made: Floats, truth: Floats) -> Floats:
    """Return a volume with the grey values of the truth, by least squares."""
    slope, offset = np.polyfit(made.ravel().astype(float), truth.ravel().astype(float), 1)
    return made * np.float32(slope) + np.float32(offset)


def psnr(made: Floats, truth: Floats) -> float:
    """Return the peak signal-to-noise ratio in dB; the peak is the range of the truth."""
    error = float(np.square(made - truth, dtype=np.float64).mean())
    return float(10 * np.log10(float(np.ptp(truth)) ** 2 / error))


def ssim(made: Floats, truth: Floats, sigma: float = 1.5) -> float:
    """Return the mean structural similarity, in a Gaussian window in three dimensions.

    References
    ----------
    Wang, Bovik, Sheikh, Simoncelli, IEEE Trans. Image Process. 13 (2004).
    """
    one, two = (each.astype(np.float64) for each in (made, truth))
    peak = np.ptp(two)
    small, large = (0.01 * peak) ** 2, (0.03 * peak) ** 2

    def mean(values: Floats) -> Floats:
        return np.asarray(ndimage.gaussian_filter(values, sigma, truncate=3.5))

    a, b = mean(one), mean(two)
    spread = mean(one * one) - a * a + mean(two * two) - b * b
    shared = mean(one * two) - a * b
    numerator = (2 * a * b + small) * (2 * shared + large)
    return float((numerator / ((a * a + b * b + small) * (spread + large))).mean())


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("volume", nargs="?", type=Path, help="the noisy volume")
    options.add_argument("--truth", type=Path)
    options.add_argument("--halves", nargs=2, type=Path)
    options.add_argument("--minutes", type=float, default=5.0)
    options.add_argument("--passes", type=int, default=8)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--initial-weights", choices=("general", "random"), default="general")
    options.add_argument("--defocus", type=float, default=5.0, help="µm, for the deconvolution")
    options.add_argument("--modes", nargs="*", default=["noise2noise", *MODES[:3]])
    return options


if __name__ == "__main__":
    main()
