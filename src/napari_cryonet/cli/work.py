"""Doing a job from the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_cryonet.jobs import Job, Outcome, run
from napari_cryonet.jobs.inputs import read_row
from napari_cryonet.reporting import Reporter

DONE, FAILED, UNUSABLE, CANCELLED = 0, 1, 2, 130
"""The exit codes."""


def do(job: Job, report: Reporter, *, window: bool = False, **more: Any) -> Outcome:
    """Do a job on all cores, with the parameters and errors of `napari_cryonet.jobs.run`.

    Parameters
    ----------
    job
        What to do.
    report
        Is told of the progress.
    window
        True to leave a core to a window that has started this process.
    **more
        As `napari_cryonet.jobs.run`.
    """
    from napari_cryonet.nn.device import use_threads

    use_threads(window=window)
    return run(job, report, **more)


def inputs(job: Job, report: Reporter) -> dict[str, Any]:
    """Return the things that a job names, so that a bad one is found before any work starts.

    Raises
    ------
    FileProblem, FormatError
        If one of them cannot be read.
    """
    found: dict[str, Any] = {}
    for row in (*job.inputs, *job.validation):
        found.update(zip(row, read_row(row, report, found, job.fits_rows), strict=True))
    return found


def exit_code(measures: Mapping[str, Any]) -> int:
    """Return the exit code of a job with a result: it may have been stopped before its end."""
    return CANCELLED if measures.get("ended") == "stopped" else DONE
