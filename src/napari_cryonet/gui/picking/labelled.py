"""Tomograms with what is known of them: the rows of a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from napari_cryonet.gui.picking.review import far_from
from napari_cryonet.gui.picking.table import joined
from napari_cryonet.jobs.job import Rows
from napari_cryonet.types import Points, Thing, Volume


@dataclass(frozen=True, eq=False)
class Labelled:
    """A tomogram and what is known of it.

    Parameters
    ----------
    volume
        The tomogram.
    labels
        Its particles and, with the status ``rejected``, what is none; None if it has no labels.
    regions
        ``(z, y, x)`` painted regions; None for none.
    layer
        The layer of the tomogram.
    """

    volume: Volume
    labels: Points | None
    regions: Volume | None = None
    layer: Any = None

    def is_of(self, other: Labelled) -> bool:
        """Whether another is of the same tomogram: of its layer or file, on the same grid."""
        one, two = self.volume, other.volume
        file = one.path is not None and one.path == two.path
        layer = self.layer is not None and self.layer is other.layer
        return (file or layer) and all(
            getattr(one, name) == getattr(two, name) for name in ("shape", "voxel_size", "origin")
        )

    def given(self, name: str) -> dict[str, Thing]:
        """Return its parts, by the names that a job has for them if this is the tomogram's."""
        parts = {
            f"layer: {name}": self.volume,
            f"labels of {name}": self.labels,
            f"regions of {name}": self.regions,
        }
        return {key: part for key, part in parts.items() if part is not None}


def names(rows: Sequence[Labelled]) -> list[str]:
    """Return the names of tomograms, numbered where two have the same."""
    found: list[str] = []
    for row in rows:
        number, name = 1, row.volume.name
        while name in found:
            number += 1
            name = f"{row.volume.name} ({number})"
        found.append(name)
    return found


def inputs(rows: Sequence[Labelled]) -> tuple[Rows, dict[str, Thing]]:
    """Return the inputs of a job, and the things that its names stand for."""
    given = [row.given(name) for row, name in zip(rows, names(rows), strict=True)]
    return tuple(map(tuple, given)), {name: part for parts in given for name, part in parts.items()}


def training_labels(labels: Points, decided: Points, diameter: float) -> Points:
    """Return labels with what was said of picks; where both speak, the later word counts.

    Parameters
    ----------
    labels
        With the columns of a pick.
    decided
        What was accepted or rejected.
    diameter
        Of a particle in Å.
    """
    return joined([labels.kept(far_from(labels, decided, diameter / 2)), decided])
