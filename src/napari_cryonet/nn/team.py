"""Several processes, started by ``torchrun``, that train one network together.

The first leads: it alone keeps averages and moments, reports, and can be stopped. In each step the
others are told its weights, and lend it the gradients of patches of their own. So a step sees as
many batches as there are processes, and a training can be resumed with another number of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, distributed, nn

from napari_cryonet.nn.average import evaluating
from napari_cryonet.nn.learning import Learner, Revising
from napari_cryonet.nn.place import Place
from napari_cryonet.reporting import SilentReporter

_OVER = -1.0


@dataclass(frozen=True)
class Team:
    """The processes while they train.

    Parameters
    ----------
    place
        Which of them this is.
    device
        Where this one computes.
    """

    place: Place
    device: torch.device

    @classmethod
    def gather(cls, device: torch.device) -> Team:
        """Wait until all processes are there."""
        place = Place.find()
        if place.count > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(place, device)

    def begin_step(
        self, step: int, progress: float, learner: Learner, network: nn.Module, average: nn.Module
    ) -> None:
        """Tell the others which step comes, and the weights for it."""
        if self.place.count > 1:
            self._tell(float(step), progress)
            self._share(learner, network, average)

    def end_step(self, network: nn.Module) -> None:
        """Give the network the mean of the gradients of all processes."""
        if self.place.count > 1:
            _spread(_summed(_gradients(network)) / self.place.count, _gradients(network))

    def dismiss(self) -> None:
        """Tell the others that the training is over."""
        if self.place.count > 1:
            self._tell(_OVER, 1.0)
            distributed.destroy_process_group()

    def lend(self, learner: Learner, network: nn.Module, average: nn.Module, seed: int) -> None:
        """Lend the first process gradients until it says that the training is over.

        Parameters
        ----------
        learner
            What is trained; its patches differ from those of the other processes.
        network, average
            Filled with the weights of the first process.
        seed
            That of the training.
        """
        while True:
            step, progress = self._tell(0.0, 0.0)
            if step == _OVER:
                distributed.destroy_process_group()
                return
            self._share(learner, network, average)
            if isinstance(learner, Revising):
                with evaluating(average):
                    learner.revise(average, progress, SilentReporter())
            here = (seed, int(step), self.place.number)
            torch.manual_seed(int(np.random.default_rng(here).integers(1 << 62)))
            network.train()
            network.zero_grad(set_to_none=True)
            learner.loss(network, np.random.default_rng(here)).backward()
            _summed(_gradients(network))

    def _tell(self, step: float, progress: float) -> tuple[float, float]:
        """Return step and progress of the first process."""
        note = torch.tensor([step, progress], dtype=torch.float64, device=self.device)
        distributed.broadcast(note, 0)
        first, second = note.tolist()
        return first, second

    def _share(self, learner: Learner, network: nn.Module, average: nn.Module) -> None:
        """Give all processes the weights of the first; the average only if it is looked at."""
        for shared in (network, average) if isinstance(learner, Revising) else (network,):
            values = list(shared.state_dict().values())
            together = _line(values)
            distributed.broadcast(together, 0)
            _spread(together, values)


def _summed(gradients: Sequence[Tensor]) -> Tensor:
    """Return the sum over all processes as one line of numbers, to the first of them."""
    together = _line(gradients)
    distributed.reduce(together, 0)
    return together


def _line(values: Sequence[Tensor]) -> Tensor:
    """Return all numbers of tensors one after the other."""
    return torch.cat([value.detach().reshape(-1).float() for value in values])


def _spread(line: Tensor, values: Sequence[Tensor]) -> None:
    """Put numbers one after the other back into tensors."""
    parts = line.split([value.numel() for value in values])
    for value, part in zip(values, parts, strict=True):
        value.copy_(part.view(value.shape))


def _gradients(network: nn.Module) -> list[Tensor]:
    """Return the gradients of all weights that are learnt, zero where a batch has none."""
    gradients = []
    for weight in network.parameters():
        if weight.requires_grad:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
            gradients.append(weight.grad)
    return gradients
