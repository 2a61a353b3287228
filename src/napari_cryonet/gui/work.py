"""One job of the window: what it does, how far it is, and how it ended."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, Literal

from qtpy.QtCore import QObject, Signal

from napari_cryonet.errors import CryonetError
from napari_cryonet.jobs import Outcome
from napari_cryonet.reporting import Box, Cancelled, Reporter

State = Literal["waiting", "running", "stopping", "done", "stopped", "discarded", "failed"]
ENDED: tuple[State, ...] = ("done", "stopped", "discarded", "failed")
_LEAST_SECONDS = 0.05
_RARE = {"quality", "held_out_loss", "movement"}
_AFTER = {"": "discarded", "keep": "stopped", "discard": "discarded"}

Doing = Callable[[Reporter], Outcome]


class Work(QObject):
    """One job in the queue, as the main thread sees it.

    What the worker thread tells comes in by signals of its own and is passed on from the main
    thread, so that nothing is lost to who connects right after the job was queued.

    Parameters
    ----------
    title
        What to call it.
    do
        Does it; called in the worker thread.

    Attributes
    ----------
    stepped
        Emitted with ``(done, total, metrics)``.
    said
        Emitted with a sentence for the log.
    previewed
        Emitted with a preview.
    changed
        Emitted when the state has changed.
    ended
        Emitted once, when the state is final.
    """

    stepped = Signal(float, float, dict)
    said = Signal(str)
    previewed = Signal(object)
    changed = Signal()
    ended = Signal()
    _arrived = Signal(str, str, str)
    _stepping = Signal(float, float, dict)
    _saying = Signal(str)
    _previewing = Signal(object)

    def __init__(self, title: str, do: Doing) -> None:
        super().__init__()
        self.title = title
        self.state: State = "waiting"
        self.outcome: Outcome | None = None
        self.error = ""
        self.details = ""
        self.log: list[str] = []
        self.progress = (0.0, 1.0)
        self.started = 0.0
        self.region: Box | None = None
        self._do = do
        self._stop = ""
        self._begun = threading.Lock()  # taken by the worker, or by a stop that came before it
        self._arrived.connect(self._on_arrived)
        self._stepping.connect(self._on_step)
        self._saying.connect(self._on_said)
        self._previewing.connect(self.previewed)

    @property
    def has_ended(self) -> bool:
        """Whether the state is final."""
        return self.state in ENDED

    @property
    def can_discard(self) -> bool:
        """Whether something that it has would be kept at its end."""
        return not self.has_ended and self._stop != "discard"

    @property
    def seconds_left(self) -> float | None:
        """How long it will take from now, None if nobody can tell."""
        done, total = self.progress
        share = done / total if total else 0.0
        spent = time.monotonic() - self.started
        if self.state != "running" or share <= 0 or spent < 1:
            return None
        return spent * (1 - share) / share

    def stop(self, *, keep: bool = True) -> None:
        """Ask it to stop; it does within two steps.

        Parameters
        ----------
        keep
            Whether to keep what was learnt or finished so far. Once this was False, it stays so.
        """
        if self.has_ended:
            return
        if self._stop != "discard":
            self._stop = "keep" if keep else "discard"
        waiting = self._begun.acquire(blocking=False)
        if waiting:
            del self._do  # the volumes that it was given are free
        self._arrive("discarded" if waiting else "stopping")

    def perform(self) -> None:
        """Do the work and report how it ended; called in the worker thread, never raises."""
        if not self._begun.acquire(blocking=False):
            return
        self._arrived.emit("running", "", "")
        do = self._do
        del self._do  # the volumes that it was given are free when it has ended
        try:
            self.outcome = do(_Link(self))
            stopped = self.outcome.measures.get("ended") == "stopped"
        except Cancelled:
            self._arrived.emit(_AFTER[self._stop], "", "")
        except CryonetError as error:
            self._arrived.emit("failed", str(error), traceback.format_exc())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the job must end
            what = "".join(traceback.format_exception_only(error)).strip()
            self._arrived.emit("failed", f"An unexpected error, {what}", traceback.format_exc())
        else:
            self._arrived.emit("stopped" if stopped else "done", "", "")

    def check(self) -> None:
        """Raise `Cancelled` if it has been asked to stop, or if the program ends."""
        if self._stop or not threading.main_thread().is_alive():
            raise Cancelled(keep=self._stop != "discard")

    def _on_arrived(self, state: State, error: str, details: str) -> None:
        """Take a change that the worker thread reported."""
        self.error, self.details = error, details
        if state == "running":
            self.started = time.monotonic()
        self._arrive("stopping" if state == "running" and self._stop else state)

    def _arrive(self, state: State) -> None:
        """Change the state and tell."""
        self.state = state
        self.changed.emit()
        if self.has_ended:
            self.ended.emit()

    def _on_said(self, message: str) -> None:
        """Keep a sentence, and pass it on."""
        self.log.append(message)
        self.said.emit(message)

    def _on_step(self, done: float, total: float, metrics: dict[str, float]) -> None:
        """Remember how far it is, and pass it on."""
        self.progress = (done, total)
        self.stepped.emit(done, total, metrics)


class _Link:
    """The reporter of the worker thread: turns what it is told into signals."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._last = 0.0

    def step(self, done: float, total: float, **metrics: float) -> None:
        """Emit a step, at most twenty in a second unless it carries a figure that is rare."""
        now = time.monotonic()
        if _RARE & metrics.keys() or done >= total or now - self._last >= _LEAST_SECONDS:
            self._last = now
            self._work._stepping.emit(float(done), float(total), metrics)

    def say(self, message: str) -> None:
        """Emit a sentence."""
        self._work._saying.emit(message)

    def warn(self, message: str) -> None:
        """Emit a warning, marked as one."""
        self._work._saying.emit(f"Warning: {message}")

    def check(self) -> None:
        """Raise if the work has been asked to stop."""
        self._work.check()

    def wanted(self) -> Box | None:
        """Return the region that the window shows."""
        return self._work.region

    def preview(self, thing: Any) -> None:
        """Emit a preview."""
        self._work._previewing.emit(thing)
