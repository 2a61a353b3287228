"""A stack of two-dimensional images: micrographs, a tilt series, single-molecule images."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError


@dataclass(frozen=True, eq=False)
class ImageStack:
    """Images of one size, in the order y, x.

    Parameters
    ----------
    data
        ``(..., y, x)`` grey values as they are in the file; all leading axes count images.
    pixel_size
        Size of a pixel along y, x in `unit`; None if the file does not tell.
    unit
        Å for electron microscopy, nm for single-molecule images.
    spacing
        What the file calls the distance between images, in `unit`; None if meaningless.
    name, path, header, history, notes
        As in `napari_cryonet.types.volume.Volume`.
    spot
        Standard deviation in `unit` of the Gaussian that each molecule was drawn with; None if
        not known, or if the images were not drawn from molecules.
    """

    data: NDArray[Any]
    pixel_size: tuple[float, float] | None = None
    unit: Literal["Å", "nm"] = "Å"
    spacing: float | None = None
    name: str = "images"
    path: Path | None = None
    header: Any = None
    history: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), repr=False)
    spot: float | None = None

    def __post_init__(self) -> None:
        """Check that there is at least one pixel.

        Raises
        ------
        DataError
            If the array has no axis or an empty one.
        """
        if self.data.ndim < 1 or 0 in self.data.shape:
            raise DataError(
                f"Images have the axes y, x with at least one pixel; {self.name} has the "
                f"shape {self.data.shape}."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes as they are in the file, y, x last."""
        return self.data.shape

    @property
    def images(self) -> NDArray[Any]:
        """The images as ``(n, y, x)``; a line of numbers counts as an image of one row."""
        flat = np.atleast_2d(self.data)
        return flat.reshape(-1, *flat.shape[-2:])

    @property
    def scale(self) -> tuple[float, float]:
        """`unit` per pixel along y, x, with 1 where it is not known."""
        return self.pixel_size or (1.0, 1.0)
