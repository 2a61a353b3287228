"""Training of exploration, from tomograms without labels to a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_cryonet.errors import DataError
from napari_cryonet.methods.exploration.data import checked, find_candidates, plan
from napari_cryonet.methods.exploration.network import new_network
from napari_cryonet.methods.exploration.objective import SHIFT, ViewLearner
from napari_cryonet.methods.exploration.settings import TrainSettings
from napari_cryonet.nn.device import choose
from napari_cryonet.nn.fit import fit, new_card
from napari_cryonet.reporting import Reporter
from napari_cryonet.types import Model, Thing


def train(
    things: Sequence[Sequence[Thing]],
    settings: TrainSettings,
    report: Reporter,
    *,
    validation: Sequence[Sequence[Thing]] = (),
    folder: Path | None = None,
    resume: bool = False,
    start: Model | None = None,
) -> Model:
    """Train a network to tell the candidates of tomograms apart.

    Parameters
    ----------
    things
        One tomogram in each row.
    settings
        How to train.
    report
        Is told of every step and of what was found, and asked whether to stop.
    validation
        Has to be empty: without labels there is nothing to judge by.
    folder
        Where checkpoint and models of epochs go; None writes nothing.
    resume
        Whether to go on from the checkpoint in `folder`.
    start
        A model whose weights the training starts from; None starts from chance.

    Raises
    ------
    SettingsError
        If the diameter is not given.
    DataError
        If there is no tomogram, or one with too few candidates.
    TrainingError, OutOfMemory, DeviceError
        As `napari_cryonet.nn.fit.fit`.
    """
    if not things or any(len(row) != 1 for row in things):
        raise DataError("Exploration learns from rows of one tomogram each, at least one row.")
    if validation:
        raise DataError("Exploration has no labels to judge by; leave out the validation.")
    volumes = [checked(row[0]) for row in things]
    shared = plan(volumes, settings)
    compute = choose(settings.device, settings.precision)
    report.say(f"Training on {compute}.")
    cubes = []
    for volume in volumes:
        report.check()
        found = find_candidates(volume, shared, settings.candidates)
        cubes.append(found.cubes(settings.patch + 2 * SHIFT))
        kind = "bright" if shared.sign > 0 else "dark"
        report.say(f"{volume.name} has {len(found.scores)} candidates, {kind} ones.")
    spec, network = new_network(settings)
    learner = ViewLearner(network, np.concatenate(cubes), settings, compute, shared, volumes[0])
    card = new_card(
        "exploration",
        settings,
        spec,
        [[volume] for volume in volumes],
        voxel_size=(shared.voxel_size,) * 3,
        normalisation={"kind": "robust"},
        extra={"diameter": shared.diameter, "sign": shared.sign},
    )
    return fit(learner, card, report, folder=folder, resume=resume, start=start)
