"""Whatever happens to a job, it ends once, says why, and the next one is done."""

from __future__ import annotations

import gc
import json
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from helpers import run_python
from napari_cryonet import read, write
from napari_cryonet.cli import main
from napari_cryonet.errors import CryonetError, OutOfMemory
from napari_cryonet.gui import runner as runner_module
from napari_cryonet.gui.jobs_panel import JobView
from napari_cryonet.gui.layers import to_thing
from napari_cryonet.gui.runner import Order, Runner
from napari_cryonet.gui.work import Work
from napari_cryonet.io import read_card, read_model
from napari_cryonet.jobs import Outcome, RunFolder
from napari_cryonet.reporting import Cancelled
from napari_cryonet.types import Volume

SOON = 10_000
REGION = (slice(0, 1), slice(2, 4), slice(0, 9))


class Told:
    """All that a work has told, and in which threads it was heard."""

    def __init__(self, work: Work) -> None:
        self.steps: list[tuple[float, float, dict[str, float]]] = []
        self.said: list[str] = []
        self.previews: list[Any] = []
        self.states: list[str] = []
        self.ends = 0
        self.threads: set[threading.Thread] = set()
        self.work = work
        work.stepped.connect(self.on_step)
        work.said.connect(self.on_said)
        work.previewed.connect(self.on_preview)
        work.changed.connect(self.on_change)
        work.ended.connect(self.on_end)

    def on_step(self, done: float, total: float, metrics: dict[str, float]) -> None:
        self.threads.add(threading.current_thread())
        self.steps.append((done, total, metrics))

    def on_said(self, message: str) -> None:
        self.threads.add(threading.current_thread())
        self.said.append(message)

    def on_preview(self, thing: Any) -> None:
        self.threads.add(threading.current_thread())
        self.previews.append(thing)

    def on_change(self) -> None:
        self.threads.add(threading.current_thread())
        self.states.append(self.work.state)

    def on_end(self) -> None:
        assert self.work.has_ended
        self.threads.add(threading.current_thread())
        self.ends += 1


class Endless:
    """Short steps without an end, counted, until somebody stops them."""

    def __init__(self) -> None:
        self.steps = 0
        self.begun = threading.Event()
        self.thread: threading.Thread | None = None

    def __call__(self, report: Any) -> Outcome:
        self.thread = threading.current_thread()
        while True:
            report.check()
            self.steps += 1
            self.begun.set()
            report.step(self.steps, 1e9)
            time.sleep(0.01)


class Learning(Endless):
    """As a training: what was learnt is kept if it is to be."""

    def __call__(self, report: Any) -> Outcome:
        try:
            return super().__call__(report)
        except Cancelled as stop:
            if not stop.keep:
                raise
            return Outcome(measures={"ended": "stopped"})


class Unprintable(Exception):  # noqa: N818
    """Cannot even say what it is."""

    def __str__(self) -> str:
        raise ValueError


class Beyond(BaseException):
    """Not even an Exception."""


def nothing(report: Any) -> Outcome:
    return Outcome()


def raising(error: BaseException) -> Callable[[Any], Outcome]:
    def do(report: Any) -> Outcome:
        report.step(1, 3)
        raise error

    return do


def allocate(report: Any) -> Outcome:
    torch.empty(2**62)
    return Outcome()


@pytest.fixture
def follow(jobs: Runner, qtbot: Any) -> Callable[..., Told]:
    """Add a work and listen to it."""

    def add(do: Any, title: str = "work") -> Told:
        return Told(jobs.add(Work(title, do)))

    return add


@pytest.fixture
def wait(qtbot: Any) -> Callable[..., None]:
    """Let the window live until all of these have ended."""

    def until(*followed: Told, timeout: int = SOON) -> None:
        qtbot.waitUntil(lambda: all(one.work.has_ended for one in followed), timeout=timeout)
        QApplication.processEvents()

    return until


# ------------------------------------------------------------------ every way to end


