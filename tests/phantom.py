"""Small data with a known truth, and a user who stops at a chosen moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_cryonet.reporting import Cancelled, RecordingReporter
from napari_cryonet.types import Volume

Floats = np.ndarray[Any, np.dtype[np.float32]]


def blobs(shape: tuple[int, ...], rng: np.random.Generator, density: float = 0.001) -> Floats:
    """Return soft balls of several sizes, of mean 0 and variance 1."""
    truth = np.zeros(shape, np.float32)
    for radius in (1.2, 1.8, 2.6):
        points = np.zeros(truth.size, np.float32)
        count = round(density * truth.size / radius**3)
        points[rng.choice(truth.size, max(count, 2), replace=False)] = 1
        ball = ndimage.gaussian_filter(points.reshape(shape), radius, mode="wrap")
        truth += ball / ball.std()
    return ((truth - truth.mean()) / truth.std()).astype(np.float32)


def noise(shape: tuple[int, ...], rng: np.random.Generator, sigma: float = 0.6) -> Floats:
    """Return Gaussian noise of variance 1, correlated over about `sigma` voxels."""
    white = rng.standard_normal(shape).astype(np.float32)
    smooth = ndimage.gaussian_filter(white, sigma, mode="wrap")
    return (smooth / smooth.std()).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Halves:
    """Two noisy halves and the truth behind them."""

    first: Volume
    second: Volume
    truth: Floats

    @property
    def pair(self) -> tuple[Volume, Volume]:
        """The halves as methods take them."""
        return self.first, self.second

    @property
    def raw(self) -> Floats:
        """The average of the halves."""
        return (self.first.data + self.second.data) / np.float32(2)


def halves(
    shape: tuple[int, ...],
    rng: np.random.Generator,
    snr: float = 0.2,
    *,
    scale: float = 1.0,
    shift: float = 0.0,
    **fields: Any,
) -> Halves:
    """Return halves of a signal-to-noise ratio each, their grey values scaled and shifted."""
    truth = blobs(shape, rng)
    fields = {"voxel_size": (2.0, 2.0, 2.0), **fields}
    first, second = (
        Volume(
            np.float32(scale) * (truth + noise(shape, rng) / np.float32(snr**0.5))
            + np.float32(shift),
            name=f"half {number}",
            **fields,
        )
        for number in (1, 2)
    )
    return Halves(first, second, np.float32(scale) * truth + np.float32(shift))


@dataclass
class Stopping(RecordingReporter):
    """Stops at a chosen check, counted from 1, and counts the checks that followed."""

    at_check: int | None = None
    checks: int = field(default=0, init=False)

    def check(self) -> None:
        """Count, and cancel when it is time."""
        self.checks += 1
        if self.at_check is not None and self.checks >= self.at_check:
            raise Cancelled(keep=self.keep)


@contextmanager
def single_thread() -> Iterator[None]:
    """Compute on one core, so that results do not depend on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one core in every test of a module that imports this."""
    with single_thread():
        yield
