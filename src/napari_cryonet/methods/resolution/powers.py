"""What the network is given: local power in bands of 1/Å, compared with that of the solvent.

The places lie on a lattice in Å, the bands are in 1/Å, and the power of the signal is counted
in powers of the noise. So the same molecule gives the same numbers at any voxel size, and a
filter of the map cancels out. It is given twice: in wide windows, which have little noise, and
with the blur of narrow ones undone, which show where the resolution jumps.

References
----------
Richardson, J. Opt. Soc. Am. 62 (1972), doi:10.1364/JOSA.62.000055, and Lucy, Astron. J. 79 (1974),
doi:10.1086/111605 (undoing a blur).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_cryonet.methods.resolution.answers import ANSWERS, answers
from napari_cryonet.methods.resolution.measuring import (
    BANDS,
    NARROW,
    RADIUS,
    SPACING,
    Measuring,
)
from napari_cryonet.nn.bands import Falling, window
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.filtering import GAUSSIAN
from napari_cryonet.reporting import Reporter
from napari_cryonet.signal.mask import Mask
from napari_cryonet.types import Volume

CHANNELS, MIDDLE = 3 * len(BANDS) + ANSWERS, 5.0
"""What the network is given at a place, and a usual resolution in Å."""

_INSIDE = 0.5  # of the mask, from where on a place is in the molecule
_LITTLE = 0.25  # of a window that the molecule fills, below which the signal is not made up for
_THRESHOLD = 0.143
_SILENT = 1e-7  # of the strongest noise: a band that a filter has emptied
_LOG = (-1.0, 3.0)
"""Limits of the logarithms: where the signal ends counts, not the spectrum of the molecule."""
_UNDONE, _FAINT = 2, 0.05
"""Steps in which the blur of the windows is undone, and the least power in them."""
_TOP, _FLAT, _STRONGER = 5, 0.15, 1.3
"""Bands without signal, how much they may differ in logarithm, and what ratio is suspicious."""

Values = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Field:
    """What a network is given of a map, and where.

    Parameters
    ----------
    values
        ``(c, z', y', x')``.
    axes
        Where the places are along z, y and x, in voxels of the map.
    """

    values: NDArray[np.float32]
    axes: tuple[NDArray[np.float64], ...]

    @property
    def known(self) -> NDArray[np.bool_]:
        """For each band whether the map has it, ``(bands,)``."""
        known: NDArray[np.bool_] = self.values[len(BANDS) : 2 * len(BANDS), 0, 0, 0] > 0
        return known

    def at(self, data: NDArray[Any]) -> NDArray[Any]:
        """Return the values of an array ``(z, y, x)`` in the voxels nearest to the places."""
        values: NDArray[Any] = data[np.ix_(*(np.rint(axis).astype(int) for axis in self.axes))]
        return values


class Noise(NamedTuple):
    """How strong the noise inside a molecule is.

    Parameters
    ----------
    ratio
        Its power there over that in the solvent.
    warning
        One sentence if the resolution comes out too good for it, else "".
    """

    ratio: float
    warning: str


def powers(volume: Volume, mask: Mask, compute: Compute, report: Reporter) -> Field:
    """Return the local power of a map in bands, as logarithms of multiples of the noise.

    Parameters
    ----------
    volume
        With a voxel size.
    mask
        ``(z, y, x)`` from 0 to 1, 1 in the molecule; the noise is measured away from it.
    compute
        Where to compute.
    report
        Is told of the progress, and asked whether to stop.

    Returns
    -------
    Field
        `CHANNELS` of them: for each band the logarithm in wide windows; for each whether it is
        known – not beyond Nyquist and not emptied by a filter –; for each the logarithm with the
        blur of the windows undone; and last the answers, logarithms of the resolution in `MIDDLE`
        at which the signal falls to the noise as the FSC of half maps falls to 0.143.

    Raises
    ------
    DataError
        If there is no solvent that says how strong the noise is.
    """
    work = Measuring(volume, mask, compute)
    work.run(report)
    noise = work.noise()
    centres = np.array([band.centre for band in BANDS])
    known = (noise > _SILENT * noise.max()) & (centres <= 0.5 / max(volume.scale))
    shape, count = work.power.shape[1:], len(BANDS)
    field = Field(np.zeros((CHANNELS, *shape), np.float32), work.axes)
    inside = np.asarray(field.at(mask), dtype=np.float32)
    sharp, wide = (Falling(_THRESHOLD, torch.zeros(shape)) for _ in range(2))
    for number in np.flatnonzero(known):
        report.check()
        found = _seen(work.power[number] / np.float32(noise[number]), inside, centres[number])
        field.values[[number, 2 * count + number]] = np.log(found).clip(*_LOG)
        field.values[count + number] = 1
        for falling, ratio in zip((wide, sharp), found, strict=True):
            falling.add(float(centres[number]), _correlation(ratio))
    ends = [-torch.log(MIDDLE * falling.frequency()).numpy() for falling in (sharp, wide)]
    field.values[-ANSWERS:] = answers(ends[0], ends[1], inside > _INSIDE)
    return field


def _seen(level: Values, inside: Values, centre: float) -> Values:
    """Return the power in a wide window, and with the blur of the narrow one undone, ``(2, …)``.

    Parameters
    ----------
    level
        ``(z', y', x')`` the power in the narrow window, in powers of the noise.
    inside
        ``(z', y', x')`` the mask at the places. Near its border a window holds less signal, but
        the resolution is no coarser there: it is made up for.
    centre
        Of the band, in 1/Å.
    """
    level = np.where(level > 0, level, np.float32(1))
    sigma = window(RADIUS, centre) / (GAUSSIAN * SPACING)
    wide = _blurred(level, sigma * math.sqrt(1 - NARROW**2))
    ratios = [
        1 + (power - 1) / ndimage.gaussian_filter(inside, own, mode="constant").clip(_LITTLE, 1)
        for power, own in ((wide, sigma), (level, NARROW * sigma))
    ]
    seen = np.stack(ratios).clip(_FAINT)
    seen[1] = undone(seen[1], NARROW * sigma)
    return seen


def undone(power: Values, sigma: float) -> Values:
    """Return power with the blur of its window undone, in steps of Richardson and Lucy.

    Parameters
    ----------
    power
        ``(z', y', x')``, positive.
    sigma
        Of the window, in places.
    """
    found = power
    for _ in range(_UNDONE):
        found = found * _blurred(power / _blurred(found, sigma), sigma)
    return found


def _blurred(values: Values, sigma: float) -> Values:
    """Return values at the places in a wider window, by `sigma` places."""
    blurred: Values = ndimage.gaussian_filter(values, sigma, mode="nearest", truncate=3.0)
    return blurred


def _correlation(ratio: Values) -> torch.Tensor:
    """Return the FSC of half maps that belongs to the power of their average.

    A half map has twice the noise of their average, so with a signal-to-noise ratio of s there,
    the FSC is s / (2 + s).
    """
    signal = torch.from_numpy(ratio).sub(1).clamp_min(0)
    return signal / (2 + signal)


def noise_inside(field: Field, inside: NDArray[np.bool_]) -> Noise:
    """Compare the noise in a molecule with that of the solvent, where a map has no signal.

    Parameters
    ----------
    field
        What `powers` has measured.
    inside
        ``(z', y', x')`` the places in the molecule.
    """
    logs, known = field.values[: len(BANDS)], field.known
    curve = np.median(logs[known][:, inside], axis=1)[-_TOP:]
    ratio = math.exp(float(curve.min()))
    flat = float(curve.max() - curve.min()) < _FLAT
    if not (flat and ratio > _STRONGER):
        return Noise(ratio, "")
    return Noise(
        ratio,
        f"The finest {len(curve)} bands are {ratio:.2g} times as strong in the molecule as in the "
        f"solvent, and equally so: the noise is stronger inside, or the solvent was made "
        f"smoother. The resolution comes out too good. Two half maps tell it without this error.",
    )
