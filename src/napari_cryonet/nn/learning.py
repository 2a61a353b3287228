"""What the training loop asks of a method."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Tensor, nn

from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.settings import Training
from napari_cryonet.reporting import Box, Reporter
from napari_cryonet.types import Model


class Learner(Protocol):
    """What a method has to know for its network to be trained."""

    network: nn.Module

    @property
    def steps_per_epoch(self) -> int:
        """How many steps pass over the data once."""

    def loss(self, network: nn.Module, random: np.random.Generator) -> Tensor:
        """Return the loss of one batch, drawn with `random` alone."""

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return figures on held-out data; the higher ``quality``, the better."""

    def preview(self, network: nn.Module, region: Box) -> Any:
        """Return what the network makes of a region now."""


class Fitted(Learner, Protocol):
    """A learner that knows how and where it is trained.

    Attributes
    ----------
    settings
        How.
    compute
        Where.
    """

    @property
    def settings(self) -> Training: ...  # noqa: D102

    @property
    def compute(self) -> Compute: ...  # noqa: D102


@runtime_checkable
class Adopting(Protocol):
    """A learner that takes over weights in a way of its own."""

    def adopt(self, model: Model, *, general: bool) -> str | None:
        """Start from the weights of a model, be they general ones; return why not, if so."""


@runtime_checkable
class Revising(Protocol):
    """A learner that changes what it learns from on the way."""

    def revise(self, network: nn.Module, progress: float, report: Reporter) -> None:
        """Look at what the network has learnt, if that is due at a share of the training."""

    def memory(self) -> dict[str, Tensor]:
        """Return all that it has changed, to be kept in the checkpoint."""

    def recall(self, memory: dict[str, Tensor]) -> None:
        """Change what it learns from as it was when the checkpoint was written."""
