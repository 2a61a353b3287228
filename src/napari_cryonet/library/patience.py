"""Trying again: what may pass, how long to wait for it, and when to give up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from napari_cryonet.errors import FileProblem
from napari_cryonet.library.settings import SourceSettings
from napari_cryonet.reporting import Reporter

_MOMENT = 0.1
_Result = TypeVar("_Result")


class Interrupted(Exception):  # noqa: N818 - a reason to try again, caught by `persistently`
    """A try failed for a reason that may pass.

    Parameters
    ----------
    why
        The reason.
    wait
        Seconds that the server asks to wait; None if it does not.
    """

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


def persistently(
    action: Callable[[], _Result],
    source: SourceSettings,
    report: Reporter,
    progress: Callable[[], float] = lambda: 0.0,
) -> _Result:
    """Do something until it works, with longer and longer pauses.

    Parameters
    ----------
    action
        What to do; raises `Interrupted` if it is to be done again.
    source
        How often, and how long the pauses are.
    report
        Is told why, and asked whether to stop, also during the pauses.
    progress
        How far it is; tries that get further are not counted.

    Raises
    ------
    FileProblem
        If it does not work.
    """
    failed, before = 0, progress()
    while True:
        report.check()
        try:
            return action()
        except Interrupted as error:
            failed, before = (0 if progress() > before else failed) + 1, progress()
            if failed >= source.tries:
                raise FileProblem(
                    f"Given up after {failed} {'try' if failed == 1 else 'tries'}: {error}. Try "
                    f"again later; what has arrived is kept."
                ) from error
            asked_for = source.wait * 2 ** (failed - 1) if error.wait is None else error.wait
            seconds = min(asked_for, source.longest_wait)
            report.say(f"{error}. Next try in {seconds:.0f} s.")
            _pause(seconds, report)


def _pause(seconds: float, report: Reporter) -> None:
    """Wait, and ask meanwhile whether to stop."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        report.check()
        time.sleep(min(_MOMENT, left))
    report.check()
