"""Progress in a terminal: a bar that is drawn in place, or plain lines where nobody looks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from napari_cryonet.cli.interrupt import Interrupt
from napari_cryonet.reporting import SilentReporter

_LINE_SECONDS = 5.0


class ConsoleReporter(SilentReporter):
    """Shows the progress of work on the standard error, and passes Ctrl-C on to it.

    Parameters
    ----------
    interrupt
        Knows whether the user has asked to stop.
    bar
        Draws the progress; None writes a line every few seconds instead.
    console
        Where sentences go; None says nothing but warnings.
    """

    def __init__(self, interrupt: Interrupt, bar: Progress | None, console: Console | None) -> None:
        self._interrupt = interrupt
        self._bar = bar
        self._console = console
        self._task = None if bar is None else bar.add_task("", total=None, figures="")
        self._figures: dict[str, float] = {}
        self._last = 0.0
        self._total = 0.0
        self._first = 0.0
        self._started = self._spoken = time.monotonic()

    def step(self, done: float, total: float, **metrics: float) -> None:
        """Move the bar; when something new has begun, start it again."""
        if done < self._last or total != self._total:
            self._started, self._first = time.monotonic(), done / total if total else 0.0
            if self._bar is not None and self._task is not None:
                self._bar.reset(self._task, total=total)
        self._last, self._total = done, total
        self._figures |= metrics
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, figures=self._text())
        elif self._console is not None:
            self._line(done / total if total else 1.0)

    def say(self, message: str) -> None:
        """Write a sentence above the bar."""
        if self._console is not None:
            _print(self._console, message)

    def warn(self, message: str) -> None:
        """Write a warning above the bar; being quiet does not silence it."""
        console = Console(stderr=True) if self._console is None else self._console
        _print(console, f"Warning: {message}")

    def check(self) -> None:
        """Raise `Cancelled` after Ctrl-C."""
        self._interrupt.check()

    def preview(self, thing: Any) -> None:
        """Show none: a terminal has no room for it."""

    def _line(self, share: float) -> None:
        """Write a line if the last one is some time ago."""
        now = time.monotonic()
        if now - self._spoken < _LINE_SECONDS:
            return
        self._spoken = now
        spent, gained = now - self._started, share - self._first
        left = f"{spent * (1 - share) / gained / 60:.1f} min left" if gained > 0 else ""
        parts = [f"{share:4.0%}", self._text(), left]
        self.say("  ".join(part for part in parts if part))

    def _text(self) -> str:
        """Return the newest figures."""
        known = self._figures
        parts = [
            f"step {known['step']:.0f}" if "step" in known else "",
            f"loss {known['loss']:.4g}" if "loss" in known else "",
            f"quality {known['quality']:.4f}" if "quality" in known else "",
        ]
        return "  ".join(part for part in parts if part)


@contextmanager
def working(*, quiet: bool = False) -> Iterator[ConsoleReporter]:
    """Give a reporter for work that can be interrupted, and clear the bar afterwards.

    Parameters
    ----------
    quiet
        True to show nothing but warnings.
    """
    with Interrupt() as interrupt:
        console = None if quiet else Console(stderr=True)
        if console is None or not console.is_terminal:
            yield ConsoleReporter(interrupt, None, console)
            return
        columns = (
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
        )
        plain = {"redirect_stdout": False, "redirect_stderr": False}
        with Progress(*columns, console=console, transient=True, **plain) as bar:  # type: ignore[arg-type]
            yield ConsoleReporter(interrupt, bar, console)


def _print(console: Console, message: str) -> None:
    """Write a sentence as it is."""
    console.print(message, markup=False, highlight=False, soft_wrap=True)