@pytest.mark.parametrize(
    ("do", "state", "error"),
    [
        (nothing, "done", ""),
        (lambda report: Outcome(measures={"ended": "no improvement"}), "done", ""),
        (lambda report: Outcome(measures={"ended": "stopped"}), "stopped", ""),
        (raising(CryonetError("Half 2 is missing.")), "failed", "Half 2 is missing."),
        (raising(OutOfMemory("Use less.")), "failed", "Use less."),
        (raising(ValueError("odd")), "failed", "An unexpected error, ValueError: odd"),
        (raising(RuntimeError("CUDA")), "failed", "An unexpected error, RuntimeError: CUDA"),
        (raising(torch.OutOfMemoryError("big")), "failed", "OutOfMemoryError: big"),
        (raising(MemoryError()), "failed", "An unexpected error, MemoryError"),
        (raising(KeyboardInterrupt()), "failed", "KeyboardInterrupt"),
        (raising(SystemExit(3)), "failed", "SystemExit: 3"),
        (raising(GeneratorExit()), "failed", "GeneratorExit"),
        (raising(StopIteration()), "failed", "StopIteration"),
        (raising(Beyond("worse")), "failed", "Beyond: worse"),
        (raising(Unprintable()), "failed", "Unprintable"),
        (raising(Cancelled(keep=True)), "discarded", ""),
        (allocate, "failed", "RuntimeError"),
        (lambda report: None, "failed", "AttributeError"),
        (lambda: None, "failed", "TypeError"),
    ],
)
def test_every_job_ends_once_and_the_next_is_done(follow, wait, do, state, error):
    told, after = follow(do), follow(nothing)
    wait(told, after)
    assert told.work.state == state
    assert told.ends == 1
    assert told.states == ["running", state]
    assert error in told.work.error
    assert bool(told.work.error) == (state == "failed")
    assert ("Traceback" in told.work.details) == (state == "failed")
    assert (told.work.outcome is not None) == (state in ("done", "stopped"))
    assert (after.work.state, after.ends) == ("done", 1)


@pytest.mark.parametrize(
    ("do", "keep", "state"),
    [
        (Learning, True, "stopped"),
        (Learning, False, "discarded"),
        (Endless, True, "stopped"),
        (Endless, False, "discarded"),
    ],
)
def test_a_job_is_stopped_in_the_middle(follow, wait, do, keep, state):
    work = do()
    told, after = follow(work), follow(nothing)
    work.begun.wait(5)
    told.work.stop(keep=keep)
    wait(told, after)
    assert told.states[-2:] == ["stopping", state]
    assert (told.ends, told.work.error) == (1, "")
    assert (told.work.outcome is not None) == (state == "stopped" and do is Learning)
    assert after.work.state == "done"


@pytest.mark.parametrize("keep", [True, False])
def test_a_job_that_waits_is_taken_away_at_once(follow, wait, keep):
    first, never = Endless(), Endless()
    running, waiting, after = follow(first), follow(never), follow(nothing)
    gone = weakref.ref(never)
    waiting.work.stop(keep=keep)
    assert waiting.work.state == "discarded", "nobody has to wait for the job before it"
    assert waiting.ends == 1
    first.begun.wait(5)
    running.work.stop()
    wait(running, after)
    assert (waiting.work.state, waiting.ends, never.steps) == ("discarded", 1, 0)
    assert after.work.state == "done"
    del never
    gc.collect()
    assert gone() is None, "what it was given is free"


def test_discarding_may_follow_stopping_but_not_the_other_way_round(follow, wait):
    kept, thrown = Learning(), Learning()
    first, second = follow(kept), follow(thrown)
    kept.begun.wait(5)
    assert first.work.can_discard
    for keep in (False, True):
        first.work.stop(keep=keep)
    assert not first.work.can_discard
    thrown.begun.wait(5)
    for keep in (True, False):
        second.work.stop(keep=keep)
    wait(first, second)
    assert (first.work.state, second.work.state) == ("discarded", "discarded")
    assert (first.ends, second.ends) == (1, 1)
    first.work.stop()
    assert (first.work.state, first.ends) == ("discarded", 1)


