"""Bands of spatial frequency, and where correlations in them fall off."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch

from napari_cryonet.types.volume import ZYX

Shape = tuple[int, ...]

_WIDTH, _SPACING = 0.6, 0.16
"""Half width of a shell and largest distance of two, in units of 1 / radius of the window."""

_COARSEST, _LEAST = 2.4, 2.0
"""Of radii, and of shells of the whole box: where the first shell is."""

_ADAPTED = 2.5  # a window is at least so many times as large as what is looked for in it


class Band(NamedTuple):
    """A shell in Fourier space with a cosine profile.

    Parameters
    ----------
    centre, half_width
        In 1/Å.
    """

    centre: float
    half_width: float

    def profile(self, frequency: torch.Tensor) -> torch.Tensor:
        """Return the amplitude with which the band passes frequencies in 1/Å."""
        away = (frequency - self.centre).abs() / self.half_width
        return torch.where(away < 1, torch.cos(away * (math.pi / 2)), torch.zeros_like(away))


@dataclass(frozen=True)
class Bands:
    """Overlapping shells in Fourier space, each with a cosine profile.

    Parameters
    ----------
    centres
        In 1/Å, rising, evenly spaced.
    half_width
        In 1/Å.
    """

    centres: tuple[float, ...]
    half_width: float

    @classmethod
    def of(cls, shape: Shape, size: ZYX, radius: float, coarsest: float | None) -> Bands:
        """Return the shells for a box and a window.

        Parameters
        ----------
        shape
            ``(z, y, x)`` of the box.
        size
            Å per voxel along z, y, x.
        radius
            Of the window in Å. A window of that size tells no frequencies apart that are closer
            than the shells are wide.
        coarsest
            In Å; None takes 2.4 radii. No shell is coarser than a half of the box.
        """
        side = min(count * step for count, step in zip(shape, size, strict=True))
        last = 0.5 / max(size)
        first = min(max(1 / (coarsest or _COARSEST * radius), _LEAST / side), last)
        count = max(2, math.ceil((last - first) * radius / _SPACING - 1e-6) + 1)
        step = (last - first) / (count - 1)
        centres = tuple(first + number * step for number in range(count))
        return cls(centres, _WIDTH / radius)

    @property
    def shells(self) -> tuple[Band, ...]:
        """The shells one by one."""
        return tuple(Band(centre, self.half_width) for centre in self.centres)


class Falling:
    """Where correlations fall below a threshold, found while shell after shell comes in.

    Two shells in a row have to be below it: a single one may be by chance. Nothing but the last
    shell is kept, so memory does not grow with their number.

    Parameters
    ----------
    threshold
        For example 0.143.
    like
        A tensor of the shape and on the device of the correlations.
    """

    def __init__(self, threshold: float, like: torch.Tensor) -> None:
        self._threshold = threshold
        self._found = torch.zeros_like(like)
        self._waiting = torch.zeros_like(like)
        self._before = torch.ones_like(like)
        self._centres: list[float] = []

    def add(self, centre: float, correlation: torch.Tensor) -> None:
        """Take the correlations of the next shell.

        Parameters
        ----------
        centre
            Of the shell, in 1/Å.
        correlation
            Of the shape of all others.
        """
        below = correlation < self._threshold
        waited = self._waiting > 0
        sure = below & waited & (self._found == 0)
        self._found = torch.where(sure, self._waiting, self._found)
        before = self._centres[-1] if self._centres else centre
        part = (self._before - self._threshold) / (self._before - correlation).clamp_min(1e-6)
        at = before + (centre - before) * part.clamp(0, 1)
        self._waiting = torch.where(below & ~waited, at, torch.zeros_like(at))
        self._before = correlation
        self._centres.append(centre)

    def frequency(self) -> torch.Tensor:
        """Return where they fall, in 1/Å: the last shell if they never do."""
        ends = torch.where(self._waiting > 0, self._waiting, self._centres[-1])
        return torch.where(self._found > 0, self._found, ends)


def window(radius: float, centre: float) -> float:
    """Return the radius of the window for a shell: larger for coarse ones, in Å."""
    return max(radius, _ADAPTED / centre)
