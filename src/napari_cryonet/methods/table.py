"""The methods in one table, named by strings so that listing them loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from napari_cryonet.errors import SettingsError
from napari_cryonet.settings import Settings

Action = Literal["train", "apply"]


@dataclass(frozen=True)
class Method:
    """One method.

    Parameters
    ----------
    name
        As in job files, model cards and on the command line.
    title
        As people call it.
    summary
        What it needs and gives, in one line.
    room
        The package that holds it.
    trained
        Whether it applies a model that has to be trained first.
    """

    name: str
    title: str
    summary: str
    room: str
    trained: bool = True

    @property
    def actions(self) -> tuple[Action, ...]:
        """What it can do."""
        return ("train", "apply") if self.trained else ("apply",)

    def settings(self, action: Action) -> type[Settings]:
        """Return the settings class of an action; loads no torch.

        Raises
        ------
        SettingsError
            If the method has no such action.
        """
        if action not in self.actions:
            raise SettingsError(
                f"{self.title} cannot {action}: there is nothing to train. Its only action is "
                f"{self.actions[0]}."
            )
        module = import_module(f"{self.room}.settings")
        found: type[Settings] = getattr(module, f"{action.capitalize()}Settings")
        return found

    def function(self, action: Action) -> Any:
        """Return the function that does an action; loads torch."""
        return getattr(import_module(f"{self.room}.{action}"), action)


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "noise2noise",
            "Noise2Noise",
            "Learns from two halves of the data with independent noise, and removes it.",
            "napari_cryonet.methods.noise2noise",
        ),
        Method(
            "self2self",
            "Self2Self",
            "Learns from a single tomogram or map and copies of it that it corrupts itself.",
            "napari_cryonet.methods.self2self",
        ),
        Method(
            "picking",
            "Picking",
            "Finds all particles of a tomogram after learning from a few that were labelled.",
            "napari_cryonet.methods.picking",
        ),
        Method(
            "deconvolution",
            "Deconvolution",
            "Undoes the contrast transfer function of one map or tomogram as far as its noise "
            "allows.",
            "napari_cryonet.methods.deconvolution",
            trained=False,
        ),
        Method(
            "local_fsc",
            "Local resolution",
            "Measures from two half maps how fine the detail is around each voxel.",
            "napari_cryonet.methods.local_fsc",
            trained=False,
        ),
    )
}


def find(name: str) -> Method:
    """Return a method by its name.

    Raises
    ------
    SettingsError
        If there is none of that name.
    """
    if name not in METHODS:
        raise SettingsError(f"There is no method {name!r}; known are {', '.join(METHODS)}.")
    return METHODS[name]
