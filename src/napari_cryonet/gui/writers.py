"""How napari saves a layer in our formats, with the header it came with.

Every writer is given what npe2 hands over: the file, whose suffix chooses the format, and the data
and the attributes of a layer. It returns the file that was written. The dialog has already asked
whether to overwrite.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import FormatError
from napari_cryonet.gui.layers import from_layer_data
from napari_cryonet.gui.things import placed
from napari_cryonet.gui.waiting import waited
from napari_cryonet.io import write
from napari_cryonet.types import ImageStack, PointCloud, Thing, Volume


def save(path: Path, thing: Thing) -> None:
    """Write a thing while the window keeps drawing itself; a file that is there is replaced.

    Parameters
    ----------
    path
        The file; its suffix chooses the format.
    thing
        What to write.

    Raises
    ------
    FormatError, FileProblem
        If the format cannot hold it, or the file cannot be written.
    """
    waited(lambda _: write(path, thing, overwrite=True), f"Saving {path.name}")


def write_image(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an image layer.

    Raises
    ------
    DataError
        If the layer is in colours, or turned.
    FormatError, FileProblem
        If the format cannot hold it, or the file cannot be written.
    """
    thing = from_layer_data(data, attributes, "image")
    save(Path(path), thing)
    return [path]


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a labels layer as whole numbers where they fit into 16 bits.

    Raises
    ------
    FormatError
        If there are more than 65535 labels.
    FileProblem
        If the file cannot be written.
    """
    thing = from_layer_data(data, attributes, "labels")
    if not isinstance(thing, Volume | ImageStack):
        raise FormatError(f"Cannot write {type(thing).__name__} as {path}.")
    small = replace(thing, data=_small(np.asarray(thing.data)))
    save(Path(path), small)
    return [path]


def write_cloud(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a points layer as a cloud in nm, a .ply or .obj file.

    Picks are written where they lie, without features.

    Raises
    ------
    DataError
        If its points have not three coordinates, or it is turned.
    FileProblem
        If the file cannot be written.
    """
    thing = from_layer_data(data, attributes, "points")
    if not isinstance(thing, PointCloud):
        thing = PointCloud(placed(data, attributes, "nm"), name=thing.name)
    save(Path(path), thing)
    return [path]


def write_surface(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a surface layer as a cloud with faces, a .ply or .obj file.

    Raises
    ------
    DataError, FileProblem
        As `write_cloud`.
    """
    save(Path(path), from_layer_data(data, attributes, "surface"))
    return [path]


def _small(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels in the smallest type that the files know."""
    lowest, highest = int(labels.min()), int(labels.max())
    for kind in (np.int8, np.uint16):
        if np.iinfo(kind).min <= lowest and highest <= np.iinfo(kind).max:
            return labels.astype(kind)
    raise FormatError(
        f"The labels are from {lowest} to {highest}; the file holds 0 to 65535, or -128 to 127. "
        f"Number them anew."
    )
