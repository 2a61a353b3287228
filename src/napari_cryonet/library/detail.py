"""How far two half maps agree in detail, as a share of what their noise allows.

The halves of one thing differ by their noise alone, and the noise is seen around the particle.
It tells how far the halves have to correlate in each Fourier shell: by the share of the power
that is signal. How much of that they reach is 1 for two halves of one thing, however noisy, and
near 0 for two things, or one that was turned. A shell counts by its number of coefficients, as
long as the signal in it is at least twice as strong as the noise. The first shells do not count:
they hold the outline, in which all globular particles are alike.

References
----------
Rosenthal and Henderson, J. Mol. Biol. 333 (2003), doi:10.1016/j.jmb.2003.07.013 (the
correlation of half maps from signal and noise).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.signal.fsc import Shells
from napari_cryonet.signal.mask import Mask
from napari_cryonet.signal.shells import Real, Spectrum, spectrum
from napari_cryonet.types.volume import ZYX

_CLEAR = 2 / 3  # the expected correlation where the signal is twice as strong as the noise
_OUTLINE = 3  # shells that tell no more than how large the particle is
_SEEN = 0.5  # of the surroundings that have to hold noise; a masked map has one value there
_COARSE = 1 / 10  # 1/Å, up to which halves of unknown noise are compared
_RIM = 0.1  # of the radius, over which the surroundings fade towards the faces of the box


def detail(first: NDArray[Any], second: NDArray[Any], voxel_size: ZYX, mask: Mask | None) -> float:
    """Return how far two half maps correlate, as a share of what their noise allows.

    Parameters
    ----------
    first, second
        ``(z, y, x)`` of one shape, finite.
    voxel_size
        Å per voxel along z, y, x.
    mask
        ``(z, y, x)`` from 0 to 1, 1 at the particle; None compares the whole box.

    Returns
    -------
    float
        From -1 to 1; 0 where the noise hides all but the outline. If the noise cannot be
        measured, since the halves are masked or there is no mask, it is passed over and the
        halves are compared down to 10 Å.
    """
    shells = Shells(first.shape, voxel_size)
    inside = np.ones(first.shape, np.float32) if mask is None else mask
    surroundings = _surroundings(inside)
    levelled = [_levelled(half, surroundings) for half in (first, second)]
    parts = [spectrum(half * inside) for half in levelled]
    noisy = surroundings * ((first != first[0, 0, 0]) & (second != second[0, 0, 0]))
    if mask is None or _sum(noisy) < _SEEN * _sum(surroundings):
        expected = np.asarray(shells.frequency <= _COARSE, float)
    else:
        weight = np.sqrt(_sum(np.square(inside)) / _sum(np.square(noisy)), dtype=np.float32)
        noises = [spectrum(half * (noisy * weight)) for half in levelled]
        expected = np.maximum(*(_signal(*each, shells) for each in zip(parts, noises, strict=True)))
    counted = slice(_OUTLINE, _reach(expected))
    if counted.stop <= _OUTLINE:
        return 0.0
    often = shells.total(np.ones(parts[0].shape, np.float32))[counted] * expected[counted]
    found = shells.correlation(parts[0], parts[1])[counted]
    return float(np.clip((often @ found) / (often @ expected[counted]), -1, 1))


def _surroundings(inside: Mask) -> Mask:
    """Return what surrounds the particle, without the corners, which programs clear."""
    axes = (np.square(np.linspace(-1, 1, count, dtype=np.float32)) for count in inside.shape)
    fading = np.clip((1 - np.sqrt(sum(np.ix_(*axes)))) / np.float32(_RIM), 0, 1)
    return np.asarray(fading * (1 - inside), np.float32)


def _levelled(data: NDArray[Any], surroundings: Mask) -> Mask:
    """Return a map that is 0 around the particle, so that a mask adds no edge."""
    weights = surroundings if surroundings.any() else None
    values = np.asarray(data, np.float32)
    return values - np.float32(np.average(values, weights=weights))


def _sum(weights: Mask) -> float:
    """Return the sum of weights."""
    return float(weights.sum(dtype=np.float64))


def _signal(part: Spectrum, noise: Spectrum, shells: Shells) -> Real:
    """Return which share of the power in each shell is not noise."""
    power, lost = (shells.total(np.square(np.abs(terms))) for terms in (part, noise))
    share = np.divide(lost, power, out=np.ones_like(lost), where=power > 0)
    return np.asarray(np.clip(1 - share, 0, 1))


def _reach(expected: Real) -> int:
    """Return the first shell beyond the outline's in which the noise is too strong."""
    clear = np.append(expected > _CLEAR, False)
    clear[:_OUTLINE] = True
    return int(np.argmin(clear))