def test_the_owner_of_a_job_may_go_before_it_ends(follow, wait, qtbot):
    do = Endless()
    told = follow(do)
    view = JobView(told.work)
    view.show()
    do.begun.wait(5)
    view.close()
    view.deleteLater()
    gone = weakref.ref(view)
    del view
    qtbot.waitUntil(lambda: gone() is None or len(told.steps) > 3, timeout=SOON)
    told.work.stop(keep=False)
    wait(told)
    assert (told.work.state, told.ends) == ("discarded", 1)


# ------------------------------------------------------------------ stopping is quick


def test_a_stop_is_acknowledged_at_once_and_obeyed_within_two_steps(follow, wait, qtbot):
    do = Endless()
    told = follow(do)
    qtbot.waitUntil(lambda: told.work.state == "running" and do.steps > 3, timeout=SOON)
    start, steps = time.perf_counter(), do.steps
    told.work.stop()
    assert time.perf_counter() - start < 0.1
    assert (told.work.state, told.states[-1]) == ("stopping", "stopping")
    assert told.work.seconds_left is None
    wait(told)
    assert do.steps - steps <= 2


# ------------------------------------------------------------------ the queue and its thread


def test_jobs_are_done_one_after_the_other_in_one_thread(follow, wait):
    order: list[int] = []
    threads: set[str] = set()
    busy = threading.Lock()

    def numbered(number: int) -> Callable[[Any], Outcome]:
        def do(report: Any) -> Outcome:
            assert busy.acquire(blocking=False), "two jobs at once"
            order.append(number)
            threads.add(threading.current_thread().name)
            time.sleep(0.02)
            busy.release()
            return Outcome()

        return do

    told = [follow(numbered(number)) for number in range(5)]
    assert [one.work.state for one in told[1:]] == ["waiting"] * 4
    wait(*told)
    assert order == list(range(5))
    assert threads == {"cryonet-gpu"}
    assert [one.work.state for one in told] == ["done"] * 5
    names = Counter(thread.name for thread in threading.enumerate())
    assert names["cryonet-gpu"] == 1


def test_a_warning_is_in_the_log_and_marked_as_one(follow, wait):
    def do(report: Any) -> Outcome:
        report.warn("The voxel size differs.")
        return Outcome()

    told = follow(do)
    wait(told)
    assert told.said == told.work.log == ["Warning: The voxel size differs."]


def test_all_is_heard_in_the_main_thread(follow, wait):
    volume = Volume(np.zeros((1, 2, 3)))

    def do(report: Any) -> Outcome:
        assert threading.current_thread() is not threading.main_thread()
        report.step(1, 4, loss=0.5)
        report.say("Half way.")
        report.preview(volume)
        return Outcome()

    told = follow(do)
    wait(told)
    assert told.threads == {threading.main_thread()}
    assert told.steps == [(1, 4, {"loss": 0.5})]
    assert told.said == told.work.log == ["Half way."]
    assert told.previews == [volume]
    assert told.work.progress == (1, 4)


def test_nothing_is_lost_to_who_listens_late(jobs, wait):
    def do(report: Any) -> Outcome:
        report.say("At once.")
        report.step(1, 4)
        report.preview("picture")
        begun.set()
        return Outcome()

    begun = threading.Event()
    work = jobs.add(Work("quick", do))
    assert begun.wait(5)
    view, told = JobView(work), Told(work)
    wait(told)
    assert (told.said, told.steps, told.previews) == (["At once."], [(1, 4, {})], ["picture"])
    assert view.log.toPlainText() == "At once."
    view.deleteLater()


