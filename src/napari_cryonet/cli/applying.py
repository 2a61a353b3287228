"""``cryonet METHOD apply``: a model and its inputs become a file and some measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cyclopts import Parameter

from napari_cryonet.cli.console import working
from napari_cryonet.cli.options import FILES, CommonFiles, chosen
from napari_cryonet.cli.output import say_json, say_table
from napari_cryonet.cli.work import DONE, do, inputs
from napari_cryonet.errors import SettingsError
from napari_cryonet.io import read_card
from napari_cryonet.io.atomic import check_output
from napari_cryonet.jobs import Job, Outcome
from napari_cryonet.methods import table
from napari_cryonet.settings import Settings
from napari_cryonet.types import Model

Results = Callable[[Outcome], tuple[dict[str, Any], dict[str, str]]]
"""Returns what an application measured: values for JSON, and lines for a person by name."""


@dataclass(frozen=True, kw_only=True)
class _Output:
    """The result of an application.

    Parameters
    ----------
    output
        The file to write.
    """

    output: Path


@Parameter(name="*", group=FILES)
@dataclass(frozen=True, kw_only=True)
class ApplyFiles(CommonFiles, _Output):
    """Where an application puts its result."""


@dataclass(frozen=True)
class Applying:
    """An application as it was asked for.

    Parameters
    ----------
    method
        Name of the method.
    wanted
        How its inputs are called; those behind the first may be left out.
    model
        The model file.
    inputs
        The files to apply it to.
    files
        Where everything goes.
    options
        Settings that were given as options, or None.
    """

    method: str
    wanted: Sequence[str]
    model: Path
    inputs: Sequence[Path]
    files: ApplyFiles
    options: Settings | None

    def run(self, results: Results) -> int:
        """Apply the model, print what was measured and return the exit code."""
        files, job = self.files, self._job()
        with working(quiet=files.quiet) as report:
            outcome = do(job, report, given=inputs(job, report))
        values, shown = results(outcome)
        others = {name: str(other.path) for name, other in outcome.others.items()}
        if files.json:
            say_json({"output": str(files.output), **others, **values})
        else:
            say_table({"output": files.output, **others, **shown})
        return DONE

    def _job(self) -> Job:
        """Return the job, after looking whether it can be done."""
        if not 1 <= len(self.inputs) <= len(self.wanted):
            raise SettingsError(
                f"{len(self.inputs)} inputs were given; a {self.method} model is applied to "
                f"{' and '.join(self.wanted)}, at least to the first."
            )
        check_output(self.files.output, overwrite=self.files.overwrite)
        Model(read_card(self.model), {}, self.model).check_method(self.method)
        kind = table.find(self.method).settings("apply")
        return Job.load(
            {
                "method": self.method,
                "action": "apply",
                "inputs": [[str(path) for path in self.inputs]],
                "model": str(self.model),
                "output": str(self.files.output),
                "overwrite": self.files.overwrite,
                "settings": chosen(kind, self.files.settings, self.options),
                **self.files.for_job(),
            }
        )
