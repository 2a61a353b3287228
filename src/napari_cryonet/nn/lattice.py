"""Places in a volume where something is measured, and the values between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

Axes = Sequence[NDArray[np.floating]]
"""Where the places are along z, y and x, in voxels, rising."""


def places(count: int, step: int) -> torch.Tensor:
    """Return where along an axis it is measured, in voxels, as far from both of its ends."""
    return torch.arange((count - 1) % step // 2, count, step)


def everywhere(
    values: NDArray[np.float32], shape: tuple[int, ...], axes: Axes
) -> Iterator[NDArray[np.float32]]:
    """Yield the planes of values at all voxels, interpolated linearly between the places.

    Parameters
    ----------
    values
        ``(z', y', x')`` at the places.
    shape
        ``(z, y, x)`` of the volume.
    axes
        Where the places are; beyond the outermost their values go on.
    """
    z, y, x = (_between(count, known) for count, known in zip(shape, axes, strict=True))
    for row in z:
        used = np.flatnonzero(row)
        plane = np.tensordot(row[used], values[used], 1)
        yield y @ plane @ x.T


def _between(count: int, known: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the matrix, ``(voxels, places)``, that interpolates along an axis."""
    unit = np.eye(len(known), dtype=np.float32)
    columns = [np.interp(np.arange(count), known, row) for row in unit]
    return np.stack(columns, 1).astype(np.float32)
