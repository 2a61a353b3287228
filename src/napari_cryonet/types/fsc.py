"""Fourier shell correlation curves of two half maps, and where they fall below a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.floating[Any]]

THRESHOLDS = (0.143, 0.5)
"""Of half maps of independent halves of the data, and the older, stricter one."""

LABELS = {
    "corrected": "corrected",
    "masked": "masked",
    "unmasked": "unmasked",
    "randomised": "phase-randomised, masked",
}
"""What each curve is called wherever it is shown, the most telling first."""


@dataclass(frozen=True)
class Crossing:
    """Where a curve first falls below a threshold.

    Parameters
    ----------
    resolution
        In Å, interpolated between two shells; None if the curve does not cross.
    limit
        In Å: what it is finer than if it never falls, or coarser than if it starts below.
    started_below
        Whether the first shell is below the threshold already.
    again
        Whether the curve rises above the threshold again further out.
    """

    resolution: float | None
    limit: float
    started_below: bool = False
    again: bool = False

    def __str__(self) -> str:
        """Say it as a person would."""
        if self.resolution is not None:
            return f"{self.resolution:.2f} Å"
        if self.started_below:
            return f"coarser than {self.limit:.3g} Å"
        return f"{self.limit:.2f} Å or finer (never falls)"


@dataclass(frozen=True, eq=False)
class Fsc:
    """The correlation of two half maps in Fourier shells, from the origin to Nyquist.

    Parameters
    ----------
    frequency
        ``(shells,)`` in 1/Å; the first is 0.
    unmasked
        ``(shells,)`` of the half maps as they are.
    masked
        ``(shells,)`` after multiplying both with the mask; None without a mask.
    randomised
        ``(shells,)`` as `masked`, with random phases beyond `randomised_from`: what of it the
        mask alone makes.
    corrected
        ``(shells,)`` `masked` with that taken off.
    randomised_from
        In Å; None if the curves never fall so far that phases could be randomised.
    names
        Of the half maps, and of the mask if there is one.
    """

    frequency: Curve
    unmasked: Curve
    masked: Curve | None = None
    randomised: Curve | None = None
    corrected: Curve | None = None
    randomised_from: float | None = None
    names: tuple[str, ...] = ()

    @property
    def curves(self) -> dict[str, Curve]:
        """The curves that there are, by name, the most telling first."""
        found = {name: getattr(self, name) for name in LABELS}
        return {name: curve for name, curve in found.items() if curve is not None}

    @property
    def best(self) -> str:
        """The name of the curve whose crossing is the resolution."""
        return next(iter(self.curves))

    def crossing(self, threshold: float, curve: str = "") -> Crossing:
        """Return where a curve falls below a threshold.

        Parameters
        ----------
        threshold
            For example 0.143.
        curve
            Its name; none takes `best`.
        """
        return crossing(self.frequency, self.curves[curve or self.best], threshold)

    def resolutions(self) -> dict[str, dict[str, float | None]]:
        """Return the crossings of all curves in Å, by threshold and by name of the curve."""
        return {
            f"{threshold:g}": {
                name: self.crossing(threshold, name).resolution
                for name in self.curves
                if name != "randomised"
            }
            for threshold in THRESHOLDS
        }

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        curves = {name: [round(float(v), 6) for v in curve] for name, curve in self.curves.items()}
        return {
            "frequency": [round(float(value), 8) for value in self.frequency],
            **curves,
            "randomised_from": self.randomised_from,
            "names": list(self.names),
            "resolution": self.resolutions(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Fsc:
        """Return the curves that `to_dict` has made plain."""
        curves = {name: np.asarray(values[name]) for name in LABELS if name in values}
        return cls(
            np.asarray(values["frequency"]),
            randomised_from=values["randomised_from"],
            names=tuple(values["names"]),
            **curves,
        )


def crossing(frequency: Curve, values: Curve, threshold: float) -> Crossing:
    """Return where a curve first falls below a threshold, interpolated between two shells.

    The shell at the origin holds the mean alone and does not count.

    Parameters
    ----------
    frequency
        ``(shells,)`` in 1/Å, rising from 0.
    values
        ``(shells,)`` the correlations.
    threshold
        For example 0.143.
    """
    below = np.flatnonzero(values[1:] < threshold) + 1
    if not below.size:
        return Crossing(None, float(1 / frequency[-1]))
    after = int(below[0])
    again = bool((values[after + 1 :] >= threshold).any())
    if after == 1:
        return Crossing(None, float(1 / frequency[1]), started_below=True, again=again)
    high, low = float(values[after - 1]), float(values[after])
    part = (high - threshold) / (high - low)
    step = float(frequency[after] - frequency[after - 1])
    at = float(frequency[after - 1]) + part * step
    return Crossing(1 / at, float(1 / frequency[-1]), again=again)
