"""What running work may say, and how it is stopped."""

import inspect
from collections.abc import Callable

import pytest

from napari_cryonet.reporting import (
    Cancelled,
    PartReporter,
    PassingReporter,
    RecordingReporter,
    Reporter,
    SilentReporter,
)

METHODS = ["check", "preview", "say", "step", "wanted", "warn"]


@pytest.mark.parametrize("kind", [Reporter, SilentReporter, RecordingReporter])
def test_every_reporter_has_the_methods_of_the_protocol(kind: type) -> None:
    names = sorted(name for name, _ in inspect.getmembers(kind, inspect.isfunction))
    assert [name for name in names if not name.startswith("_")] == METHODS
    for name in METHODS:
        assert inspect.signature(getattr(kind, name)) == inspect.signature(getattr(Reporter, name))


def test_a_silent_reporter_never_stops_and_wants_nothing() -> None:
    report: Reporter = SilentReporter()
    report.step(1, 2, loss=0.5)
    report.say("Half of it is done.")
    report.warn("It may be poor.")
    report.preview(object())
    assert report.check() is None
    assert report.wanted() is None


def test_a_recording_reporter_keeps_all_in_order() -> None:
    report, picture = RecordingReporter(), object()
    report.step(1, 10, loss=0.5)
    report.say("First.")
    report.step(2, 10, loss=0.25, quality=3.0)
    report.warn("Second.")
    report.preview(picture)
    assert report.steps == [
        {"done": 1, "total": 10, "loss": 0.5},
        {"done": 2, "total": 10, "loss": 0.25, "quality": 3.0},
    ]
    assert report.said == ["First.", "Second."]
    assert report.previews == [picture]


def test_two_recording_reporters_share_nothing() -> None:
    RecordingReporter().say("First.")
    assert RecordingReporter().said == []


@pytest.mark.parametrize("kind", [PassingReporter, lambda report: PartReporter(report, 0.0, 0.5)])
def test_a_warning_is_passed_on_as_one(kind: Callable[[Reporter], Reporter]) -> None:
    class Warned(RecordingReporter):
        def warn(self, message: str) -> None:
            warnings.append(message)

    warnings: list[str] = []
    told = Warned()
    report = kind(told)
    report.warn("It may be poor.")
    report.say("It is done.")
    assert (warnings, told.said) == (["It may be poor."], ["It is done."])


@pytest.mark.parametrize("stop_after", [0, 1, 3])
def test_a_recording_reporter_cancels_after_so_many_steps(stop_after: int) -> None:
    report = RecordingReporter(stop_after=stop_after)
    for done in range(stop_after):
        report.check()
        report.step(done + 1, 10)
    for _ in range(2):
        with pytest.raises(Cancelled):
            report.check()


def test_without_stop_after_it_never_cancels() -> None:
    report = RecordingReporter()
    for done in range(1000):
        report.step(done, 1000)
        report.check()
    assert len(report.steps) == 1000


@pytest.mark.parametrize(("keep", "word"), [(True, "stopped"), (False, "discarded")])
def test_cancelling_says_whether_to_keep_what_is_there(keep: bool, word: str) -> None:
    with pytest.raises(Cancelled) as caught:
        RecordingReporter(stop_after=0, keep=keep).check()
    assert caught.value.keep is keep
    assert str(caught.value) == word


def test_cancelling_is_no_error_of_ours_and_keeps_by_default() -> None:
    assert Cancelled.__bases__ == (Exception,)
    assert Cancelled().keep is True


def test_a_preview_is_wanted_where_it_was_asked_for() -> None:
    box = (slice(0, 8), slice(4, 12), slice(None))
    assert RecordingReporter(want=box).wanted() == box
    assert RecordingReporter().wanted() is None
