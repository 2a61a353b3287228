"""Work that takes seconds, such as unpacking a file, without a window that looks dead."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread, current_thread, main_thread
from typing import TypeVar

from napari.utils import progress
from qtpy.QtCore import QEventLoop
from qtpy.QtWidgets import QApplication

from napari_cryonet.reporting import Reporter, SilentReporter

Result = TypeVar("Result")

_TICK = 0.02


class _Counter(SilentReporter):
    """Keeps how far the work is, for another thread to look at."""

    def __init__(self) -> None:
        self.done, self.total = 0.0, 0.0

    def step(self, done: float, total: float, **metrics: float) -> None:  # noqa: ARG002
        """Keep the two numbers."""
        self.done, self.total = done, total


def waited(work: Callable[[Reporter], Result], what: str) -> Result:
    """Do some work and return its result, while the window keeps drawing itself.

    The work runs in a thread of its own and its progress is shown in napari's activity dock.
    Clicks wait until it is done. Without a window it simply runs.

    Parameters
    ----------
    work
        What to do; is handed a reporter.
    what
        What to call it in the activity dock.
    """
    if QApplication.instance() is None or current_thread() is not main_thread():
        return work(SilentReporter())
    counter = _Counter()
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work(counter))
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    thread = Thread(target=run, name="cryonet-file", daemon=True)
    thread.start()
    with progress(total=100, desc=what) as bar:
        while thread.is_alive():
            thread.join(_TICK)
            if counter.total:
                bar.update(int(100 * counter.done / counter.total) - bar.n)
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
    if errors:
        raise errors[0]
    return results[0]
