"""Which images of a layer count: all but those that were rejected. The layer itself remembers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from napari_cryonet.errors import DataError
from napari_cryonet.gui.things import KEY, to_thing
from napari_cryonet.types import ImageStack

_REJECTED = "rejected"


class Chosen(NamedTuple):
    """The images of a layer that count.

    Parameters
    ----------
    images
        ``(n, y, x)``.
    numbers
        ``(n,)`` their numbers in the layer, from 0.
    """

    images: ImageStack
    numbers: NDArray[np.integer[Any]]


def is_particles(layer: Any) -> bool:
    """Whether a layer holds several images in nm, one for each particle."""
    if not isinstance(layer, Image) or layer.ndim != 3 or layer.rgb:
        return False
    known = layer.metadata.get(KEY, {})
    return (known.get("kind"), known.get("unit")) == ("images", "nm")


def count(layer: Any) -> int:
    """Return how many images a layer has."""
    data = layer.data[0] if layer.multiscale else layer.data
    return int(data.shape[0])


def is_rejected(layer: Any, number: int) -> bool:
    """Whether an image of a layer was rejected."""
    return number in layer.metadata[KEY].get(_REJECTED, ())


def decide(layer: Any, number: int, *, reject: bool) -> None:
    """Reject an image of a layer, or accept it again."""
    known = layer.metadata[KEY]
    others = set(known.get(_REJECTED, ())) - {number}
    known[_REJECTED] = sorted(others | {number} if reject else others)


def accepted(layer: Any) -> NDArray[np.integer[Any]]:
    """Return the numbers of the images that count, from 0."""
    return np.setdiff1d(np.arange(count(layer)), layer.metadata[KEY].get(_REJECTED, ()))


def chosen(layer: Any) -> Chosen:
    """Return the images of a layer that count.

    Parameters
    ----------
    layer
        Images of particles; None if there is none.

    Raises
    ------
    DataError
        If there is no layer, all its images were rejected, or it is turned.
    """
    if layer is None:
        raise DataError(
            "Open images of single molecules first, a FITS file or a folder of them, or draw them "
            "from a table of localisations."
        )
    stack, numbers = to_thing(layer), accepted(layer)
    if not isinstance(stack, ImageStack):
        raise DataError(f"{layer.name} is no stack of images; choose another layer.")
    if not len(numbers):
        raise DataError(f"All images of {layer.name} were rejected; accept some.")
    every = len(numbers) == count(layer)
    return Chosen(stack if every else replace(stack, data=stack.images[numbers]), numbers)
