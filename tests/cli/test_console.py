"""Progress on the standard error."""

from __future__ import annotations

import os
import signal
import time

import pytest
from rich.console import Console
from rich.progress import Progress

from napari_cryonet.cli.console import ConsoleReporter, working
from napari_cryonet.cli.interrupt import Interrupt
from napari_cryonet.reporting import Cancelled

Capture = pytest.CaptureFixture[str]


def test_plain_lines_are_seldom(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    with working() as report:
        for done in range(1, 101):
            clock[0] += 0.3
            report.step(done, 100, step=done, loss=0.5)
        report.say("A sentence [with brackets].")
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert said.out == ""
    assert lines[-1] == "A sentence [with brackets]."
    assert 5 <= len(lines) - 1 <= 30 / 5
    assert lines[0].strip() == "17%  step 17  loss 0.5  0.4 min left"


@pytest.mark.parametrize("quiet", [True, False])
def test_a_warning_is_said_even_if_quiet(capsys: Capture, quiet: bool) -> None:
    with working(quiet=quiet) as report:
        report.warn("A voxel [of 2 Å] is another size. " * 5)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"Warning: {'A voxel [of 2 Å] is another size. ' * 5}\n"


def test_quiet_says_nothing(capsys: Capture) -> None:
    with working(quiet=True) as report:
        report.step(1, 2, quality=0.5)
        report.say("Nothing.")
        report.preview(None)
        report.check()
        assert report.wanted() is None
    assert capsys.readouterr() == ("", "")


def test_bar(capsys: Capture) -> None:
    console = Console(stderr=True, force_terminal=True, width=120)
    with Progress(console=console, auto_refresh=False) as bar:
        report = ConsoleReporter(Interrupt(), bar, console)
        report.step(50, 100)
        assert (bar.tasks[0].completed, bar.tasks[0].total) == (50, 100)
        report.step(1, 4, step=1, loss=0.25, quality=0.5)
        assert (bar.tasks[0].completed, bar.tasks[0].total) == (1, 4)
        report.step(2, 4, step=2)
        assert bar.tasks[0].fields["figures"] == "step 2  loss 0.25  quality 0.5000"
    assert capsys.readouterr().out == ""


def test_signals(capsys: Capture) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with working(quiet=True) as report:
        report.check()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Cancelled) as caught:
            report.check()
        assert caught.value.keep
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert "again to abort" in capsys.readouterr().err
