"""A table of localisations: where single molecules were seen, and how well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError


@dataclass(frozen=True, eq=False)
class Localisations:
    """Positions of single molecules with whatever is known of each.

    Parameters
    ----------
    positions
        ``(n, 2)`` y, x or ``(n, 3)`` z, y, x in nm.
    features
        Columns of length n: `sigma` of the spot and `uncertainty` of its place in nm, `photons`,
        `frame`, `group`, the number of the particle.
    name, path, history, notes
        As in `napari_cryonet.types.volume.Volume`.
    """

    positions: NDArray[np.floating[Any]]
    features: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    name: str = "localisations"
    path: Path | None = None
    history: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Check that every row has a finite place, and every column a value for it.

        Raises
        ------
        DataError
            If the positions have another shape, are not finite, or a column another length.
        """
        if self.positions.ndim != 2 or self.positions.shape[1] not in (2, 3):
            raise DataError(
                f"Localisations have the shape (n, 2) or (n, 3), in the order z, y, x; "
                f"{self.name} has {self.positions.shape}."
            )
        bad = ~np.isfinite(self.positions).all(axis=1)
        if bad.any():
            raise DataError(
                f"Row {int(bad.argmax()) + 1} of {self.name} has a position that is no finite "
                f"number, and so have {int(bad.sum()) - 1} others; take them out of the table."
            )
        for column, values in self.features.items():
            if len(values) != len(self.positions):
                raise DataError(
                    f"Column {column!r} of {self.name} has {len(values)} values for "
                    f"{len(self.positions)} localisations."
                )

    def __len__(self) -> int:
        """The number of localisations."""
        return len(self.positions)

    @property
    def plane(self) -> NDArray[np.floating[Any]]:
        """``(n, 2)`` the positions y, x in nm, without z."""
        return self.positions[:, -2:]

    def kept(self, which: NDArray[Any]) -> Localisations:
        """Return the localisations that an index or a mask selects, with their features."""
        features = {name: values[which] for name, values in self.features.items()}
        return replace(self, positions=self.positions[which], features=features)
