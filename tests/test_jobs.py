"""Jobs: a file that says what to do, a folder that says what was done, one way to do it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_cryonet import Volume, read, write
from napari_cryonet.errors import (
    CryonetError,
    DataError,
    FileProblem,
    FormatError,
    ModelError,
    OutOfMemory,
    OutputExists,
    SettingsError,
    TrainingError,
)
from napari_cryonet.io import mrc_header, read_card
from napari_cryonet.jobs import Job, Outcome, RunFolder, child, run, run_in_child
from napari_cryonet.jobs.events import EventReporter
from napari_cryonet.jobs.folder import LoggingReporter
from napari_cryonet.methods.noise2noise.settings import ApplySettings, TrainSettings
from napari_cryonet.reporting import Cancelled, RecordingReporter, SilentReporter
from phantom import halves, one_thread  # noqa: F401

TINY: dict[str, Any] = {
    "steps": 4,
    "width": 4,
    "patch": 16,
    "batch": 1,
    "held_out_side": 8,
    "validate_every": 1,
    "precision": "float32",
    "device": "cpu",
}
LABEL = "CREATED BY A FRIEND OF OURS"


@dataclass(frozen=True)
class Files:
    """Two halves as files with a header worth keeping."""

    first: Path
    second: Path
    header: mrc_header.MrcHeader

    def job(self, **fields: Any) -> Job:
        values = {"inputs": [[str(self.first), str(self.second)]], "settings": TINY}
        return Job.load(values | fields)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("files")
    made = halves((24, 26, 28), np.random.default_rng(1), snr=0.5)
    header = mrc_header.build((24, 26, 28), 2)
    mrc_header.add_labels(header, (LABEL,))
    header = mrc_header.MrcHeader(header.record, b"extended".ljust(160))
    header.record["nsymbt"], header.record["exttyp"] = 160, b"SERI"
    fields: dict[str, Any] = {"voxel_size": (4.0, 2.0, 1.5), "origin": (7.0, -8.0, 9.0)}
    for volume, name in zip(made.pair, ("half1", "half2"), strict=True):
        write(folder / f"{name}.mrc", Volume(volume.data, header=header, **fields))
    return Files(folder / "half1.mrc", folder / "half2.mrc", header)


@pytest.fixture(scope="module")
def model(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    run(files.job(output=str(path)), SilentReporter())
    return path


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


# ------------------------------------------------------------------ the job file


def test_a_job_survives_its_file(tmp_path: Path) -> None:
    job = Job(
        inputs=(("/a/half1.mrc", "/a/half2.mrc"), ("/b/EVN.mrc", "/b/ODD.mrc")),
        validation=(("/c/1.mrc", "/c/2.mrc"),),
        model="/m/x.safetensors",
        output="/o/Größe in Å.safetensors",
        overwrite=True,
        settings={"width": 8, "learning_rate": 1.5e-3, "voxel_size_max": float("inf")},
    )
    (tmp_path / "job.toml").write_text(job.text(), encoding="utf-8")
    assert Job.read(tmp_path / "job.toml") == job
    checked = job.checked()
    assert isinstance(checked, TrainSettings)
    assert (checked.width, checked.voxel_size_max) == (8, float("inf"))


@pytest.mark.parametrize("kind", [TrainSettings, ApplySettings])
def test_all_settings_survive_a_job(kind: Any) -> None:
    action = "train" if kind is TrainSettings else "apply"
    job = Job(action=action, settings=kind().to_dict())
    assert job.checked() == kind()


def test_file_names_count_from_the_folder_of_the_job(tmp_path: Path) -> None:
    text = 'inputs = [["a.mrc", "/abs/b.mrc"]]\nvalidation = [["../c.mrc"]]\noutput = "o.mrc"\n'
    (tmp_path / "job.toml").write_text(text)
    job = Job.read(tmp_path / "job.toml")
    assert job.inputs == ((str(tmp_path / "a.mrc"), "/abs/b.mrc"),)
    assert Path(job.validation[0][0]).resolve() == tmp_path.parent / "c.mrc"
    assert job.output == str(tmp_path / "o.mrc")
    assert job.model == "", "what is not given stays so"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour = 1", "'colour' is unknown"),
        ("[settings]\ncolour = 1", "'colour' is unknown"),
        ("[settings]\nwidth = 0", "'width' is 0"),
        ('action = "fly"', "'action' is 'fly'"),
        ('method = "magic"', "no method 'magic'; known are noise2noise"),
        ('inputs = "a.mrc"', "'inputs' is 'a.mrc'"),
        ('action = "apply"\n[settings]\nsteps = 5', "'steps' is unknown"),
        ("method = ", "is not a TOML file"),
    ],
)
def test_a_wrong_job_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "job.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        Job.read(tmp_path / "job.toml")
    assert said in str(caught.value)


def test_a_job_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Cannot read"):
        Job.read(tmp_path / "job.toml")


# ------------------------------------------------------------------ the run folder


def test_a_run_folder_belongs_to_one_run(tmp_path: Path) -> None:
    jobs = [Job(output=f"/{number}.mrc") for number in range(3)]
    folders = [RunFolder.create(tmp_path / "deep" / "run", job) for job in jobs]
    assert [folder.path.name for folder in folders] == ["run", "run-2", "run-3"]
    assert [folder.job() for folder in folders] == jobs
    assert RunFolder.existing(folders[1].path) == folders[1]


def test_a_run_folder_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileProblem, match="Cannot make the folder"):
        RunFolder.create(tmp_path / "file" / "runs" / "run", Job())
    with pytest.raises(FileProblem, match=r"holds no job\.toml"):
        RunFolder.existing(tmp_path)


@pytest.mark.parametrize("how", ["done", "stopped", "discarded", "failed"])
def test_a_marker_says_how_a_run_ended(tmp_path: Path, how: Any) -> None:
    folder = RunFolder.create(tmp_path / "run", Job())
    assert folder.ended() is None
    folder.end("failed", error="first")
    folder.end(how, steps=3)
    note = folder.ended()
    assert note is not None
    assert (note["state"], note["steps"]) == (how, 3)
    assert note["time"].endswith("+00:00")
    assert sorted(path.name for path in folder.path.iterdir()) == ["done.json", "job.toml"]
    folder.begin()
    folder.begin()
    assert folder.ended() is None


def test_results_have_a_place(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.result_file(Job(action="train")).name == "model.safetensors"
    assert folder.result_file(Job(action="apply")).name == "result.mrc"


def test_log_and_metrics_are_written_and_passed_on(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", Job())
    told = RecordingReporter(stop_after=2, want=(slice(1), slice(2), slice(3)))
    for part in range(2):
        report = LoggingReporter(folder, told)
        report.warn(f"Poor {part}.")
        assert lines(folder.path / "log.txt")[-1].endswith(f"  Warning: Poor {part}.")
        report.say(f"Part {part}, größer.")
        report.step(1, 10, step=1 + part, loss=0.5, quality=0.25, unknown=1.0)
        report.step(2, 10)
        report.preview("picture")
        assert lines(folder.path / "log.txt")[-1].endswith(f"  Part {part}, größer."), "at once"
        report.close()
    with (folder.path / "metrics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["step"], row["loss"], row["quality"]) for row in rows] == [
        ("1", "0.5", "0.25"),
        ("2", "0.5", "0.25"),
    ]
    assert told.steps[0] == {"done": 1, "total": 10, "step": 1, "loss": 0.5} | {
        "quality": 0.25,
        "unknown": 1.0,
    }
    assert (len(told.steps), told.previews) == (4, ["picture"] * 2)
    assert report.wanted() == told.want
    with pytest.raises(Cancelled):
        report.check()


# ------------------------------------------------------------------ doing it


def test_a_training_leaves_all_that_is_known_of_it(files: Files, tmp_path: Path) -> None:
    job = files.job(output=str(tmp_path / "model.safetensors"))
    folder = RunFolder.create(tmp_path / "run", job)
    report = RecordingReporter()
    outcome = run(job, report, folder=folder)
    assert outcome.files == (tmp_path / "model.safetensors",)
    card = read_card(outcome.files[0])
    assert card == outcome.model.card  # type: ignore[union-attr]
    assert [each["name"] for each in card.inputs] == ["half1", "half2"]
    note = folder.ended()
    assert note is not None
    assert (note["state"], note["steps"], note["files"]) == ("done", 4, [str(outcome.files[0])])
    assert any("Training on" in line for line in lines(folder.path / "log.txt"))
    assert len(lines(folder.path / "metrics.csv")) == 1 + 4
    assert (folder.path / "checkpoint.safetensors").is_file()


def test_a_stopped_training_is_resumed(files: Files, tmp_path: Path) -> None:
    job = files.job()
    folder = RunFolder.create(tmp_path / "run", job)
    stopped = run(job, RecordingReporter(stop_after=2), folder=folder)
    assert (folder.ended() or {})["state"] == "stopped"
    assert stopped.measures["steps"] == 2
    model = folder.path / "model.safetensors"
    assert read_card(model).training["ended"] == "stopped"

    @dataclass
    class Looking(RecordingReporter):
        """Looks at the marker while the run goes on."""

        seen: set[Any] = field(default_factory=set)

        def check(self) -> None:
            self.seen.add(folder.ended() is None)

    report = Looking()
    outcome = run(job, report, folder=folder, resume=True)
    assert report.seen == {True}, "an old marker does not say that a new run has ended"
    assert "Resumed at step 2." in report.said
    assert [step["step"] for step in report.steps] == [3, 4]
    assert outcome.measures["steps"] == 4
    assert read_card(model).training["steps"] == 4
    assert (folder.ended() or {})["state"] == "done"
    metrics = lines(folder.path / "metrics.csv")
    assert [row.split(",")[0] for row in metrics] == ["step", "1", "2", "3", "4"]


def test_a_discarded_training_leaves_no_model(files: Files, tmp_path: Path) -> None:
    job = files.job()
    folder = RunFolder.create(tmp_path / "run", job)
    with pytest.raises(Cancelled):
        run(job, RecordingReporter(stop_after=1, keep=False), folder=folder)
    assert (folder.ended() or {})["state"] == "discarded"
    assert not (folder.path / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DataError("The halves differ."), "The halves differ."),
        (MemoryError(), "MemoryError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_a_failed_run_says_so(files: Files, tmp_path: Path, error: Any, said: str) -> None:
    class Failing(SilentReporter):
        def check(self) -> None:
            raise error

        def say(self, message: str) -> None:
            if message.startswith("Failed"):
                raise OSError("nobody listens any more")

    job = files.job()
    folder = RunFolder.create(tmp_path / "run", job)
    with pytest.raises((type(error), OSError)):
        run(job, Failing(), folder=folder)
    note = folder.ended()
    assert note is not None
    assert (note["state"], note["error"]) == ("failed", said)
    assert lines(folder.path / "log.txt")[-1].endswith(f"Failed: {said}")


@pytest.mark.parametrize("action", ["train", "apply"])
def test_an_output_that_is_there_is_seen_before_the_work(
    files: Files, tmp_path: Path, action: str
) -> None:
    output = tmp_path / "there.mrc"
    output.write_text("precious")
    settings = TINY if action == "train" else {}
    job = files.job(action=action, output=str(output), settings=settings, model="/no/model")
    report = RecordingReporter()
    with pytest.raises(OutputExists, match="already exists"):
        run(job, report)
    assert (report.steps, report.said) == ([], [])
    assert output.read_text() == "precious"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"action": "train", "output": "a.pt"}, "no name for a model; it ends in .safetensors"),
        ({"action": "apply", "output": "a.star"}, "no name for this result; it ends in .mrc"),
        ({"action": "apply", "output": "a.csv", "method": "deconvolution"}, "ends in .mrc"),
        ({"action": "apply", "output": "a.mrc", "method": "pointcloud"}, "ends in .csv"),
    ],
    ids=str,
)
def test_a_name_that_promises_another_format_is_seen_before_the_work(
    files: Files, tmp_path: Path, fields: dict[str, Any], said: str
) -> None:
    output = str(tmp_path / fields["output"])
    job = files.job(**{"settings": {}, "model": "/no/model", **fields, "output": output})
    with pytest.raises(FormatError, match=said.replace(".", r"\.")):
        run(job, SilentReporter())
    assert not Path(output).exists()


def test_further_parts_that_are_there_are_seen_before_the_work(
    files: Files, tmp_path: Path
) -> None:
    (tmp_path / "made_uncertainty.mrc").write_text("precious")
    output = str(tmp_path / "made.mrc")
    fields = {"method": "self2self", "action": "apply", "output": output, "model": "/no/model"}
    for settings, error in (({"uncertainty": True}, OutputExists), ({}, FileProblem)):
        with pytest.raises(error) as caught:
            run(files.job(**fields, settings=settings), SilentReporter())
        assert ("made_uncertainty.mrc already exists" in str(caught.value)) == bool(settings)


def test_the_shipped_model_is_no_file_of_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text('action = "apply"\nmodel = "shipped"\ninputs = [["a.mrc"]]\n')
    assert Job.read(path).model == "shipped"


def test_data_that_are_given_need_no_files(files: Files) -> None:
    first, second = (read(path) for path in (files.first, files.second))
    job = files.job(inputs=[["layer: one", "layer: two"]], validation=[["layer: two", "x"]])
    given: dict[str, Any] = {"layer: one": first, "layer: two": second, "x": first}
    outcome = run(job, SilentReporter(), given=given)
    assert outcome.files == ()
    assert outcome.model is not None
    assert "quality" in outcome.measures


# ------------------------------------------------------------------ applying


def test_a_result_keeps_the_header_of_the_first_half(
    files: Files, model: Path, tmp_path: Path
) -> None:
    output = tmp_path / "denoised.mrc"
    job = files.job(action="apply", model=str(model), output=str(output), settings={"passes": 1})
    outcome = run(job, SilentReporter())
    result, first = read(output), read(files.first)
    assert isinstance(result, Volume)
    assert isinstance(first, Volume)
    assert outcome.volume is not None
    assert np.array_equal(outcome.volume.data, result.data)
    assert isinstance(outcome.volume.data, np.memmap), "a large result stays on the disk"
    assert result.shape == first.shape
    assert result.voxel_size == pytest.approx(first.voxel_size)
    assert result.origin == pytest.approx(first.origin)
    assert result.header.extended == files.header.extended
    assert result.header.record["exttyp"] == b"SERI"
    labels = result.header.labels()
    assert LABEL in labels[0]
    assert labels[-1].startswith("Noise2Noise, model tiny.safetensors: half1, half2")
    assert result.data.std() < first.data.std()
    assert len(outcome.measures["fsc_raw"]) == len(outcome.measures["fsc_denoised"])


def test_a_result_may_stay_in_memory(files: Files, model: Path) -> None:
    job = files.job(action="apply", model=str(model), settings={"passes": 1, "keep": "off"})
    outcome = run(job, SilentReporter())
    assert outcome.files == ()
    assert outcome.volume is not None
    assert outcome.volume.voxel_size == pytest.approx((4.0, 2.0, 1.5))


def test_one_volume_can_be_denoised(files: Files, model: Path, tmp_path: Path) -> None:
    job = files.job(action="apply", model=str(model), inputs=[[str(files.first)]], settings={})
    folder = RunFolder.create(tmp_path / "run", job)
    outcome = run(job, SilentReporter(), folder=folder)
    assert outcome.files == (folder.path / "result.mrc",)
    assert (folder.ended() or {})["state"] == "done"


class Breaking(RecordingReporter):
    """Fails as soon as something has been written."""

    def step(self, done: float, total: float, **metrics: float) -> None:
        super().step(done, total, **metrics)
        raise OutOfMemory("Too large.")


def test_a_failed_application_leaves_no_file(files: Files, model: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / "denoised.mrc"
    output.parent.mkdir()
    job = files.job(action="apply", model=str(model), output=str(output), settings={"passes": 1})
    with pytest.raises(OutOfMemory):
        run(job, Breaking())
    with pytest.raises(Cancelled):
        run(job, RecordingReporter(stop_after=1))
    assert list(output.parent.iterdir()) == []
    output.write_text("precious")
    with pytest.raises(OutOfMemory):
        run(job.updated({"overwrite": True}), Breaking())
    assert [path.read_text() for path in output.parent.iterdir()] == ["precious"]


def test_what_cannot_be_applied_is_a_sentence(files: Files, model: Path, tmp_path: Path) -> None:
    apply = {"action": "apply", "settings": {}, "model": str(model)}
    row = [str(files.first), str(files.second)]
    with pytest.raises(SettingsError, match="one row of inputs; this one has 2"):
        run(files.job(**apply, inputs=[row, row]), SilentReporter())
    with pytest.raises(SettingsError, match="this one has 0"):
        run(files.job(**apply, inputs=[]), SilentReporter())
    with pytest.raises(FileProblem, match="no model file"):
        run(files.job(**{**apply, "model": str(tmp_path / "x")}), SilentReporter())
    with pytest.raises(ModelError, match="not a model file"):
        run(files.job(**{**apply, "model": str(files.first)}), SilentReporter())
    with pytest.raises(DataError, match="same volume"):
        run(files.job(**apply, inputs=[[row[0], row[0]]]), SilentReporter())


# ------------------------------------------------------------------ in a process of its own
# What a real child does is tested with the command line; these are played by short programs.

RESULT = 'sys.argv[1] + "/result.mrc"'
DONE = 'event("done", measures={"ended": "steps", "fsc": [None, 0.5]}, files=[])\n'
START = """
import json, os, shutil, sys, time
def event(kind, /, **fields):
    print(json.dumps({"event": kind, **fields}), flush=True)
