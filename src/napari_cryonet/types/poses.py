"""Poses: from which side each image of a stack shows a structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError


@dataclass(frozen=True, eq=False)
class Poses:
    """A rotation and a shift for each image.

    A point v of the cloud, a column of z, y, x, is seen at y and x of ``R v + shift`` from the
    middle of the image, which is pixel n // 2 along an axis of n.

    Parameters
    ----------
    rotations
        ``(n, 3, 3)`` rotation matrices that act on z, y, x.
    shifts
        ``(n, 2)`` y, x in `unit`.
    features
        Columns of length n, such as `residual`, the share of an image that is not explained.
    unit
        nm for single-molecule data, Å for anything from electron microscopy.
    name, path, history, notes
        As in `napari_cryonet.types.volume.Volume`.
    """

    rotations: NDArray[np.floating[Any]]
    shifts: NDArray[np.floating[Any]]
    features: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    unit: Literal["Å", "nm"] = "nm"
    name: str = "poses"
    path: Path | None = None
    history: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Check that there is one rotation, one shift and one row of features for each image.

        Raises
        ------
        DataError
            If a shape is wrong, or a matrix is no rotation.
        """
        count = len(self.rotations)
        if self.rotations.shape != (count, 3, 3) or self.shifts.shape != (count, 2):
            raise DataError(
                f"Poses are rotations (n, 3, 3) and shifts (n, 2); {self.name} has "
                f"{self.rotations.shape} and {self.shifts.shape}."
            )
        square = self.rotations @ self.rotations.transpose(0, 2, 1)
        proper = np.linalg.det(self.rotations) > 0
        wrong = ~(np.isclose(square, np.eye(3), atol=1e-3).all(axis=(1, 2)) & proper)
        if wrong.any():
            raise DataError(
                f"Row {int(wrong.argmax()) + 1} of {self.name} is no rotation: its matrix is "
                f"not orthogonal with the determinant 1."
            )
        for column, values in self.features.items():
            if len(values) != count:
                raise DataError(
                    f"Column {column!r} of {self.name} has {len(values)} values for {count} poses."
                )

    def __len__(self) -> int:
        """The number of poses."""
        return len(self.rotations)
