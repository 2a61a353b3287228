"""Where a training starts: from a model, from the weights that come with CryoNet, or by chance."""

from __future__ import annotations

from torch import nn

from napari_cryonet.io import read_model
from napari_cryonet.io.model import shipped
from napari_cryonet.nn.learning import Adopting, Fitted
from napari_cryonet.nn.settings import InitialWeights, Training
from napari_cryonet.nn.weights import fill
from napari_cryonet.reporting import Reporter
from napari_cryonet.types import Model, ModelCard

RANDOM = "random"
OTHER = "another network made them"
"""Why weights do not suit."""

_WEIGHTLESS = ("dropout",)
"""What a specification says that does not change the weights of a network."""


def begin(learner: Fitted, start: Model | None, card: ModelCard, report: Reporter) -> str:
    """Give a network that is to be trained the weights it starts from.

    Parameters
    ----------
    learner
        Has the network, with random weights.
    start
        A model to start from; None does as the settings of the learner say.
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
    model = start or _general(learner.settings)
    if model is None:
        return RANDOM
    name = str(model.path or "the given model") if start else "the general weights"
    if isinstance(learner, Adopting):
        why_not = learner.adopt(model, general=start is None)
    else:
        why_not = _filled(learner.network, model, card)
    if why_not:
        tell = report.warn if start else report.say
        tell(f"The training starts by chance, not from {name}: {why_not}.")
        return RANDOM
    report.say(f"The training starts from {name}.")
    return model.path.stem if model.path else "model"


def _general(settings: Training) -> Model | None:
    """Return the weights that come with CryoNet for a method, if its settings want them."""
    if not isinstance(settings, InitialWeights) or settings.initial_weights == RANDOM:
        return None
    return read_model(shipped(settings.general_weights))


def _filled(network: nn.Module, model: Model, card: ModelCard) -> str | None:
    """Put the weights of a model into a network, if it is the same; return why not, if so."""
    own, other = ({**each.network, **dict.fromkeys(_WEIGHTLESS)} for each in (card, model.card))
    if own != other:
        return OTHER
    fill(network, model)
    return None
