"""How to mix data and denoised volume, measured on a few pieces of the data."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add

from napari_cryonet.nn.tiles import Grid, some
from napari_cryonet.reporting import Box
from napari_cryonet.signal.combine import SHELLS, Spectra, Values
from napari_cryonet.signal.shells import Real

Halves = tuple[Values, Values]

_SIDE, _MOST = 96, 4  # a second of work on a CPU
_HURRIED_SIDE = 48


def measured_spectra(
    shape: tuple[int, ...],
    halves: Callable[[Box], Halves],
    denoised: Callable[[Values, Values], Values],
    mixing: float,
    *,
    hurry: bool = False,
) -> Spectra:
    """Measure what raw and denoised volume share with the truth, in a few pieces.

    Parameters
    ----------
    shape
        ``(z, y, x)`` of the volume.
    halves
        Returns two halves of a region, with independent noise, on the network's scale.
    denoised
        Returns what a network makes of the mixture of two halves that is nearer to the first.
    mixing
        α of that mixture.
    hurry
        Whether to look at one small piece only.
    """

    def measured(region: Box) -> Spectra:
        first, second = halves(region)
        made = denoised(first, second), denoised(second, first)
        return Spectra.measure((first, second), made, mixing, SHELLS)

    grid = Grid(_HURRIED_SIDE if hurry else _SIDE, 0, 8)
    tiles = some(grid.tiles(shape), 1 if hurry else _MOST)
    return reduce(add, (measured(tile.read) for tile in tiles))


def rounded(gains: tuple[Real, Real]) -> dict[str, list[float]]:
    """Return the factors of raw and denoised, ready for JSON."""
    raw, denoised = gains
    return {"raw": raw.round(4).tolist(), "denoised": denoised.round(4).tolist()}
