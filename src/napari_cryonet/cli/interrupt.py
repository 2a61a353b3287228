"""Ctrl-C: the first one asks the work to stop and keep what it has, the second one aborts."""

from __future__ import annotations

import contextlib
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from napari_cryonet.cli.output import complain
from napari_cryonet.reporting import Cancelled

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Catches SIGINT and SIGTERM while its block runs."""

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Begin to catch; outside the main thread Python allows nobody to."""
        if threading.current_thread() is threading.main_thread():
            for each in _SIGNALS:
                self._before[each] = signal.signal(each, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the former handlers back."""
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def check(self) -> None:
        """Raise `Cancelled` if a signal came; what was finished is kept."""
        if self._asked:
            raise Cancelled(keep=True)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Note the first signal; at the second, stop at once."""
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        with contextlib.suppress(RuntimeError, OSError):  # while a line is being written
            complain("Stopping after this step and keeping what is finished; again to abort.")
