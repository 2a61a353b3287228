"""The methods in one table, named by strings so that listing them loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from napari_cryonet.errors import FormatError, SettingsError
from napari_cryonet.io.model import SUFFIX, shipped
from napari_cryonet.io.mrc import SUFFIXES
from napari_cryonet.settings import Settings

Action = Literal["train", "apply"]

SHIPPED = "shipped"
"""Stands for the model that comes with this package."""


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
    result
        How the name of the file of a result ends.
    shipped
        Name of the model that comes with this package; empty if there is none.
    shared
        Whether several processes can train one network together.
    parts
        How the names of further files beside the result end, and the setting that asks for each;
        nothing if it is always made.
    """

    name: str
    title: str
    summary: str
    room: str
    trained: bool = True
    result: str = ".mrc"
    shipped: str = ""
    shared: bool = True
    parts: Mapping[str, str] = field(default_factory=dict)

    @property
    def shipped_model(self) -> Path | None:
        """The file of the model that comes with this package."""
        return shipped(self.shipped) if self.shipped else None

    def model_file(self, name: str) -> Path:
        """Return the file of a model: the one that is named, or the one that is shipped.

        Parameters
        ----------
        name
            Of the file; nothing or ``"shipped"`` for the one that comes with this package.

        Raises
        ------
        SettingsError
            If none is named and none is shipped.
        """
        found = self.shipped_model if name in ("", SHIPPED) else Path(name)
        if found is None:
            raise SettingsError(f"{self.title} comes without a model: name the file of one.")
        return found

    def wanted(self, settings: Settings) -> list[str]:
        """Return how the names of those of its `parts` end that some settings ask for."""
        return [end for end, name in self.parts.items() if not name or getattr(settings, name)]

    def check_name(self, action: Action, output: Path) -> None:
        """Refuse an output whose name promises another format than it would have.

        Raises
        ------
        FormatError
            Says how its name may end.
        """
        name = output.name.lower()
        allowed: tuple[str, ...] = (self.result,)
        if action == "train":
            allowed = (SUFFIX,)
        elif self.result in SUFFIXES:
            name, allowed = name.removesuffix(".gz"), SUFFIXES
        if not name.endswith(allowed):
            raise FormatError(
                f"{output} is no name for {'a model' if action == 'train' else 'this result'}; it "
                f"ends in {' '.join(allowed)}."
            )

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
            shipped="denoising",
        ),
        Method(
            "self2self",
            "Self2Self",
            "Learns from a single tomogram or map and copies of it that it corrupts itself.",
            "napari_cryonet.methods.self2self",
            parts={"uncertainty.mrc": "uncertainty"},
        ),
        Method(
            "picking",
            "Picking",
            "Finds all particles of a tomogram after learning from a few that were labelled.",
            "napari_cryonet.methods.picking",
            parts={"picks.star": "", "candidates.star": ""},
        ),
        Method(
            "exploration",
            "Exploration",
            "Finds what has the size of a particle in a tomogram, and groups it without labels.",
            "napari_cryonet.methods.exploration",
            parts={"candidates.star": ""},
        ),
        Method(
            "pointcloud",
            "Point cloud",
            "Reconstructs a particle in three dimensions from images of single molecules.",
            "napari_cryonet.methods.pointcloud",
            result=".csv",
            shared=False,
            parts={"rendered.fits": "", "cloud.ply": ""},
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
        Method(
            "resolution",
            "Resolution network",
            "Estimates from a single map how fine the detail is around each voxel.",
            "napari_cryonet.methods.resolution",
            shipped="resolution",
            parts={"uncertainty.mrc": "samples"},
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
