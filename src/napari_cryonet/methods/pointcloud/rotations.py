"""Rotations as tensors: small turns, and grids that cover all of them.

References
----------
Rodrigues' formula; the spiral of views is that of Saff, Kuijlaars, Math. Intelligencer 19 (1997),
doi:10.1007/BF03024331.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

_AXES = torch.tensor(
    [
        [[0.0, 0, 0], [0, 0, -1], [0, 1, 0]],
        [[0.0, 0, 1], [0, 0, 0], [-1, 0, 0]],
        [[0.0, -1, 0], [1, 0, 0], [0, 0, 0]],
    ]
)


def turn(vectors: Tensor) -> Tensor:
    """Return rotations about axes by angles; differentiable everywhere, also at no turn.

    Parameters
    ----------
    vectors
        ``(n, 3)`` axes whose lengths are the angles in radians.

    Returns
    -------
    Tensor
        ``(n, 3, 3)``.
    """
    square = vectors.square().sum(dim=1)[:, None, None] + 1e-12
    angle = square.sqrt()
    skew = torch.einsum("na,aij->nij", vectors, _AXES.to(vectors))
    sine, versine = torch.sin(angle) / angle, (1 - torch.cos(angle)) / square
    return torch.eye(3).to(vectors) + sine * skew + versine * (skew @ skew)


def grid(views: int, turns: int, random: np.random.Generator) -> Tensor:
    """Return rotations that cover all directions and turns evenly, from a random one on.

    Parameters
    ----------
    views
        Number of view directions.
    turns
        Number of turns in the plane of the image, for each of them.
    random
        Turns the whole grid.

    Returns
    -------
    Tensor
        ``(views * turns, 3, 3)``, acting on z, y, x.
    """
    number = np.arange(views) + 0.5
    tilt, around = np.arccos(1 - 2 * number / views), math.pi * (1 + math.sqrt(5)) * number
    towards = Rotation.from_euler("ZY", np.stack([around, tilt], axis=1)).inv()
    inside = Rotation.from_euler("z", np.arange(turns)[:, None] * 2 * math.pi / turns)
    start = Rotation.random(rng=random)
    every = [(one * towards * start).as_matrix() for one in inside]
    # Rotations about x, y, z become those about z, y, x by reversing both axes.
    return torch.from_numpy(np.concatenate(every)[:, ::-1, ::-1].copy()).float()
