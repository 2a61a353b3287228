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
from scipy import fft, ndimage
from scipy.signal.windows import hann

from napari_cryonet.errors import DataError
from napari_cryonet.signal.shells import frequency

Values = NDArray[np.float32]
Region = tuple[slice, slice, slice]

_SIDE = 24  # voxels of a block; smaller ones find more quiet places, larger ones see farther
_STEP = 8
_MOST_BLOCKS = 3000
_QUIET = 0.05
_LEAST_BLOCKS = 8
_LOW, _MIDDLE = (0.03, 0.1), (0.1, 0.25)  # cycles/voxel
_HIGH = 0.3  # cycles/voxel; beyond, blocks that differ much are padding or markers
_ALIKE = (0.75, 2.0)
_WHITE = 0.1
_FARTHEST = 8  # voxels, for the reach
_LARGE, _MOST_LARGE = 64, 100  # for the shape of the spectrum, such as a missing wedge
_MOST_SHARPENED = 1.5
_TINY = float(np.finfo(np.float32).tiny)
_LEAST_SEEN = 0.05


@dataclass(frozen=True, eq=False)
class Noise:
    """Stationary noise, known by the covariances of its voxels.

    Parameters
    ----------
    covariance
        ``(z, y, x)`` covariance with the voxel that lies z, y, x away; lag 0 first, negative
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
        power = self.covariance[0, 0, 0]
        z, y, x = (
            float(np.moveaxis(self.covariance, axis, 0)[lag, 0, 0] / power)
            if lag <= n // 2
            else 0.0
            for axis, n in enumerate(self.covariance.shape)
        )
        return z, y, x

    @property
    def white(self) -> bool:
        """Whether neighbouring voxels are independent, along all axes."""
        return max(abs(value) for value in self.correlation(1)) < _WHITE

    @property
    def reach(self) -> int:
        """The smallest lag from which on voxels are independent, in voxels."""
        lags = range(1, _FARTHEST + 1)
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
        reaches = [
            min(known // 2, (length - 1) // 2)
            for known, length in zip(self.covariance.shape, shape, strict=True)
        ]
        lags = [np.arange(-reach, reach + 1) for reach in reaches]
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
    read: Callable[[Region], Values],
    shape: tuple[int, ...],
    check: Callable[[], None] = lambda: None,
) -> Noise:
    """Measure the noise of a volume where there is least signal.

    Its spectrum is that of the quietest twentieth of small blocks. They are ranked by their
    power between 0.03 and 0.1 cycles/voxel, where matter is strongest; for those frequencies
    themselves between 0.1 and 0.25, because noise must not choose where it is measured. Blocks
    whose power at the highest frequencies is less than three quarters or more than twice the
    usual one are left out: there, the volume was padded or masked, or holds gold. Small blocks
    blur the spectrum; the edges that it has in large blocks, such as those of a missing wedge,
    are put back.

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
    small, large = (tuple(min(side, length) for length in shape) for side in (_SIDE, _LARGE))
    power = _powers(read, _blocks(shape, small, _STEP, _MOST_BLOCKS), small, check)
    radius = frequency(small)
    usual = power[_usual(power[:, radius >= _HIGH].mean(axis=1))]
    if not len(usual) or not usual.max() > 0:
        raise DataError("There is no noise in the volume: its blocks are constant.")
    count = min(len(usual), max(_LEAST_BLOCKS, round(_QUIET * len(usual))))
    quiet = _quiet_power(usual, radius, count)
    blurred = _finer(power.mean(axis=0), small, large)
    places = _blocks(shape, large, _LARGE // 2, _MOST_LARGE)
    sharp = _powers(read, places, large, check).mean(axis=0)
    edges = np.minimum(sharp / np.maximum(blurred, _TINY), _MOST_SHARPENED)
    covariance = _covariance(_finer(quiet, small, large) * edges, large)
    covariance *= fft.irfftn(quiet, small)[0, 0, 0] / covariance[0, 0, 0]
    return Noise(covariance, count)


def _powers(
    read: Callable[[Region], Values],
    places: list[Region],
    sides: tuple[int, ...],
    check: Callable[[], None],
) -> NDArray[Any]:
    """Return the power spectra ``(blocks, z, y, x // 2 + 1)`` of blocks, each in a Hann window."""
    window, powers = _window(sides), []
    for region in places:
        check()
        values = np.asarray(read(region), dtype=np.float32)
        mean = np.float32((values * window**2).sum())
        powers.append(np.square(np.abs(fft.rfftn((values - mean) * window)), dtype=np.float32))
    return np.stack(powers)


def _finer(power: NDArray[Any], small: tuple[int, ...], large: tuple[int, ...]) -> NDArray[Any]:
    """Return a spectrum at the frequencies of larger blocks, interpolated."""
    around = np.fft.fftshift(power, axes=(0, 1))
    z, y = (fft.fftfreq(large[axis]) * small[axis] + small[axis] // 2 for axis in (0, 1))
    x = fft.rfftfreq(large[2]) * small[2]
    places = np.stack(np.meshgrid(z, y, x, indexing="ij"))
    finer: NDArray[Any] = ndimage.map_coordinates(around, places, order=1, mode="nearest")
    return finer


def _covariance(power: NDArray[Any], sides: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the covariances of voxels from a spectrum that was seen through a window.

    They end softly at a third of a block, beyond which the window shows too few pairs of voxels.
    """
    seen = fft.irfftn(np.square(np.abs(fft.rfftn(_window(sides)))), sides)
    covariance = fft.irfftn(power, sides) / np.maximum(seen, _LEAST_SEEN)
    reaches = [(side - 1) // 3 for side in sides]
    lags = [np.arange(-reach, reach + 1) for reach in reaches]
    ends = np.ix_(*(1 - (axis / (axis[-1] + 1)) ** 2 for axis in lags))
    kept = np.zeros([2 * reach + 1 for reach in reaches])
    kept[np.ix_(*lags)] = covariance[np.ix_(*lags)] * ends[0] * ends[1] * ends[2]
    return kept


def _blocks(shape: tuple[int, ...], sides: tuple[int, ...], step: int, most: int) -> list[Region]:
    """Return blocks that overlap, or some of them, spread evenly, if there are very many."""
    starts = [range(0, length - side + 1, step) for length, side in zip(shape, sides, strict=True)]
    counts = [len(axis) for axis in starts]
    total = int(np.prod(counts, dtype=np.int64))
    chosen = np.unique(np.linspace(0, total - 1, min(total, most)).astype(np.int64))
    places = np.stack(np.unravel_index(chosen, counts), axis=-1) * step
    return [
        (
            slice(int(z), int(z) + sides[0]),
            slice(int(y), int(y) + sides[1]),
            slice(int(x), int(x) + sides[2]),
        )
        for z, y, x in places
    ]


def _quiet_power(power: NDArray[Any], radius: NDArray[Any], count: int) -> NDArray[Any]:
    """Return the mean spectrum of the blocks with the least power in other frequencies.

    Parameters
    ----------
    power
        ``(blocks, z, y, x // 2 + 1)``.
    radius
        ``(z, y, x // 2 + 1)`` frequencies in cycles/voxel.
    count
        How many blocks to take.
    """
    relative = power / np.maximum(power.mean(axis=0), _TINY)
    found = np.empty(power.shape[1:])
    low = radius < _LOW[1]
    for wanted, band in ((low, _MIDDLE), (~low, _LOW)):
        judging = (radius >= band[0]) & (radius < band[1])
        judging = judging if judging.any() else radius > 0
        quiet = np.argsort(relative[:, judging].mean(axis=1))[:count]
        found[wanted] = power[quiet][:, wanted].mean(axis=0)
    return found


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