def test_new_jobs_are_announced_and_ended_ones_forgotten(jobs, follow, wait):
    added: list[Work] = []
    jobs.added.connect(added.append)
    do = Endless()
    running, waiting = follow(do), follow(nothing)
    assert added == jobs.works == [running.work, waiting.work]
    jobs.forget(running.work)
    assert running.work in jobs.works, "it has not ended"
    do.begun.wait(5)
    running.work.stop()
    wait(running, waiting)
    jobs.forget(running.work)
    jobs.forget(running.work)
    assert jobs.works == [waiting.work]


def test_what_a_job_was_given_is_free_when_it_has_ended(follow, wait):
    do = Learning()
    told, gone = follow(do), weakref.ref(do)
    do.begun.wait(5)
    told.work.stop()
    del do
    wait(told)
    gc.collect()
    assert gone() is None


def test_there_is_one_runner(jobs):
    assert runner_module.runner() is jobs


def test_a_warm_up_that_fails_stops_nothing(qapp, qtbot, monkeypatch):
    from napari_cryonet.nn import device

    calls: list[str] = []

    def broken() -> None:
        calls.append("choose")
        raise RuntimeError("no driver")

    monkeypatch.setattr(device, "choose", broken)
    monkeypatch.setattr(device, "use_threads", lambda *, window: calls.append(f"{window}"))
    made = Runner()
    work = made.add(Work("after it", nothing))
    qtbot.waitUntil(lambda: work.has_ended, timeout=SOON)
    made.close()
    assert calls == ["True", "choose"]
    assert work.state == "done"


# ------------------------------------------------------------------ the end of the program


def test_closing_ends_all_work_and_the_thread(jobs, follow, wait):
    do, never = Learning(), Endless()
    running, waiting = follow(do), follow(never)
    do.begun.wait(5)
    jobs.close()
    assert do.thread is not None
    assert not do.thread.is_alive()
    wait(running, waiting)
    assert (running.work.state, running.ends) == ("stopped", 1)
    assert (waiting.work.state, waiting.ends, never.steps) == ("discarded", 1, 0)
    jobs.close()


def test_closing_does_not_keep_what_was_to_be_thrown_away(jobs, follow, wait):
    do = Learning()
    told = follow(do)
    do.begun.wait(5)
    told.work.stop(keep=False)
    jobs.close()
    wait(told)
    assert told.work.state == "discarded"


PROGRAM = """
import sys, time, warnings
from pydantic import PydanticDeprecatedSince20
warnings.simplefilter("ignore", PydanticDeprecatedSince20)
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from napari_cryonet.gui import runner
from napari_cryonet.reporting import Cancelled

def endless(report):
    while True:
        try:
            report.check()
        except Cancelled as stop:
            print("kept" if stop.keep else "thrown away")
            raise
        time.sleep(0.01)

runner._warm_up = lambda: None
application = QApplication([])
jobs = runner.runner()
work = jobs.add(runner.Work("endless", endless))
while work.state != "running":
    application.processEvents()
"""


@pytest.mark.parametrize(
    "ending",
    ["QTimer.singleShot(100, application.quit); application.exec()", "time.sleep(0.1)"],
)
def test_work_ends_with_the_program(ending):
    done = run_python(PROGRAM + ending)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["kept"]
    assert done.stderr == ""


# ------------------------------------------------------------------ steps, regions, time left


def test_steps_are_thinned_out_but_validations_and_the_last_one_pass(follow, wait):
    count = 3000

    def flood(report: Any) -> Outcome:
        for step in range(1, count + 1):
            figures = {"quality": step / count} if step % 100 == 0 else {"loss": 1.0}
            report.step(step, count, **figures)
        return Outcome()

    start = time.monotonic()
    told = follow(flood)
    wait(told)
    seconds = time.monotonic() - start
    validations = [figures for _, _, figures in told.steps if "quality" in figures]
    assert len(validations) == count // 100
    assert len(told.steps) - len(validations) <= seconds / 0.05 + 1
    assert told.steps[-1][0] == count
    assert [done for done, _, _ in told.steps] == sorted(done for done, _, _ in told.steps)


