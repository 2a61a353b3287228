"""What is known of the volume that positions refer to: its voxels, its shape, its binning."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

from napari_cryonet.errors import SettingsError
from napari_cryonet.io.coordinates.settings import CoordinateSettings

ZYX = tuple[float, float, float]
Shape = tuple[int, int, int]

_TOLERANCE = 0.01


@dataclass(frozen=True)
class Frame:
    """A volume without its grey values; None for what is not known.

    Parameters
    ----------
    voxel_size
        Å per voxel, z, y, x.
    shape
        Voxels, z, y, x.
    binning
        Unbinned pixels per voxel.
    pixel_size
        Å per unbinned pixel.
    unbinned
        Unbinned pixels, z, y, x.
    """

    voxel_size: ZYX | None = None
    shape: Shape | None = None
    binning: float | None = None
    pixel_size: float | None = None
    unbinned: Shape | None = None

    @classmethod
    def of(cls, settings: CoordinateSettings) -> Frame:
        """Return what settings say of a volume."""
        size = settings.voxel_size
        return cls(
            voxel_size=None if size is None else (size, size, size),
            shape=settings.volume_shape,
            binning=settings.binning,
            unbinned=settings.unbinned_shape,
        )

    def over(self, other: Frame) -> Self:
        """Return this frame with what it lacks taken from another."""
        lacking = {
            name: getattr(other, name)
            for name in self.__dataclass_fields__
            if getattr(self, name) is None
        }
        return replace(self, **lacking)

    def completed(self) -> Frame:
        """Return this frame with what follows from what it has.

        Raises
        ------
        SettingsError
            If voxel size, pixel size and binning contradict each other.
        """
        size, binning, pixel = self.voxel_size, self.binning, self.pixel_size
        if binning is None and self.shape is not None and self.unbinned is not None:
            binning = self.unbinned[2] / self.shape[2]
        if size is not None and pixel is not None:
            found = size[2] / pixel
            if binning is not None and not math.isclose(found, binning, rel_tol=_TOLERANCE):
                raise SettingsError(
                    f"A voxel size of {size[2]:g} Å, unbinned pixels of {pixel:g} Å and a binning "
                    f"of {binning:g} contradict each other; correct one or leave one out."
                )
            binning = found if binning is None else binning
        elif binning is not None and pixel is not None:
            size = (binning * pixel,) * 3
        elif binning is not None and size is not None:
            pixel = size[2] / binning
        shape, unbinned = self.shape, self.unbinned
        if binning is not None and shape is None and unbinned is not None:
            shape = _scaled(unbinned, 1 / binning)
        elif binning is not None and shape is not None and unbinned is None:
            unbinned = _scaled(shape, binning)
        return Frame(size, shape, binning, pixel, unbinned)


def _scaled(shape: Shape, factor: float) -> Shape:
    """Return a shape in other voxels."""
    z, y, x = (max(1, round(length * factor)) for length in shape)
    return z, y, x
