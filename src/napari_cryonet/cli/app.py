"""The command itself: what it consists of, and how it ends."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence

from cyclopts import App, CycloptsError
from pydantic import ValidationError

from napari_cryonet import __version__
from napari_cryonet.cli import (
    deconvolve,
    emdb,
    exploration,
    halfmaps,
    noise2noise,
    picking,
    pointcloud,
    resolution,
    self2self,
    simulate,
)
from napari_cryonet.cli.convert import convert
from napari_cryonet.cli.demo import demo
from napari_cryonet.cli.doctor import doctor
from napari_cryonet.cli.info import info
from napari_cryonet.cli.output import complain, tolerant
from napari_cryonet.cli.run import run
from napari_cryonet.cli.work import CANCELLED, DONE, FAILED, UNUSABLE
from napari_cryonet.errors import CryonetError
from napari_cryonet.reporting import Cancelled
from napari_cryonet.settings import explain

_FAMILIES = (
    noise2noise.FAMILY,
    self2self.FAMILY,
    exploration.FAMILY,
    picking.FAMILY,
    pointcloud.FAMILY,
)


def build() -> App:
    """Return the command with all that belongs to it."""
    app = App(
        name="cryonet",
        help="Denoise, measure and convert data of electron cryo-microscopy.",
        version=f"cryonet {__version__}",
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    commands: tuple[Callable[..., int], ...] = (demo, doctor, info, convert, run)
    for order, command in enumerate(commands):
        app.command(command, sort_key=order)
    app.command(deconvolve.deconvolve, usage=deconvolve.USAGE, sort_key=10)
    app.command(resolution.app())
    app.command(emdb.app())
    app.command(halfmaps.app())
    app.command(simulate.app())
    for family in _FAMILIES:
        app.command(family.app())
    return app


def call(argv: Sequence[str] | None = None) -> int:
    """Run the command; every error becomes a sentence and an exit code.

    Parameters
    ----------
    argv
        The words behind ``cryonet``; None takes those of the process.

    Returns
    -------
    int
        0, 1, 2 or 130.
    """
    tolerant()
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        code = build()(words, print_error=False, exit_on_error=False)
        sys.stdout.flush()
    except CycloptsError as error:
        return _ended(_usage(error), UNUSABLE)
    except CryonetError as error:
        return _ended(str(error), error.exit_code)
    except Cancelled:
        return _ended("Stopped; there is nothing to keep.", CANCELLED)
    except KeyboardInterrupt:
        return _ended("Aborted.", CANCELLED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except MemoryError:
        return _ended("Not enough memory; close other programs or use smaller data.", FAILED)
    except Exception as error:  # noqa: BLE001 - the last resort
        what = f"{type(error).__name__}: {error}"
        return _ended(
            f"This is a bug, please report it. {what} (CRYONET_DEBUG=1 shows where.)", FAILED
        )
    return code if isinstance(code, int) else DONE


def _ended(sentence: str, code: int) -> int:
    """Say why it ended, and where if that is wanted; return the exit code."""
    if os.environ.get("CRYONET_DEBUG", "") not in ("", "0"):
        traceback.print_exc()
    complain(sentence)
    return code


def _usage(error: CycloptsError) -> str:
    """Return one sentence for words that are not understood."""
    if isinstance(error.__cause__, ValidationError):
        return explain(error.__cause__)
    words = " ".join(("cryonet", *(error.command_chain or ())))
    return f"{error} See {words} --help."