def test_work_asks_for_the_region_that_is_in_view_now(follow, wait, qtbot):
    seen: list[Any] = []

    def do(report: Any) -> Outcome:
        while len(seen) < 3:
            report.check()
            if not seen or report.wanted() != seen[-1]:
                seen.append(report.wanted())
            time.sleep(0.005)
        return Outcome()

    told = follow(do)
    qtbot.waitUntil(lambda: len(seen) == 1, timeout=SOON)
    told.work.region = REGION
    qtbot.waitUntil(lambda: len(seen) == 2, timeout=SOON)
    told.work.region = None
    wait(told)
    assert seen == [None, REGION, None]


@pytest.mark.parametrize(
    ("state", "progress", "spent", "left"),
    [
        ("running", (25, 100), 10, 30),
        ("running", (50, 100), 60, 60),
        ("running", (100, 100), 10, 0),
        ("running", (0, 100), 10, None),
        ("running", (0, 0), 10, None),
        ("running", (50, 100), 0.5, None),
        ("stopping", (50, 100), 10, None),
        ("waiting", (0, 1), 10, None),
        ("done", (1, 1), 10, None),
    ],
)
def test_the_time_left_is_told_when_it_is_known(qapp, state, progress, spent, left):
    work = Work("work", nothing)
    work.state, work.progress, work.started = state, progress, time.monotonic() - spent
    assert work.seconds_left == (None if left is None else pytest.approx(left, abs=0.5))


# ------------------------------------------------------------------ real trainings


