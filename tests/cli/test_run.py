"""``cryonet run``, alone and as the child process of a window."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from napari_cryonet import Volume, read
from napari_cryonet.errors import CryonetError, FormatError, TrainingError
from napari_cryonet.io import read_card
from napari_cryonet.jobs import Job, RunFolder, run_in_child
from napari_cryonet.reporting import Cancelled, RecordingReporter

Halves = tuple[Path, Path]
SETTINGS = {"width": 8, "patch": 16, "precision": "float32", "held_out_side": 8}


def training(halves: Halves, **settings: Any) -> Job:
    values = SETTINGS | settings
    return Job.load({"inputs": [[str(path) for path in halves]], "settings": values})


@dataclass
class Watching(RecordingReporter):
    """Cancels, or kills the child, once training has begun."""

    kill: bool = False

    def check(self) -> None:
        if self.kill and self.steps:
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.NoSuchProcess):  # it is dead already
                    if "napari_cryonet.cli" in child.cmdline():
                        child.kill()
        super().check()


def test_job_file(cryonet: Any, halves: Halves, tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    job = training(halves, steps=2).updated({"output": "m.safetensors"})
    path.write_text(job.text(), encoding="utf-8")
    result = cryonet("run", path, "--json")
    assert result.code == 0
    assert result.json["files"] == [str(tmp_path / "m.safetensors")]
    assert result.json["run_folder"] == str(tmp_path / "job_run")
    assert result.json["steps"] == 2
    again = cryonet("run", path)
    assert (again.code, "already exists" in again.err) == (2, True)
    assert not (tmp_path / "job_run-2").exists()
    other = cryonet("run", path, "--output", tmp_path / "n.safetensors")
    assert (other.code, other.out.split()[1]) == (0, str(tmp_path / "n.safetensors"))


def test_folder_and_resume(cryonet: Any, halves: Halves, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", training(halves, steps=2))
    assert cryonet("run", folder.path, "--quiet").code == 0
    assert read_card(folder.path / "model.safetensors").training["steps"] == 2
    assert cryonet("run", folder.path, "--quiet").code == 2
    marker = folder.ended()
    assert marker is not None
    assert marker["state"] == "done", "what was refused leaves the marker"
    assert cryonet("run", folder.path, "--quiet", "--overwrite").code == 0
    assert not folder.job().overwrite, "once is not always"
    longer = folder.job().updated({"settings": {"steps": 4}})
    folder.job_file.write_text(longer.text(), encoding="utf-8")
    result = cryonet("run", folder.path, "--resume")
    assert (result.code, "Resumed at step 2." in result.err) == (0, True)
    assert read_card(folder.path / "model.safetensors").training["steps"] == 4


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("method = 'magic'\n", "no method 'magic'"),
        ("colour = 'red'\n", "Setting 'colour' is unknown"),
        ("[settings]\nsteps = 'x'\n", "Setting 'steps' is 'x'"),
        ("inputs = 3\n", "Setting 'inputs' is 3"),
    ],
)
def test_bad_job_file(text: str, found: str, cryonet: Any, tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(text)
    result = cryonet("run", tmp_path / "job.toml")
    assert result.code == 2
    assert found in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["job.toml"]


def test_events_say_how_it_failed(cryonet: Any, halves: Halves, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", training((halves[0], halves[0])))
    result = cryonet("run", folder.path, "--events")
    last = json.loads(result.out.splitlines()[-1])
    assert result.code == 2
    assert (last["event"], last["kind"]) == ("failed", "DataError")
    assert "one and the same volume" in last["error"]
    assert "Traceback" in result.err


def test_events_of_a_bug(
    cryonet: Any, halves: Halves, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **more: object) -> None:
        raise IndexError("7")

    monkeypatch.setattr("napari_cryonet.cli.run.do", fail)
    folder = RunFolder.create(tmp_path / "run", training(halves))
    result = cryonet("run", folder.path, "--events")
    last = json.loads(result.out)
    assert (result.code, last["kind"]) == (1, "IndexError")
    assert last["error"] == "An unexpected error, IndexError: 7"


def test_child_trains_and_shows_previews(halves: Halves, tmp_path: Path) -> None:
    region = (slice(4, 20), slice(2, 18), slice(0, 16))
    report = RecordingReporter(want=region)
    job = training(("one", "two"), steps=6)  # type: ignore[arg-type]
    folder = RunFolder.create(tmp_path / "run", job)
    first, second = (read(path) for path in halves)
    assert isinstance(first, Volume)
    assert isinstance(second, Volume)
    outcome = run_in_child(job, report, folder=folder, given={"one": first, "two": second})
    assert outcome.model is not None
    assert outcome.measures["ended"] == "steps"
    assert outcome.model.card.training["steps"] == 6
    assert report.steps[-1]["step"] == 6
    assert any("Training on" in sentence for sentence in report.said)
    preview = report.previews[-1]
    assert (preview.shape, preview.origin) == ((16, 16, 16), (8.0, 4.0, 0.0))
    assert (folder.ended() or {})["state"] == "done"


def test_child_stops_and_keeps(halves: Halves, tmp_path: Path) -> None:
    job = training(halves)
    folder = RunFolder.create(tmp_path / "run", job)
    outcome = run_in_child(job, RecordingReporter(stop_after=1), folder=folder)
    assert outcome.measures["ended"] == "stopped"
    assert outcome.files == (folder.path / "model.safetensors",)
    assert (folder.ended() or {})["state"] == "stopped"


def test_child_discards(halves: Halves, tmp_path: Path) -> None:
    job = training(halves)
    folder = RunFolder.create(tmp_path / "run", job)
    with pytest.raises(Cancelled) as caught:
        run_in_child(job, RecordingReporter(stop_after=1, keep=False), folder=folder)
    assert not caught.value.keep
    assert not (folder.path / "model.safetensors").exists()
    assert (folder.ended() or {})["state"] == "discarded"


def test_child_fails_with_our_error(halves: Halves, tmp_path: Path) -> None:
    (tmp_path / "bad.mrc").write_bytes(b"no map")
    job = training((tmp_path / "bad.mrc", halves[1]))
    folder = RunFolder.create(tmp_path / "run", job)
    with pytest.raises(FormatError, match=r"bad\.mrc"):
        run_in_child(job, RecordingReporter(), folder=folder)
    assert "FormatError" in (folder.path / "child.txt").read_text(encoding="utf-8")


def test_child_that_is_killed(halves: Halves, tmp_path: Path) -> None:
    job = training(halves)
    folder = RunFolder.create(tmp_path / "run", job)
    with pytest.raises(TrainingError, match="ended unexpectedly"):
        run_in_child(job, Watching(kill=True), folder=folder)


def test_other_lines_of_a_child_are_passed_over(
    halves: Halves, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (
        'print("WARNING: noise"); print("[1]"); print(\'{"event": "failed", "error": "No."}\')'
    )
    popen = subprocess.Popen

    def start(command: list[str], **more: Any) -> subprocess.Popen[str]:
        return popen([sys.executable, "-c", program], **more)

    monkeypatch.setattr(subprocess, "Popen", start)
    job = training(halves)
    folder = RunFolder.create(tmp_path / "run", job)
    with pytest.raises(CryonetError, match=r"^No\.$"):
        run_in_child(job, RecordingReporter(), folder=folder)


def test_child_ends_when_its_parent_is_gone(halves: Halves, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", training(halves))
    command = [sys.executable, "-m", "napari_cryonet.cli", "run", str(folder.path), "--events"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert isinstance(process.stdout, io.BufferedReader)
        process.stdout.readline()
        started = time.monotonic()
        process.stdout.close()
        process.stdin.close()
        assert process.wait(30) == 1
    assert time.monotonic() - started < 20
    assert (folder.ended() or {})["state"] == "failed"
