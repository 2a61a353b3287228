"""Pictures for people: colours of grey values, a bar of known length, and words.

A picture is ``(y, x, 3)`` red, green, blue in bytes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]

HEAT = ((0, 0, 0), (150, 10, 20), (255, 120, 0), (255, 225, 90), (255, 255, 255))
ICE = ((0, 0, 0), (12, 62, 92), (60, 155, 205), (127, 216, 255), (255, 255, 255))
SIGNED = ((70, 170, 255), (20, 60, 140), (0, 0, 0), (150, 30, 20), (255, 130, 80))
"""Colours from the least value to the most; of the last, zero is in the middle."""

_LONGEST = 0.35  # of the picture's width
_MARGIN = 0.03


def coloured(values: Floats, colours: tuple[tuple[int, int, int], ...]) -> Picture:
    """Return values in colours.

    Parameters
    ----------
    values
        ``(y, x)`` from 0 to 1; what is outside gets the first or the last colour.
    colours
        At equal distances from 0 to 1.
    """
    at = np.linspace(0, 1, len(colours))
    bands = [np.interp(values, at, band) for band in zip(*colours, strict=True)]
    return np.stack(bands, axis=-1).round().astype(np.uint8)


def with_words(picture: Picture, words: str, place: tuple[float, float]) -> Picture:
    """Return a picture with words in white.

    Parameters
    ----------
    picture
        It stays as it is.
    words
        One line.
    place
        Of their upper left corner, y, x in pixels.
    """
    drawn = Image.fromarray(picture)
    ImageDraw.Draw(drawn).text(place[::-1], words, "white", _font(picture))
    return np.asarray(drawn)


def with_bar(picture: Picture, pixel: float, unit: str) -> Picture:
    """Return a picture with a bar of a round length in its lower left corner.

    Parameters
    ----------
    picture
        It stays as it is.
    pixel
        Size of its pixels.
    unit
        Of that.
    """
    height, width = picture.shape[:2]
    length = bar_length(_LONGEST * width * pixel)
    margin, thick = round(_MARGIN * height) + 1, max(1, height // 100)
    made = picture.copy()
    made[-margin - thick : -margin, margin : margin + max(1, round(length / pixel))] = 255
    above = height - margin - thick - 1.5 * _font(picture).size
    return with_words(made, f"{length:g} {unit}", (above, margin))


def bar_length(most: float) -> float:
    """Return the longest of the lengths 1, 2 and 5, times a power of ten, up to a limit.

    Parameters
    ----------
    most
        The limit, above 0.
    """
    power = 10.0 ** math.floor(math.log10(most))
    return next(factor * power for factor in (5, 2, 1) if factor * power <= most)


def _font(picture: Picture) -> ImageFont.FreeTypeFont:
    """Return a font that suits the height of a picture."""
    font = ImageFont.load_default(size=max(10, picture.shape[0] // 22))
    assert isinstance(font, ImageFont.FreeTypeFont)  # noqa: S101 - so it is with a size
    return font
