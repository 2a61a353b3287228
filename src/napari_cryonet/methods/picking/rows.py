"""A labelled tomogram as it is given: what belongs together, and what does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError
from napari_cryonet.nn.source import check_volume
from napari_cryonet.types import Points, Thing, Volume

Row = Sequence[Thing]


@dataclass(frozen=True, eq=False)
class Labelled:
    """A tomogram with its labels.

    Parameters
    ----------
    volume
        The tomogram; its voxel size is known.
    points
        Labels inside it, at least two of them of particles.
    regions
        ``(z, y, x)`` what was painted; None if nothing was.
    """

    volume: Volume
    points: Points
    regions: NDArray[Any] | None

    @property
    def particles(self) -> Points:
        """The labels of particles, without what was rejected."""
        return self.points.kept(~self.rejected)

    @property
    def rejected(self) -> NDArray[np.bool_]:
        """Which labels were looked at and are no particles: those of the status rejected."""
        column = self.points.features.get("status")
        if column is None:
            return np.zeros(len(self.points), dtype=bool)
        return np.array([str(status) == "rejected" for status in column], dtype=bool)


def kinds(points: Points) -> list[str]:
    """Return the class of each point; points without classes are all of the class particle."""
    column = points.features.get("class")
    return ["particle"] * len(points) if column is None else [str(name) for name in column]


def checked(row: Row) -> Labelled:
    """Return a row as what it is, after looking whether it fits together.

    Parameters
    ----------
    row
        The tomogram, its labels and, if wanted, painted regions.

    Raises
    ------
    DataError
        If it holds something else, the voxel size is not known, or labels or regions do not fit
        the tomogram.
    """
    volume, points, regions = (*row, None, None, None)[:3]
    fits = isinstance(volume, Volume) and isinstance(points, Points) and len(row) <= 3
    if not fits or not isinstance(regions, Volume | None):
        raise DataError(
            f"Picking learns from rows of a tomogram, its labels and perhaps regions; this row has "
            f"{', '.join(type(thing).__name__ for thing in row)}."
        )
    assert isinstance(volume, Volume)  # noqa: S101 - looked at above
    assert isinstance(points, Points)  # noqa: S101
    check_volume(volume, "Picking", sized=True)
    made = Labelled(volume, points, None if regions is None else np.asarray(regions.data))
    _check_grid(made)
    _check_labels(made)
    return made


def _check_grid(row: Labelled) -> None:
    """Raise unless tomogram, labels and regions count the same voxels."""
    volume, points, regions = row.volume, row.points, row.regions
    if points.voxel_size is not None and not np.allclose(
        points.voxel_size, volume.scale, rtol=0.01
    ):
        raise DataError(
            f"{points.name} counts voxels of {points.voxel_size[0]:.4g} Å, {volume.name} has "
            f"{volume.scale[0]:.4g} Å; convert the labels to this tomogram."
        )
    if regions is not None and regions.shape != volume.shape:
        raise DataError(
            f"The painted regions have the shape {regions.shape}; that of {volume.name} is "
            f"{volume.shape}."
        )


def _check_labels(row: Labelled) -> None:
    """Raise unless there are labels, and all of them inside the tomogram."""
    volume, points, count = row.volume, row.points, len(row.particles)
    if count < 2:
        raise DataError(
            f"{points.name} holds {count} label{'' if count == 1 else 's'} of particles; label at "
            f"least two, better ten."
        )
    places = points.positions
    inside = np.all((places >= -0.5) & (places <= np.array(volume.shape) - 0.5), axis=1)
    if not inside.all():
        first = places[~inside][0]
        raise DataError(
            f"{int((~inside).sum())} of {len(points)} labels of {points.name} lie outside "
            f"{volume.name}, which has {volume.shape} voxels z, y, x; the first is at "
            f"{first.round(1).tolist()}. Look at the order of the axes and the binning."
        )
