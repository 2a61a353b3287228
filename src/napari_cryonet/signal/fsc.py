"""The global resolution of two half maps: their FSC, without a mask, with one, and corrected.

What a mask adds to the correlation is measured by randomising the phases of both halves beyond
a shell: any correlation that is left there is the mask's, and is taken off.

References
----------
Chen et al., *High-resolution noise substitution to measure overfitting and validate resolution
in 3D structure determination by single particle electron cryomicroscopy*, Ultramicroscopy 135
(2013), doi:10.1016/j.ultramic.2013.06.004. Rosenthal and Henderson, J. Mol. Biol. 333 (2003),
doi:10.1016/j.jmb.2003.07.013 (the threshold 0.143).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.reporting import Tick, untold
from napari_cryonet.signal.halves import are_masked, check_halves
from napari_cryonet.signal.mask import Mask
from napari_cryonet.signal.resolution_settings import FscSettings
from napari_cryonet.signal.shells import Real, Spectrum, backward, frequency, multiplicity, spectrum
from napari_cryonet.types import Volume
from napari_cryonet.types.fsc import THRESHOLDS, Fsc
from napari_cryonet.types.volume import ZYX

_CLEAR = 2  # shells beyond the first random one in which the mask's correlation is not known
_LEFT = 0.1  # correlation of random phases at the resolution above which a mask is too tight


class Shells:
    """The Fourier shells of a box, as wide as its longest side resolves.

    Shell *n* holds the frequencies nearest to *n* / side, up to Nyquist of the coarsest axis, so
    that all shells are whole.

    Parameters
    ----------
    shape
        ``(z, y, x)``.
    voxel_size
        Å per voxel along z, y, x.

    Attributes
    ----------
    frequency
        ``(shells,)`` in 1/Å.
    """

    def __init__(self, shape: tuple[int, ...], voxel_size: ZYX) -> None:
        side = max(count * size for count, size in zip(shape, voxel_size, strict=True))
        self.count = int(side / (2 * max(voxel_size)) + 1e-6) + 1
        self.frequency = np.arange(self.count) / side
        index = np.rint(frequency(shape, voxel_size) * np.float32(side)).astype(np.int32)
        self.index = np.minimum(index, self.count)  # the last one is thrown away
        self._often = multiplicity(shape)

    def correlation(self, first: Spectrum, second: Spectrum) -> Real:
        """Return the FSC of two spectra; 0 where one of them is."""
        cross = self.total(first.real * second.real + first.imag * second.imag)
        power = self.total(np.square(np.abs(first))) * self.total(np.square(np.abs(second)))
        return np.divide(cross, np.sqrt(power), out=np.zeros_like(cross), where=power > 0)

    def total(self, values: NDArray[Any]) -> Real:
        """Return the sum over the whole of each shell.

        Parameters
        ----------
        values
            ``(z, y, x // 2 + 1)`` one for each coefficient of `rfftn`.
        """
        weights = (values * self._often).ravel()
        return np.asarray(np.bincount(self.index.ravel(), weights, self.count + 1)[:-1], float)


def measure(
    halves: Sequence[Volume],
    mask: Mask | None,
    settings: FscSettings,
    tick: Tick | None = None,
) -> Fsc:
    """Return the FSC of two half maps, as they are and in a mask.

    Parameters
    ----------
    halves
        The half maps, neither masked nor filtered.
    mask
        ``(z, y, x)`` from 0 to 1, or None for the unmasked curve alone.
    settings
        Where phases are randomised.
    tick
        Is told how far it is; may raise to stop.

    Raises
    ------
    DataError
        As `check_halves`.
    """
    first, second = halves
    tick = tick or untold
    shape, size = first.shape, check_halves(first, second)
    shells = Shells(shape, size)
    names = (first.name, second.name)
    spectra = tuple(spectrum(half.data) for half in halves)
    unmasked = shells.correlation(*spectra)
    tick(0.2)
    if mask is None:
        return Fsc(shells.frequency, unmasked, names=names)
    masked = shells.correlation(*(_masked(half.data, mask) for half in halves))
    tick(0.4)
    starts = _starts(unmasked, settings)
    if not starts:
        return Fsc(shells.frequency, unmasked, masked, names=names)
    rng = np.random.default_rng(settings.seed)
    randomised = _with_random_phases(spectra, mask, shells, starts, rng)
    tick(1.0)
    return Fsc(
        shells.frequency,
        unmasked,
        masked,
        randomised,
        _corrected(masked, randomised, starts[0]),
        round(float(1 / shells.frequency[starts[0]]), 3),
        names,
    )


def remarks(curves: Fsc, halves: Sequence[Volume]) -> list[str]:
    """Return what is to be said of half maps, their mask and their curves, one sentence each.

    Parameters
    ----------
    curves
        What was measured.
    halves
        The half maps.
    """
    found = []
    if any(are_masked(half.data) for half in halves):
        found.append(
            "The half maps are masked already, so the unmasked curve is not: it is too good. Give "
            "unmasked half maps."
        )
    threshold = THRESHOLDS[0]
    corrected, unmasked = (
        curves.crossing(threshold, name).resolution for name in (curves.best, "unmasked")
    )
    if curves.randomised is not None and corrected is not None:
        at = np.interp(1 / corrected, curves.frequency, curves.randomised)
        if at > _LEFT:
            found.append(
                f"With random phases the FSC is still {at:.2f} at {corrected:.2f} Å: the mask is "
                f"too tight. Extend it or give it a wider edge."
            )
    if curves.masked is not None and corrected and unmasked and unmasked < 0.98 * corrected:
        found.append(
            "Without the mask the resolution is better than with it: the mask cuts the molecule. "
            "Extend it, or make another one."
        )
    crossed = curves.crossing(threshold)
    if crossed.resolution is not None and crossed.again:
        found.append(
            f"The {curves.best} curve rises above {threshold:g} again beyond "
            f"{crossed.resolution:.2f} Å; the first crossing counts."
        )
    return found


def _masked(data: NDArray[Any], mask: Mask) -> Spectrum:
    """Return the spectrum of a masked half; outside the mask it is 0 at the mean."""
    outside = 1 - mask
    weight = float(outside.sum(dtype=np.float64))
    values = np.asarray(data, dtype=np.float32)
    if weight > 0.01 * mask.size:
        level = float((values * outside).sum(dtype=np.float64)) / weight
    else:
        level = float(values.mean(dtype=np.float64))
    return spectrum((values - np.float32(level)) * mask)


def _starts(unmasked: Real, settings: FscSettings) -> list[int]:
    """Return the shells from which phases are random: the usual one, and one near the answer.

    A mask along the density leaks low shells into high ones. What of that belongs to the shells
    in between is taken for the mask's as well if the phases are random from far below the answer.
    """
    levels = (settings.randomise_below, min(THRESHOLDS))
    first = (np.flatnonzero(unmasked[1:] < level) for level in levels)
    return sorted({int(below[0]) + 1 for below in first if below.size})


def _with_random_phases(
    spectra: Sequence[Spectrum],
    mask: Mask,
    shells: Shells,
    starts: Sequence[int],
    rng: np.random.Generator,
) -> Real:
    """Return the masked curve with random phases; each start counts from two shells beyond it.

    Phases become random from the last start to the first, so `spectra` are changed in place.
    """
    found, end = np.zeros(shells.count), shells.count
    for start in reversed(starts):
        random = []
        for terms in spectra:
            _randomise(terms, shells.index >= start, mask.shape, rng)
            random.append(_masked(backward(terms, mask.shape), mask))
        found[:end] = shells.correlation(*random)[:end]
        end = start + _CLEAR
    return found


def _randomise(
    terms: Spectrum, chosen: NDArray[np.bool_], shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    """Give the chosen coefficients the phases of noise, whose spectrum is a real volume's."""
    noise = spectrum(rng.standard_normal(shape, dtype=np.float32))[chosen]
    size = np.abs(noise)
    terms[chosen] = np.abs(terms[chosen]) * noise / np.where(size > 0, size, 1)


def _corrected(masked: Real, randomised: Real, start: int) -> Real:
    """Return the masked curve without the mask's part, from two shells beyond the first random."""
    curve = masked.copy()
    part = slice(start + _CLEAR, None)
    left = np.maximum(1 - randomised[part], 1e-6)
    curve[part] = np.where(randomised[part] < 1, (masked[part] - randomised[part]) / left, 0)
    return curve
