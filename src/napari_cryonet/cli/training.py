"""``cryonet METHOD train``: from options to a job, and from its end to a summary."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cyclopts import Parameter

from napari_cryonet.cli.console import working
from napari_cryonet.cli.options import FILES, CommonFiles, Flag, chosen
from napari_cryonet.cli.output import number, say_json, say_table
from napari_cryonet.cli.pairs import Rows, read_pairs
from napari_cryonet.cli.work import DONE, do, exit_code, inputs
from napari_cryonet.errors import SettingsError
from napari_cryonet.io.atomic import check_output
from napari_cryonet.jobs import Job, Outcome, RunFolder
from napari_cryonet.methods import table
from napari_cryonet.nn.place import Place
from napari_cryonet.reporting import Cancelled, SilentReporter
from napari_cryonet.settings import Settings

_CORRELATION = "correlation with the truth, estimated on held-out data"
_QUALITY = {
    "picking": "of 1: how well labels that were held out stand out",
    "pointcloud": "of 1: the share of held-out images that the cloud explains",
    "resolution": "of 1: how much smaller the error is than that of the best constant",
}
"""What the quality of a training means, for methods where it is no correlation."""


@dataclass(frozen=True, kw_only=True)
class _Places:
    """The data of a training, its model and its run.

    Parameters
    ----------
    output
        The model file to write; needed unless a run is resumed.
    start
        A model of the same method to start from, instead of as the settings say.
    pairs
        A table (.csv) of the data to train on, instead of naming them.
    validation
        A table (.csv) of data to measure the quality with, instead of holding some out; not for
        exploration and point clouds.
    run_folder
        Folder for log, metrics and checkpoints; MODEL_run beside the model if not given.
    resume
        Go on with the run in this folder; settings that are given replace those of its job.
    """

    output: Path | None = None
    start: Path | None = None
    pairs: Path | None = None
    validation: Path | None = None
    run_folder: Path | None = None
    resume: Path | None = None


@Parameter(name="*", group=FILES)
@dataclass(frozen=True, kw_only=True)
class TrainFiles(CommonFiles, _Places):
    """Where a training finds and puts everything.

    Parameters
    ----------
    overwrite
        Replace the model if it is there.
    json
        Print the summary as JSON.
    tensorboard
        Write curves and previews for TensorBoard into the run folder as well.
    """

    tensorboard: Flag = False

    def for_job(self) -> dict[str, Any]:
        """Return what was set here of a job, by the names of its fields."""
        return super().for_job() | ({"tensorboard": True} if self.tensorboard else {})


@dataclass(frozen=True)
class Training:
    """A training as it was asked for.

    Parameters
    ----------
    method
        Name of the method.
    columns
        What one row of data consists of.
    optional
        Columns that a table of data may have besides.
    inputs
        Files that were named one by one.
    files
        Where everything is.
    options
        Settings that were given as options, or None.
    """

    method: str
    columns: Sequence[str]
    inputs: Sequence[Path]
    files: TrainFiles
    options: Settings | None
    optional: Sequence[str] = ()

    def run(self) -> int:
        """Train, print the summary and return the exit code."""
        files = self.files
        known = RunFolder.existing(files.resume) if files.resume else None
        job = self._new() if known is None else self._resumed(known)
        place = Place.find()
        if place.count > 1 and not table.find(self.method).shared:
            raise SettingsError(
                f"{self.method} is trained by one process; start it without torchrun."
            )
        if not place.leads:
            return _lend(job)
        with working(quiet=files.quiet) as report:
            given = inputs(job, report)
            if known is None:
                output = Path(job.output)
                wanted = files.run_folder or output.with_name(f"{output.stem}_run")
                folder = RunFolder.create(wanted, job)
            else:
                folder = known
                folder.job_file.write_text(job.text(), encoding="utf-8")
            resume = known is not None
            outcome = do(job, report, folder=folder, given=given, resume=resume)
        _tell(outcome, folder, self.method, as_json=files.json)
        return exit_code(outcome.measures)

    def _new(self) -> Job:
        """Return the job of a new training, after looking whether it can be done."""
        files = self.files
        if files.output is None:
            raise SettingsError("A training needs --output MODEL, the model file to write.")
        check_output(files.output, overwrite=files.overwrite)
        job = Job.load(
            {
                "method": self.method,
                "inputs": self._rows(),
                "validation": self._validation(),
                "model": str(files.start) if files.start else "",
                "output": str(files.output),
                "overwrite": files.overwrite,
                "settings": self._settings(),
                **files.for_job(),
            }
        )
        return job.at(Path.cwd())

    def _resumed(self, folder: RunFolder) -> Job:
        """Return the job of a run with what was asked for now in the place of what was then."""
        files, job = self.files, folder.job()
        if (job.method, job.action) != (self.method, "train"):
            raise SettingsError(
                f"{folder.path} is the folder of {job.method} {job.action}; choose that of a "
                f"training by {self.method}."
            )
        if self.inputs or files.pairs:
            raise SettingsError("A run that is resumed has its data already; do not name any.")
        if files.start is not None:
            raise SettingsError("A run is resumed from its own checkpoint; leave out --start.")
        if files.run_folder is not None:
            raise SettingsError("A run is resumed in its own folder; leave out --run-folder.")
        changes: dict[str, Any] = {"settings": self._settings(), **files.for_job()}
        if files.validation is not None:
            changes["validation"] = self._validation()
        if files.output is not None:
            output = files.output.absolute()
            check_output(output, overwrite=files.overwrite or str(output) == job.output)
            changes["output"] = str(output)
        job = job.updated(changes)
        job.checked()
        return job

    def _rows(self) -> Rows:
        """Return the data, one row for each pair."""
        names, width = [str(path) for path in self.inputs], len(self.columns)
        what = " ".join(self.columns).upper()
        if self.files.pairs is not None:
            if names:
                raise SettingsError(f"Give {what} or --pairs, not both.")
            return read_pairs(self.files.pairs, self.columns, self.optional)
        if not names or len(names) % width:
            raise SettingsError(
                f"{len(names)} input files were given; give {what}, or a table of them by --pairs."
            )
        return [names[start : start + width] for start in range(0, len(names), width)]

    def _validation(self) -> Rows:
        """Return the data that the quality is measured with."""
        table = self.files.validation
        return read_pairs(table, self.columns, self.optional) if table is not None else []

    def _settings(self) -> dict[str, Any]:
        """Return the settings that were given."""
        kind = table.find(self.method).settings("train")
        return chosen(kind, self.files.settings, self.options)


def _lend(job: Job) -> int:
    """Help the process that leads a training, and write nothing.

    It alone hears what the user wants and tells the others when the training is over.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    report = SilentReporter()
    with contextlib.suppress(Cancelled):
        do(job.updated({"output": ""}), report, given=inputs(job, report))
    return DONE


def _tell(outcome: Outcome, folder: RunFolder, method: str, *, as_json: bool) -> None:
    """Print the summary of a training."""
    measures = dict(outcome.measures)
    minutes = round(measures.pop("seconds", 0.0) / 60, 3)
    model = outcome.files[0]
    if as_json:
        run = str(folder.path)
        say_json({"model": str(model), "run_folder": run, "minutes": minutes, **measures})
        return
    quality = measures.get("quality")
    estimate = f"{number(quality)} {_QUALITY.get(method, _CORRELATION)}"
    say_table(
        {
            "model": model,
            "run folder": folder.path,
            "steps": f"{measures.get('steps')}, ended by {measures.get('ended')}",
            "minutes": f"{minutes:.2f}",
            "quality": estimate if quality is not None else None,
            "device": measures.get("device"),
        }
    )
