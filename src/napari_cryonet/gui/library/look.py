"""A look at two half maps: their middle planes and how they correlate; knows nothing of Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import CryonetError
from napari_cryonet.io import read_volume
from napari_cryonet.library import Pair
from napari_cryonet.reporting import Reporter
from napari_cryonet.signal.fsc import measure
from napari_cryonet.signal.resolution_settings import FscSettings
from napari_cryonet.types.fsc import Fsc

Grey = NDArray[np.uint8]

_MOST = 256  # voxels along an edge of a picture
_DARK, _BRIGHT = 1.0, 99.5  # percentiles


@dataclass(frozen=True, eq=False)
class Look:
    """What is seen of a pair.

    Parameters
    ----------
    planes
        ``(y, x)`` pictures of the middle planes, as far as the files could be read.
    fsc
        Of the half maps as they are; None if they cannot be compared.
    said
        Why something is missing.
    """

    planes: tuple[Grey, ...] = ()
    fsc: Fsc | None = None
    said: str = ""


def look_at(folder: Path, pair: Pair, report: Reporter) -> Look:
    """Return the middle planes of a pair and its FSC.

    Parameters
    ----------
    folder
        The library.
    pair
        A pair in it.
    report
        Is asked whether to stop.

    Raises
    ------
    Cancelled
        If somebody wants to look at another one.
    """

    def tick(share: float) -> None:
        report.step(share, 1)
        report.check()

    planes: tuple[Grey, ...] = ()
    try:
        halves = [read_volume(folder / path) for path in pair.paths]
        tick(0)
        planes = tuple(picture(half.data) for half in halves)
        tick(0)
        return Look(planes, measure(halves, None, FscSettings(mask="none"), tick))
    except CryonetError as error:
        return Look(planes, None, str(error))


def picture(data: NDArray[Any]) -> Grey:
    """Return the middle plane of a volume as a picture.

    Parameters
    ----------
    data
        ``(..., z, y, x)`` real values.

    Returns
    -------
    ndarray
        ``(y, x)`` from 0 to 255, coarser than the plane if that is large.
    """
    while data.ndim > 2:
        data = data[len(data) // 2]
    step = -(-max(data.shape) // _MOST)
    plane = np.nan_to_num(np.asarray(data[::step, ::step], np.float64))
    low, high = np.percentile(plane, (_DARK, _BRIGHT))
    scaled = (plane - low) / (high - low) if high > low else np.zeros_like(plane)
    return np.ascontiguousarray(255 * np.clip(scaled, 0, 1), np.uint8)
