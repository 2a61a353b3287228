"""``cryonet pointcloud halves``: what of a cloud is certain, told by two halves of the images."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import Parameter

from napari_cryonet.cli.console import working
from napari_cryonet.cli.folder import check_folder, write_into
from napari_cryonet.cli.methods import inputs_of
from napari_cryonet.cli.options import FILES, ImageFiles, chosen, options_of
from napari_cryonet.cli.output import finite, number, say_json, say_table
from napari_cryonet.cli.work import CANCELLED, DONE, do, inputs
from napari_cryonet.errors import SettingsError
from napari_cryonet.io.atomic import replacing
from napari_cryonet.jobs import Job, RunFolder
from napari_cryonet.methods import table
from napari_cryonet.reporting import PartReporter
from napari_cryonet.types import Model

if TYPE_CHECKING:
    from napari_cryonet.signal.cloud_fsc import Agreement

_HALVES = ("even", "odd")
_NARROWER = 0.5  # points are placed more finely than spots are wide
_WRITTEN = (
    "halves.json",
    *(f"{half}{end}" for half in _HALVES for end in (".safetensors", ".ply")),
)


@dataclass(frozen=True, kw_only=True)
class _Folder:
    """Where the halves go.

    Parameters
    ----------
    output
        The folder for both models, both clouds, their runs and halves.json.
    """

    output: Path


@Parameter(name="*", group=FILES)
@dataclass(frozen=True, kw_only=True)
class HalvesFiles(ImageFiles, _Folder):
    """Where the images are and the halves go."""


def halves(*images: Path, files: HalvesFiles, options: Any = None) -> int:
    """Reconstruct even and odd images apart, and tell how far the two clouds agree.

    Parameters
    ----------
    *images
        FITS files, or folders of them.
    files
        Where everything is.
    options
        How to reconstruct; both halves alike.
    """
    asked = chosen(table.find("pointcloud").settings("train"), files.settings, options)
    if "images" in asked:
        raise SettingsError("The halves are the even and the odd images; leave out --images.")
    if not images:
        raise SettingsError("Name the images: FITS files, or folders of them.")
    check_folder(files.output, _WRITTEN, overwrite=files.overwrite)
    jobs = [_job(half, images, files, asked) for half in _HALVES]
    models = []
    with working(quiet=files.quiet) as report:
        given = inputs(jobs[0], report)
        for place, (half, job) in enumerate(zip(_HALVES, jobs, strict=True)):
            report.say(f"The {half} images:")
            part = PartReporter(report, place / 2, (place + 1) / 2)
            folder = RunFolder.create(files.output.absolute() / f"{half}_run", job)
            outcome = do(job, part, folder=folder, given=given)
            if outcome.measures["ended"] == "stopped":
                report.warn(f"Stopped: {folder.path} goes on by cryonet pointcloud train --resume.")
                return CANCELLED
            assert outcome.model is not None  # noqa: S101 - a training makes one
            models.append(outcome.model)
    _tell(models, files)
    return DONE


def _job(half: str, images: tuple[Path, ...], files: HalvesFiles, asked: dict[str, Any]) -> Job:
    """Return the job of one half."""
    job = Job.load(
        {
            "method": "pointcloud",
            "inputs": [[str(path)] for path in images],
            "output": str(files.output / f"{half}.safetensors"),
            "overwrite": files.overwrite,
            "settings": asked | {"images": half},
            **files.for_job(),
        }
    )
    return job.at(Path.cwd())


def _tell(models: list[Model], files: HalvesFiles) -> None:
    """Compare the clouds of both halves, write them and what was found, and print that."""
    from napari_cryonet.methods.pointcloud.results import cloud_of
    from napari_cryonet.signal.cloud_fsc import agreement

    even, odd = (cloud_of(model) for model in models)
    width = _NARROWER * max(float(model.card.extra["finest"]) for model in models)
    found = agreement(even, odd, width)
    trained = {half: model.card.training for half, model in zip(_HALVES, models, strict=True)}
    values = finite({**found.to_dict(), "width": width, **trained})
    with replacing(files.output / "halves.json", overwrite=files.overwrite) as part:
        part.write_text(json.dumps(values, indent=1), encoding="utf-8")
    clouds = (("even.ply", even), ("odd.ply", found.moved))
    write_into(files.output, clouds, overwrite=files.overwrite)
    if files.json:
        say_json({"output": str(files.output), **values})
        return
    say_table({"output": files.output, **_lines(found, models)})


def _lines(found: Agreement, models: list[Model]) -> dict[str, str]:
    """Return what was found, as a person reads it."""
    unit, aligned, crossing = found.moved.unit, found.alignment, found.crossing
    both = zip(_HALVES, models, strict=True)
    stuck = [half for half, model in both if model.card.training["stuck"]]
    resolution = f"{number(crossing.resolution)} {unit}, where the FSC falls below 0.143"
    if crossing.resolution is None:
        side = "coarser than" if crossing.started_below else "as fine as"
        resolution = f"{side} {number(crossing.limit)} {unit}, where the FSC ends"
    return {
        "resolution": resolution,
        "RMSE": f"{number(aligned.rmse)} {unit}, of a radius of {number(found.rms_radius)}",
        "Chamfer": f"{number(aligned.chamfer)} {unit}",
        "scale": number(aligned.scale),
        "stuck": " and ".join(stuck),
    }


halves.__annotations__["images"] = inputs_of("FITS files of images, or folders of them.")
halves.__annotations__["options"] = options_of(table.find("pointcloud").settings("train"))
