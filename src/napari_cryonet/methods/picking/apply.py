"""Picking with a trained network, in tomograms of any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError, ModelError
from napari_cryonet.methods.picking.labels import core_radius
from napari_cryonet.methods.picking.network import build
from napari_cryonet.methods.picking.picks import LOWEST, Candidates, Maps, refined, score_maps
from napari_cryonet.methods.picking.settings import APART, ApplySettings
from napari_cryonet.nn.device import choose
from napari_cryonet.nn.source import check_volume
from napari_cryonet.nn.weights import load
from napari_cryonet.reporting import Reporter
from napari_cryonet.signal.curation import off_border
from napari_cryonet.signal.resample import on_scale, rescaled
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
    learnt = _Learnt.read(model)
    if max(volume.scale) > 1.1 * learnt.voxel_size:
        report.warn(
            f"The model wants voxels of {learnt.voxel_size:.4g} Å or smaller, {volume.name} has "
            f"{max(volume.scale):.4g} Å: detail is missing, so the picks may be poor."
        )
    compute = choose(settings.device, settings.precision)
    report.say(f"Picking on {compute}.")
    values = on_scale(volume, learnt.voxel_size)
    network = load(model, compute, build)
    across = learnt.diameters / learnt.voxel_size
    core = core_radius(float(across.min()))
    maps = score_maps(network, values, settings, settings.passes, core, compute, report)
    thresholds = learnt.thresholds
    if settings.threshold is not None:
        thresholds = dict.fromkeys(thresholds, settings.threshold)
    found = maps.candidates(across, min(LOWEST, *thresholds.values()))
    if settings.refine:
        found = refined(found, values, network, across)
    candidates = learnt.points(found, values.shape, volume)
    inside = off_border(candidates, settings.border) & _in_mask(candidates, mask)
    distances = learnt.distances(settings.distance) / learnt.voxel_size
    chosen = found.picks(distances, list(thresholds.values()))
    picks = replace(candidates.kept(chosen[inside[chosen]]), name=f"{volume.name} picks")
    target = np.empty(volume.shape, np.float32) if into is None else into
    _spread(maps, target, report)
    title = f"Scores of picking, CryoNet {learnt.product}."
    return Result(
        volume.changed(target, title, name=f"{volume.name} scores"),
        _measures(picks, thresholds) | {"estimates": model.card.extra["thresholds"]},
        {"picks": picks, "candidates": candidates.kept(inside)},
    )


@dataclass(frozen=True, eq=False)
class _Learnt:
    """What a model says of the particles that it has learnt.

    Parameters
    ----------
    thresholds
        Smallest score of a pick, by the name of each class.
    diameters
        ``(classes,)`` in Å.
    voxel_size
        Å per voxel of the network's grid.
    product
        The version that trained the model.
    """

    thresholds: dict[str, float]
    diameters: NDArray[np.float64]
    voxel_size: float
    product: str

    @classmethod
    def read(cls, model: Model) -> _Learnt:
        """Return what the card of a model says."""
        card, extra = model.card, model.card.extra
        try:
            names = [str(name) for name in extra["classes"]]
            thresholds = {name: float(extra["thresholds"][name]["threshold"]) for name in names}
            diameters = np.array([float(extra["diameters"][name]) for name in names])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{model.path or 'The model'} does not say what its classes, diameter and "
                f"thresholds are: the file is damaged. Train it again."
            ) from error
        return cls(thresholds, diameters, float((card.voxel_size or (1.0,))[0]), card.product)

    def distances(self, asked: float | None) -> NDArray[np.float64]:
        """Return the smallest distance in Å of two picks of each class."""
        return APART * self.diameters if asked is None else np.full(len(self.diameters), asked)

    def points(self, found: Candidates, shape: tuple[int, ...], volume: Volume) -> Points:
        """Return what was found on a grid of some shape as points of the tomogram."""
        return Points(
            rescaled(found.positions, shape, volume.shape),
            {
                "score": found.scores,
                "class": np.array(list(self.thresholds))[found.kinds],
                "radius": self.diameters[found.kinds] / 2,
            },
            volume.voxel_size,
            volume=volume.name,
            name=f"{volume.name} candidates",
            history=(f"Picked by CryoNet {self.product}.",),
            volume_shape=(volume.shape[0], volume.shape[1], volume.shape[2]),
        )


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


def _in_mask(points: Points, mask: Volume | None) -> NDArray[np.bool_]:
    """Return which points are inside the mask."""
    if mask is None:
        return np.ones(len(points), dtype=bool)
    voxels = np.round(points.positions).astype(int)
    return np.asarray(mask.data[tuple(voxels.T)]) > 0


def _measures(picks: Points, thresholds: dict[str, float]) -> dict[str, Any]:
    """Return how many picks of each class there are, and what thresholds were taken."""
    kinds = picks.features["class"]
    counts = {name: int((kinds == name).sum()) for name in thresholds}
    return {"picked": len(picks), "classes": counts, "thresholds": thresholds}


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