"""


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Do a job in a child that runs a program of the test."""
    popen = subprocess.Popen

    def played(
        program: str,
        report: Any = None,
        given: dict[str, Volume] | None = None,
        result: Path | None = None,
    ) -> tuple[Outcome, RunFolder]:
        done = "" if result is None else f"shutil.copy({str(result)!r}, {RESULT})\n{DONE}"

        def start(command: list[str], **more: Any) -> subprocess.Popen[str]:
            assert command[:3] == [sys.executable, "-m", "napari_cryonet.cli"]
            code = START + textwrap.dedent(program) + done
            return popen([sys.executable, "-S", "-E", "-c", code, *command[4:]], **more)

        monkeypatch.setattr(subprocess, "Popen", start)
        job = Job(action="apply", inputs=(tuple(given or ("/a.mrc",)),))
        folder = RunFolder.create(tmp_path / "run", job)
        return run_in_child(job, report or SilentReporter(), folder=folder, given=given), folder

    return played


def test_steps_sentences_and_previews_of_a_child_are_passed_on(
    play: Any, tmp_path: Path, files: Files
) -> None:
    np.save(tmp_path / "preview.npy", np.ones((1, 2, 3), "f4"))
    report = RecordingReporter()
    outcome, folder = play(
        f"""
        print("a library has something to say")
        event("say", message="Größe.")
        event("warn", message="Poor.")
        event("step", done=1, total=4, metrics={{"loss": float("nan"), "step": 1}})
        event("preview", path={str(tmp_path / "preview.npy")!r}, origin=[1, 2, 3], name="p",
              voxel_size=[4, 5, 6])
        """,
        report,
        result=files.first,
    )
    assert report.said == ["Größe.", "Poor."]
    assert report.steps[0]["step"] == 1
    assert report.steps[0]["loss"] != report.steps[0]["loss"]
    (preview,) = report.previews
    assert (preview.shape, preview.origin, preview.name) == ((1, 2, 3), (1, 2, 3), "p")
    assert preview.voxel_size == (4, 5, 6)
    assert outcome.files == (folder.path / "result.mrc",)
    assert outcome.volume.shape == (24, 26, 28)
    assert outcome.measures == {"ended": "steps", "fsc": [None, 0.5]}


