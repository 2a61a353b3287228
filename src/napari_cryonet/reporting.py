"""How running work speaks to whoever started it, and how it is stopped.

Work is handed one `Reporter` and has no other way out: it never prints, never touches a
widget and never looks at a clock on the wall to decide whether to stop. The window's
reporter emits signals, the command line's draws a bar, the tests' records.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

Box = tuple[slice, slice, slice]
"""A region of a volume in voxels, in the order z, y, x."""

Tick = Callable[[float], None]
"""Is told the share of some work that is done; raises `Cancelled` if the user has asked to stop."""


def untold(share: float) -> None:
    """Tell nobody how far the work is: a `Tick` for those who do not ask."""


class Cancelled(Exception):  # noqa: N818 - not an error: the user asked for it
    """Raised by `Reporter.check` when the user has asked to stop.

    Parameters
    ----------
    keep
        True to keep what was learnt or finished so far, False to throw it away.
    """

    def __init__(self, *, keep: bool = True) -> None:
        super().__init__("stopped" if keep else "discarded")
        self.keep = keep


class Reporter(Protocol):
    """What running work may say and ask."""

    def step(self, done: float, total: float, **metrics: float) -> None:
        """Say that `done` of `total` steps are finished, with the figures of this step."""

    def say(self, message: str) -> None:
        """Say one sentence that belongs into the log."""

    def warn(self, message: str) -> None:
        """Say one sentence that the user must not miss, however quiet the work is to be."""

    def check(self) -> None:
        """Raise `Cancelled` if the user has asked to stop."""

    def wanted(self) -> Box | None:
        """Return the region of which a preview is wanted now, or None."""

    def preview(self, thing: Any) -> None:
        """Hand over a preview of the result so far."""


class SilentReporter:
    """Says nothing and never cancels."""

    def step(self, done: float, total: float, **metrics: float) -> None:
        """Do nothing."""

    def say(self, message: str) -> None:
        """Do nothing."""

    def warn(self, message: str) -> None:
        """Say it as any sentence."""
        self.say(message)

    def check(self) -> None:
        """Do nothing."""

    def wanted(self) -> Box | None:
        """Want no preview."""
        return None

    def preview(self, thing: Any) -> None:
        """Do nothing."""


class PassingReporter:
    """Passes everything on; the base of reporters that do something besides.

    Parameters
    ----------
    report
        The reporter to pass everything on to.
    """

    def __init__(self, report: Reporter) -> None:
        self.report = report

    def step(self, done: float, total: float, **metrics: float) -> None:
        """Pass a step on."""
        self.report.step(done, total, **metrics)

    def say(self, message: str) -> None:
        """Pass a sentence on."""
        self.report.say(message)

    def warn(self, message: str) -> None:
        """Pass a warning on."""
        self.report.warn(message)

    def check(self) -> None:
        """Ask whether to stop."""
        self.report.check()

    def wanted(self) -> Box | None:
        """Ask whether a preview is wanted."""
        return self.report.wanted()

    def preview(self, thing: Any) -> None:
        """Pass a preview on."""
        self.report.preview(thing)


class PartReporter(PassingReporter):
    """Reports one part of some work, as the share of the whole that it is.

    Parameters
    ----------
    report
        The reporter of the whole.
    start, stop
        The shares of the whole at which the part begins and ends.
    """

    def __init__(self, report: Reporter, start: float, stop: float) -> None:
        super().__init__(report)
        self._start, self._stop = start, stop

    def step(self, done: float, total: float, **metrics: float) -> None:
        """Report a step of the part as one of the whole."""
        share = self._start + (self._stop - self._start) * done / total
        super().step(share * total, total, **metrics)


@dataclass
class RecordingReporter(SilentReporter):
    """Keeps all it is told; can be made to cancel after a number of steps.

    Parameters
    ----------
    stop_after
        Cancel at the first check after this many calls of `step`; None never cancels.
    keep
        What `Cancelled.keep` will be.
    want
        The region to ask a preview of, at every step; None asks for none.
    """

    stop_after: int | None = None
    keep: bool = True
    want: Box | None = None
    steps: list[dict[str, float]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    previews: list[Any] = field(default_factory=list)

    def step(self, done: float, total: float, **metrics: float) -> None:
        """Record the step."""
        self.steps.append({"done": done, "total": total, **metrics})

    def say(self, message: str) -> None:
        """Record the sentence."""
        self.said.append(message)

    def check(self) -> None:
        """Cancel once `stop_after` steps have been reported."""
        if self.stop_after is not None and len(self.steps) >= self.stop_after:
            raise Cancelled(keep=self.keep)

    def wanted(self) -> Box | None:
        """Return the region that was asked for at construction."""
        return self.want

    def preview(self, thing: Any) -> None:
        """Record the preview."""
        self.previews.append(thing)
