"""What the data already know, combined shell by shell with what the network adds.

In each Fourier shell the best linear mixture of the raw average R and the denoised volume D
is that of least squares against the truth s, whose products with both are measured across
the halves: ``<R, s> = <h1, h2>``, and ``<D, s>`` from the half whose noise D does not hold.

Of two halves with independent noise n1 and n2 of equal strength, with mean M and half
difference N, the mixtures ``M + αN`` and ``M - N/α`` have independent noise too, for any α.
At α = 1 they are the halves themselves. A smaller α gives a network a cleaner input, as clean
as it will be when both halves are denoised, at the price of a noisier target.

References
----------
Pang, Zheng, Quan, Ji, *Recorrupted-to-Recorrupted: unsupervised deep learning for image
denoising*, CVPR 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.signal.shells import Real, backward, shell_gain, shell_sum, spectrum

SHELLS = 64
"""How many shells there are from 0 to Nyquist."""

Values = NDArray[np.float32]

_LEAST = 1e-4
_LEAST_FSC = 0.05
_EMPTY = 1e-6


def mixtures(first: Values, second: Values, mixing: float) -> tuple[Values, Values]:
    """Return input and target with independent noise, made of two halves.

    Parameters
    ----------
    first, second
        The halves.
    mixing
        α: 1 returns the halves themselves.
    """
    if mixing == 1:
        return first, second
    two = np.float32(2)
    mean, half = (first + second) / two, (first - second) / two
    return mean + np.float32(mixing) * half, mean - half / np.float32(mixing)


@dataclass(frozen=True, eq=False)
class Spectra:
    """Products of volumes in each Fourier shell, summed over pieces.

    Parameters
    ----------
    signal
        ``<h1, h2>``: the power of the truth.
    kept
        ``<D, s>``: what the denoised volume shares with the truth.
    raw
        ``<R, R>`` of the raw average.
    denoised
        ``<D, D>``.
    shared
        ``<R, D>``.
    """

    signal: Real
    kept: Real
    raw: Real
    denoised: Real
    shared: Real

    @classmethod
    def measure(
        cls,
        halves: tuple[NDArray[Any], NDArray[Any]],
        denoised: tuple[NDArray[Any], NDArray[Any]],
        mixing: float,
        count: int,
    ) -> Spectra:
        """Measure the spectra of one piece.

        Parameters
        ----------
        halves
            ``(z, y, x)`` each.
        denoised
            What the network made of the mixtures ``M + αN`` and ``M - αN`` of the halves.
        mixing
            α.
        count
            Number of shells.
        """
        shape = halves[0].shape
        first, second, made, other = (spectrum(each) for each in (*halves, *denoised))
        mean, half = (first + second) / 2, (first - second) / (2 * mixing)
        both = (made + other) / 2

        def products(one: Any, two: Any) -> Real:
            return shell_sum(one, two, shape, count)

        return cls(
            products(first, second),
            (products(made, mean - half) + products(other, mean + half)) / 2,
            products(mean, mean),
            products(both, both),
            products(mean, both),
        )

    def __add__(self, other: Spectra) -> Spectra:
        """Add the spectra of another piece."""
        return Spectra(
            self.signal + other.signal,
            self.kept + other.kept,
            self.raw + other.raw,
            self.denoised + other.denoised,
            self.shared + other.shared,
        )

    def gains(self) -> tuple[Real, Real]:
        """Return the factors of the raw average and of the denoised volume in each shell.

        They are the best that lie between 0 and 1, so that a shell of pure noise can never
        be amplified. Where a network only scales its input, many pairs are equally good and
        the first guess is any: each is then made the best for the other. A shell between
        those of small pieces, where nothing was measured, is like its neighbours. The first
        shell, which holds the mean, is that of the raw average.
        """
        determinant = self.raw * self.denoised - self.shared**2
        floor = np.maximum(determinant, _LEAST * self.raw * self.denoised)
        cross = self.signal * self.denoised - self.kept * self.shared
        raw = np.clip(_ratio(cross, floor), 0, 1)
        denoised = np.clip(_ratio(self.kept - raw * self.shared, self.denoised), 0, 1)
        raw = np.clip(_ratio(self.signal - denoised * self.shared, self.raw), 0, 1)
        measured = self.raw > _EMPTY * self.raw.max()
        raw, denoised = _filled(raw, measured), _filled(denoised, measured)
        raw[0], denoised[0] = 1, 0
        return raw, denoised

    def fsc_raw(self) -> Real:
        """Return the FSC of the raw average with the truth, estimated from the halves.

        nan where a shell holds nothing, as some do in small volumes.
        """
        fsc = np.clip(_ratio(self.signal, 2 * self.raw - self.signal), 0, 1)
        return np.where(self.raw > 0, np.sqrt(2 * fsc / (1 + fsc)), np.nan)

    def fsc_mixed(self, gains: tuple[Real, Real]) -> Real:
        """Return the FSC of a mixture with the truth, estimated across halves.

        nan where the halves have too little in common to tell.

        Parameters
        ----------
        gains
            The factors of the raw average and of the denoised volume in each shell.
        """
        a, b = gains
        power = a**2 * self.raw + 2 * a * b * self.shared + b**2 * self.denoised
        shared = a * self.signal + b * self.kept
        estimate = _ratio(shared, np.sqrt(np.maximum(self.signal * power, 0)))
        return np.where(self.fsc_raw() > _LEAST_FSC, np.clip(estimate, -1, 1), np.nan)


def combine(
    raw: NDArray[Any], denoised: NDArray[Any], gains: tuple[Real, Real]
) -> NDArray[np.floating[Any]]:
    """Return the mixture of a raw and a denoised piece, shell by shell.

    Parameters
    ----------
    raw, denoised
        ``(z, y, x)`` on one scale.
    gains
        The factors of both in each shell.
    """
    shape = raw.shape
    mixed = spectrum(raw) * shell_gain(shape, gains[0])
    mixed += spectrum(denoised) * shell_gain(shape, gains[1])
    return backward(mixed, shape)


def _filled(gain: Real, measured: NDArray[np.bool_]) -> Real:
    """Return a gain in which shells without data lie between their neighbours."""
    if not measured.any():
        return gain.copy()
    shells = np.arange(len(gain))
    return np.interp(shells, shells[measured], gain[measured])


def _ratio(above: Real, below: Real) -> Real:
    """Divide, 0 where there is nothing to divide by."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
