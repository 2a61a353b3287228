"""``cryonet noise2noise train`` and ``model``."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from napari_cryonet.io import read_card
from napari_cryonet.jobs import Job, RunFolder

Halves = tuple[Path, Path]
Words = tuple[str, ...]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def test_summary(cryonet: Any, halves: Halves, tiny: Words) -> None:
    words = ("noise2noise", "train", *halves, "--output", "m.safetensors", "--steps", 3, *tiny)
    result = cryonet(*words)
    assert result.code == 0
    rows = dict(line.split(maxsplit=1) for line in result.out.splitlines())
    assert rows["model"] == str(Path("m.safetensors").absolute())
    assert rows["run"] == f"folder  {Path('m_run').absolute()}"
    assert rows["steps"] == "3, ended by steps"
    assert "correlation with the truth" in rows["quality"]
    assert "Training on CPU" in result.err
    card = read_card(Path("m.safetensors"))
    assert (card.method, card.training["steps"]) == ("noise2noise", 3)
    assert RunFolder(Path("m_run")).ended() is not None


def test_json_and_settings_file_and_override(cryonet: Any, halves: Halves, tiny: Words) -> None:
    Path("s.toml").write_text("steps = 2\nmixing = 0.75\nmax_minutes = inf\nseed = 1\n")
    words = ("noise2noise", "train", *halves, "--output", "m.safetensors", "--settings", "s.toml")
    result = cryonet(*words, *tiny, "--seed", 7, "--run-folder", "here", "--json", "--quiet")
    assert (result.code, result.err) == (0, "")
    assert result.json.keys() >= {"model", "run_folder", "minutes", "steps", "quality", "ended"}
    assert result.json["steps"] == 2
    assert result.json["run_folder"] == str(Path("here"))
    job = tomllib.loads(Path("here/job.toml").read_text(encoding="utf-8"))
    assert job["settings"]["seed"] == 7
    assert job["settings"]["mixing"] == 0.75
    assert job["settings"]["max_minutes"] == float("inf")
    assert "patience" not in job["settings"], "what nobody has set stays the default"
    assert RunFolder.existing(Path("here")).job() == Job.read(Path("here/job.toml"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("stepps = 3\n", "s.toml: Setting 'stepps' is unknown"),
        ("steps = 0\n", "s.toml: Setting 'steps' is 0"),
        ("steps\n", "s.toml is not a TOML file"),
    ],
)
def test_bad_settings_file(text: str, found: str, cryonet: Any, halves: Halves) -> None:
    Path("s.toml").write_text(text)
    result = cryonet("noise2noise", "train", *halves, "--output", "m", "--settings", "s.toml")
    assert (result.code, [path.name for path in Path().iterdir()]) == (2, ["s.toml"])
    assert found in result.err


def test_nothing_is_done_before_the_output_is_looked_at(
    cryonet: Any, halves: Halves, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_cryonet.cli.training.inputs", None)
    Path("m.safetensors").touch()
    for name, found in (("m.safetensors", "already exists"), ("no/m.safetensors", "not exist")):
        result = cryonet("noise2noise", "train", *halves, "--output", name)
        assert (result.code, result.out) == (2, "")
        assert found in result.err
    assert not Path("m_run").exists()


def test_bad_inputs_leave_no_run_folder(cryonet: Any, halves: Halves) -> None:
    Path("text.mrc").write_text("no map")
    for names in (["text.mrc", halves[1]], [halves[0], "missing.mrc"], [halves[0]]):
        assert cryonet("noise2noise", "train", *names, "--output", "m.safetensors").code == 2
    assert [path.name for path in Path().iterdir()] == ["text.mrc"]


def test_halves_must_differ(cryonet: Any, halves: Halves, tiny: Words) -> None:
    name = "m.safetensors"
    result = cryonet("noise2noise", "train", halves[0], halves[0], "--output", name, *tiny)
    assert (result.code, Path(name).exists()) == (2, False)
    assert "one and the same volume" in result.sentence


def test_pairs_and_validation(cryonet: Any, halves: Halves, tiny: Words) -> None:
    for path in halves:
        shutil.copy(path, path.name)
    Path("pairs.csv").write_text("half1,half2\nhalf1.mrc,half2.mrc\n")
    words = ("noise2noise", "train", "--pairs", "pairs.csv", "--output", "m.safetensors")
    both = cryonet(*words, *halves)
    assert (both.code, "not both" in both.err) == (2, True)
    result = cryonet(*words, "--validation", "pairs.csv", "--steps", 2, "--json", "--quiet", *tiny)
    assert result.code == 0
    assert "quality" in result.json
    job = RunFolder.existing(Path("m_run")).job()
    assert job.inputs == job.validation == (tuple(str(Path(p.name).absolute()) for p in halves),)
    Path("pairs.csv").write_text("half1,half2\nhalf1.mrc,\n")
    assert "pairs.csv, line 2, column half2" in cryonet(*words, "--overwrite").err


def test_resume(cryonet: Any, halves: Halves, tiny: Words) -> None:
    first = ("noise2noise", "train", *halves, "--output", "m.safetensors", "--steps", 2, *tiny)
    assert cryonet(*first, "--quiet").code == 0
    resume = ("noise2noise", "train", "--resume", "m_run", "--steps", 5)
    result = cryonet(*resume, "--json")
    assert result.code == 0
    assert "Resumed at step 2." in result.err
    assert (result.json["steps"], read_card(Path("m.safetensors")).training["steps"]) == (5, 5)
    settings = RunFolder.existing(Path("m_run")).job().settings
    assert (settings["steps"], settings["width"]) == (5, 8)
    Path("other").write_text("precious")
    for words, found in (
        ((*resume, *halves), "has its data already"),
        ((*resume, "--output", "other"), "already exists"),
        ((*resume, "--run-folder", "x"), "its own folder"),
        ((*resume, "--width", "16"), "does not belong to this training"),
        (("noise2noise", "train", "--resume", "nowhere"), "not the folder of a run"),
    ):
        refused = cryonet(*words)
        assert refused.code == 2
        assert found in refused.err
    assert Path("other").read_text() == "precious"


def test_run_folder_is_never_taken_twice(cryonet: Any, halves: Halves, tiny: Words) -> None:
    words = ("noise2noise", "train", *halves, "--output", "m.safetensors", "--steps", 1, *tiny)
    assert cryonet(*words, "--quiet").code == 0
    again = cryonet(*words, "--quiet", "--overwrite", "--json")
    assert again.json["run_folder"] == str(Path("m_run-2").absolute())


def test_model_card(cryonet: Any, model: Path) -> None:
    shown = cryonet("noise2noise", "model", model)
    assert shown.code == 0
    for part in ("noise2noise", "voxel size     2 Å", "32 × 28 × 30", "steps = 6", "width = 8"):
        assert part in shown.out
    card = cryonet("noise2noise", "model", model, "--json").json
    assert card["path"] == str(model)
    assert card["method"] == "noise2noise"
    assert card["settings"]["patch"] == 16
    assert card["inputs"][0]["shape"] == [32, 28, 30]


def test_interrupt_keeps_the_model(halves: Halves, tiny: Words) -> None:
    command = [sys.executable, "-m", "napari_cryonet.cli", "noise2noise", "train"]
    words = [
        *map(str, halves),
        "--output",
        "m.safetensors",
        "--json",
        *tiny,
        "--max-minutes",
        "0.5",
    ]
    with subprocess.Popen(
        [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        metrics = Path("m_run/metrics.csv")
        while not (metrics.is_file() and metrics.read_text().count("\n") > 1):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopping" in err
    assert "Traceback" not in err
    assert json.loads(out)["ended"] == "stopped"
    assert read_card(Path("m.safetensors")).training["ended"] == "stopped"
    assert not list(Path().glob(".*"))


def test_second_interrupt_aborts(halves: Halves, tiny: Words) -> None:
    program = (
        "import os, signal, sys, napari_cryonet.cli.training as t\n"
        "from napari_cryonet.cli import main\n"
        "def do(job, report, **more):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    raise AssertionError\n"
        "t.do = do\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = ["noise2noise", "train", *map(str, halves), "--output", "m.safetensors"]
    command = [sys.executable, "-c", program, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (130, "cryonet: Aborted.")
    assert not Path("m.safetensors").exists()


def test_a_point_cloud_is_found_by_one_process(
    cryonet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("TORCHELASTIC_RUN_ID", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    for name, value in zip(names, ("none", "0", "2", "0", "2"), strict=True):
        monkeypatch.setenv(name, value)
    result = cryonet("pointcloud", "train", "images.fits", "--output", "model.safetensors")
    assert result.code == 2
    assert "without torchrun" in result.err
