"""The commands that every method has: ``train``, ``apply`` and ``model``.

A method says how its inputs are called and what is worth telling of a result; the options
come from its settings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from napari_cryonet.cli.applying import ApplyFiles, Applying, Results
from napari_cryonet.cli.cards import show_card
from napari_cryonet.cli.options import FILES, Flag, options_of
from napari_cryonet.cli.training import TrainFiles, Training
from napari_cryonet.cli.work import DONE
from napari_cryonet.io import read_card
from napari_cryonet.methods import table
from napari_cryonet.types import Model


@dataclass(frozen=True)
class Family:
    """How a method is called on the command line.

    Parameters
    ----------
    method
        Its name in the table of methods.
    columns
        What one row of training data consists of, for example ``("half1", "half2")``.
    inputs
        What a model is applied to; those behind the first may be left out.
    results
        Returns what an application measured.
    optional
        What a row may have besides, in a table of data.
    """

    method: str
    columns: tuple[str, ...]
    inputs: tuple[str, ...]
    results: Results
    optional: tuple[str, ...] = ()

    def app(self) -> App:
        """Return the commands of the method."""
        method = table.find(self.method)
        app = App(name=method.name, help=f"{method.title}. {method.summary}", sort_key=10)
        start = f"cryonet {method.name}"
        train = (
            f"{start} train {self.row} --output MODEL [OPTIONS]",
            f"{start} train --pairs TABLE.csv --output MODEL [OPTIONS]",
            f"{start} train --resume RUN_FOLDER [OPTIONS]",
        )
        apply = f"{start} apply MODEL {self.given} --output FILE [OPTIONS]"
        app.command(self._train(), usage="Usage: " + "\n       ".join(train) + "\n")
        app.command(self._apply(), usage=f"Usage: {apply}\n")
        usage = f"Usage: {start} model MODEL [--json]\n"
        app.command(model_command(method), name="model", usage=usage)
        return app

    @property
    def row(self) -> str:
        """One row of training data, as the help writes it."""
        return " ".join(self.columns).upper()

    @property
    def apply_files(self) -> type[ApplyFiles]:
        """The options of an application that are no settings."""
        return ApplyFiles

    @property
    def given(self) -> str:
        """What a model is applied to, as the help writes it."""
        first, *others = self.inputs
        return " ".join([first, *(f"[{name}]" for name in others)]).upper()

    def _train(self) -> Callable[..., int]:
        """Return the command that trains."""

        def train(*inputs: Path, files: TrainFiles | None = None, options: Any = None) -> int:
            """Train a network and write it as a model.

            Parameters
            ----------
            *inputs
                The data to train on.
            files
                Where everything is.
            options
                How to train.
            """
            asked = files or TrainFiles()
            return Training(self.method, self.columns, inputs, asked, options, self.optional).run()

        kind = table.find(self.method).settings("train")
        train.__annotations__["inputs"] = inputs_of(f"The data to train on: {self.row} …")
        train.__annotations__["options"] = options_of(kind)
        return train

    def _apply(self) -> Callable[..., int]:
        """Return the command that applies a model."""

        def apply(
            model: Path,
            /,
            *inputs: Path,
            files: ApplyFiles,
            options: Any = None,
        ) -> int:
            """Apply a model and write the result.

            Parameters
            ----------
            model
                The model file.
            *inputs
                What to apply it to.
            files
                Where everything goes.
            options
                How to apply it.
            """
            file = method.model_file(str(model))
            asked = Applying(self.method, self.inputs, file, inputs, files, options)
            return asked.run(self.results)

        method = table.find(self.method)
        kind = method.settings("apply")
        apply.__annotations__["model"] = _model_of(method)
        apply.__annotations__["files"] = self.apply_files
        apply.__annotations__["inputs"] = inputs_of(f"What to apply it to: {self.given}")
        apply.__annotations__["options"] = options_of(kind)
        return apply


def model_command(method: table.Method) -> Callable[..., int]:
    """Return the command that prints the card of a model of a method."""

    def model(file: Path, /, *, json: Flag = False) -> int:
        """Print the card of a model.

        Parameters
        ----------
        file
            The model file.
        json
            Print it as JSON.
        """
        path = method.model_file(str(file))
        card = read_card(path)
        Model(card, {}, path).check_method(method.name)
        show_card(path, card, as_json=json)
        return DONE

    model.__annotations__["file"] = _model_of(method)
    return model


def _model_of(method: table.Method) -> Any:
    """Return the annotation of the name of a model file."""
    own = ', or "shipped" for the one that comes with CryoNet' if method.shipped else ""
    return inputs_of(f"The model file{own}")


def inputs_of(text: str) -> Any:
    """Return the annotation of file names without an option in front of them.

    Parameters
    ----------
    text
        What the help says of them.
    """
    return Annotated[Path, Parameter(group=FILES, help=text)]
