"""How the learning rate of a training rises and falls. No torch here."""

from __future__ import annotations

import math

from napari_cryonet.nn.settings import Training


def learning_rate(settings: Training, step: int, progress: float, steps_per_epoch: int) -> float:
    """Return the learning rate of a step.

    Parameters
    ----------
    settings
        Rate, schedule, warm-up and gamma.
    step
        The step's number, from 0.
    progress
        Which share of the training is over, 0 to 1.
    steps_per_epoch
        How many steps make an epoch.
    """
    rate = settings.learning_rate * min(1.0, (step + 1) / (settings.warmup + 1))
    if settings.schedule == "cosine":
        return rate * (0.5 + 0.5 * math.cos(math.pi * progress))
    if settings.schedule == "exponential":
        return float(rate * settings.gamma ** (step // steps_per_epoch))
    return rate
