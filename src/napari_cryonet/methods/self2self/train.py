"""Training of Self2Self, from single volumes to a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_cryonet.errors import DataError
from napari_cryonet.methods.self2self.corruption import corruption
from napari_cryonet.methods.self2self.data import chosen_mode, cut, prepare
from napari_cryonet.methods.self2self.objective import SingleLearner
from napari_cryonet.methods.self2self.settings import TrainSettings
from napari_cryonet.nn.device import choose
from napari_cryonet.nn.fit import card_of, fit, new_network
from napari_cryonet.nn.source import of_one_size
from napari_cryonet.reporting import Reporter
from napari_cryonet.types import Model, Volume


def train(
    things: Sequence[tuple[Volume]],
    settings: TrainSettings,
    report: Reporter,
    *,
    validation: Sequence[tuple[Volume]] = (),
    folder: Path | None = None,
    resume: bool = False,
    start: Model | None = None,
) -> Model:
    """Train a network on single volumes.

    Parameters
    ----------
    things
        One volume in each row.
    settings
        How to train.
    report
        Is told of every step and of what was found, and asked whether to stop.
    validation
        Volumes to measure the quality with; without any, cubes of `things` are held out.
    folder
        Where checkpoint and models of epochs go; None writes nothing.
    resume
        Whether to go on from the checkpoint in `folder`.
    start
        A model whose weights the training starts from; None starts as the settings say.

    Raises
    ------
    DataError
        If there is no volume, or one that does not suit.
    TrainingError, OutOfMemory, DeviceError
        As `napari_cryonet.nn.fit.fit`.
    """
    if not things:
        raise DataError("Self2Self needs at least one volume; none was given.")
    if any(len(row) != 1 for row in (*things, *validation)):
        raise DataError("Self2Self takes one volume in each row; for two halves use Noise2Noise.")
    compute = choose(settings.device, settings.precision)
    report.say(f"Training on {compute}.")
    spec, network = new_network(settings, compute)
    multiple = int(getattr(network, "multiple", 1))
    held = 0.0 if validation else None
    singles = [prepare(row[0], settings, multiple, report, held_out=held) for row in things]
    judges = [prepare(row[0], settings, multiple, report, held_out=0.5) for row in validation]
    singles = of_one_size(singles)
    mode = chosen_mode(settings, singles, report)
    reach = max(single.noise.reach for single in singles)
    shown = things[0][0] if settings.box is None else cut(things[0][0], settings.box)
    learner = SingleLearner(
        network,
        singles,
        judges or singles,
        settings,
        compute,
        shown,
        corruption(mode, settings, reach),
    )
    first = singles[0].noise
    noise = {"deviation": first.deviation, "correlation": first.correlation(1), "reach": reach}
    card = card_of(
        "self2self", settings, spec, singles[0], things, mode=mode, mixing=settings.mixing,
        noise=noise,
    )  # fmt: skip
    return fit(learner, card, report, folder=folder, resume=resume, start=start)
