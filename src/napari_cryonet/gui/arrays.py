"""What napari is shown instead of a whole array: magnitudes, coarse levels, contrast limits.

All of it is lazy, so that opening a file costs only the planes that are looked at. napari
shows a memory map of any other number type as it is, whatever its byte order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
Entry = int | range

_PLANES, _INNER, _STRIDE = 5, (0.15, 0.85), 4
_BANDS, _BAND_ROWS = 8, 16
_PERCENTILES = (0.3, 99.7)
_FLAT_SIDE = 640


class Lazy:
    """What napari needs of an array that is computed when it is looked at."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of values."""
        return math.prod(self.shape)


class Magnitude(Lazy):
    """The magnitude of a complex array.

    Parameters
    ----------
    source
        Complex values of any shape.
    """

    def __init__(self, source: Array) -> None:
        self.source = source
        self.shape = source.shape
        self.dtype = np.empty(0, source.dtype).real.dtype

    def __getitem__(self, key: Any) -> Magnitude:
        """Return the magnitude of a part, still to be computed."""
        return Magnitude(np.asanyarray(self.source[key]))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        """Compute the magnitude."""
        return np.abs(self.source).astype(dtype or self.dtype, copy=bool(copy))


class Reduced(Lazy):
    """A coarse copy of an array: means over rows and columns, one plane of several.

    Taking single planes leaves most of the file unread, and it is the averaging within them
    that removes noise. What has been computed as a whole is kept.

    Parameters
    ----------
    source
        ``(..., y, x)`` values.
    factors
        How many values become one, for each axis.
    """

    def __init__(self, source: Any, factors: Sequence[int]) -> None:
        self.source, self.factors = source, tuple(factors)
        self.shape = tuple(n // f for n, f in zip(source.shape, factors, strict=True))
        self.dtype = np.dtype(np.float32)
        self._region: tuple[Entry, ...] = tuple(range(n) for n in self.shape)
        self._root = self
        self._whole: Array | None = None

    def __getitem__(self, key: Any) -> Reduced:
        """Return a part that is still to be computed; `key` is made of integers and slices."""
        keys = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            keys[at : at + 1] = [slice(None)] * (self.ndim + 1 - len(keys))
        keys += [slice(None)] * (self.ndim - len(keys))
        left = iter(keys)
        part = Reduced(self.source, self.factors)
        part._root = self._root
        part._region = tuple(
            entry[next(left)] if isinstance(entry, range) else entry for entry in self._region
        )
        part.shape = tuple(len(entry) for entry in part._region if isinstance(entry, range))
        return part

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        """Compute this part."""
        if self._root._whole is not None:
            result = self._root._whole[
                tuple(
                    slice(e.start, e.stop, e.step) if isinstance(e, range) else e
                    for e in self._region
                )
            ]
        else:
            result = self._computed()
            if self.shape == self._root.shape:
                self._root._whole = result
        return result.astype(dtype or self.dtype, copy=bool(copy))

    def _computed(self) -> Array:
        """Compute this part plane by plane."""
        spans = [e if isinstance(e, range) else range(e, e + 1) for e in self._region]
        out = np.empty([len(span) for span in spans], np.float32)
        *outer, rows, columns = spans
        down, across = self.factors[-2:]
        inner = tuple(
            slice(min(span) * f, (max(span) + 1) * f)
            for span, f in ((rows, down), (columns, across))
        )
        pick = tuple(slice(span[0] - min(span), None, span.step) for span in (rows, columns))
        for place in np.ndindex(*map(len, outer)):
            at = tuple(
                span[i] * f + f // 2 for span, i, f in zip(outer, place, self.factors, strict=False)
            )
            means = _binned(np.asarray(self.source[(*at, *inner)]), down, across)
            out[place] = means[pick]
        return out.reshape(self.shape)


def shown(data: Array) -> Any:
    """Return what napari can show of an array: itself, or magnitudes if it is complex."""
    return Magnitude(data) if data.dtype.kind == "c" else data


def stored(data: Any) -> Any:
    """Return the array behind what `shown` or `levels` returned."""
    while isinstance(data, Magnitude | Reduced):
        data = data.source
    return data


def levels(
    data: Any, *, planes: bool = False, max_side: int = 2048, max_3d_mb: float = 1024
) -> list[Any]:
    """Return the levels of a pyramid; only one where the whole fits the graphics card.

    napari draws the last level in three dimensions, as 32-bit floats. Without a coarse one a
    large volume ends the whole program there. In two dimensions the first two are drawn;
    both show every plane, and the second, a strided view, has the same contrast.

    Parameters
    ----------
    data
        ``(..., y, x)`` values, an array or what `shown` made of one.
    planes
        True for a stack of images, of which none is left out.
    max_side
        The longest axis that a three-dimensional texture can have.
    max_3d_mb
        The largest volume in MB, as 32-bit floats, that is drawn as it is.
    """
    sides = np.array(data.shape[-3:])
    if data.ndim < 3 or (max(sides) <= max_side and sides.prod() * 4 / 1e6 <= max_3d_mb):
        return [data]
    factors = np.ones(3, dtype=int)
    while not _fits(sides // factors, planes, max_side, max_3d_mb / 4):
        longest = int(np.argmax(sides // factors))
        together = [0, 1, 2] if not planes else ([0] if longest == 0 else [1, 2])
        factors[together] = np.minimum(factors[together] * 2, sides[together])
    coarse = (*[1] * (data.ndim - 3), *map(int, factors))
    return [data, data[..., ::2, ::2], Reduced(data, coarse)]


def contrast_limits(data: Any) -> tuple[float, float]:
    """Return between which grey values an image is shown.

    These are percentiles of five planes well inside the volume, since the outer planes of a
    tomogram are empty or streaked. Large planes are looked at in bands of rows. Numbers that are
    not finite are ignored.

    Parameters
    ----------
    data
        ``(..., y, x)`` values, an array or what `shown` made of one.
    """
    while data.ndim > 3:
        data = data[data.shape[0] // 2]
    rows, columns = data.shape[-2:]
    fine = 1 if min(rows, columns) < 16 * _STRIDE else _STRIDE
    parts = [(band, slice(None, None, fine)) for band in _bands(rows, fine)]
    if data.ndim == 3:
        first, last = (inner * (data.shape[0] - 1) for inner in _INNER)
        chosen = np.unique(np.linspace(first, last, _PLANES).round().astype(int))
        found = [np.asarray(data[(int(k), *part)]) for k in chosen for part in parts]
    else:
        found = [np.asarray(data[part]) for part in parts]
    values = np.concatenate(found, axis=None).astype(np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = map(float, np.percentile(values, _PERCENTILES))
    if low == high:
        low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else (low, low + (abs(low) or 1.0))


def _bands(rows: int, step: int) -> list[slice]:
    """Return which rows of a plane to look at: every `step`-th, or bands if there are many.

    Single rows that are spread evenly would read a large plane whole: the system reads a file in
    blocks of several rows.
    """
    if rows < 4 * _BANDS * _BAND_ROWS:
        return [slice(None, None, step)]
    starts = ((np.arange(_BANDS) + 0.5) * rows / _BANDS).astype(int) - _BAND_ROWS // 2
    return [slice(int(start), int(start) + _BAND_ROWS) for start in starts]


def _binned(plane: Array, down: int, across: int) -> Array:
    """Return the means over rows and columns; strided sums are ten times as fast as `mean`."""
    rows = np.zeros((plane.shape[0] // down, plane.shape[1]), np.float32)
    for row in range(down):
        rows += plane[row::down]
    sums = np.zeros((rows.shape[0], rows.shape[1] // across), np.float32)
    for column in range(across):
        sums += rows[:, column::across]
    sums /= down * across
    return sums


def _fits(sides: NDArray[np.integer[Any]], planes: bool, max_side: int, megabytes: float) -> bool:
    """Whether a level can be the one drawn in three dimensions, and only there.

    A level that leaves planes out must be too small to be chosen in two dimensions.
    """
    flat = planes or max(sides[1:]) <= _FLAT_SIDE
    small = bool(max(sides) <= max_side and sides.prod() * 4 / 1e6 <= megabytes)
    return (small and flat) or max(sides) == 1
