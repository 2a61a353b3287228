"""Local resolution of two half maps of any size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_cryonet.errors import DataError
from napari_cryonet.methods.local_fsc.settings import ApplySettings
from napari_cryonet.methods.local_fsc.windowed import by_windows
from napari_cryonet.nn.bands import Bands
from napari_cryonet.nn.device import choose, memory_errors
from napari_cryonet.nn.filtering import by_filtering
from napari_cryonet.nn.lattice import everywhere, places
from napari_cryonet.reporting import Reporter
from napari_cryonet.signal.fsc import measure
from napari_cryonet.signal.halves import are_masked, check_halves, mask_of
from napari_cryonet.signal.mask import Mask, filled
from napari_cryonet.signal.resolution_settings import FscSettings
from napari_cryonet.types import Result, Volume

Inside = NDArray[np.bool_]

_GLOBAL = 0.02  # of the work is the global FSC
_PERCENTILES = (2, 50, 98)
_NAMES = ("finest", "median", "coarsest")


def apply(
    things: Sequence[Volume],
    model: None,  # noqa: ARG001 - as all methods have it
    settings: ApplySettings,
    report: Reporter,
    *,
    into: NDArray[np.float32] | None = None,
) -> Result:
    """Measure the local resolution of two half maps.

    Parameters
    ----------
    things
        The two half maps, neither masked nor filtered, and perhaps a mask.
    model
        None: there is nothing to train.
    settings
        How to measure it.
    report
        Is told of the progress, and asked whether to stop.
    into
        ``(z, y, x)`` to write the result to, for example a memory map; None makes an array.

    Returns
    -------
    volume : Volume
        ``(z, y, x)`` Å inside the mask.
    measures : dict
        ``median``, ``finest`` and ``coarsest`` in Å, the last two as the percentiles 2 and 98 in
        the mask; ``global``, the resolution of the whole in the same mask, None if its FSC does
        not fall that far; ``radius`` of the window in Å; ``nyquist`` and ``unresolved``, the
        shares of the mask where the correlation never falls, and where it starts below.

    Raises
    ------
    DataError
        If the halves do not fit together, or the mask not them.
    SettingsError
        If no mask can be made.
    DeviceError
        If the device is not there, or too small.
    """
    first, second, mask = _checked(things, settings)
    size = first.scale
    if any(are_masked(half.data) for half in (first, second)):
        report.warn(
            "The half maps are masked already: near the border the local resolution comes out too "
            "good. Give unmasked half maps."
        )
    inside = np.ones(first.shape, bool) if mask is None else mask > 0.5
    if not inside.any():
        raise DataError("Nothing is inside the mask, where it is above a half of its largest.")
    whole = measure((first, second), mask, FscSettings(), lambda _: report.check())
    report.step(_GLOBAL, 1.0)
    radius = settings.window(max(size))
    bands = Bands.of(first.shape, size, radius, settings.coarsest)
    frequency = _measured((first, second), radius, bands, inside, settings, report)
    result = np.empty(first.shape, np.float32) if into is None else into
    axes = [places(count, settings.spacing()).numpy() for count in first.shape]
    for number, plane in enumerate(everywhere(frequency, first.shape, axes)):
        result[number] = np.where(inside[number], 1 / plane, np.nan)
    values = np.asarray(result[inside])
    if settings.outside != "nan":
        result[...] = filled(result) if settings.outside == "nearest" else np.nan_to_num(result)
    crossing = whole.crossing(settings.threshold)
    measures = {
        **dict(zip(_NAMES, map(_rounded, np.percentile(values, _PERCENTILES)), strict=True)),
        "global": None if crossing.resolution is None else _rounded(crossing.resolution),
        "threshold": settings.threshold,
        "radius": _rounded(radius),
        "nyquist": _rounded((values <= 1.001 / bands.centres[-1]).mean()),
        "unresolved": _rounded((values >= 0.999 / bands.centres[0]).mean()),
    }
    sentence = f"Local resolution, {settings}, window of {radius:.4g} Å."
    return Result(first.changed(result, sentence, name="local resolution"), measures)


def _checked(
    things: Sequence[Volume], settings: ApplySettings
) -> tuple[Volume, Volume, Mask | None]:
    """Return the halves and the mask, given or made."""
    if not 2 <= len(things) <= 3:
        raise DataError(
            f"Local resolution takes two half maps, and perhaps a mask, not {len(things)} volumes."
        )
    first, second = things[:2]
    check_halves(first, second)
    given = things[2] if len(things) == 3 else None
    return first, second, mask_of((first, second), given, settings)


def _measured(
    halves: tuple[Volume, Volume],
    radius: float,
    bands: Bands,
    inside: Inside,
    settings: ApplySettings,
    report: Reporter,
) -> NDArray[np.float32]:
    """Return the frequency in 1/Å at each place; where nobody looks, the last shell."""
    size, step = halves[0].scale, settings.spacing()

    def tick(share: float) -> None:
        report.step(_GLOBAL + (1 - _GLOBAL) * share, 1.0)
        report.check()

    device = choose(settings.device, "float32").device
    with torch.inference_mode(), memory_errors("the local resolution of these half maps"):
        one, two = (
            torch.from_numpy(np.array(half.data, dtype=np.float32)).to(device) for half in halves
        )
        if settings.way == "fast":
            found = by_filtering((one, two), size, radius, bands, step, settings.threshold, tick)
            return np.asarray(found.cpu())
        axes = [places(count, step).numpy() for count in inside.shape]
        near = ndimage.maximum_filter(inside, 2 * step + 1)[np.ix_(*axes)]
        where = np.stack([axis[at] for axis, at in zip(axes, np.nonzero(near), strict=True)], 1)
        at = torch.from_numpy(where).to(device)
        found = by_windows((one, two), size, radius, bands, at, settings.threshold, tick)
    result = np.full(near.shape, bands.centres[-1], np.float32)
    result[near] = found.cpu()
    return result


def _rounded(value: float) -> float:
    """Return a number with four decimals, as JSON takes it."""
    return round(float(value), 4)
