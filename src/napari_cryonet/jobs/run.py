"""The one way in which work is done, for the command line, the window and child processes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_cryonet.errors import SettingsError
from napari_cryonet.io import mrc, read_model, read_volume, write, write_model
from napari_cryonet.io.atomic import check_output
from napari_cryonet.jobs.board import boarded
from napari_cryonet.jobs.folder import LoggingReporter, RunFolder
from napari_cryonet.jobs.inputs import as_files, read_row
from napari_cryonet.jobs.job import Job, Rows
from napari_cryonet.methods import table
from napari_cryonet.reporting import Reporter
from napari_cryonet.types import ImageStack, Model, PointCloud, Points, Poses, Thing, Volume

_SUFFIXES = {
    Volume: ".mrc", Points: ".star", ImageStack: ".fits", PointCloud: ".ply", Poses: ".csv",
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a job made.

    Parameters
    ----------
    files
        The files that were written.
    model
        The model of a training.
    volume
        The result of an application; read back as a memory map if it went to a file.
    measures
        What was measured on the way.
    others
        Further parts by name, for example ``"uncertainty"``; if there is no volume, the first of
        them is the result.
    """

    files: tuple[Path, ...] = ()
    model: Model | None = None
    volume: Volume | None = None
    measures: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, Thing] = field(default_factory=dict)


def run(
    job: Job,
    report: Reporter,
    *,
    folder: RunFolder | None = None,
    given: Mapping[str, Thing] | None = None,
    resume: bool = False,
) -> Outcome:
    """Do a job, and leave a marker of how it ended.

    Parameters
    ----------
    job
        What to do.
    report
        Is told of the progress, and asked whether to stop.
    folder
        Where log, metrics and checkpoints go; None keeps none.
    given
        Things that inputs of the job name; all other names are files. With a folder, the job
        file gets names of files for these as well, see `napari_cryonet.jobs.inputs`.
    resume
        Whether a training goes on from the checkpoint in the folder.

    Raises
    ------
    Cancelled
        If the user stopped it and there is nothing to keep.
    CryonetError
        If it fails for a reason that is understood.
    """
    if folder is None:
        return _do(job, report, None, given or {}, resume=resume)
    folder.begin()
    started = time.monotonic()
    logging = LoggingReporter(folder, report)
    with contextlib.closing(logging), folder.marked(logging):
        outcome = _do(job, logging, folder, given or {}, resume=resume)
    stopped = outcome.measures.get("ended") == "stopped"
    folder.end(
        "stopped" if stopped else "done",
        minutes=round((time.monotonic() - started) / 60, 3),
        files=[str(path) for path in outcome.files],
        **outcome.measures,
    )
    return outcome


def _do(
    job: Job,
    report: Reporter,
    folder: RunFolder | None,
    given: Mapping[str, Thing],
    *,
    resume: bool,
) -> Outcome:
    """Do a job without leaving a marker."""
    settings = job.checked()
    method = table.find(job.method)
    output = Path(job.output) if job.output else None
    if output is None and folder is not None:
        output = folder.result_file(job)
    if output is not None:
        ends = [] if job.action == "train" else method.wanted(settings)
        for file in (output, *(beside(output, end) for end in ends)):
            check_output(file, overwrite=job.overwrite or resume)
        method.check_name(job.action, output)
    if folder is not None:
        job, given = as_files(job, given, folder, report)
    if job.action == "train":
        things = _things(job, job.inputs, given, report)
        validation = _things(job, job.validation, given, report)
        start = read_model(Path(job.model)) if job.model else None
        path = folder.path if folder else None
        with boarded(report, path, things, asked=job.tensorboard) as told:
            model = method.function("train")(
                things,
                settings,
                told,
                validation=validation,
                folder=path,
                resume=resume,
                start=start,
            )
        if output is not None:
            write_model(output, model, overwrite=job.overwrite or resume)
        return Outcome((output,) if output else (), model=model, measures=dict(model.card.training))
    return _apply(job, method, settings, report, given, output)


def _apply(
    job: Job,
    method: table.Method,
    settings: Any,
    report: Reporter,
    given: Mapping[str, Thing],
    output: Path | None,
) -> Outcome:
    """Apply a method, into a file or into memory."""
    if len(job.inputs) != 1:
        raise SettingsError(
            f"A job applies a method to one row of inputs; this one has {len(job.inputs)}."
        )
    (things,) = _things(job, job.inputs, given, report)
    file = method.model_file(job.model) if method.trained else None
    model = read_model(file) if file else None
    function = method.function("apply")
    if output is None:
        result = function(things, model, settings, report)
        return Outcome((), None, *result)
    how = f"model {file.name}" if file else str(settings)
    said = f"{method.title}, {how}: {', '.join(t.name for t in things)}"
    first = things[0]
    if not isinstance(first, Volume):
        result = function(things, model, settings, report)
        others = _written(output, result.others, first=True, overwrite=job.overwrite)
        files = tuple(other.path for other in others.values() if other.path is not None)
        return Outcome(files, None, None, result.measures, others)
    like = first.changed(first.data, said, name=output.stem)
    with mrc.create(output, like, "f4", overwrite=job.overwrite) as target:
        result = function(things, model, settings, report, into=target)
    others = _written(output, result.others, first=False, overwrite=job.overwrite)
    files = tuple(beside(output, f"{name}{_suffix(other)}") for name, other in others.items())
    return Outcome((output, *files), None, read_volume(output), result.measures, others)


def _written(
    output: Path, parts: Mapping[str, Thing], *, first: bool, overwrite: bool
) -> dict[str, Thing]:
    """Write parts of a result beside it, or the first in its place; return what is then there."""
    kept: dict[str, Thing] = {}
    for name, part in parts.items():
        path = output if first and not kept else beside(output, f"{name}{_suffix(part)}")
        write(path, part, overwrite=overwrite)
        kept[name] = read_volume(path) if isinstance(part, Volume) else replace(part, path=path)
    return kept


def _suffix(part: Thing) -> str:
    """Return how the name of a part's file ends."""
    return next(suffix for kind, suffix in _SUFFIXES.items() if isinstance(part, kind))


def beside(output: Path, end: str) -> Path:
    """Return the file for a further part of a result, in the folder of the result itself.

    Parameters
    ----------
    output
        The file of the result, for example ``denoised.mrc``.
    end
        How the name of the part's file ends: ``uncertainty.mrc`` gives
        ``denoised_uncertainty.mrc``.
    """
    return output.with_name(f"{output.stem}_{end}")


def _things(
    job: Job, rows: Rows, given: Mapping[str, Thing], report: Reporter
) -> Sequence[tuple[Thing, ...]]:
    """Return the things that rows of names stand for."""
    return [read_row(row, report, given, job.fits_rows) for row in rows]
