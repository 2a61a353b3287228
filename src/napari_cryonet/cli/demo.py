"""``cryonet demo``: the main job on a sample whose truth is known."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_cryonet.cli.console import ConsoleReporter, working
from napari_cryonet.cli.doctor import has_screen
from napari_cryonet.cli.options import Flag
from napari_cryonet.cli.output import complain, say, say_json, say_table
from napari_cryonet.cli.work import CANCELLED, DONE, FAILED, do, exit_code
from napari_cryonet.errors import FileProblem
from napari_cryonet.io import write
from napari_cryonet.jobs import Job, Outcome, RunFolder
from napari_cryonet.signal.correlate import correlation
from napari_cryonet.types import Volume

_WINDOW = ("-m", "napari_cryonet.gui.demo")
_VIRTUAL = ("xvfb-run", "-a", "-s", "-screen 0 1600x1000x24")
_PICTURE_SECONDS = 120
_NOISE_CORRELATION = 1.2  # voxels; more would be noise at all frequencies, less hardly any


def demo(
    *,
    output: Path = Path("demo"),
    minutes: float = 1.2,
    device: str = "auto",
    window: bool = True,
    quiet: Flag = False,
    json: Flag = False,
) -> int:
    """Simulate two half maps, train on them, denoise them and show what it brought.

    Parameters
    ----------
    output
        Folder for everything that is made; files of an earlier demo are replaced.
    minutes
        How long to train.
    device
        auto, cpu, cuda, cuda:1 or mps.
    window
        Open napari in the end; without a screen, write pictures of its window.
    quiet
        Show no progress.
    json
        Print the figures as JSON.
    """
    folder = _folder(output)
    with working(quiet=quiet) as report:
        sample = _sample(folder, report)
        trained = _train(folder, report, {"max_minutes": minutes, "device": device})
        if exit_code(trained.measures) == CANCELLED:
            complain(f"Stopped. The model so far is {folder / 'model.safetensors'}.")
            return CANCELLED
        denoised = _apply(folder, report, {"device": device}).volume
    figures = _figures(sample, denoised) | {"steps": trained.measures.get("steps")}
    if json:
        say_json({"output": str(folder), **figures})
    else:
        _show(folder, figures)
    return _window(folder) if window else DONE


def _folder(path: Path) -> Path:
    """Return the folder of the demo without the run of an earlier one."""
    folder = path.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "run" / "job.toml").is_file():
            shutil.rmtree(folder / "run")
    except OSError as error:
        raise FileProblem(f"Cannot use the folder {folder}: {error.strerror}.") from error
    return folder


def _sample(folder: Path, report: ConsoleReporter) -> dict[str, Volume]:
    """Write the sample into the folder and return it."""
    from napari_cryonet.simulate import half_map_pair

    report.say("Simulating two half maps of a protein.")
    pair = half_map_pair(correlation=_NOISE_CORRELATION)
    sample = {"half1": pair.first, "half2": pair.second, "truth": pair.truth, "mask": pair.mask}
    for name, volume in sample.items():
        report.check()
        write(folder / f"{name}.mrc", volume, overwrite=True)
    return sample


def _train(folder: Path, report: ConsoleReporter, settings: dict[str, Any]) -> Outcome:
    """Train on the sample."""
    job = _job(folder, "train", "model.safetensors", settings)
    return do(job, report, folder=RunFolder.create(folder / "run", job))


def _apply(folder: Path, report: ConsoleReporter, settings: dict[str, Any]) -> Outcome:
    """Denoise the sample."""
    return do(_job(folder, "apply", "denoised.mrc", settings), report)


def _job(folder: Path, action: str, output: str, settings: dict[str, Any]) -> Job:
    """Return a job on the two half maps."""
    values = {
        "action": action,
        "inputs": [["half1.mrc", "half2.mrc"]],
        "model": "model.safetensors" if action == "apply" else "",
        "output": output,
        "overwrite": True,
        "settings": settings,
    }
    return Job.load(values).at(folder)


def _figures(sample: Mapping[str, Volume], denoised: Volume | None) -> dict[str, Any]:
    """Return how alike the truth both are inside the mask: the average, and the result."""
    inside = np.asarray(sample["mask"].data) > 0.5
    truth = sample["truth"].data
    average = (sample["half1"].data + sample["half2"].data) / 2
    after = correlation(denoised.data, truth, inside) if denoised is not None else 0.0
    before = correlation(average, truth, inside)
    return {"raw": before, "denoised": after, "gain": after - before}


def _show(folder: Path, figures: Mapping[str, Any]) -> None:
    """Print the figures as a person reads them."""
    say("Correlation with the truth inside the mask:")
    say_table(
        {
            "  average of the halves": f"{figures['raw']:.4f}",
            "  denoised": f"{figures['denoised']:.4f}",
            "  gain": f"{figures['gain']:+.4f}",
        }
    )
    say(f"All files are in {folder}")


def _window(folder: Path) -> int:
    """Show the folder in napari or, without a screen, write pictures of the window."""
    if has_screen():
        complain("Opening napari; close its window to end.")
        command = (sys.executable, *_WINDOW, str(folder))
        code = subprocess.run(command, stdout=sys.stderr.fileno(), check=False).returncode
    elif shutil.which(_VIRTUAL[0]) is None:
        complain("There is no screen, and no xvfb-run to draw pictures without one.")
        return DONE
    else:
        for old in folder.glob("*.png"):
            old.unlink()
        code = _patiently((*_VIRTUAL, sys.executable, *_WINDOW, str(folder), "--pictures"))
    if code:
        complain(f"The window could not be shown (code {code}); the files are there.")
        return FAILED
    for picture in sorted(folder.glob("*.png")):
        say(str(picture))
    return DONE


def _patiently(command: tuple[str, ...]) -> int:
    """Run a command that starts others; end them all if it takes too long or is aborted."""
    with subprocess.Popen(command, stdout=2, start_new_session=True) as process:
        try:
            return process.wait(_PICTURE_SECONDS)
        except subprocess.TimeoutExpired:
            complain(f"It took longer than {_PICTURE_SECONDS} s.")
            return FAILED
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
