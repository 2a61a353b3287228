"""Molecules drawn as Gaussian spots.

A Gaussian in two dimensions is a product of one along y and one along x, so an image of n spots is
the product of two matrices with n rows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def splat(
    places: Floats, shape: tuple[int, int], sigma: float | Floats, weights: Floats | None = None
) -> NDArray[np.float32]:
    """Draw spots whose sums are their weights.

    Parameters
    ----------
    places
        ``(n, 2)`` y, x in pixels; an integer is the centre of a pixel.
    shape
        Pixels of the image along y, x.
    sigma
        Standard deviation in pixels, one number or ``(n,)``.
    weights
        ``(n,)``; None for 1 each.

    Returns
    -------
    ndarray
        ``(y, x)``; what of a spot lies outside is lost.
    """
    width = np.broadcast_to(np.asarray(sigma, dtype=float), len(places))[:, None]
    along = [
        np.exp(-0.5 * np.square((places[:, axis, None] - np.arange(length)) / width))
        / (math.sqrt(2 * math.pi) * width)
        for axis, length in enumerate(shape)
    ]
    rows = along[0] if weights is None else along[0] * weights[:, None]
    drawn: NDArray[np.float32] = (rows.T @ along[1]).astype(np.float32)
    return drawn
