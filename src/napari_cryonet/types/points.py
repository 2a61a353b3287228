"""Picks: positions of particles in a tomogram."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError


@dataclass(frozen=True, eq=False)
class Points:
    """Positions in a volume with whatever is known of each.

    Parameters
    ----------
    positions
        ``(n, 3)`` positions in voxels of `volume`, z, y, x; an integer is a voxel centre.
    features
        Columns of length n: `score`, `class`, `source`, `status`, `radius` in Å, ….
    voxel_size
        Å per voxel of the volume the positions refer to; None if not known.
    volume
        Name of that volume.
    name, path, history, notes
        As in `napari_cryonet.types.volume.Volume`.
    volume_shape
        Voxels of that volume, z, y, x; None if not known.
    header
        What the file's format holds beyond this, ready for JSON.
    """

    positions: NDArray[np.floating[Any]]
    features: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    voxel_size: tuple[float, float, float] | None = None
    volume: str = ""
    name: str = "picks"
    path: Path | None = None
    history: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), repr=False)
    volume_shape: tuple[int, int, int] | None = None
    header: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check that there is one row of three numbers and of features for each point.

        Raises
        ------
        DataError
            If the positions are not ``(n, 3)`` or a column has another length.
        """
        if self.positions.ndim != 2 or self.positions.shape[1] != 3:
            raise DataError(
                f"Points have the shape (n, 3) in the order z, y, x; {self.name} has "
                f"{self.positions.shape}."
            )
        for column, values in self.features.items():
            if len(values) != len(self.positions):
                raise DataError(
                    f"Column {column!r} of {self.name} has {len(values)} values for "
                    f"{len(self.positions)} points."
                )

    def __len__(self) -> int:
        """The number of points."""
        return len(self.positions)

    def kept(self, which: NDArray[Any]) -> Points:
        """Return the points that an index or a mask selects, with their features."""
        return Points(
            self.positions[which],
            {name: values[which] for name, values in self.features.items()},
            self.voxel_size,
            self.volume,
            self.name,
            history=self.history,
            volume_shape=self.volume_shape,
            header=self.header,
        )
