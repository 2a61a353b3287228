"""A job: everything that has to be known to do a piece of work, as a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from napari_cryonet.io.image_set import RowOrder
from napari_cryonet.methods import table
from napari_cryonet.methods.table import Action
from napari_cryonet.settings import Settings, read_toml, setting, toml_text

Rows = tuple[tuple[str, ...], ...]


class Job(Settings):
    """One training or one application of a method."""

    model_config = ConfigDict(ser_json_inf_nan="constants")  # TOML knows them

    method: str = setting("noise2noise", "Name of the method")
    action: Action = setting("train", "train or apply")
    inputs: Rows = setting((), "The data: one row for each pair of halves, or for each volume")
    validation: Rows = setting((), "Data to measure the quality of a training with")
    model: str = setting("", "The model file to apply, or to start a training from")
    output: str = setting("", "File to write: the model, or the result")
    overwrite: bool = setting(False, "Whether an output that is there may be replaced")
    fits_rows: RowOrder = setting(
        "stored", "Rows of FITS images of molecules: as they are stored, or flipped"
    )
    tensorboard: bool = setting(False, "Whether a training also writes curves for TensorBoard")
    settings: dict[str, Any] = setting({}, "Settings of the method; missing ones are default")

    @classmethod
    def read(cls, path: Path) -> Job:
        """Read a job file; file names in it are relative to its folder.

        Raises
        ------
        SettingsError
            If it cannot be read, or if a key is unknown or a value wrong.
        """
        job = cls.load(read_toml(path))
        job.checked()
        return job.at(path.resolve().parent)

    def text(self) -> str:
        """Return the job as TOML."""
        return toml_text(self.to_dict())

    def checked(self) -> Settings:
        """Return the settings of the method, all of them.

        Raises
        ------
        SettingsError
            If the method is unknown, or one of its settings.
        """
        return table.find(self.method).settings(self.action).load(self.settings)

    def at(self, folder: Path) -> Job:
        """Return the job with absolute file names; relative ones count from `folder`."""

        def absolute(name: str) -> str:
            return str(folder / name) if name else ""

        def rows(names: Rows) -> Rows:
            return tuple(tuple(absolute(name) for name in row) for row in names)

        return self.updated(
            {
                "inputs": rows(self.inputs),
                "validation": rows(self.validation),
                "model": self.model if self.model == table.SHIPPED else absolute(self.model),
                "output": absolute(self.output),
            }
        )
