"""Particles beside their model and what that leaves of them, as one picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.signal.picture_settings import MontageSettings
from napari_cryonet.signal.pictures import HEAT, SIGNED, Picture, coloured, with_bar, with_words

Floats = NDArray[np.floating[Any]]

_GAP = 4  # pixels between tiles
_TITLES = ("particle", "model", "residual, twice")


def chosen(number: int, settings: MontageSettings) -> NDArray[np.integer[Any]]:
    """Return which of a number of particles a montage shows, from 0."""
    return np.unique(np.linspace(0, number - 1, settings.count).round().astype(int))


def montage(
    images: Floats, drawn: Floats, names: list[str], pixel: float, settings: MontageSettings
) -> Picture:
    """Put pictures side by side.

    Parameters
    ----------
    images, drawn
        ``(n, y, x)`` particles, and the model in the pose of each.
    names
        What to write on each particle.
    pixel
        Size of a pixel of the images in nm.
    settings
        How many go side by side, and how large they are.

    Returns
    -------
    ndarray
        ``(y, x, 3)`` bytes. The particle and its model are in one scale; the residual is in twice
        that, red where the image is brighter and blue where the model is.
    """
    factor = max(1, math.ceil(settings.side / max(images.shape[1:])))
    cells = [_cell(*pair, factor) for pair in zip(images, drawn, strict=True)]
    cells = [with_words(cell, name, (3, 5)) for cell, name in zip(cells, names, strict=True)]
    height, width = cells[0].shape[0], (cells[0].shape[1] + _GAP) // 3
    for number, title in enumerate(_TITLES):
        cells[0] = with_words(cells[0], title, (height - 20, number * width + 5))
    first = with_bar(cells[-1][:, :width], pixel / factor, "nm")
    cells[-1] = np.concatenate([first, cells[-1][:, width:]], axis=1)
    return _grid(cells, settings.columns)


def _cell(image: Floats, drawn: Floats, factor: int) -> Picture:
    """Return a particle, its model and its residual side by side, magnified."""
    most = float(max(image.max(), drawn.max())) or 1.0
    tiles = (
        coloured(image / most, HEAT),
        coloured(drawn / most, HEAT),
        coloured(0.5 + (image - drawn) / most, SIGNED),
    )
    large = [tile.repeat(factor, axis=0).repeat(factor, axis=1) for tile in tiles]
    gap = np.full((large[0].shape[0], _GAP, 3), 60, np.uint8)
    return np.concatenate([large[0], gap, large[1], gap, large[2]], axis=1)


def _grid(cells: list[Picture], columns: int) -> Picture:
    """Return pictures of one size in rows, with gaps around them."""
    height, width = cells[0].shape[:2]
    columns = min(columns, len(cells))
    rows = math.ceil(len(cells) / columns)
    high, wide = height + _GAP, width + 3 * _GAP
    made = np.full((rows * high + _GAP, columns * wide + _GAP, 3), 25, np.uint8)
    for number, cell in enumerate(cells):
        top, left = number // columns * high + _GAP, number % columns * wide + _GAP
        made[top : top + height, left : left + width] = cell
    return made
