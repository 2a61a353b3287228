"""Where a training starts: from a model, from the weights that come with CryoNet, or by chance."""

from __future__ import annotations

from torch import nn

from napari_cryonet.io import read_model
from napari_cryonet.io.model import shipped
from napari_cryonet.nn.settings import InitialWeights, Training
from napari_cryonet.nn.weights import fill
from napari_cryonet.reporting import Reporter
from napari_cryonet.types import Model, ModelCard

RANDOM = "random"
_WEIGHTLESS = ("dropout",)
"""What a specification says that does not change the weights of a network."""


def begin(
    network: nn.Module, start: Model | None, settings: Training, card: ModelCard, report: Reporter
) -> str:
    """Give a network that is to be trained the weights it starts from.

    Parameters
    ----------
    network
        What is to be trained, with random weights.
    start
        A model to start from; None does as the settings say.
    settings
        Those of the training.
    card
        Of the network.
    report
        Is told where the training starts, and warned if that is not where it was to.

    Returns
    -------
    str
        The name of the model it starts from, or ``"random"``.

    Raises
    ------
    ModelError
        If the model to start from is one of another method, or damaged.
    """
    if start is not None:
        start.check_method(card.method)
    model = start or general(settings)
    if model is None:
        return RANDOM
    name = str(model.path or "the given model") if start else "the general weights"
    if not _alike(model.card, card):
        tell = report.warn if start else report.say
        tell(f"The training starts by chance: another network than this one made {name}.")
        return RANDOM
    fill(network, model)
    report.say(f"The training starts from {name}.")
    return model.path.stem if model.path else "model"


def general(settings: Training) -> Model | None:
    """Return the weights that come with CryoNet for a method, if its settings want them."""
    if not isinstance(settings, InitialWeights) or settings.initial_weights == RANDOM:
        return None
    return read_model(shipped(settings.general_weights))


def _alike(one: ModelCard, two: ModelCard) -> bool:
    """Whether the weights of one network fill the other."""
    first, second = ({**card.network, **dict.fromkeys(_WEIGHTLESS)} for card in (one, two))
    return first == second
