"""How local resolution is shown: its colours, its limits, and the density in these colours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
from napari.utils import Colormap

from napari_cryonet.errors import DataError
from napari_cryonet.io.chimerax import COLOURS, colour_limits, write_coloured
from napari_cryonet.signal.halves import average
from napari_cryonet.signal.mask import filled, low_passed
from napari_cryonet.types import PointCloud, Volume

_ENCLOSED = 0.35  # of the mask that the surface encloses


Pair = tuple[Volume, Volume]


@dataclass(frozen=True)
class Found:
    """A local resolution: the halves, the map in Å, and what was measured with it."""

    halves: Pair
    resolution: Volume
    measures: dict[str, Any]

    @property
    def span(self) -> tuple[float, float]:
        """The resolutions of the first and the last colour, in Å."""
        return colour_limits(self.measures["finest"], self.measures["coarsest"])


def colours() -> Colormap:
    """Return the colours from the finest resolution to the coarsest; outside is transparent."""
    return Colormap(list(COLOURS), name="resolution", display_name="resolution (fine to coarse)")


def dress(layer: Any, span: tuple[float, float]) -> None:
    """Give a layer of resolutions its colours, its limits and a colour bar.

    Parameters
    ----------
    layer
        An image or a surface whose values are in Å.
    span
        The resolutions of the first and the last colour.
    """
    layer.colormap = colours()
    layer.contrast_limits = span
    layer.colorbar.visible = True
    if hasattr(layer, "shading"):
        layer.shading = "smooth"


def surface(found: Found) -> PointCloud:
    """Return the surface of the density in the resolution at each of its vertices.

    The density is the average of the halves, low-passed to the median resolution.
    """
    first = found.halves[0]
    smooth = low_passed(average(found.halves), first.scale, found.measures["median"])
    density = first.changed(smooth, "Low-passed average of two half maps.")
    return coloured_surface(density, found.resolution)


def save_chimerax(path: Path, found: Found) -> None:
    """Write a ChimeraX script, and beside it the density and the local resolution.

    Parameters
    ----------
    path
        The script; replaced if it is there, as the maps are.
    found
        What to show there.

    Raises
    ------
    FileProblem
        If a file cannot be written.
    """
    first, whole = found.halves[0], found.resolution
    density = first.changed(average(found.halves), "Average of two half maps.")
    coloured = whole.changed(filled(whole.data), "Extended beyond the mask.")
    write_coloured(path, density, coloured, found.span, overwrite=True)


def coloured_surface(density: Volume, resolution: Volume) -> PointCloud:
    """Return the surface of a density with the resolution at each of its vertices.

    The surface encloses the densest third of what is inside the mask.

    Parameters
    ----------
    density
        The map.
    resolution
        ``(z, y, x)`` Å, of the same shape; not a number outside the mask.

    Raises
    ------
    DataError
        If the shapes differ, or nothing is inside the mask.
    """
    if density.shape != resolution.shape:
        raise DataError(
            f"The density has the shape {density.shape}, its local resolution "
            f"{resolution.shape}; choose the halves it was measured from."
        )
    inside = np.asarray(resolution.data) > 0
    values = filled(resolution.data)
    data = np.where(inside, np.asarray(density.data, np.float32), np.float32(density.data.min()))
    level = float(np.quantile(data[inside], 1 - _ENCLOSED))
    vertices, faces = pg.isosurface(data, level)
    nearest = np.clip(np.rint(vertices).astype(int), 0, np.array(data.shape) - 1)
    place = vertices * np.array(density.scale) + np.array(density.origin)
    return PointCloud(
        place.astype(np.float32),
        faces.astype(np.int64),
        values[tuple(nearest.T)],
        "Å",
        name=f"{resolution.name}, surface",
        history=(f"Surface of {density.name} at {level:.4g}, coloured by local resolution.",),
    )
