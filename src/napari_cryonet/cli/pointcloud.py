"""``cryonet pointcloud``: a cloud from images of single molecules, its poses, and its score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from napari_cryonet.cli.applying import ApplyFiles
from napari_cryonet.cli.methods import Family, inputs_of
from napari_cryonet.cli.options import FILES, Flag, ImageFiles, options_of
from napari_cryonet.cli.output import number, say_json, say_table
from napari_cryonet.cli.pointcloud_export import animate, draw_montage
from napari_cryonet.cli.pointcloud_halves import halves
from napari_cryonet.cli.pointcloud_images import draw_particles, simulate
from napari_cryonet.cli.training import TrainFiles, Training
from napari_cryonet.cli.work import DONE
from napari_cryonet.errors import FormatError, SettingsError
from napari_cryonet.io import mesh, poses, read_model, write
from napari_cryonet.io.atomic import check_output
from napari_cryonet.jobs import Outcome, RunFolder
from napari_cryonet.methods import table
from napari_cryonet.types import PointCloud

_CLOUD = Annotated[Path, Parameter(name="CLOUD", group=FILES)]
_TRUTH = Annotated[Path, Parameter(name="TRUTH", group=FILES)]


@Parameter(name="*", group=FILES)
@dataclass(frozen=True, kw_only=True)
class PoseFiles(ApplyFiles, ImageFiles):
    """Where a search for poses finds its images and puts its result."""


@Parameter(name="*", group=FILES)
@dataclass(frozen=True, kw_only=True)
class CloudFiles(TrainFiles, ImageFiles):
    """Where a reconstruction finds and puts everything.

    Parameters
    ----------
    cloud
        A further file for the cloud (.ply or .obj); the model holds it in any case.
    mirror
        Write the mirror image of the cloud, since its hand is undetermined.
    """

    cloud: Path | None = None
    mirror: Flag = False


@dataclass(frozen=True)
class CloudFamily(Family):
    """The commands of point clouds: those of every method, and more for images and pictures."""

    def app(self) -> App:
        """Return the commands."""
        app = super().app()
        start = "Usage: cryonet pointcloud"
        app.command(draw_particles, name="render", usage=f"{start} render TABLE --output DIR\n")
        app.command(simulate, name="simulate", usage=f"{start} simulate [OBJECT] --output DIR\n")
        app.command(halves, usage=f"{start} halves IMAGES --output DIR [OPTIONS]\n")
        drawing = f"{start} montage MODEL IMAGES --output PNG [OPTIONS]\n"
        app.command(draw_montage, name="montage", usage=drawing)
        app.command(animate, usage=f"{start} animate MODEL --output FILM [OPTIONS]\n")
        app.command(score_cloud, name="score", usage=f"{start} score CLOUD TRUTH [OPTIONS]\n")
        return app

    @property
    def apply_files(self) -> type[ApplyFiles]:
        """The options of an application that are no settings."""
        return PoseFiles

    def _train(self) -> Callable[..., int]:
        """Return the command that reconstructs."""

        def train(*inputs: Path, files: CloudFiles | None = None, options: Any = None) -> int:
            """Reconstruct a cloud and write it as a model.

            Parameters
            ----------
            *inputs
                FITS files, or folders of them, and a cloud for a network to begin with.
            files
                Where everything is.
            options
                How to reconstruct.
            """
            asked = files or CloudFiles()
            if asked.cloud is not None:
                _check_cloud(asked.cloud)
                check_output(asked.cloud, overwrite=asked.overwrite)
            elif asked.mirror:
                raise SettingsError("--mirror is for the file of --cloud; give that as well.")
            code = Training(self.method, self.columns, inputs, asked, options).run()
            if asked.cloud is not None:
                _write_cloud(asked)
            return code

        train.__annotations__["inputs"] = inputs_of(
            "FITS files of images, or folders of them; for the engine network also a cloud (.ply "
            "or .obj) to begin with."
        )
        train.__annotations__["options"] = options_of(table.find(self.method).settings("train"))
        return train


def score_cloud(
    cloud: _CLOUD,
    truth: _TRUTH,
    /,
    *,
    own_poses: Path | None = None,
    true_poses: Path | None = None,
    symmetry: int = 1,
    json: Flag = False,
) -> int:
    """Score a cloud against another, after alignment over both hands.

    Parameters
    ----------
    cloud
        The cloud (.ply or .obj).
    truth
        The true one, or one from other images of the same particle.
    own_poses
        The poses of images (.csv) that belong to the cloud.
    true_poses
        The true poses of the same images (.csv).
    symmetry
        How many turns of the truth about its axis z change nothing.
    json
        Print the figures as JSON.
    """
    import numpy as np

    from napari_cryonet.signal.cloud_score import pose_errors, score

    if (own_poses is None) != (true_poses is None):
        raise SettingsError("Poses are scored in pairs: give --own-poses and --true-poses.")
    for path in (cloud, truth):
        _check_cloud(path)
    made = score(mesh.read(cloud), mesh.read(truth))
    error = None
    if own_poses is not None and true_poses is not None:
        own, true = poses.read(own_poses), poses.read(true_poses)
        error = float(np.median(pose_errors(own, true, made.hand, symmetry)))
    if json:
        say_json(made.to_dict() | ({} if error is None else {"pose_error_deg": error}))
        return DONE
    say_table(
        {
            "RMSE": f"{number(made.rmse)} {made.unit}, of a radius of {number(made.rms_radius)}",
            "Chamfer": f"{number(made.chamfer)} {made.unit}",
            "hand": f"{made.hand}; the other leaves {number(made.other_rmse)} {made.unit}",
            "scale": number(made.scale),
            "pose error": None if error is None else f"{number(error)}°, median",
        }
    )
    return DONE


def _check_cloud(path: Path) -> None:
    """Raise unless a name is that of a cloud."""
    if path.suffix.lower() not in mesh.SUFFIXES:
        raise FormatError(
            f"{path} is no cloud by its name; clouds are {' or '.join(mesh.SUFFIXES)}."
        )


def _write_cloud(files: CloudFiles) -> None:
    """Write the cloud of the model that was just made."""
    from napari_cryonet.methods.pointcloud.results import cloud_of, mirrored

    assert files.cloud is not None  # noqa: S101 - asked before
    output = files.output
    if output is None and files.resume is not None:
        output = Path(RunFolder.existing(files.resume).job().output)
    assert output is not None  # noqa: S101 - a training has one or raises
    cloud: PointCloud = cloud_of(read_model(output))
    write(files.cloud, mirrored(cloud) if files.mirror else cloud, overwrite=files.overwrite)


def _told(outcome: Outcome) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what poses say of the images."""
    measures = dict(outcome.measures)
    middle, most = measures["residual"], measures["largest_residual"]
    left = f"{middle:.1%} of an image, median; {most:.1%} at most"
    return measures, {"images": str(measures["images"]), "unexplained": left}


FAMILY = CloudFamily("pointcloud", ("images",), ("images",), _told)
