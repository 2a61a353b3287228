"""A density map, a tomogram, a mask, or a stack of such volumes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError

ZYX = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Volume:
    """A volume on a regular grid, in the order z, y, x.

    Parameters
    ----------
    data
        ``(z, y, x)`` grey values, or ``(n, z, y, x)`` for a stack of volumes. Often a
        read-only memory map: nothing here ever copies or converts it.
    voxel_size
        Å per voxel along z, y, x; None if the file does not tell.
    origin
        Position of the centre of voxel (0, 0, 0) in Å, z, y, x.
    name
        What to call it, usually the file name without its suffix.
    path
        The file it was read from, None if it was made here.
    header
        What the file's format holds beyond this, opaque to all but its reader and writer.
    history
        One sentence for each thing that was done to it, oldest first.
    notes
        What the reader found odd, one sentence each; empty for a clean file.
    """

    data: NDArray[Any]
    voxel_size: ZYX | None = None
    origin: ZYX = (0.0, 0.0, 0.0)
    name: str = "volume"
    path: Path | None = None
    header: Any = None
    history: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Check that this is a volume.

        Raises
        ------
        DataError
            If the array is not three- or four-dimensional or the voxel size not positive.
        """
        if self.data.ndim not in (3, 4) or 0 in self.data.shape:
            raise DataError(
                f"A volume has the axes z, y, x or n, z, y, x, none of them empty; "
                f"{self.name} has the shape {self.data.shape}."
            )
        if self.voxel_size is not None and not all(
            np.isfinite(size) and size > 0 for size in self.voxel_size
        ):
            raise DataError(f"A voxel size is positive; {self.name} has {self.voxel_size} Å.")

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes, z, y, x last."""
        return self.data.shape

    @property
    def scale(self) -> ZYX:
        """Å per voxel along z, y, x, with 1 Å where it is not known."""
        return self.voxel_size or (1.0, 1.0, 1.0)

    def changed(self, data: NDArray[Any], what: str, **fields: Any) -> Self:
        """Return a volume with new grey values that keeps all else, and says what was done.

        Parameters
        ----------
        data
            The new grey values.
        what
            One sentence for the history.
        **fields
            Other fields to replace, for example `name`.
        """
        kept = {"path": None, "history": (*self.history, what), **fields}
        return replace(self, data=data, **kept)


def check_pair(first: Volume, second: Volume) -> None:
    """Check that two volumes are halves of one thing.

    Raises
    ------
    DataError
        If their shapes or voxel sizes differ, or if they are one and the same array.
    """
    if first.shape != second.shape:
        raise DataError(
            f"Two halves have the same shape; {first.name} is {first.shape} "
            f"and {second.name} is {second.shape}. Choose the two halves of one map."
        )
    if not np.allclose(first.scale, second.scale, rtol=0.01):
        raise DataError(
            f"Two halves have the same voxel size; {first.name} has {first.scale} Å "
            f"and {second.name} has {second.scale} Å."
        )
    same_file = first.path is not None and first.path == second.path
    if first.data is second.data or same_file:
        raise DataError(
            f"The two halves are one and the same volume, {first.name}: its noise would be "
            f"learnt as signal. Choose two independent halves."
        )
