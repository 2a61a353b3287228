"""The jobs panel says of each job what it does, how long it will take, and what came of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QApplication

from napari_cryonet.errors import DataError
from napari_cryonet.gui.folders import runs_folder
from napari_cryonet.gui.jobs_panel import JobsPanel, JobView, duration
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.work import State, Work
from napari_cryonet.jobs import Outcome


def waiting(title: str = "work") -> Work:
    return Work(title, lambda report: Outcome())


def become(work: Work, state: State, error: str = "", details: str = "") -> None:
    """Let the work arrive at a state, as the worker thread would."""
    work._arrived.emit(state, error, details)


def endless(report: Any) -> Outcome:
    while True:
        report.check()
        time.sleep(0.005)


@pytest.fixture
def work(qapp: Any) -> Work:
    return waiting()


@pytest.fixture
def view(qtbot: Any, work: Work) -> JobView:
    made = JobView(work)
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def panel(qtbot: Any, jobs: Runner) -> JobsPanel:
    made = JobsPanel(jobs)
    qtbot.addWidget(made)
    made.show()
    return made


# ------------------------------------------------------------------ one job


@pytest.mark.parametrize(
    ("state", "text", "stop", "discard"),
    [
        ("waiting", "Waiting", True, True),
        ("running", "Running", True, True),
        ("done", "Done", None, None),
        ("stopped", "Stopped, what was learnt is kept", None, None),
        ("discarded", "Discarded", None, None),
    ],
)
def test_a_state_has_its_words_and_buttons(view, work, state, text, stop, discard):
    work.outcome = Outcome()
    become(work, state)
    assert view.state.text() == text
    for button, enabled in ((view.stop, stop), (view.discard, discard)):
        assert button.isVisible() == (enabled is not None)
        assert enabled is None or button.isEnabled() == enabled


def test_the_bar_is_full_only_if_there_is_something_to_keep(view, work):
    work._stepping.emit(25.0, 100.0, {})
    become(work, "stopped")
    assert view.state.text() == "Stopped before there was anything to keep"
    assert view.bar.value() == 250
    work.outcome = Outcome()
    become(work, "stopped")
    assert view.bar.value() == 1000


def test_the_bar_follows_the_steps(view, work):
    assert view.bar.value() == 0
    become(work, "running")
    for done, total, shown in ((1.0, 4.0, 250), (3.0, 4.0, 750), (0.0, 0.0, 0), (4.0, 4.0, 1000)):
        work._stepping.emit(done, total, {})
        assert view.bar.value() == shown
    become(work, "done")
    assert view.bar.value() == 1000


def test_the_time_left_is_shown(view, work):
    become(work, "running")
    work.started -= 30
    work._stepping.emit(1.0, 4.0, {})
    assert view.state.text() == "Running, 1 min 30 s left"


def test_a_failure_is_a_sentence_and_its_details_are_in_the_log(view, work):
    become(work, "failed", "Half 2 is missing.", "Traceback of it")
    assert view.state.text() == "Failed: Half 2 is missing."
    assert view.state.wordWrap()
    view.refresh()
    assert view.log.toPlainText().count("Traceback of it") == 1
    assert view.bar.value() < 1000
    later = JobView(work)
    assert "Traceback of it" in later.log.toPlainText(), "also if the panel is opened later"
    later.deleteLater()


def test_the_log_has_all_that_was_said_and_opens_at_a_click(qtbot, work):
    work._saying.emit("Before the view.")
    view = JobView(work)
    qtbot.addWidget(view)
    view.show()
    work._saying.emit("After it.")
    assert view.log.toPlainText() == "Before the view.\nAfter it."
    assert not view.log.isVisible()
    qtbot.mouseClick(view.log_button, Qt.MouseButton.LeftButton)
    assert view.log.isVisible()
    qtbot.mouseClick(view.log_button, Qt.MouseButton.LeftButton)
    assert not view.log.isVisible()
    without = JobView(work, with_log=False)
    qtbot.addWidget(without)
    without.show()
    assert not without.log_button.isVisible()


def test_a_title_is_no_markup(qtbot):
    view = JobView(waiting("Train on <img src=x> & b"))
    qtbot.addWidget(view)
    assert view.title.text() == "<b>Train on &lt;img src=x&gt; &amp; b</b>"


def test_stop_and_discard_do_what_they_say(qtbot, jobs):
    for button, keep in (("stop", True), ("discard", False)):
        work = jobs.add(Work("endless", endless))
        view = JobView(work)
        qtbot.addWidget(view)
        view.show()
        qtbot.waitUntil(lambda: work.state == "running")  # noqa: B023
        qtbot.mouseClick(getattr(view, button), Qt.MouseButton.LeftButton)
        assert view.state.text() == "Stopping…"
        assert not view.stop.isEnabled()
        assert view.discard.isEnabled() == keep, "who stopped may still throw away"
        qtbot.waitUntil(lambda: work.has_ended)  # noqa: B023
        assert work.state == ("stopped" if keep else "discarded")


def test_a_view_may_go_before_its_job_ends(qtbot, jobs):
    work = jobs.add(Work("endless", endless))
    view = JobView(work)
    view.deleteLater()
    del view
    qtbot.wait(20)
    work._saying.emit("to nobody")
    work.stop()
    qtbot.waitUntil(lambda: work.has_ended)


# ------------------------------------------------------------------ all jobs


def test_the_newest_job_is_on_top(panel, jobs, qtbot):
    first = jobs.add(Work("first", endless))
    second = jobs.add(waiting("second"))
    assert [view.work for view in panel.views] == [first, second]
    QApplication.processEvents()
    assert panel.views[1].y() < panel.views[0].y()
    later = JobsPanel(jobs)
    qtbot.addWidget(later)
    assert [view.work for view in later.views] == [first, second]
    first.stop()


def test_jobs_that_have_ended_are_cleared_away(panel, jobs, qtbot):
    other = JobsPanel(jobs)
    qtbot.addWidget(other)
    assert panel._empty.isVisible()
    ended, failed = jobs.add(waiting()), jobs.add(Work("fails", lambda report: 1 / 0))  # type: ignore[arg-type, return-value]
    running, queued = jobs.add(Work("endless", endless)), jobs.add(waiting())
    assert not panel._empty.isVisible()
    qtbot.waitUntil(lambda: ended.has_ended and failed.has_ended)
    for each in (panel, other):
        qtbot.mouseClick(each.clear_button, Qt.MouseButton.LeftButton)
        assert [view.work for view in each.views] == [running, queued]
    assert jobs.works == [running, queued]
    assert not panel._empty.isVisible()
    running.stop()
    qtbot.waitUntil(lambda: queued.has_ended)
    panel.clear_button.click()
    assert panel._empty.isVisible()


def test_the_time_left_goes_down_between_two_steps(panel, jobs, qtbot):
    work = jobs.add(Work("endless", endless))
    qtbot.waitUntil(lambda: work.state == "running")
    work._stepping.emit(50.0, 100.0, {})
    work.started -= 10
    panel._clock.timeout.emit()
    assert panel.views[0].state.text() == "Running, 10 s left"
    work.started -= 10
    panel._clock.timeout.emit()
    assert panel.views[0].state.text() == "Running, 20 s left"
    assert panel._clock.isActive()
    work.stop()


def test_the_folder_of_the_runs_is_opened(panel, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr(
        QDesktopServices, "openUrl", staticmethod(lambda url: opened.append(url.toLocalFile()))
    )
    panel.folder_button.click()
    assert [Path(name) for name in opened] == [runs_folder()]
    assert runs_folder().is_dir()


def test_errors_of_ours_have_no_prefix(panel, jobs, qtbot):
    def fail(report: Any) -> Outcome:
        raise DataError("The halves differ.")

    work = jobs.add(Work("fails", fail))
    qtbot.waitUntil(lambda: work.has_ended)
    assert panel.views[0].state.text() == "Failed: The halves differ."


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (40, "40 s"),
        (59.4, "59 s"),
        (59.7, "1 min 00 s"),
        (200, "3 min 20 s"),
        (185, "3 min 05 s"),
        (3599.6, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (100 * 3600, "100 h 0 min"),
    ],
)
def test_times_are_written_as_people_say_them(seconds, text):
    assert duration(seconds) == text
