"""Curves and previews for TensorBoard, and what happens without it."""

from __future__ import annotations

import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from napari_cryonet import PointCloud, Volume
from napari_cryonet.jobs import Job, board
from napari_cryonet.jobs.board import boarded
from napari_cryonet.reporting import RecordingReporter

VOLUME = Volume(np.random.default_rng(0).random((9, 20, 30), dtype=np.float32), name="map")
THINGS = [(VOLUME,)]


def test_nobody_asks_for_it_and_nothing_happens(tmp_path: Path) -> None:
    report = RecordingReporter()
    with boarded(report, tmp_path, THINGS, asked=False) as told:
        assert told is report
    assert not list(tmp_path.iterdir())
    assert not Job().tensorboard


def test_what_is_missing_is_said_once_and_the_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)
    report = RecordingReporter()
    with boarded(report, tmp_path, THINGS, asked=True) as told:
        told.step(1, 2, step=1, loss=0.5)
        told.step(2, 2, step=2, loss=0.25)
    (sentence,) = report.said
    assert sentence.startswith("TensorBoard is asked for and not installed")
    assert 'pip install "napari-cryonet[tensorboard]"' in sentence
    assert len(report.steps) == 2
    assert not list(tmp_path.iterdir())


@pytest.fixture
def accumulator() -> type:
    """What TensorBoard itself reads files of events with."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator


def test_figures_become_curves(tmp_path: Path, accumulator: type) -> None:
    report = RecordingReporter()
    with boarded(report, tmp_path, THINGS, asked=True) as told:
        told.step(5, 100, step=5, epoch=0.1, seconds=2.0, loss=0.5, movement=3.0)
        told.step(6, 100, step=6, loss=0.25)
        told.step(7, 100)
    assert len(report.steps) == 3
    read = accumulator(str(tmp_path))
    read.Reload()
    assert sorted(read.Tags()["scalars"]) == ["loss", "movement"]
    assert [(event.step, event.value) for event in read.Scalars("loss")] == [(5, 0.5), (6, 0.25)]


@pytest.mark.parametrize(
    ("thing", "shape"),
    [
        (VOLUME.changed(VOLUME.data[4:5], "Part."), (20, 30)),
        (PointCloud(np.random.default_rng(1).normal(size=(9, 3))), (256, 256, 3)),
    ],
    ids=["volume", "cloud"],
)
def test_previews_become_pictures(
    thing: Volume | PointCloud,
    shape: tuple[int, ...],
    tmp_path: Path,
    accumulator: type,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(board, "_PREVIEW_SECONDS", 0.0)
    report = RecordingReporter()
    with boarded(report, tmp_path, THINGS, asked=True) as told:
        told.step(3, 10, step=3)
        assert told.wanted() == (slice(4, 5), slice(0, 20), slice(0, 30))
        told.preview(thing)
    assert report.previews == [], "nobody else wanted one"
    read = accumulator(str(tmp_path))
    read.Reload()
    (event,) = read.Images("preview")
    picture = iio.imread(event.encoded_image_string, extension=".png")
    assert (event.step, picture.shape) == (3, shape)
    assert picture.max() == 255


def test_what_a_window_wants_goes_to_the_window(tmp_path: Path, accumulator: type) -> None:
    region = (slice(0, 2),) * 3
    report = RecordingReporter(want=region)
    with boarded(report, tmp_path, THINGS, asked=True) as told:
        assert told.wanted() == region
        told.preview(VOLUME)
    assert report.previews == [VOLUME]
    read = accumulator(str(tmp_path))
    read.Reload()
    assert read.Tags()["images"] == [], "it was not time for one yet"
