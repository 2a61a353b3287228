"""A cloud drawn from many sides at once, so that gradients flow back to it.

A Gaussian in two dimensions is a product of one along y and one along x: an image of n points is a
product of two matrices with n rows, and a batch of images one batched product. There is no
perspective and nothing hides what is behind it, since light of single molecules adds up.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def project(points: Tensor, rotations: Tensor, shifts: Tensor) -> Tensor:
    """Return where points are seen.

    Parameters
    ----------
    points
        ``(p, 3)`` z, y, x.
    rotations
        ``(b, 3, 3)`` matrices that act on z, y, x.
    shifts
        ``(b, 2)`` y, x in the unit of the points.

    Returns
    -------
    Tensor
        ``(b, p, 2)`` y, x from the middle of the image, in that unit.
    """
    return torch.matmul(points, rotations[:, 1:].transpose(1, 2)) + shifts[:, None]


def render(
    places: Tensor, shape: tuple[int, int], sigma: float | Tensor, weights: Tensor | None = None
) -> Tensor:
    """Draw spots.

    Parameters
    ----------
    places
        ``(b, p, 2)`` y, x in pixels; an integer is the centre of a pixel.
    shape
        Pixels of the images along y, x.
    sigma
        Standard deviation in pixels, one number or ``(b,)``.
    weights
        ``(p,)`` or ``(b, p)`` sums of the spots; None for 1 each.

    Returns
    -------
    Tensor
        ``(b, y, x)``; what of a spot lies outside is lost.
    """
    width = sigma[:, None, None] if isinstance(sigma, Tensor) else sigma
    scale = 1 / (math.sqrt(2.0) * width)
    along = []
    for axis, length in enumerate(shape):
        ways = places[..., axis, None] - torch.arange(length, device=places.device)
        along.append(torch.exp(-torch.square(ways * scale)))
    strength = scale * scale / math.pi
    if weights is not None:
        strength = strength * weights[..., None]
    return torch.bmm((along[0] * strength).transpose(1, 2), along[1])
