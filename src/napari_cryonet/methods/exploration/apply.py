"""Exploration of a tomogram with a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_cryonet.errors import DataError, ModelError, SettingsError
from napari_cryonet.methods.exploration.data import LEAST, Plan, checked, find_candidates
from napari_cryonet.methods.exploration.network import Encoder, build
from napari_cryonet.methods.exploration.settings import ApplySettings, TrainSettings
from napari_cryonet.nn.augment import turns
from napari_cryonet.nn.denoise import on_its_grid
from napari_cryonet.nn.device import Compute, choose, memory_errors
from napari_cryonet.nn.weights import load
from napari_cryonet.reporting import Reporter
from napari_cryonet.signal.clusters import kmeans, principal_components, standardised
from napari_cryonet.signal.curation import off_border
from napari_cryonet.signal.resample import rescaled
from napari_cryonet.types import Model, Points, Result, Thing, Volume

Floats = NDArray[np.floating[Any]]

_AT_ONCE = 64
_NEIGHBOURS = 15


def apply(
    things: Sequence[Thing],
    model: Model,
    settings: ApplySettings,
    report: Reporter,
    *,
    into: NDArray[np.float32] | None = None,
) -> Result:
    """Find the candidates of a tomogram, describe them and put those that are alike together.

    Parameters
    ----------
    things
        The tomogram.
    model
        A model of exploration.
    settings
        How to group and to lay out.
    report
        Is told of the progress, and asked whether to stop.
    into
        ``(z, y, x)`` to write the strength to, for example a memory map; None makes an array.

    Returns
    -------
    Result
        The strength of blobs on the grid of the tomogram, in deviations. Among the others
        ``candidates``: `Points` with ``score`` (the strength), ``cluster`` (from 1, that of the
        strongest candidates first), ``class``, ``pc1`` and ``pc2`` (or ``umap1`` and
        ``umap2``), ``radius`` in Å, and ``e0`` to ``e15``, the description. Measures: how many
        candidates each cluster has.

    Raises
    ------
    ModelError
        If the model is not one of exploration, or its card lacks what it needs.
    DataError
        If there is not one tomogram with a voxel size, or one with too few candidates.
    SettingsError
        If UMAP is asked for and not installed.
    OutOfMemory, DeviceError
        If the device is too small or not there.
    """
    model.check_method("exploration")
    if len(things) != 1:
        raise DataError(f"Exploration looks at one tomogram at a time, not at {len(things)}.")
    if settings.coordinates == "umap" and find_spec("umap") is None:
        raise SettingsError(
            "The coordinates umap need the package umap-learn, which is not installed; install "
            "napari-cryonet[umap], or choose pca."
        )
    volume = checked(things[0])
    training, shared = _card(model)
    compute = choose(settings.device, settings.precision)
    report.say(f"Exploring on {compute}.")
    found = find_candidates(volume, shared, settings.candidates or training.candidates)
    points = Points(
        rescaled(found.positions, found.values.shape, volume.shape),
        voxel_size=volume.voxel_size,
        volume=volume.name,
        name=f"{volume.name} candidates",
        history=(f"Explored by CryoNet {model.card.product}.",),
        volume_shape=(volume.shape[0], volume.shape[1], volume.shape[2]),
    )
    kept = off_border(points, settings.border)
    if kept.sum() < LEAST:
        raise DataError(
            f"{volume.name} has {int(kept.sum())} candidates farther than {settings.border:g} Å "
            f"from its border; at least {LEAST} are needed. Make the border smaller."
        )
    network = load(model, compute, build)
    assert isinstance(network, Encoder)  # noqa: S101 - build makes it
    described = describe(network, found.cubes(training.patch)[kept], compute, report)
    features = _features(described, found.scores[kept], shared.diameter, settings)
    points = replace(points.kept(kept), features=features)
    return Result(
        _strength(volume, found.strength, into, model),
        {"found": len(points), "clusters": _counts(points)},
        {"candidates": points},
    )


def describe(
    network: Encoder, cubes: NDArray[np.float32], compute: Compute, report: Reporter
) -> Floats:
    """Return the descriptions ``(n, 16)`` of cubes, the mean over their mirror images.

    Parameters
    ----------
    network
        In evaluation mode, on the device of `compute`.
    cubes
        ``(n, s, s, s)``.
    compute
        Device and precision.
    report
        Is told of the progress, and asked whether to stop.
    """
    made, group = [], turns("flips")
    for start in range(0, len(cubes), _AT_ONCE):
        report.check()
        some = torch.from_numpy(cubes[start : start + _AT_ONCE])[:, None].to(compute.device)
        with memory_errors("a batch of candidates"), torch.inference_mode(), compute.autocast():
            total = sum(network(turn.apply(some)).float() for turn in group)
        made.append(np.asarray((total / len(group)).cpu()))
        report.step(min(start + _AT_ONCE, len(cubes)), len(cubes))
    return np.concatenate(made)


def _features(
    described: Floats, scores: Floats, diameter: float, settings: ApplySettings
) -> dict[str, NDArray[Any]]:
    """Return the columns of the candidates."""
    numbers = standardised(described)
    groups = kmeans(numbers, min(settings.clusters, len(numbers)), settings.seed)
    _, groups = np.unique(groups, return_inverse=True)
    means = np.bincount(groups, weights=scores) / np.bincount(groups)
    cluster = np.argsort(np.argsort(-means))[groups] + 1
    if settings.coordinates == "umap":
        names, coordinates = ("umap1", "umap2"), _umap(numbers, settings.seed)
    else:
        names, coordinates = ("pc1", "pc2"), principal_components(numbers, 2)
    return {
        "score": scores,
        "cluster": cluster,
        "class": np.array([f"cluster {number}" for number in cluster]),
        **dict(zip(names, coordinates.T, strict=True)),
        "radius": np.full(len(scores), diameter / 2),
        **{f"e{number}": column for number, column in enumerate(numbers.T)},
    }


def _umap(numbers: Floats, seed: int) -> Floats:
    """Return two coordinates ``(n, 2)`` in which neighbours stay neighbours.

    References
    ----------
    McInnes, Healy, Melville, *UMAP*, arXiv:1802.03426.
    """
    neighbours = min(_NEIGHBOURS, len(numbers) - 1)
    umap = import_module("umap").UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1)
    return np.asarray(umap.fit_transform(numbers), dtype=float)


def _strength(
    volume: Volume, strength: Floats, into: NDArray[np.float32] | None, model: Model
) -> Volume:
    """Return the strength of blobs as a volume on the grid of the tomogram."""
    sizes = np.array(volume.shape) * np.array(volume.scale) / np.array(strength.shape)
    title = f"Strength of blobs, CryoNet {model.card.product}."
    if into is not None and into.shape == strength.shape:
        into[...] = strength
    size = (float(sizes[0]), float(sizes[1]), float(sizes[2]))
    name = f"{volume.name} strength"
    return on_its_grid(volume.changed(strength, title, name=name, voxel_size=size), volume, into)


def _counts(points: Points) -> dict[str, int]:
    """Return how many candidates each cluster has."""
    names, counts = np.unique(points.features["cluster"], return_counts=True)
    return {f"cluster {name}": int(count) for name, count in zip(names, counts, strict=True)}


def _card(model: Model) -> tuple[TrainSettings, Plan]:
    """Return how a model was trained, and on what particles."""
    training = TrainSettings.load(model.card.settings)
    try:
        diameter, sign = float(model.card.extra["diameter"]), int(model.card.extra["sign"])
        size = float(np.asarray(model.card.voxel_size, dtype=float)[0])
    except (LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"{model.path or 'The model'} does not say how large its particles are: the file is "
            f"damaged. Train it again."
        ) from error
    return training, Plan(diameter, size, sign, training.strength)
