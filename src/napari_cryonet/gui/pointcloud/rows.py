"""The order of the rows of images: a layer is flipped in place, and remembers it."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_cryonet.gui.things import KEY
from napari_cryonet.io.image_set import FLIPPED

TIP = (
    "The first row of a FITS file is the bottom of its image; flipped, images stand as astronomers "
    "draw them. A flip changes the hand of what is reconstructed."
)


def is_flipped(layer: Any) -> bool:
    """Whether the rows of a layer are flipped."""
    return FLIPPED in layer.metadata[KEY].get("history", ())


def flip(layer: Any) -> None:
    """Flip the rows of all images of a layer; its history says so until they are flipped back.

    Parameters
    ----------
    layer
        Images of particles; their files stay as they are.
    """
    known = layer.metadata[KEY]
    others = [each for each in known.get("history", ()) if each != FLIPPED]
    known["history"] = others if is_flipped(layer) else [*others, FLIPPED]
    if layer.multiscale:
        layer.data = [np.flip(np.asarray(level), axis=-2) for level in layer.data]
    else:
        layer.data = np.flip(np.asarray(layer.data), axis=-2)
