"""The folder of a run: what was asked, what happened, and what came out."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from napari_cryonet.errors import FileProblem
from napari_cryonet.io.atomic import replacing
from napari_cryonet.jobs.job import Job
from napari_cryonet.methods import table
from napari_cryonet.reporting import Cancelled, PassingReporter, Reporter

End = Literal["done", "stopped", "discarded", "failed"]
_METRICS = (
    *("step", "epoch", "seconds", "loss", "quality", "learning_rate"),
    *("held_out_loss", "sigma", "told_sigma", "movement", "point_rate", "pose_error"),
)


@dataclass(frozen=True)
class RunFolder:
    """A folder that belongs to one run and to no other.

    Parameters
    ----------
    path
        It holds ``job.toml``, ``log.txt``, ``metrics.csv``, ``checkpoint.safetensors``,
        ``models/`` with the models of epochs if they are kept, ``inputs/`` with data that no
        other file holds, the result, and ``done.json`` once the run has ended, however it
        ended.
    """

    path: Path

    @classmethod
    def create(cls, wanted: Path, job: Job) -> RunFolder:
        """Make a new folder; if the name is taken, with ``-2``, ``-3``, … behind it.

        Raises
        ------
        FileProblem
            If it cannot be made.
        """
        number, path = 1, wanted
        while True:
            try:
                path.mkdir(parents=True)
                break
            except FileExistsError:
                number += 1
                path = wanted.with_name(f"{wanted.name}-{number}")
            except OSError as error:
                raise FileProblem(f"Cannot make the folder {path}: {error.strerror}.") from error
        folder = cls(path)
        folder.job_file.write_text(job.text(), encoding="utf-8")
        return folder

    @classmethod
    def existing(cls, path: Path) -> RunFolder:
        """Return the folder of an earlier run.

        Raises
        ------
        FileProblem
            If it is not one.
        """
        folder = cls(path)
        if not folder.job_file.is_file():
            raise FileProblem(f"{path} is not the folder of a run: it holds no job.toml.")
        return folder

    @property
    def job_file(self) -> Path:
        """What was asked."""
        return self.path / "job.toml"

    def job(self) -> Job:
        """Read what was asked."""
        return Job.read(self.job_file)

    def result_file(self, job: Job) -> Path:
        """Where the result goes if the job does not say."""
        if job.action == "train":
            return self.path / "model.safetensors"
        return self.path / f"result{table.find(job.method).result}"

    def begin(self) -> None:
        """Take away the marker of an earlier end: the run goes on."""
        (self.path / "done.json").unlink(missing_ok=True)

    def end(self, how: End, **figures: Any) -> None:
        """Write the marker that says how the run ended."""
        note = {"state": how, "time": datetime.now(UTC).isoformat(timespec="seconds"), **figures}
        with replacing(self.path / "done.json", overwrite=True) as part:
            part.write_text(json.dumps(note, indent=1), encoding="utf-8")

    def ended(self) -> dict[str, Any] | None:
        """Return what the marker says, None while the run goes on or if it was killed."""
        path = self.path / "done.json"
        if not path.is_file():
            return None
        note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return note

    @contextmanager
    def marked(self, report: Reporter) -> Iterator[None]:
        """Leave a marker if the block does not come to its end, and say why it fails."""
        try:
            yield
        except Cancelled as stop:
            self.end("stopped" if stop.keep else "discarded")
            raise
        except BaseException as error:
            what = str(error) or type(error).__name__
            self.end("failed", error=what)
            report.say(f"Failed: {what}")
            raise


class LoggingReporter(PassingReporter):
    """Writes log and metrics of a run into its folder, and passes everything on.

    Parameters
    ----------
    folder
        Where ``log.txt`` and ``metrics.csv`` go; both are continued if they are there.
    report
        The reporter of whoever started the run.
    """

    def __init__(self, folder: RunFolder, report: Reporter) -> None:
        super().__init__(report)
        self._log = (folder.path / "log.txt").open("a", encoding="utf-8", buffering=1)
        path = folder.path / "metrics.csv"
        self._metrics = path.open("a+", encoding="utf-8", newline="", buffering=1)
        self._metrics.seek(0)
        known = next(csv.reader(self._metrics), None)  # of a run that an older version began
        self._rows = csv.DictWriter(self._metrics, known or _METRICS, extrasaction="ignore")
        if known is None:
            self._rows.writeheader()

    def step(self, done: float, total: float, **metrics: float) -> None:
        """Write the figures of a step, if it has any, and pass it on."""
        if metrics:
            self._rows.writerow(metrics)
        super().step(done, total, **metrics)

    def say(self, message: str) -> None:
        """Write a sentence with the time, and pass it on."""
        self._write(message)
        super().say(message)

    def warn(self, message: str) -> None:
        """Write a warning with the time, and pass it on."""
        self._write(f"Warning: {message}")
        super().warn(message)

    def close(self) -> None:
        """Close both files."""
        self._log.close()
        self._metrics.close()

    def _write(self, sentence: str) -> None:
        """Write a line of the log."""
        self._log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {sentence}\n")
