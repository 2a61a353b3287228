"""The command `cryonet`: the same work as in the window, without one.

Results go to the standard output, progress and messages to the standard error. A command
ends with 0 when all was done, 1 when the work failed, 2 when what was given cannot be used,
and 130 when it was cancelled.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv
        The words behind ``cryonet``; None takes those of the process.

    Returns
    -------
    int
        The exit code.
    """
    from napari_cryonet.cli.app import call

    return call(argv)
