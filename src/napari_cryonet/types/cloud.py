"""A point cloud, with or without faces: what a structure made of single molecules looks like."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Vertices in space.

    Parameters
    ----------
    vertices
        ``(n, 3)`` positions in `unit`, z, y, x.
    faces
        ``(m, 3)`` indices into the vertices; empty for a bare cloud.
    weights
        ``(n,)`` weight of each vertex; None for equal weights.
    unit
        nm for single-molecule data, Å for anything from electron microscopy.
    name, path, history, notes
        As in `napari_cryonet.types.volume.Volume`.
    """

    vertices: NDArray[np.floating[Any]]
    faces: NDArray[np.integer[Any]] = field(
        default_factory=lambda: np.empty((0, 3), dtype=np.int64)
    )
    weights: NDArray[np.floating[Any]] | None = None
    unit: Literal["Å", "nm"] = "nm"
    name: str = "cloud"
    path: Path | None = None
    history: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Check that vertices, faces and weights belong together.

        Raises
        ------
        DataError
            If a shape is wrong or a face names a vertex that is not there.
        """
        if self.vertices.ndim != 2 or self.vertices.shape[1] != 3:
            raise DataError(
                f"A cloud has vertices (n, 3) in the order z, y, x; {self.name} has "
                f"{self.vertices.shape}."
            )
        if self.faces.ndim != 2 or self.faces.shape[1] != 3:
            raise DataError(
                f"The faces of a cloud are triangles (m, 3); {self.name} has {self.faces.shape}."
            )
        if self.faces.size and not 0 <= self.faces.min() <= self.faces.max() < len(self):
            raise DataError(f"A face of {self.name} names a vertex that is not there.")
        if self.weights is not None and self.weights.shape != (len(self),):
            raise DataError(
                f"{self.name} has {len(self)} vertices and weights of the shape "
                f"{self.weights.shape}."
            )

    def __len__(self) -> int:
        """The number of vertices."""
        return len(self.vertices)
