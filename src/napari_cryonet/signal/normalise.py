"""Grey values brought to a scale that networks like, and back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError

Kind = Literal["standard", "minmax", "none"]


@dataclass(frozen=True)
class Scaling:
    """``(x - shift) / scale``, and back.

    Parameters
    ----------
    shift, scale
        In grey values of the data.
    """

    shift: float = 0.0
    scale: float = 1.0

    def forward(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Bring grey values to the network's scale."""
        return (np.asarray(values, dtype=np.float32) - np.float32(self.shift)) / np.float32(
            self.scale
        )

    def backward(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring values of the network back to grey values."""
        return values * np.float32(self.scale) + np.float32(self.shift)

    def to_dict(self) -> dict[str, float]:
        """Return shift and scale by name."""
        return asdict(self)


def measure(volumes: tuple[NDArray[Any], ...], kind: Kind = "standard") -> Scaling:
    """Measure one common scaling for volumes that belong together.

    Parameters
    ----------
    volumes
        Arrays ``(z, y, x)``, read plane by plane.
    kind
        ``"standard"``: mean 0 and standard deviation 1; ``"minmax"``: from 0 to 1;
        ``"none"``: as they are.

    Raises
    ------
    DataError
        If the data are constant or not finite.
    """
    low, high, total, squares, count = np.inf, -np.inf, 0.0, 0.0, 0
    for volume in volumes:
        for plane in volume:
            values = np.asarray(plane, dtype=np.float64)
            low, high = min(low, float(values.min())), max(high, float(values.max()))
            total += float(values.sum())
            squares += float(np.vdot(values, values))
            count += values.size
    if not np.isfinite(total):
        raise DataError("The volumes hold values that are not numbers; replace them first.")
    if low == high:
        raise DataError(f"All voxels have the same value, {low:g}: there is nothing to learn.")
    if kind == "none":
        return Scaling()
    if kind == "minmax":
        return Scaling(low, high - low)
    mean = total / count
    return Scaling(mean, float(np.sqrt(max(squares / count - mean * mean, np.finfo(float).tiny))))
