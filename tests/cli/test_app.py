"""The command as a whole: its exit codes, its sentences, and what it does not load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers import run_python
from napari_cryonet import __version__
from napari_cryonet.cli import main, output, training
from napari_cryonet.errors import OutOfMemory, TrainingError
from napari_cryonet.reporting import Cancelled


def test_help_and_version_load_neither_torch_nor_napari() -> None:
    done = run_python(
        "import sys\n"
        "from napari_cryonet.cli import main\n"
        "for words in (['--help'], ['--version'], ['noise2noise', 'train', '--help']):\n"
        "    assert main(words) == 0\n"
        "assert not {'torch', 'napari', 'qtpy', 'scipy'} & set(sys.modules)\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "noise2noise" in done.stdout
    assert f"cryonet {__version__}" in done.stdout


def test_module_is_the_command() -> None:
    command = [sys.executable, "-m", "napari_cryonet.cli", "bogus"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith('cryonet: Unknown command "bogus".')


def test_help_lists_every_command(cryonet: Any) -> None:
    result = cryonet()
    assert result.code == 0
    for name in ("demo", "doctor", "info", "convert", "run", "noise2noise"):
        assert name in result.out


def test_help_names_settings_with_unit_and_default(cryonet: Any) -> None:
    text = " ".join(cryonet("noise2noise", "train", "--help").out.replace("│", "").split())
    for part in ("--max-minutes", "(min) [default: ", "--voxel-size", "--no-swap", "HALF1 HALF2"):
        assert part in text


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["noise2noise", "train", "--bogus", "1"], "Unknown option: --bogus"),
        (["noise2noise", "train", "--steps", "-1"], "Setting 'steps' is '-1'"),
        (["noise2noise", "train", "--steps", "many"], "Setting 'steps' is 'many'"),
        (["noise2noise", "train", "--rotations", "x"], "'auto', 'rotations', 'flips' or 'none'"),
        (["noise2noise", "train", "a.mrc", "b.mrc"], "needs --output MODEL"),
        (["noise2noise", "apply", "m", "a.mrc"], "--output"),
        (["noise2noise", "apply", "m", "--output", "o"], "0 inputs were given"),
        (["noise2noise", "apply", "m", "a", "b", "c", "--output", "o"], "3 inputs were given"),
        (["noise2noise", "model", "missing.safetensors"], "There is no model file"),
        (["info"], "FILES"),
        (["convert", "a.mrc", "b.mrc", "--voxel-size", "wide"], "wide"),
        (["convert", "a.mrc", "b.mrc", "--voxel-size", "0"], "greater than 0"),
        (["run", "missing.toml"], "Cannot read"),
    ],
)
def test_bad_usage_is_one_sentence(
    words: list[str], found: str, cryonet: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = cryonet(*words)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("cryonet: ")
    assert result.err.count("\n") == 1
    assert found in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (TrainingError("The loss\nis not a number."), 1, "cryonet: The loss is not a number."),
        (OutOfMemory("Too small."), 1, "cryonet: Too small."),
        (MemoryError(), 1, "cryonet: Not enough memory"),
        (IndexError("7"), 1, "cryonet: This is a bug, please report it. IndexError: 7"),
        (Cancelled(), 130, "cryonet: Stopped; there is nothing to keep."),
        (KeyboardInterrupt(), 130, "cryonet: Aborted."),
    ],
)
def test_failures(
    error: BaseException,
    code: int,
    sentence: str,
    cryonet: Any,
    halves: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*args: object, **more: object) -> None:
        raise error

    monkeypatch.setattr(training, "do", fail)
    words = ("noise2noise", "train", *halves, "--output", tmp_path / "m.safetensors")
    result = cryonet(*words)
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith(sentence)
    assert "Traceback" not in result.err
    monkeypatch.setenv("CRYONET_DEBUG", "1")
    assert "Traceback" in cryonet(*words).err


def test_broken_pipe_ends_quietly(halves: tuple[Path, Path]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "napari_cryonet.cli", "info", str(halves[0])]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_main_takes_the_words_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["cryonet", "--version"])
    assert main() == 0
    assert capsys.readouterr().out == f"cryonet {__version__}\n"


def test_json_knows_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    output.say_json({"a": [float("nan"), (float("inf"), 1.5)], 2: "Å"})
    text = capsys.readouterr().out
    assert "".join(text.split()) == '{"a":[null,[null,1.5]],"2":"Å"}'


def test_table_keeps_columns(capsys: pytest.CaptureFixture[str]) -> None:
    output.say_table({"a": "1\n2", "bcd": 3, "none": None, "empty": ""})
    assert capsys.readouterr().out == "a    1\n     2\nbcd  3\n"