def test_a_child_reads_what_was_given_from_files_of_the_same_name(
    play: Any, files: Files, tmp_path: Path
) -> None:
    grey = np.arange(24, dtype="f4").reshape(2, 3, 4)
    names = ("emd_1 half/map:1", "emd_1 half/map:1", "..")
    given = {
        f"layer: {number}": Volume(grey + number, (2.0, 3.0, 4.0), (1.0, 2.0, 3.0), name)
        for number, name in enumerate(names)
    }
    _, folder = play("", given=given, result=files.first)
    (row,) = folder.job().inputs
    assert [Path(name).stem for name in row[:2]] == ["emd_1 half_map_1"] * 2
    for number, name in enumerate(row):
        assert Path(name).is_relative_to(folder.path / "inputs")
        volume = read(name)
        assert isinstance(volume, Volume)
        assert np.array_equal(volume.data, grey + number)
        assert volume.voxel_size == (2.0, 3.0, 4.0)
        assert volume.origin == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("kind", "error"),
    [("OutOfMemory", OutOfMemory), ("FileProblem", FileProblem), ("IndexError", CryonetError)],
)
def test_the_error_of_a_child_is_raised(play: Any, kind: str, error: type[CryonetError]) -> None:
    with pytest.raises(error, match=r"^It went wrong\.$") as caught:
        play(f'event("failed", error="It went wrong.", kind="{kind}"); sys.exit(1)')
    assert type(caught.value) is error


