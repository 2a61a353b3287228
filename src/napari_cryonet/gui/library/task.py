"""Work with files in the dock: how far it is, Stop, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout

from napari_cryonet.errors import DataError
from napari_cryonet.gui.jobs_panel import duration
from napari_cryonet.gui.layout import text_label
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.work import Work
from napari_cryonet.jobs import Outcome
from napari_cryonet.reporting import Reporter

Action = Callable[[Reporter], Any]

_SCALE = 1000
_MEGA = 1e6
_ERROR, _PLAIN = "#ff7b72", ""


class Doing:
    """An action as the work of a thread: keeps what it returns.

    Parameters
    ----------
    action
        What to do.
    """

    def __init__(self, action: Action) -> None:
        self._action = action
        self.result: Any = None

    def __call__(self, report: Reporter) -> Outcome:
        """Do it."""
        self.result = self._action(report)
        return Outcome()


class TaskBox(QFrame):
    """One task at a time, in a thread of its own.

    Parameters
    ----------
    jobs
        Whoever shows and ends all work of the window.

    Attributes
    ----------
    busy
        Emitted with True when a task has begun, with False when it has ended, however it did.
    """

    busy = Signal(bool)

    def __init__(self, jobs: Runner) -> None:
        super().__init__()
        self._jobs = jobs
        self.work: Work | None = None
        self._doing: Doing | None = None
        self._then: Callable[[Any], object] | None = None
        self.title, self.message = QLabel(), text_label()
        self.whole, self.file = QProgressBar(), QProgressBar()
        self.stop = QPushButton("Stop")
        self.stop.setToolTip(
            "Stop; what has arrived is kept, and the next download goes on with it"
        )
        self.stop.clicked.connect(self._on_stop)
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.stop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(head)
        for part in (self.whole, self.file, self.message):
            layout.addWidget(part)
        self.say("")
        self._show(False)

    @property
    def is_busy(self) -> bool:
        """Whether a task is under way."""
        return self.work is not None and not self.work.has_ended

    def start(self, title: str, action: Action, then: Callable[[Any], object]) -> Work:
        """Begin a task.

        Parameters
        ----------
        title
            What to call it.
        action
            Does it in another thread; must not know a widget.
        then
            Is handed what it returns, in the main thread.

        Raises
        ------
        DataError
            If another task is under way.
        """
        if self.is_busy:
            raise DataError(f"{self.title.text()} is under way; stop it or wait for its end.")
        self._doing, self._then = Doing(action), then
        self.work = Work(title, self._doing)
        self.work.stepped.connect(self._on_step)
        self.work.ended.connect(self._on_ended)
        self.title.setText(title)
        for bar in (self.whole, self.file):
            bar.setRange(0, 0)
            bar.setFormat("%p %")
        self.say("")
        self._show(True)
        self.busy.emit(True)
        return self._jobs.aside(self.work)

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Say a sentence below the bars."""
        self.message.setStyleSheet(f"color: {_ERROR};" if wrong else _PLAIN)
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def fail(self, text: str) -> None:
        """Say a sentence about what went wrong."""
        self.say(text, wrong=True)

    def _show(self, running: bool) -> None:
        """Show the bars, or hide them."""
        for part in (self.title, self.stop, self.whole):
            part.setVisible(running)
        self.file.setVisible(False)
        self.stop.setEnabled(running)

    def _on_step(self, done: float, total: float, metrics: dict[str, float]) -> None:
        """Move the bars; that of the file is there if bytes are counted."""
        of_file = "file_total" in metrics
        self.file.setVisible(of_file)
        fill(self.whole, done, total, bytes_counted=of_file)
        if of_file:
            fill(self.file, metrics["file_done"], metrics["file_total"], bytes_counted=True)
            left = self.work.seconds_left if self.work is not None else None
            if left is not None:
                self.whole.setFormat(f"{self.whole.format()}, {duration(left)} left")

    def _on_stop(self) -> None:
        """Stop and keep."""
        if self.work is not None:
            self.stop.setEnabled(False)
            self.work.stop()

    def _on_ended(self) -> None:
        """Say how it ended, and hand on what it has made."""
        work, doing, then = self.work, self._doing, self._then
        self._doing = self._then = None
        self._show(False)
        if work is None or doing is None or then is None:
            return
        if work.state == "failed":
            self.fail(work.error)
        elif work.outcome is None:
            self.say("Stopped.")
        self.busy.emit(False)
        if work.outcome is not None:
            then(doing.result)


def fill(bar: QProgressBar, done: float, total: float, *, bytes_counted: bool) -> None:
    """Show in a bar how far something is."""
    bar.setRange(0, _SCALE if total else 0)
    bar.setValue(int(_SCALE * done / total) if total else 0)
    if bytes_counted:
        bar.setFormat(f"{done / _MEGA:.1f} of {total / _MEGA:.1f} MB")
    else:
        bar.setFormat(f"{done:.0f} of {total:.0f}")
