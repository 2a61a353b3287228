"""The noise of a single volume: measured where there is least to see, and drawn anew.

The noise of a reconstruction is about the same everywhere, but its voxels are not
independent: the reconstruction filter, the interpolation and the missing wedge give it a
spectrum of its own. That spectrum is the mean power of the quietest blocks of the volume.

References
----------
Wiener-Khinchin: the covariances of neighbouring voxels are the transform of the spectrum.
Bartlett, *Periodogram analysis and continuous spectra*, Biometrika 37 (1950).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.signal.windows import hann

from napari_cryonet.errors import DataError
from napari_cryonet.signal.shells import frequency

Values = NDArray[np.float32]

_SIDE = 24  # voxels of a block; smaller ones find more quiet places, larger ones see farther
_STEP = 8
_MOST_BLOCKS = 3000
_QUIET = 0.1
_LEAST_BLOCKS = 8
_BAND = (0.03, 0.1)  # cycles/voxel: matter is strongest there, and chance hardly ranks blocks
_HIGH = 0.3  # cycles/voxel; beyond, blocks that differ much are padding or markers
_ALIKE = (0.75, 2.0)
_WHITE = 0.1
_FARTHEST = 8  # voxels, to which noise is taken to be correlated
_LEAST_SEEN = 0.05


@dataclass(frozen=True, eq=False)
class Noise:
    """Stationary noise, known by the covariances of its voxels.

    Parameters
    ----------
    covariance
        ``(n, n, n)`` covariance with the voxel that lies z, y, x away; lag 0 first, negative
        lags last, as in `numpy.fft.fftfreq`.
    blocks
        In how many blocks it was measured.
    """

    covariance: NDArray[np.float64]
    blocks: int = 0

    @property
    def deviation(self) -> float:
        """The standard deviation, in the grey values that were measured."""
        return float(np.sqrt(self.covariance[0, 0, 0]))

    def correlation(self, lag: int) -> tuple[float, float, float]:
        """Return the correlation of voxels that lie `lag` apart along z, along y, along x."""
        z, y, x = (self.covariance[place] for place in ((lag, 0, 0), (0, lag, 0), (0, 0, lag)))
        power = self.covariance[0, 0, 0]
        return float(z / power), float(y / power), float(x / power)

    @property
    def white(self) -> bool:
        """Whether neighbouring voxels are independent, along all axes."""
        return max(abs(value) for value in self.correlation(1)) < _WHITE

    @property
    def reach(self) -> int:
        """The smallest lag from which on voxels are independent, in voxels."""
        lags = range(1, len(self.covariance) // 2)
        dependent = [lag for lag in lags if max(map(abs, self.correlation(lag))) >= _WHITE]
        return 1 + max(dependent, default=0)

    def amplitude(self, shape: tuple[int, ...]) -> Values:
        """Return the factor that turns the spectrum of white noise into that of this one.

        Parameters
        ----------
        shape
            ``(z, y, x)`` of the noise to draw.

        Returns
        -------
        ndarray
            ``(z, y, x // 2 + 1)``, for `scipy.fft.rfftn`.
        """
        known = len(self.covariance) // 2
        lags = [np.arange(-(reach := min(known, (n - 1) // 2)), reach + 1) for n in shape]
        around = np.zeros(shape, np.float32)
        around[np.ix_(*lags)] = self.covariance[np.ix_(*lags)]
        power = np.asarray(fft.rfftn(around, workers=-1).real, dtype=np.float32)
        return np.sqrt(np.maximum(power, 0))

    def draw(self, shape: tuple[int, ...], random: np.random.Generator) -> Values:
        """Return noise of mean zero with these covariances, periodic at its ends.

        Parameters
        ----------
        shape
            ``(z, y, x)``.
        random
            Where the chance comes from.
        """
        white = random.standard_normal(shape, dtype=np.float32)
        coloured = fft.rfftn(white, workers=-1) * _amplitude(self, shape)
        return np.asarray(fft.irfftn(coloured, shape, workers=-1), dtype=np.float32)

    def sentence(self) -> str:
        """Say in one sentence how neighbouring voxels depend on each other."""
        z, y, x = self.correlation(1)
        kind = "independent from voxel to voxel" if self.white else "correlated"
        return (
            f"The noise is {kind}: neighbours along z, y, x have the correlation {z:.2f}, "
            f"{y:.2f}, {x:.2f}; measured in the {self.blocks} quietest blocks."
        )


def measure_noise(
    read: Callable[[tuple[slice, slice, slice]], Values],
    shape: tuple[int, ...],
    check: Callable[[], None] = lambda: None,
) -> Noise:
    """Measure the noise of a volume where there is least signal.

    Blocks are ranked by their power between 0.03 and 0.1 cycles/voxel; the quietest
    tenth is taken. Blocks whose power at the highest frequencies is less than three
    quarters or more than twice the usual one are left out: there, the volume was padded or
    masked, or holds gold.

    Parameters
    ----------
    read
        Returns the grey values of a region.
    shape
        ``(z, y, x)`` of the volume.
    check
        Called now and then; may raise to stop.

    Raises
    ------
    DataError
        If the volume is too small or holds no noise.
    """
    if min(shape) < 2:
        raise DataError(f"Noise is measured in volumes of at least two voxels, not {shape}.")
    sides = tuple(min(_SIDE, length) for length in shape)
    window = _window(sides)
    radius = frequency(sides)
    powers = []
    for region in _blocks(shape, sides):
        check()
        values = np.asarray(read(region), dtype=np.float32)
        mean = float((values * window**2).sum())
        powers.append(np.abs(fft.rfftn((values - np.float32(mean)) * window)) ** 2)
    power = np.stack(powers)
    power = power[_usual(power[:, radius >= _HIGH].mean(axis=1))]
    if not len(power) or not power.max() > 0:
        raise DataError("There is no noise in the volume: its blocks are constant.")
    band = (radius >= _BAND[0]) & (radius <= _BAND[1])
    band = band if band.any() else radius > 0
    usual = power.mean(axis=0)
    loud = (power[:, band] / np.maximum(usual[band], np.finfo(np.float32).tiny)).mean(axis=1)
    count = min(len(power), max(_LEAST_BLOCKS, round(_QUIET * len(power))))
    quiet = np.argsort(loud)[:count]
    seen = fft.irfftn(np.abs(fft.rfftn(window)) ** 2, sides)
    covariance = fft.irfftn(power[quiet].mean(axis=0), sides) / np.maximum(seen, _LEAST_SEEN)
    reach = min(_FARTHEST, (min(sides) - 1) // 3)
    lags = np.arange(-reach, reach + 1)
    end = 1 - (lags / (reach + 1)) ** 2
    kept = np.zeros((2 * reach + 1,) * 3)
    kept[np.ix_(lags, lags, lags)] = covariance[np.ix_(lags, lags, lags)]
    kept[np.ix_(lags, lags, lags)] *= end[:, None, None] * end[:, None] * end
    return Noise(kept, count)


def _blocks(shape: tuple[int, ...], sides: tuple[int, ...]) -> list[tuple[slice, slice, slice]]:
    """Return blocks that overlap, or some of them, spread evenly, if there are very many."""
    starts = [range(0, length - side + 1, _STEP) for length, side in zip(shape, sides, strict=True)]
    count = int(np.prod([len(axis) for axis in starts], dtype=np.int64))
    chosen = np.unique(np.linspace(0, count - 1, min(count, _MOST_BLOCKS)).astype(np.int64))
    places = np.stack(np.unravel_index(chosen, [len(axis) for axis in starts]), axis=-1) * _STEP
    return [
        (
            slice(int(z), int(z) + sides[0]),
            slice(int(y), int(y) + sides[1]),
            slice(int(x), int(x) + sides[2]),
        )
        for z, y, x in places
    ]


def _usual(power: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which values are like the middle of those that are not zero."""
    if not (power > 0).any():
        return np.zeros(len(power), bool)
    middle = np.median(power[power > 0])
    alike: NDArray[np.bool_] = (power >= middle * _ALIKE[0]) & (power <= middle * _ALIKE[1])
    return alike


@lru_cache(maxsize=4)
def _window(sides: tuple[int, ...]) -> Values:
    """Return a Hann window whose squares add up to 1."""
    z, y, x = (hann(side + 2)[1:-1] for side in sides)
    window = z[:, None, None] * y[:, None] * x
    return np.asarray(window / np.sqrt((window**2).sum()), dtype=np.float32)


@lru_cache(maxsize=4)
def _amplitude(noise: Noise, shape: tuple[int, ...]) -> Values:
    """Remember the amplitudes of the shapes that were drawn last."""
    return noise.amplitude(shape)