@pytest.mark.parametrize("keep", [True, False])
def test_a_child_that_was_cancelled_is_cancelled(play: Any, keep: bool) -> None:
    with pytest.raises(Cancelled) as caught:
        play(f'event("cancelled", keep={keep})')
    assert caught.value.keep is keep


@pytest.mark.parametrize("program", ["sys.exit(7)", 'event("step", done=1, total=2, metrics={})'])
def test_a_child_that_just_ends_has_failed(play: Any, program: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="ended unexpectedly"):
        play(program)
    assert (RunFolder(tmp_path / "run").ended() or {})["state"] == "failed"


class Wishing(RecordingReporter):
    """Wants one region after the other, then to stop, then to discard."""

    def __init__(self) -> None:
        super().__init__()
        self.started = time.monotonic()

    def wanted(self) -> Any:
        region = slice(0, 1), slice(2, 9), slice(0, len(self.said))
        return region if len(self.said) < 3 else None

    def check(self) -> None:
        if len(self.said) >= 3:
            raise Cancelled(keep=len(self.said) < 4)


def test_a_child_gets_orders(play: Any) -> None:
    report = Wishing()
    with pytest.raises(Cancelled) as caught:
        play(
            """
            for line in sys.stdin:
                event("say", message=line.strip())
                if line.strip() == "discard":
                    break
            event("cancelled", keep=False)
            """,
            report,
        )
    regions = [f"want 0 1 2 9 0 {number}" for number in range(3)]
    assert report.said == [*regions, "stop", "discard"]
    assert caught.value.keep is False


