"""Deconvolution of a volume of any size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError
from napari_cryonet.methods.deconvolution.settings import ApplySettings
from napari_cryonet.reporting import Reporter
from napari_cryonet.signal.ctf import cut_off, first_zero
from napari_cryonet.signal.deconvolve import checked, deconvolve
from napari_cryonet.types import Result, Volume


def apply(
    things: Sequence[Volume],
    model: None,  # noqa: ARG001 - as all methods have it
    settings: ApplySettings,
    report: Reporter,
    *,
    into: NDArray[np.float32] | None = None,
) -> Result:
    """Deconvolve one volume.

    Parameters
    ----------
    things
        The volume.
    model
        None: there is nothing to train.
    settings
        How to deconvolve it.
    report
        Is told of the progress, and asked whether to stop.
    into
        ``(z, y, x)`` to write the result to, for example a memory map; None makes an array.

    Returns
    -------
    Result
        The deconvolved volume, with the mean and the standard deviation of the input. Measures:
        ``first_zero`` of the CTF and ``cut_off`` of the filter in Å, and ``gain``, the factor
        that brought the standard deviation back.

    Raises
    ------
    DataError
        If there is not one volume of real numbers that differ, with a voxel size.
    SettingsError
        If the CTF is 0 everywhere.
    """
    if len(things) != 1:
        raise DataError(f"One volume is deconvolved at a time, not {len(things)}.")
    (thing,) = things
    finest = min(checked(thing.data, thing.voxel_size))
    if "defocus" not in settings.model_fields_set:
        report.warn(
            f"No defocus was given; {settings.defocus:g} µm is taken. Give that of your data."
        )

    def tick(share: float) -> None:
        report.step(share, 1.0)
        report.check()

    data, gain = deconvolve(thing.data, thing.voxel_size, settings, into=into, tick=tick)
    zero = first_zero(finest, settings)
    measures = {
        "first_zero": None if zero is None else round(zero, 3),
        "cut_off": round(cut_off(finest, settings), 3),
        "gain": float(f"{gain:.4g}"),
    }
    sentence = f"Deconvolution, {settings}."
    return Result(thing.changed(data, sentence, name=f"{thing.name} deconvolved"), measures)
