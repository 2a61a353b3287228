"""Local resolution of a single map by a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_cryonet.errors import DataError
from napari_cryonet.methods.resolution.data import check_map, given, mask_for
from napari_cryonet.methods.resolution.network import build
from napari_cryonet.methods.resolution.objective import resolution
from napari_cryonet.methods.resolution.powers import Field, noise_inside
from napari_cryonet.methods.resolution.settings import ApplySettings
from napari_cryonet.nn.device import Compute, choose
from napari_cryonet.nn.lattice import everywhere
from napari_cryonet.nn.unet import dropping
from napari_cryonet.nn.weights import load
from napari_cryonet.reporting import PartReporter, Reporter
from napari_cryonet.signal.mask import filled
from napari_cryonet.types import Model, Result, Volume

_MEASURED = 0.8  # of the work is the local power
_PERCENTILES = (2, 50, 98)
_NAMES = ("finest", "median", "coarsest")

Values = NDArray[np.float32]


def apply(
    things: Sequence[Volume],
    model: Model,
    settings: ApplySettings,
    report: Reporter,
    *,
    into: Values | None = None,
) -> Result:
    """Estimate the local resolution of one map.

    Parameters
    ----------
    things
        The map, with noise in its solvent, and perhaps a mask.
    model
        A model of the resolution network.
    settings
        How to apply it.
    report
        Is told of the progress, and asked whether to stop.
    into
        ``(z, y, x)`` to write the result to, for example a memory map; None makes an array.

    Returns
    -------
    Result
        Å inside the mask. Measures: ``median``, ``finest`` and ``coarsest`` in Å, the last two as
        the percentiles 2 and 98 in the mask; ``noise_inside``, the noise in the molecule in
        powers of that of the solvent, of the default network. Among the others ``uncertainty``
        in Å, if samples are asked for.

    Raises
    ------
    ModelError
        If the model is not one of the resolution network.
    DataError
        If the map or the mask is none, or there is no solvent to measure the noise in.
    SettingsError
        If no mask can be made.
    OutOfMemory, DeviceError
        If the device is too small or not there.
    """
    model.check_method("resolution")
    volume, given_mask = _checked(things)
    check_map(volume, report)
    mask = mask_for(volume, given_mask, settings)
    compute = choose(settings.device, settings.precision)
    report.say(f"Estimating the resolution on {compute}.")
    network = load(model, compute, build)
    size = None if model.card.voxel_size is None else model.card.voxel_size[0]
    field = given(volume, mask, size, compute, PartReporter(report, 0.0, _MEASURED))
    inside = mask > 0.5
    measures: dict[str, Any] = {}
    if size is None:
        found = noise_inside(field, np.asarray(field.at(inside), dtype=bool))
        measures["noise_inside"] = round(found.ratio, 3)
        if found.warning:
            report.warn(found.warning)
    rest = PartReporter(report, _MEASURED, 1.0)
    made, spread = _estimated(network, field, inside, compute, settings, rest)
    target = np.empty(volume.shape, np.float32) if into is None else into
    _write(made, field, inside, target, report)
    values = np.asarray(target[inside])
    measures |= {
        name: round(float(value), 4)
        for name, value in zip(_NAMES, np.percentile(values, _PERCENTILES), strict=True)
    }
    if settings.outside != "nan":
        target[...] = filled(target) if settings.outside == "nearest" else np.nan_to_num(target)
    said = f"Local resolution by a network, CryoNet {model.card.product}."
    result = volume.changed(target, said, name="local resolution")
    if spread is None:
        return Result(result, measures)
    error = np.empty(volume.shape, np.float32)
    _write(spread, field, inside, error, report)
    others = {"uncertainty": volume.changed(error, said, name="uncertainty of the resolution")}
    return Result(result, measures, others)


def _checked(things: Sequence[Volume]) -> tuple[Volume, Volume | None]:
    """Return the map and the mask."""
    if len(things) not in (1, 2) or not all(isinstance(thing, Volume) for thing in things):
        raise DataError(
            f"The resolution network takes one map, and perhaps a mask, not {len(things)} things. "
            f"Two half maps are measured without a network: local resolution."
        )
    return things[0], things[1] if len(things) > 1 else None


def _estimated(
    network: nn.Module,
    field: Field,
    inside: NDArray[np.bool_],
    compute: Compute,
    settings: ApplySettings,
    report: Reporter,
) -> tuple[Values, Values | None]:
    """Return the resolution at the places, and its spread over samples if they are wanted."""
    wanted = np.asarray(field.at(inside), dtype=bool)
    passes = 1 + settings.samples

    def once(number: int) -> Values:
        def tick(share: float) -> None:
            report.check()
            report.step(number + share, passes)

        return resolution(network, field.values, compute, wanted, tick)

    made = once(0)
    if not settings.samples:
        return made, None
    torch.manual_seed(settings.seed)
    with dropping(network):
        drawn = np.stack([once(number) for number in range(1, passes)])
    return made, drawn.std(axis=0)


def _write(
    values: Values, field: Field, inside: NDArray[np.bool_], target: Values, report: Reporter
) -> None:
    """Write values at the places to all voxels inside, NaN elsewhere, plane by plane."""
    known = filled(values)
    for number, plane in enumerate(everywhere(known, inside.shape, field.axes)):
        report.check()
        target[number] = np.where(inside[number], plane, np.nan)
