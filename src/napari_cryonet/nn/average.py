"""The running average of the weights of a training: how it follows, and how it is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move an average towards the newest weights.

    Parameters
    ----------
    average, network
        Two networks of one kind; counters are copied.
    decay
        Which part of the average stays.
    """
    with torch.no_grad():
        ours = [*average.parameters(), *average.buffers()]
        news = [*network.parameters(), *network.buffers()]
        for mean, new in zip(ours, news, strict=True):
            if mean.is_floating_point():
                mean.lerp_(new, 1 - decay)
            else:
                mean.copy_(new)


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Run a block in evaluation mode without touching the random state of the training."""
    network.eval()
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        yield


def copied(network: nn.Module) -> dict[str, Tensor]:
    """Return the weights as they are now, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
