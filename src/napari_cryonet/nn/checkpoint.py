"""What a training needs to go on later: one .safetensors file, nothing pickled."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from napari_cryonet.errors import FileProblem, ModelError
from napari_cryonet.io.atomic import replacing


@dataclass
class State:
    """Where a training stands.

    Parameters
    ----------
    step, seconds
        Steps done and time spent on them.
    quality, best_step, best
        The best validation so far, its step and its weights.
    memory
        What the learner has found out on the way, see `napari_cryonet.nn.learning.Revising`.
    """

    step: int = 0
    seconds: float = 0.0
    quality: float = -math.inf
    best_step: int = 0
    best: dict[str, Tensor] | None = None
    memory: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoints:
    """Writes and reads the checkpoint of one run.

    Parameters
    ----------
    path
        The file.
    """

    path: Path

    def save(
        self,
        state: State,
        network: nn.Module,
        average: nn.Module,
        optimiser: torch.optim.Optimizer,
    ) -> None:
        """Write everything, whole or not at all."""
        tensors = {
            **_named("network", network.state_dict()),
            **_named("average", average.state_dict()),
            **_named("best", state.best or {}),
            **_named("memory", state.memory),
        }
        for number, values in optimiser.state_dict()["state"].items():
            tensors |= _named(f"optimiser.{number}", values)
        note = {
            "step": state.step,
            "seconds": state.seconds,
            "quality": state.quality,
            "best_step": state.best_step,
        }
        with replacing(self.path, overwrite=True) as part:
            save_file(tensors, part, {"cryonet": json.dumps(note)})

    def load(
        self, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer
    ) -> State:
        """Restore network, average and optimiser, and return where the training stood.

        Raises
        ------
        FileProblem
            If there is no checkpoint.
        ModelError
            If it is damaged or of another network.
        """
        if not self.path.is_file():
            raise FileProblem(
                f"There is no checkpoint {self.path}: the training ended before the first one, "
                f"or the folder is not that of a training. Start it anew."
            )
        try:
            with safe_open(self.path, framework="pt") as file:
                note = json.loads((file.metadata() or {})["cryonet"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            network.load_state_dict(_part(tensors, "network"))
            average.load_state_dict(_part(tensors, "average"))
            _load_optimiser(optimiser, _part(tensors, "optimiser"))
            best, memory = _part(tensors, "best") or None, _part(tensors, "memory")
            return State(best=best, memory=memory, **note)
        except (SafetensorError, RuntimeError, KeyError, ValueError, TypeError) as error:
            raise ModelError(
                f"The checkpoint {self.path} does not belong to this training ({error}). Resume "
                f"with the settings it was started with."
            ) from error


def _named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under longer names."""
    return {f"{prefix}.{name}": value.contiguous() for name, value in tensors.items()}


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, without it."""
    start = f"{prefix}."
    return {
        name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)
    }


def _load_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put the moments back, by the number of their parameter and in its memory layout."""
    parameters = [each for group in optimiser.param_groups for each in group["params"]]
    states: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, own = name.split(".", 1)
        like = parameters[int(number)]
        moment = value.shape == like.shape
        laid_out = torch.empty_like(like, requires_grad=False).copy_(value) if moment else value
        states.setdefault(int(number), {})[own] = laid_out
    optimiser.load_state_dict(
        {"state": states, "param_groups": optimiser.state_dict()["param_groups"]}
    )
