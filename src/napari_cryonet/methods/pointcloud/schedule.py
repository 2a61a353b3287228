"""How spots become narrower, and how learning rates fall."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from napari_cryonet.errors import SettingsError
from napari_cryonet.methods.pointcloud.network_settings import NetworkSettings

_WARMUP = 50
_MEMORY = 0.98
_LEAST = 0.01


@dataclass(frozen=True)
class Widths:
    """Widths of the spots while a training goes on.

    Parameters
    ----------
    table
        In any unit.
    continuous
        Whether it goes evenly, by equal factors, from each to the next; else in steps.
    """

    table: Sequence[float]
    continuous: bool

    def at(self, share: float) -> float:
        """Return the width when a share of the training is done."""
        last = len(self.table) - 1
        if not self.continuous:
            return self.table[min(int(share * (last + 1)), last)]
        return float(np.exp(np.interp(share * last, range(last + 1), np.log(self.table))))


def widths_in(text: str) -> list[float]:
    """Return the widths of a table as it is written, in nm; none of an empty one.

    Raises
    ------
    SettingsError
        If there is what is no width.
    """
    try:
        found = [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        found = [0.0]
    if not all(0 < width < math.inf for width in found):
        raise SettingsError(
            f"The widths of the spots are {text!r}; they are numbers in nm above 0 with spaces "
            f"between them, such as 30 20 12 8."
        )
    return found


class Rates(nn.Module):
    """How rates fall, along a cosine or on plateaus; a module, so that a checkpoint keeps it."""

    memory: Tensor

    def __init__(self) -> None:
        super().__init__()
        start = torch.tensor([0.0, math.inf, math.inf, 0.0, 1.0])
        self.register_buffer("memory", start)  # steps, mean loss, best mean, steps since, factor

    def factor(self, settings: NetworkSettings, share: float) -> float:
        """Return by what the highest rates are multiplied now.

        Parameters
        ----------
        settings
            Whether rates fall on a plateau.
        share
            Of the training that is done.
        """
        steps, *_, factor = self.memory.tolist()
        rising = min(1.0, (steps + 1) / _WARMUP)
        falling = factor if settings.plateau else 0.5 + 0.5 * math.cos(math.pi * share)
        return float(rising * falling)

    def see(self, settings: NetworkSettings, loss: float) -> None:
        """Take note of the loss of a step, and lower the rates if it has not fallen for long.

        Parameters
        ----------
        settings
            How long, and by what.
        loss
            Its running mean is what has to fall.
        """
        steps, mean, best, since, factor = self.memory.tolist()
        mean = loss if math.isinf(mean) else _MEMORY * mean + (1 - _MEMORY) * loss
        since = 0.0 if mean < best else since + 1
        if settings.plateau and since >= settings.plateau:
            since, factor = 0.0, max(_LEAST, factor * settings.reduction)
        self.memory.copy_(torch.tensor([steps + 1, mean, min(best, mean), since, factor]))
