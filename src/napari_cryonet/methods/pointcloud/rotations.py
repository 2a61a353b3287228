"""Rotations as tensors: small turns, turns in the plane, random ones, and grids that cover all.

References
----------
Rodrigues' formula; the spiral of views is that of Saff, Kuijlaars, Math. Intelligencer 19 (1997),
doi:10.1007/BF03024331; random rotations are those of Shoemake, *Uniform random rotations*, Graphics
Gems III (1992), doi:10.1016/B978-0-08-050755-2.50036-1.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional

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


def turn_about_z(angle: Tensor) -> Tensor:
    """Return ``(n, 3, 3)`` turns in the plane of the image by radians ``(n,)``, from x to y."""
    cos, sin = angle.cos(), angle.sin()
    one, none = torch.ones_like(cos), torch.zeros_like(cos)
    rows = [one, none, none, none, cos, sin, none, -sin, cos]
    return torch.stack(rows, dim=1).reshape(-1, 3, 3)


def turned(images: Tensor, angle: Tensor) -> Tensor:
    """Return images turned in their plane, as those of particles that are turned about z.

    Parameters
    ----------
    images
        ``(n, side, side)``, smooth; cubic interpolation, zero outside. The middle stays.
    angle
        ``(n,)`` in radians, as in `turn_about_z`.
    """
    side = images.shape[-1]
    axis = torch.arange(side, device=images.device) - side // 2
    to = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), dim=-1).to(images)
    back = torch.einsum("yxa,nab->nyxb", to, turn_about_z(angle)[:, 1:, 1:])
    sampled = functional.grid_sample(
        images[:, None], (2 * back.flip(-1) + (1 - side % 2)) / side,
        mode="bicubic", align_corners=False,
    )  # fmt: skip
    return sampled[:, 0]


def random_rotations(count: int, device: torch.device) -> Tensor:
    """Return ``(count, 3, 3)`` rotations, all equally likely, by torch's random numbers."""
    w, x, y, z = functional.normalize(torch.randn(count, 4, device=device), dim=1).unbind(dim=1)
    rows = [
        *(1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        *(2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        *(2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    ]
    return torch.stack(rows, dim=1).reshape(-1, 3, 3)


def angles(one: Tensor, two: Tensor) -> Tensor:
    """Return the angle between rotations ``(..., 3, 3)``, in degrees."""
    trace = (one * two).sum(dim=(-2, -1))
    return torch.rad2deg(torch.acos(((trace - 1) / 2).clamp(-1, 1)))


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
