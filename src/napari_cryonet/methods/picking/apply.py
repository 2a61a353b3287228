"""Picking with a trained network, in tomograms of any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError, ModelError
from napari_cryonet.methods.picking.labels import core_radius
from napari_cryonet.methods.picking.network import build
from napari_cryonet.methods.picking.picks import LOWEST, Maps, refined, score_maps
from napari_cryonet.methods.picking.settings import APART, ApplySettings
from napari_cryonet.nn.device import choose
from napari_cryonet.nn.source import check_volume
from napari_cryonet.nn.weights import load
from napari_cryonet.reporting import Reporter
from napari_cryonet.signal.resample import on_scale
from napari_cryonet.types import Model, Points, Result, Thing, Volume


def apply(
    things: Sequence[Thing],
    model: Model,
    settings: ApplySettings,
    report: Reporter,
    *,
    into: NDArray[np.float32] | None = None,
) -> Result:
    """Score a tomogram and pick its particles.

    Parameters
    ----------
    things
        The tomogram and, if wanted, a mask outside which nothing is picked.
    model
        A model of picking.
    settings
        How to apply it.
    report
        Is told of the progress, and asked whether to stop.
    into
        ``(z, y, x)`` to write the scores to, for example a memory map; None makes an array.

    Returns
    -------
    Result
        The scores from 0 to 1 on the grid of the tomogram, of the best class in each voxel.
        Among the others ``picks``: `Points` with ``score``, ``class`` and ``radius``; and
        ``candidates``, all peaks from which these are chosen by threshold and distance.
        Measures: how many picks of each class, and what thresholds were taken.

    Raises
    ------
    ModelError
        If the model is not one of picking, or its card lacks what it needs.
    DataError
        If there is no tomogram with a voxel size, or the mask does not fit.
    OutOfMemory, DeviceError
        If the device is too small or not there.
    """
    model.check_method("picking")
    volume, mask = _checked(things)
    classes, diameters, known = _card(model)
    voxel_size = float((model.card.voxel_size or (1.0,))[0])
    if max(volume.scale) > 1.1 * voxel_size:
        report.warn(
            f"The model wants voxels of {voxel_size:.4g} Å or smaller, {volume.name} has "
            f"{max(volume.scale):.4g} Å: detail is missing, so the picks may be poor."
        )
    compute = choose(settings.device, settings.precision)
    report.say(f"Picking on {compute}.")
    values = on_scale(volume, voxel_size)
    across = diameters / voxel_size
    core = core_radius(float(across.min()))
    network = load(model, compute, build)
    maps = score_maps(network, values, settings, settings.passes, core, compute, report)
    asked = settings.threshold
    thresholds = [known[name] if asked is None else asked for name in classes]
    candidates = maps.candidates(across, min(LOWEST, *thresholds))
    if settings.refine:
        candidates = refined(candidates, values, network, across)
    ratio = np.array(volume.shape) / np.array(values.shape)
    places = np.minimum(candidates.positions * ratio, np.array(volume.shape) - 1)
    inside = _inside(places, volume, mask, settings.border)
    distance = settings.distance
    distances = APART * across if distance is None else np.full(len(classes), distance / voxel_size)
    chosen = candidates.picks(distances, thresholds)
    kinds = candidates.kinds
    every = Points(
        places,
        {
            "score": candidates.scores,
            "class": np.array(classes)[kinds],
            "radius": diameters[kinds] / 2,
        },
        volume.voxel_size,
        volume=volume.name,
        name=f"{volume.name} candidates",
        history=(f"Picked by CryoNet {model.card.product}.",),
        volume_shape=(volume.shape[0], volume.shape[1], volume.shape[2]),
    )
    kept = chosen[inside[chosen]]
    picks = replace(every.kept(kept), name=f"{volume.name} picks")
    target = np.empty(volume.shape, np.float32) if into is None else into
    _spread(maps, target, report)
    title = f"Scores of picking, CryoNet {model.card.product}."
    counts = {name: int((kinds[kept] == number).sum()) for number, name in enumerate(classes)}
    measures: dict[str, Any] = {
        "picked": len(picks),
        "classes": counts,
        "thresholds": dict(zip(classes, thresholds, strict=True)),
        "estimates": model.card.extra["thresholds"],
    }
    scored = volume.changed(target, title, name=f"{volume.name} scores")
    return Result(scored, measures, {"picks": picks, "candidates": every.kept(inside)})


def _checked(things: Sequence[Thing]) -> tuple[Volume, Volume | None]:
    """Return the tomogram and the mask, after looking whether they fit together."""
    volume = things[0] if things else None
    mask = things[1] if len(things) > 1 else None
    if not isinstance(volume, Volume) or len(things) > 2:
        raise DataError(f"Picking needs a tomogram and perhaps a mask, not {len(things)} things.")
    check_volume(volume, "Picking", sized=True)
    if mask is not None and (not isinstance(mask, Volume) or mask.shape != volume.shape):
        raise DataError(
            f"A mask is a volume of the shape of the tomogram, {volume.shape}; {mask.name} is not."
        )
    return volume, mask


def _card(model: Model) -> tuple[list[str], NDArray[np.float64], dict[str, float]]:
    """Return the classes of a model, and the diameter in Å and the threshold of each."""
    extra = model.card.extra
    try:
        classes = [str(name) for name in extra["classes"]]
        known = {name: float(extra["thresholds"][name]["threshold"]) for name in classes}
        diameters = np.array([float(extra["diameters"][name]) for name in classes])
        return classes, diameters, known
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{model.path or 'The model'} does not say what its classes, diameter and thresholds "
            f"are: the file is damaged. Train it again."
        ) from error


def _inside(
    places: NDArray[np.floating[Any]], volume: Volume, mask: Volume | None, border: float
) -> NDArray[np.bool_]:
    """Return which places are inside the mask and far enough from the border."""
    room = np.array(volume.shape) - 1
    rim = border / np.array(volume.scale)
    kept: NDArray[np.bool_] = np.all((places >= rim) & (places <= room - rim), axis=1)
    if mask is not None:
        voxels = np.round(places).astype(int)
        kept &= np.asarray(mask.data[tuple(voxels.T)]) > 0
    return kept


def _spread(maps: Maps, target: NDArray[np.float32], report: Reporter) -> None:
    """Write the scores to a finer grid, interpolated linearly, plane by plane."""
    best = maps.scores.max(axis=0)
    low, high, share = [], [], []
    for old, new in zip(best.shape, target.shape, strict=True):
        place = np.minimum(np.arange(new) * old / new, old - 1)
        low.append(np.floor(place).astype(int))
        high.append(np.minimum(low[-1] + 1, old - 1))
        share.append((place - low[-1]).astype(np.float32))
    for z in range(len(target)):
        report.check()
        part = share[0][z]
        plane = best[low[0][z]] * (1 - part) + best[high[0][z]] * part
        rows = plane[low[1]] + (plane[high[1]] - plane[low[1]]) * share[1][:, None]
        target[z] = rows[:, low[2]] + (rows[:, high[2]] - rows[:, low[2]]) * share[2]
