"""A job that was given its data is repeated from its folder, with the same data."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_cryonet import Volume, write
from napari_cryonet.errors import FileProblem, SettingsError
from napari_cryonet.io import read_volume
from napari_cryonet.jobs import Job, RunFolder, inputs, run, run_in_child
from napari_cryonet.jobs.inputs import as_files
from napari_cryonet.reporting import Cancelled, RecordingReporter, SilentReporter
from phantom import halves, one_thread  # noqa: F401

TINY: dict[str, Any] = {
    "steps": 3,
    "width": 4,
    "patch": 16,
    "batch": 1,
    "held_out_side": 8,
    "precision": "float32",
    "device": "cpu",
}
SHAPE = (24, 26, 28)
PLACE: dict[str, Any] = {"voxel_size": (4.0, 2.0, 1.234567), "origin": (7.0, -8.0, 912.25)}

Pair = tuple[Volume, Volume]


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """Two halves, read from files as memory maps."""
    made = halves(SHAPE, np.random.default_rng(1), snr=0.5)
    for volume, name in zip(made.pair, ("half1", "half2"), strict=True):
        write(tmp_path / f"{name}.mrc", Volume(volume.data, **PLACE))
    return read_volume(tmp_path / "half1.mrc"), read_volume(tmp_path / "half2.mrc")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", Job())


@pytest.fixture
def named(folder: RunFolder) -> Callable[[Volume], tuple[Path, list[str]]]:
    """Return under which file a volume is named, and what was said."""

    def name(volume: Volume) -> tuple[Path, list[str]]:
        report = RecordingReporter()
        job = Job(inputs=(("layer: x", "/other.mrc"),), validation=(("layer: x", "/v.mrc"),))
        job, given = as_files(job, {"layer: x": volume}, folder, report)
        (path,) = given
        assert job.inputs == ((path, "/other.mrc"),)
        assert job.validation == ((path, "/v.mrc"),)
        assert folder.job() == job
        return Path(path), report.said

    return name


def copies(folder: RunFolder) -> list[Path]:
    return sorted(path for path in (folder.path / "inputs").rglob("*") if path.is_file())


# ------------------------------------------------------------------ what is named how


def test_an_unchanged_file_is_named_and_not_copied(named, pair, folder):
    first, _ = pair
    assert named(replace(first, name="renamed")) == (first.path, [])
    rounded = tuple(round(size, 6) for size in first.scale)
    assert named(replace(first, voxel_size=rounded)) == (first.path, [])
    assert copies(folder) == []


def test_a_compressed_file_is_named_if_its_values_are_the_same(named, pair, tmp_path, folder):
    first, _ = pair
    packed = tmp_path / "packed.mrc.gz"
    packed.write_bytes(gzip.compress(first.path.read_bytes()))
    volume = read_volume(packed)
    assert named(volume) == (packed, [])
    data = np.array(volume.data)
    data[-1, -1, -1] += 1
    assert named(replace(volume, data=data))[0] == folder.path / "inputs" / "0" / "packed.mrc"


def test_numbers_that_are_none_are_equal_too(named, pair, tmp_path):
    data = np.array(pair[0].data)
    data[3] = np.nan
    write(tmp_path / "holes.mrc.gz", Volume(data, **PLACE))
    assert named(read_volume(tmp_path / "holes.mrc.gz"))[0] == tmp_path / "holes.mrc.gz"


def unsaved(volume: Volume) -> Volume:
    return replace(volume, path=None)


def smaller(volume: Volume) -> Volume:
    return replace(volume, voxel_size=(4.0, 2.0, 1.234577))


def unsized(volume: Volume) -> Volume:
    return replace(volume, voxel_size=None)


def moved(volume: Volume) -> Volume:
    return replace(volume, origin=(7.0, -8.0, 912.2501))


def turned(volume: Volume) -> Volume:
    return replace(volume, data=volume.data[::-1])


def cropped(volume: Volume) -> Volume:
    return replace(volume, data=volume.data[:, 1:])


def edited(volume: Volume) -> Volume:
    data = np.array(volume.data)
    data[0, 0, 0] += 1
    return replace(volume, data=data)


def converted(volume: Volume) -> Volume:
    return replace(volume, data=np.asarray(volume.data, "i2"))


def without_file(volume: Volume) -> Volume:
    assert volume.path is not None
    volume.path.unlink()
    return volume


def replaced(volume: Volume) -> Volume:
    assert volume.path is not None
    write(volume.path, Volume(np.zeros(SHAPE, "f4"), **PLACE), overwrite=True)
    return volume


def damaged(volume: Volume) -> Volume:
    volume = replace(volume, data=np.array(volume.data))
    assert volume.path is not None
    volume.path.write_bytes(b"no map")
    return volume


@pytest.mark.parametrize(
    "change",
    [
        unsaved,
        smaller,
        unsized,
        moved,
        turned,
        cropped,
        edited,
        converted,
        without_file,
        replaced,
        damaged,
    ],
)
def test_what_no_file_holds_is_copied_as_it_is(named, pair, folder, change):
    volume = replace(change(pair[0]), name="my: half")
    path, said = named(volume)
    assert path == folder.path / "inputs" / "0" / "my_ half.mrc"
    assert copies(folder) == [path]
    assert said == [f"No file holds my: half as it is now; a copy is kept as {path}."]
    copy = read_volume(path)
    assert np.array_equal(copy.data, volume.data)
    assert copy.data.dtype == volume.data.dtype
    assert copy.origin == pytest.approx(volume.origin, abs=1e-4)
    if volume.voxel_size is None:
        assert copy.voxel_size is None
    else:
        assert copy.voxel_size == pytest.approx(volume.voxel_size, abs=1e-6)


def test_a_name_that_is_a_file_stays_and_is_not_looked_at_again(pair, folder, monkeypatch):
    monkeypatch.setattr(inputs, "read_volume", lambda *given: pytest.fail("read again"))
    name = str(pair[0].path)
    job = Job(inputs=((name, "x"),))
    assert as_files(job, {name: pair[0]}, folder, SilentReporter()) == (job, {name: pair[0]})


def test_what_is_given_on_is_what_the_file_holds(pair, folder):
    volume = Volume(np.asarray(pair[0].data, "f8") + 1e-12, **PLACE)
    _, given = as_files(Job(), {"layer: x": volume}, folder, SilentReporter())
    (copy,) = given.values()
    assert isinstance(copy.data, np.memmap)
    assert copy.data.dtype == np.float32


# ------------------------------------------------------------------ jobs that are repeated


def test_a_training_is_repeated_from_its_folder(pair, tmp_path):
    first, second = pair[0], edited(pair[1])
    job = Job(inputs=(("layer: one", "layer: two"),), settings=TINY)
    folder = RunFolder.create(tmp_path / "run", job)
    given = {"layer: one": first, "layer: two": second}
    before = run(job, SilentReporter(), folder=folder, given=given).model
    again = folder.job()
    assert again.inputs[0][0] == str(first.path)
    assert [str(path) for path in copies(folder)] == [again.inputs[0][1]]
    after = run(again, SilentReporter()).model
    assert before is not None
    assert after is not None
    assert before.weights.keys() == after.weights.keys()
    for name, weight in before.weights.items():
        assert np.array_equal(weight, after.weights[name]), name


@pytest.mark.parametrize("do", [run, run_in_child])
def test_a_copy_is_stopped_and_leaves_a_marker(pair, tmp_path, do):
    job = Job(inputs=(("layer: one", "layer: two"),), settings=TINY)
    folder = RunFolder.create(tmp_path / "run", job)
    given = {"layer: one": unsaved(pair[0]), "layer: two": pair[1]}
    with pytest.raises(Cancelled):
        do(job, RecordingReporter(stop_after=0, keep=False), folder=folder, given=given)
    assert (folder.ended() or {})["state"] == "discarded"
    assert copies(folder) == []


@pytest.mark.parametrize("do", [run, run_in_child])
def test_a_copy_that_cannot_be_written_is_a_failure(pair, tmp_path, do, monkeypatch):
    def full(*given: Any, **more: Any) -> None:
        raise FileProblem("The disk is full.")

    monkeypatch.setattr(inputs.mrc, "create", full)
    job = Job(inputs=(("layer: one", "layer: two"),), settings=TINY)
    folder = RunFolder.create(tmp_path / "run", job)
    given = {"layer: one": unsaved(pair[0]), "layer: two": pair[1]}
    report = RecordingReporter()
    with pytest.raises(FileProblem, match="disk is full"):
        do(job, report, folder=folder, given=given)
    assert (folder.ended() or {})["error"] == report.said[-1].removeprefix("Failed: ")


@pytest.mark.parametrize("do", [run, run_in_child])
def test_nothing_is_copied_for_settings_that_are_wrong(pair, tmp_path, do):
    job = Job(inputs=(("layer: one", "layer: two"),), settings={"width": 0})
    folder = RunFolder.create(tmp_path / "run", job)
    given = {"layer: one": unsaved(pair[0]), "layer: two": pair[1]}
    with pytest.raises(SettingsError, match="width"):
        do(job, SilentReporter(), folder=folder, given=given)
    assert copies(folder) == []
    assert (folder.ended() or {})["state"] == "failed"
