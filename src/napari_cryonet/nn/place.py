"""Which of the processes this is that ``torchrun`` has started. No torch here."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Which of the processes this is.

    Parameters
    ----------
    number, count
        Of this process, from 0, and how many there are.
    here, near
        The same among those of this machine.
    """

    number: int = 0
    count: int = 1
    here: int = 0
    near: int = 1

    @classmethod
    def find(cls) -> Place:
        """Return what ``torchrun`` says; without it there is one process."""
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            return cls()
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        return cls(*(int(os.environ[name]) for name in names))

    @property
    def leads(self) -> bool:
        """Whether this is the first process."""
        return self.number == 0
