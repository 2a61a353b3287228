"""Weight decay towards where a training started, so that it forgets only what the data refute.

References
----------
Li, Grandvalet, Davoine, *Explicit inductive bias for transfer learning with convolutional
networks*, ICML 2018, arXiv:1802.01483.
"""

from __future__ import annotations

import torch
from torch import nn


class Decay:
    """Draws weights back to what they are when this is made.

    Parameters
    ----------
    network
        What is trained.
    strength
        As the weight decay of AdamW: which part of the way back, in units of the learning rate.
    """

    def __init__(self, network: nn.Module, strength: float) -> None:
        self._weights = list(network.parameters())
        self._start = [weight.detach().clone() for weight in self._weights]
        self._strength = strength

    def step(self, rate: float) -> None:
        """Go a part of the way back, at a learning rate."""
        with torch.no_grad():
            for weight, start in zip(self._weights, self._start, strict=True):
                weight.lerp_(start, min(rate * self._strength, 1.0))
