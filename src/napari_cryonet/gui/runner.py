"""Jobs in the window: one after the other, in one thread, each with a sure end.

The thread is called ``cryonet-gpu`` and is the only one that uses the accelerator. It never
touches a widget: all it says arrives in the main thread as signals. Whatever happens to a
job, it ends in one of four states, and the thread goes on with the next.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qtpy.QtCore import QCoreApplication, QObject, Signal

from napari_cryonet.gui.preferences import preference
from napari_cryonet.gui.work import Work
from napari_cryonet.jobs import Job, Outcome, RunFolder, run, run_in_child
from napari_cryonet.reporting import Reporter
from napari_cryonet.types import Thing

_QUIT_SECONDS = 5.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Order:
    """A job with all that the window knows about it.

    Parameters
    ----------
    title
        What to call it in the jobs panel.
    job
        What to do.
    runs
        The folder in which the run gets its own.
    given
        Volumes and points that inputs of the job name.
    """

    title: str
    job: Job
    runs: Path
    given: Mapping[str, Thing] = field(default_factory=dict)

    def do(self, report: Reporter) -> Outcome:
        """Do it, here or in a child process as the preferences say."""
        folder = RunFolder.create(self.runs / time.strftime("%Y-%m-%d_%H-%M-%S"), self.job)
        report.say(f"The run is kept in {folder.path}.")
        apart = preference("compute", "isolation", "thread") == "process"
        return (run_in_child if apart else run)(self.job, report, folder=folder, given=self.given)


class Runner(QObject):
    """The queue of the window and its one worker thread.

    Attributes
    ----------
    added
        Emitted with each new `Work`.
    """

    added = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.works: list[Work] = []
        self._queue: queue.Queue[Work | Callable[[], object] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._serve, name="cryonet-gpu")
        self._thread.start()
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.close)
        self._queue.put(_warm_up)

    def submit(self, order: Order) -> Work:
        """Put a job at the end of the queue."""
        return self.add(Work(order.title, order.do))

    def add(self, work: Work) -> Work:
        """Put any work at the end of the queue."""
        self.works.append(work)
        self.added.emit(work)
        self._queue.put(work)
        return work

    def aside(self, work: Work) -> Work:
        """Begin work with files at once, in a thread of its own beside the queue."""
        self.works.append(work)
        self.added.emit(work)
        threading.Thread(target=work.perform, name="cryonet-files").start()
        return work

    def forget(self, work: Work) -> None:
        """Drop a work that has ended from the list."""
        if work.has_ended and work in self.works:
            self.works.remove(work)

    def close(self) -> None:
        """Stop all work, keeping what was learnt, and end the thread."""
        for work in self.works:
            work.stop()
        self._queue.put(None)
        self._thread.join(_QUIT_SECONDS)

    def _serve(self) -> None:
        """Do one work after the other until told to end, or until the program ends."""
        while threading.main_thread().is_alive():
            try:
                task = self._queue.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if task is None:
                return
            if isinstance(task, Work):
                task.perform()
            else:
                task()
            del task  # nothing outlives its end in this thread


_runner: Runner | None = None


def runner() -> Runner:
    """Return the one runner of this application, starting it at the first call."""
    global _runner
    if _runner is None:
        _runner = Runner()
    return _runner


def _warm_up() -> None:
    """Load torch and choose the device before the first click, leaving the window a core."""
    with contextlib.suppress(Exception):  # the first job meets the error again, and says it
        from napari_cryonet.nn import device

        device.use_threads(window=True)
        device.choose()