def ended_training(folder: Path) -> dict[str, Any]:
    """Check what a training has left in the only folder of a run; return how it ended."""
    (path,) = folder.iterdir()
    run = RunFolder.existing(path)
    assert run.job().method == "noise2noise"
    assert "Training on" in (path / "log.txt").read_text(encoding="utf-8")
    rows = (path / "metrics.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("step,epoch,seconds,loss,quality")
    assert len(rows) > 1
    assert read_card(path / "model.safetensors").method == "noise2noise"
    found: dict[str, Any] = json.loads((path / "done.json").read_text(encoding="utf-8"))
    assert run.ended() == found
    return found


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_training_leaves_model_and_run_folder(
    jobs, wait, training, tmp_path, preferences, isolation
):
    preferences["isolation"] = isolation
    told = Told(jobs.submit(training()))
    told.work.region = (slice(3, 4), slice(0, 24), slice(2, 20))
    wait(told, timeout=60_000)
    assert (told.work.state, told.work.error) == ("done", "")
    ended = ended_training(tmp_path / "runs")
    assert (ended["state"], ended["steps"]) == ("done", 6)
    outcome = told.work.outcome
    assert [each["name"] for each in outcome.model.card.inputs] == ["half 1", "half 2"]
    assert outcome.model.card.voxel_size == (4.0, 2.0, 2.0)
    assert outcome.files[0].name == "model.safetensors"
    assert told.said[0].startswith("The run is kept in")
    assert told.steps[-1][:2] == (6, 6)
    assert any("quality" in figures for _, _, figures in told.steps)
    preview = told.previews[-1]
    assert preview.data.shape == (1, 24, 18)
    assert preview.origin == (10 + 3 * 4.0, -20.0, 30 + 2 * 2.0)
    assert told.threads == {threading.main_thread()}


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_training_is_stopped_and_kept(
    jobs, wait, training, tmp_path, preferences, qtbot, isolation
):
    preferences["isolation"] = isolation
    told = Told(jobs.submit(training(steps=10**6, max_minutes=5.0, patience=0)))
    qtbot.waitUntil(lambda: bool(told.steps), timeout=60_000)
    told.work.stop()
    wait(told, timeout=30_000)
    assert told.work.state == "stopped"
    ended = ended_training(tmp_path / "runs")
    assert (ended["state"], ended["ended"]) == ("stopped", "stopped")
    assert told.work.outcome.model.card.training["ended"] == "stopped"


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_training_in_the_window_is_repeated_from_its_folder(
    jobs, wait, training, halves, shown, tmp_path, preferences, isolation
):
    preferences["isolation"] = isolation
    paths = [tmp_path / f"half{number}.mrc" for number in (1, 2)]
    layers = []
    for path, half in zip(paths, halves, strict=True):
        write(path, half)
        layers.append(shown(read(path)))
    layers[1].translate = (11.0, -20.0, 30.0)
    given = {name: to_thing(layer) for name, layer in zip(("one", "two"), layers, strict=True)}
    told = Told(jobs.submit(replace(training(), given=given)))
    wait(told, timeout=60_000)
    assert (told.work.state, told.work.error) == ("done", "")
    (folder,) = (tmp_path / "runs").iterdir()
    first, second = RunFolder.existing(folder).job().inputs[0]
    assert first == str(paths[0]), "an unchanged file is not copied"
    assert second == str(folder / "inputs" / "1" / "half2.mrc")
    assert read(second).origin == (11.0, -20.0, 30.0)
    assert np.array_equal(read(second).data, halves[1].data)
    learnt = told.work.outcome.model.weights
    assert main(["run", str(folder), "--overwrite", "--quiet"]) == 0
    again = read_model(folder / "model.safetensors").weights
    for name, weight in learnt.items():
        np.testing.assert_allclose(again[name], weight, rtol=1e-3, atol=1e-5, err_msg=name)


def test_a_process_that_is_killed_is_a_failure(jobs, wait, training, preferences, qtbot, tmp_path):
    preferences["isolation"] = "process"
    told = Told(jobs.submit(training(steps=10**6, max_minutes=5.0)))

    def children() -> list[psutil.Process]:
        return [each for each in psutil.Process().children() if "--events" in each.cmdline()]

    qtbot.waitUntil(lambda: bool(children()), timeout=SOON)
    children()[0].kill()
    wait(told)
    assert told.work.state == "failed"
    assert "ended unexpectedly (code" in told.work.error
    assert "child.txt" in told.work.error
    (path,) = (tmp_path / "runs").iterdir()
    assert RunFolder(path).ended()["state"] == "failed"


def test_errors_in_a_job_are_sentences(jobs, wait, training, tmp_path):
    bad = training()
    (tmp_path / "taken").write_text("a file")
    orders = [
        Order("other names", bad.job, bad.runs, {}),
        Order("one half", bad.job.updated({"inputs": [["one", "one"]]}), bad.runs, bad.given),
        Order("no folder", bad.job, tmp_path / "taken" / "runs", bad.given),
        Order("setting", bad.job.updated({"settings": {"width": 0}}), bad.runs, bad.given),
    ]
    told = [Told(jobs.submit(order)) for order in orders]
    wait(*told)
    for one, part in zip(told, ["one", "same volume", "Cannot make", "'width' is 0"], strict=True):
        assert one.work.state == "failed"
        assert part in one.work.error
        assert "unexpected" not in one.work.error


def test_runs_at_the_same_second_have_their_own_folders(jobs, wait, training, tmp_path):
    told = [Told(jobs.submit(training(steps=1))) for _ in range(3)]
    wait(*told)
    assert [one.work.state for one in told] == ["done"] * 3
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_the_window_stays_alive_while_a_network_is_trained(jobs, wait, training, qtbot):
    told = Told(jobs.submit(training(steps=10**6, max_minutes=5.0, patience=0, width=16)))
    qtbot.waitUntil(lambda: len(told.steps) > 3, timeout=60_000)
    ticks: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start(20)
    qtbot.wait(2500)
    timer.stop()
    told.work.stop(keep=False)
    wait(told)
    late = 1e3 * (np.diff(ticks) - 0.02)
    assert len(late) > 20
    assert np.percentile(late, 99) < 250, f"p50 {np.median(late):.0f} ms, most {late.max():.0f} ms"
