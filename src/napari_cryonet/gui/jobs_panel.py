"""The list of jobs: what waits, what runs, how long it will take, what came of it."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import QTimer, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_cryonet.gui.folders import runs_folder
from napari_cryonet.gui.layout import text_label
from napari_cryonet.gui.runner import Runner, runner
from napari_cryonet.gui.work import State, Work

_SCALE = 1000
_TEXTS: dict[State, str] = {
    "waiting": "Waiting",
    "running": "Running",
    "stopping": "Stopping…",
    "done": "Done",
    "stopped": "Stopped, what was learnt is kept",
    "discarded": "Discarded",
    "failed": "Failed",
}


_MAY_BREAK = "_\u200b"  # so that the long name of a file takes two lines


class JobView(QFrame):
    """One job: title, state, bar, time left, Stop and Discard, log.

    Parameters
    ----------
    work
        The job.
    with_log
        Whether there is a button that opens the log.
    """

    def __init__(self, work: Work, *, with_log: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.work = work
        self.title = text_label()
        self.title.setText(f"<b>{escape(work.title).replace('_', _MAY_BREAK)}</b>")
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setRange(0, _SCALE)
        self.stop = _button("Stop", "Stop within two steps and keep what was learnt")
        self.discard = _button("Discard", "Stop and throw everything away")
        self.log_button = _button("Log", "Show what the job said", checkable=True)
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setVisible(False)
        self.log.setMaximumHeight(140)
        buttons = QHBoxLayout()
        for button in (self.stop, self.discard):
            buttons.addWidget(button)
        buttons.addStretch()
        if with_log:
            buttons.addWidget(self.log_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        for part in (self.title, self.bar, self.state):
            layout.addWidget(part)
        layout.addLayout(buttons)
        layout.addWidget(self.log)
        self.stop.clicked.connect(self._on_stop)
        self.discard.clicked.connect(self._on_discard)
        self.log_button.toggled.connect(self._on_log)
        work.changed.connect(self.refresh)
        work.stepped.connect(self._on_step)
        work.said.connect(self.log.appendPlainText)
        self.log.setPlainText("\n".join(work.log))
        self.refresh()

    def refresh(self) -> None:
        """Show the state as it is now."""
        work = self.work
        text = _TEXTS[work.state]
        if work.state == "failed":
            text = f"Failed: {work.error}"
            if work.details and work.details not in self.log.toPlainText():
                self.log.appendPlainText(work.details)
        elif work.state == "stopped" and work.outcome is None:
            text = "Stopped before there was anything to keep"
        elif (left := work.seconds_left) is not None:
            text = f"{text}, {duration(left)} left"
        self.state.setText(text)
        done, total = work.progress
        finished = work.state == "done" or (work.state == "stopped" and work.outcome is not None)
        self.bar.setValue(_SCALE if finished else int(_SCALE * done / total) if total else 0)
        going = work.state in ("waiting", "running")
        self.stop.setEnabled(going)
        self.discard.setEnabled(work.can_discard)
        for button in (self.stop, self.discard):
            button.setVisible(not work.has_ended)

    def _on_step(self) -> None:
        """Move the bar."""
        self.refresh()

    def _on_stop(self) -> None:
        """Stop and keep."""
        self.work.stop(keep=True)

    def _on_discard(self) -> None:
        """Stop and throw away."""
        self.work.stop(keep=False)

    def _on_log(self, shown: bool) -> None:
        """Show or hide the log."""
        self.log.setVisible(shown)


class JobsPanel(QWidget):
    """All jobs of this session, the newest on top."""

    def __init__(self, jobs: Runner | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runner = jobs or runner()
        self.views: list[JobView] = []
        self._empty = QLabel("No jobs yet. Trainings and results appear here.")
        self._empty.setWordWrap(True)
        self._list = QVBoxLayout()
        self._list.addWidget(self._empty)
        self._list.addStretch()
        inside = QWidget()
        inside.setLayout(self._list)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inside)
        self.clear_button = _button("Clear finished", "Take jobs that have ended off the list")
        self.folder_button = _button("Open folder", "Open the folder of all runs")
        buttons = QHBoxLayout()
        buttons.addWidget(self.clear_button)
        buttons.addWidget(self.folder_button)
        layout = QVBoxLayout(self)
        layout.addWidget(area)
        layout.addLayout(buttons)
        self.clear_button.clicked.connect(self._on_clear)
        self.folder_button.clicked.connect(self._on_folder)
        self._runner.added.connect(self.add)
        self._clock = QTimer(self)
        self._clock.timeout.connect(self._on_clock)
        self._clock.start(1000)
        for work in self._runner.works:
            self.add(work)

    def add(self, work: Work) -> None:
        """Show one more job."""
        view = JobView(work)
        self.views.append(view)
        self._list.insertWidget(0, view)
        self._empty.setVisible(False)

    def _on_clear(self) -> None:
        """Take jobs that have ended off the list."""
        for view in [view for view in self.views if view.work.has_ended]:
            self.views.remove(view)
            self._runner.forget(view.work)
            view.setParent(None)
            view.deleteLater()
        self._empty.setVisible(not self.views)

    def _on_clock(self) -> None:
        """Let the time that is left go down between two steps."""
        for view in self.views:
            if not view.work.has_ended:
                view.refresh()

    def _on_folder(self) -> None:
        """Open the folder of the runs in the system's file manager."""
        folder = runs_folder()
        folder.mkdir(parents=True, exist_ok=True)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def duration(seconds: float) -> str:
    """Return a time as people say it: ``40 s``, ``3 min 20 s``, ``2 h 5 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _button(text: str, tip: str, *, checkable: bool = False) -> QPushButton:
    """Return a small button."""
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setCheckable(checkable)
    button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
    return button
