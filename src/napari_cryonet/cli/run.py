"""``cryonet run``: a job file, or what a window has a child process do."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from napari_cryonet.cli.console import working
from napari_cryonet.cli.interrupt import Interrupt
from napari_cryonet.cli.options import Flag
from napari_cryonet.cli.output import say_json, say_table
from napari_cryonet.cli.work import CANCELLED, FAILED, do, exit_code
from napari_cryonet.errors import CryonetError
from napari_cryonet.io.atomic import check_output
from napari_cryonet.jobs import Job, Outcome, RunFolder
from napari_cryonet.jobs.events import EventReporter
from napari_cryonet.reporting import Cancelled


def run(
    job: Path,
    /,
    *,
    output: Path | None = None,
    resume: Flag = False,
    overwrite: Flag = False,
    events: Flag = False,
    quiet: Flag = False,
    json: Flag = False,
) -> int:
    """Do the job in a TOML file, or the one in the folder of a run.

    Parameters
    ----------
    job
        The job file, or a folder that holds a job.toml.
    output
        The file to write, in the place of what the job says.
    resume
        Go on from the checkpoint in the folder.
    overwrite
        Replace the output if it is there.
    events
        Write what happens as JSON lines, and read orders; for programs.
    quiet
        Show no progress.
    json
        Print the measures as JSON.
    """
    changes: dict[str, Any] = {}
    if output is not None:
        changes["output"] = str(output.absolute())
    if overwrite:
        changes["overwrite"] = True
    if events:
        return _with_events(job, changes, resume=resume)
    task, folder = _prepared(job, changes, resume=resume)
    with working(quiet=quiet) as report:
        outcome = do(task, report, folder=folder, resume=resume)
    files = [str(path) for path in outcome.files]
    if json:
        say_json({"files": files, "run_folder": str(folder.path), **outcome.measures})
    else:
        say_table({"written": "\n".join(files), "run folder": folder.path})
    return exit_code(outcome.measures)


def _prepared(path: Path, changes: dict[str, Any], *, resume: bool) -> tuple[Job, RunFolder]:
    """Return the job with its changes, and the folder to do it in."""
    if path.is_dir():
        folder = RunFolder.existing(path)
        known = folder.job()
        job = known.updated(changes)
        output = Path(job.output) if job.output else folder.result_file(job)
        if folder.ended() is not None:  # what is refused leaves the marker of the earlier run
            check_output(output, overwrite=job.overwrite or resume)
        if job.output != known.output:
            text = known.updated({"output": job.output}).text()
            folder.job_file.write_text(text, encoding="utf-8")
        return job, folder
    job = Job.read(path).updated(changes)
    if job.output:
        check_output(Path(job.output), overwrite=job.overwrite or resume)
    return job, RunFolder.create(path.absolute().with_name(f"{path.stem}_run"), job)


def _with_events(path: Path, changes: dict[str, Any], *, resume: bool) -> int:
    """Do a job for a program; whatever happens, the last line says how it ended."""
    out = sys.stdout
    with _orders() as orders, contextlib.redirect_stdout(sys.stderr), Interrupt() as interrupt:
        report = _Interruptible(out, orders, path, interrupt)
        try:
            task, folder = _prepared(path, changes, resume=resume)
            report.use(folder)
            outcome: Outcome = do(task, report, window=True, folder=folder, resume=resume)
        except Cancelled as stop:
            report.event("cancelled", keep=stop.keep)
            return CANCELLED
        except CryonetError as error:
            traceback.print_exc()
            report.event("failed", error=str(error), kind=type(error).__name__)
            return error.exit_code
        except Exception as error:  # noqa: BLE001 - the parent has to hear of it, whatever it is
            traceback.print_exc()
            what = f"An unexpected error, {type(error).__name__}: {error}"
            report.event("failed", error=what, kind=type(error).__name__)
            return FAILED
        files = [str(file) for file in outcome.files]
        others = {name: str(other.path) for name, other in outcome.others.items()}
        report.event("done", measures=dict(outcome.measures), files=files, others=others)
        return exit_code(outcome.measures)


class _Interruptible(EventReporter):
    """Takes orders from its parent, and signals as everybody does."""

    def __init__(self, out: IO[str], orders: IO[str], scratch: Path, interrupt: Interrupt) -> None:
        super().__init__(out, orders, scratch)
        self._interrupt = interrupt

    def use(self, folder: RunFolder) -> None:
        """Put previews into a run's folder."""
        self._scratch = folder.path

    def check(self) -> None:
        """Raise `Cancelled` if it was ordered, or if a signal came."""
        super().check()
        self._interrupt.check()


@contextlib.contextmanager
def _orders() -> Iterator[IO[str]]:
    """Give the lines of the standard input.

    They are read without a buffer: a thread that waits in a buffered read holds its lock, and
    Python must not end while it does.
    """
    with open(0, "rb", buffering=0, closefd=False) as raw:
        yield cast("IO[str]", (line.decode(errors="replace") for line in raw))
