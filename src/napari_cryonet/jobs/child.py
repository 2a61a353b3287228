"""A job in a process of its own, so that its memory is freed and a crash is survived."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_cryonet import errors
from napari_cryonet.errors import CryonetError, TrainingError
from napari_cryonet.io import read_model, read_volume
from napari_cryonet.jobs.folder import RunFolder
from napari_cryonet.jobs.inputs import as_files, read_part
from napari_cryonet.jobs.job import Job
from napari_cryonet.jobs.run import Outcome
from napari_cryonet.reporting import Box, Cancelled, Reporter
from napari_cryonet.types import PointCloud, Thing, Volume

_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 10.0


def run_in_child(
    job: Job,
    report: Reporter,
    *,
    folder: RunFolder,
    given: Mapping[str, Thing] | None = None,
    resume: bool = False,
) -> Outcome:
    """Do a job in a child process, with the parameters and errors of `napari_cryonet.jobs.run`.

    The child reads files: volumes that are given and that no file holds as they are are written
    into the folder first. A child that is to throw everything away has ten seconds to end, then
    it is killed.
    """
    with folder.marked(report):
        job.checked()
        job, _ = as_files(job, given or {}, folder, report)
    folder.job_file.write_text(job.text(), encoding="utf-8")
    command = [sys.executable, "-m", "napari_cryonet.cli", "run", str(folder.path), "--events"]
    if resume:
        command.append("--resume")
    with (
        (folder.path / "child.txt").open("w", encoding="utf-8") as words,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
            encoding="utf-8",
        ) as process,
    ):
        conversation = _Conversation(process, report)
        try:
            last = conversation.run()
        finally:
            if process.poll() is None:
                process.kill()
    if not last and conversation.ordered == "discard":
        folder.end("discarded")
        raise Cancelled(keep=False)
    return _outcome(job, folder, last, process.returncode)


class _Conversation:
    """Passes events of a child on to a reporter, and the reporter's wishes to the child."""

    def __init__(self, process: subprocess.Popen[str], report: Reporter) -> None:
        self._process = process
        self._report = report
        self._last: dict[str, Any] = {}
        self._region: Box | None = None
        self._deadline = math.inf
        self.ordered = ""

    def run(self) -> dict[str, Any]:
        """Converse until the child ends; return its last event."""
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        while reader.is_alive():
            reader.join(_POLL_SECONDS)
            self._order()
            if time.monotonic() > self._deadline:
                self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE_SECONDS)
        return self._last

    def _read(self) -> None:
        """Pass every event on; runs in a thread of its own."""
        for line in self._process.stdout or ():
            try:
                event = json.loads(line)
                kind = event.pop("event")
            except (ValueError, AttributeError, KeyError, TypeError):
                continue  # some library has written to the standard output
            if kind == "step":
                self._report.step(event["done"], event["total"], **event["metrics"])
            elif kind == "say":
                self._report.say(event["message"])
            elif kind == "warn":
                self._report.warn(event["message"])
            elif kind == "preview":
                data = np.load(event.pop("path"), allow_pickle=False)
                made = PointCloud if "unit" in event else Volume
                self._report.preview(made(data, **_tuples(event)))
            else:
                self._last = {"event": kind, **event}

    def _order(self) -> None:
        """Send what the reporter wants, if that has changed."""
        region = self._report.wanted()
        if region is not None and region != self._region:
            self._region = region
            self._send("want " + " ".join(f"{part.start} {part.stop}" for part in region))
        try:
            self._report.check()
        except Cancelled as stop:
            order = "stop" if stop.keep else "discard"
            if order != self.ordered:
                self.ordered = order
                self._send(order)
                if order == "discard":
                    self._deadline = time.monotonic() + _PATIENCE_SECONDS

    def _send(self, order: str) -> None:
        """Write an order; a child that has just ended reads it no more."""
        if self._process.stdin is not None and self._process.poll() is None:
            try:
                self._process.stdin.write(order + "\n")
                self._process.stdin.flush()
            except BrokenPipeError:
                self._process.stdin = None


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields with tuples for the lists that JSON makes of them."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }


def _outcome(job: Job, folder: RunFolder, last: dict[str, Any], code: int) -> Outcome:
    """Turn the last event of a child into a result, or raise what it says."""
    if last.get("event") == "cancelled":
        raise Cancelled(keep=bool(last["keep"]))
    if last.get("event") == "failed":
        kind = getattr(errors, str(last.get("kind")), None)
        if not (isinstance(kind, type) and issubclass(kind, CryonetError)):
            kind = CryonetError
        raise kind(last["error"])
    if last.get("event") != "done":
        what = (
            f"The process that did the work ended unexpectedly (code {code}), perhaps because "
            f"memory ran out. Its last words are in {folder.path / 'child.txt'}."
        )
        folder.end("failed", error=what)
        raise TrainingError(what)
    output = Path(job.output) if job.output else folder.result_file(job)
    if job.action == "train":
        return Outcome((output,), model=read_model(output), measures=last["measures"])
    files = {name: Path(path) for name, path in last.get("others", {}).items()}
    volume = None if output in files.values() else read_volume(output)
    others = {name: read_part(path, volume) for name, path in files.items()}
    return Outcome(
        tuple(dict.fromkeys((output, *files.values()))),
        volume=volume,
        measures=last["measures"],
        others=others,
    )
