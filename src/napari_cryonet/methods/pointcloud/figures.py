"""The figures of a reconstruction, at each of its whole steps: what curves are drawn of.

References
----------
Kabsch, Acta Cryst. A 32 (1976), doi:10.1107/S0567739476001873 (the turn that leaves least).
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from napari_cryonet.methods.pointcloud.cloud import Cloud

_ROUNDED = 1e-6  # of a step


class Fitting(Protocol):
    """A search or a refinement in progress.

    Attributes
    ----------
    loss
        Share of the images that it learns from that is not explained; not a number at first.
    cloud
        What it has come to, in units of the radius.
    rate
        Highest step of a point, in units.
    left
        ``(n,)`` newest residual of each image; not a number where none was measured.
    """

    cloud: Cloud
    rate: float
    left: Tensor

    @property
    def loss(self) -> float: ...  # noqa: D102


class Figures:
    """Loss at any time; learning rate, movement and held-out loss at each whole step.

    Parameters
    ----------
    held
        Indices of the images that are held out.
    radius
        The unit, in nm.
    """

    def __init__(self, held: Tensor, radius: float) -> None:
        self._held, self._radius = held, radius
        self._next = 0
        self.movement = Movement()

    def at(self, done: float, work: Fitting) -> dict[str, float]:
        """Return those of the figures that are known now, lengths in nm.

        Parameters
        ----------
        done
            How many steps are done.
        work
            What is in progress.
        """
        found, whole = {"loss": work.loss}, int(done + _ROUNDED)
        if whole >= self._next:
            self._next = whole + 1
            found |= {
                "learning_rate": work.rate * self._radius,
                "movement": self.movement.to(work.cloud.whole) * self._radius,
                "held_out_loss": float(work.left[self._held].mean()),
            }
        return {name: value for name, value in found.items() if math.isfinite(value)}


class Movement:
    """How far points move from one look to the next, whatever turn and shift they share."""

    def __init__(self) -> None:
        self._last: Tensor | None = None

    def to(self, points: Tensor) -> float:
        """Return the root mean square distance to where each point was at the last look.

        Parameters
        ----------
        points
            ``(p, 3)``, each in the row that it had before.

        Returns
        -------
        float
            In the unit of the points; not a number at the first look, or with other points.
        """
        new = points.detach().cpu().double()
        new = new - new.mean(dim=0)
        last, self._last = self._last, new
        if last is None or last.shape != new.shape:
            return math.nan
        left, _, right = torch.linalg.svd(last.T @ new)
        left[:, 2] *= torch.det(left @ right)  # a rotation, no reflection
        return float((last @ left @ right - new).square().sum(dim=1).mean().sqrt())