def test_a_child_that_does_not_obey_is_killed(
    play: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(child, "_PATIENCE_SECONDS", 0.3)
    start = time.monotonic()
    program = 'event("step", done=1, total=2, metrics={}); time.sleep(60)'
    with pytest.raises(Cancelled) as caught:
        play(program, RecordingReporter(stop_after=1, keep=False))
    assert caught.value.keep is False
    assert time.monotonic() - start < 20
    assert (RunFolder(tmp_path / "run").ended() or {})["state"] == "discarded"


def test_a_child_that_lingers_after_its_work_is_killed(
    play: Any, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_PATIENCE_SECONDS", 0.3)
    program = "import atexit; atexit.register(lambda: (os.close(1), time.sleep(60)))\n"
    outcome, _ = play(program, result=files.first)
    assert outcome.volume is not None


# ------------------------------------------------------------------ the child's side


def reporter(folder: Path, *orders: str) -> tuple[EventReporter, io.StringIO]:
    """Return a reporter that has heard some orders, and what it writes to."""
    out = io.StringIO()
    report = EventReporter(out, io.StringIO("".join(f"{line}\n" for line in orders)), folder)
    for thread in threading.enumerate():
        if thread.name.endswith("(_listen)"):
            thread.join()
    return report, out


def test_events_are_lines_of_json(tmp_path: Path) -> None:
    report, out = reporter(tmp_path)
    report.step(1, 2, loss=0.5)
    report.say("Größe.")
    report.warn("Poor.")
    report.preview(Volume(np.ones((1, 2, 3)), origin=(1.0, 2.0, 3.0), name="p"))
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert events[:3] == [
        {"event": "step", "done": 1, "total": 2, "metrics": {"loss": 0.5}},
        {"event": "say", "message": "Größe."},
        {"event": "warn", "message": "Poor."},
    ]
    assert (events[3]["origin"], events[3]["name"]) == ([1, 2, 3], "p")
    assert events[3]["voxel_size"] is None
    assert np.load(events[3]["path"]).shape == (1, 2, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["preview.npy"]
    assert report.wanted() is None
    report.check()


@pytest.mark.parametrize(("order", "keep"), [("stop", True), ("discard", False)])
def test_an_order_to_stop_is_obeyed(tmp_path: Path, order: str, keep: bool) -> None:
    report, _ = reporter(tmp_path, "want 0 1 2 9 4 5", order)
    assert report.wanted() == (slice(0, 1), slice(2, 9), slice(4, 5))
    with pytest.raises(Cancelled) as caught:
        report.check()
    assert caught.value.keep is keep


def test_what_is_no_order_is_passed_over(tmp_path: Path) -> None:
    heard = ("", "hello", "want", "want 1 2", "want a b c d e f", "stopped", "want 1 2 3 4 5 6")
    report, _ = reporter(tmp_path, *heard)
    report.check()
    assert report.wanted() == (slice(1, 2), slice(3, 4), slice(5, 6))
