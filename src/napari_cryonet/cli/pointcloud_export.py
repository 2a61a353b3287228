"""``cryonet pointcloud montage`` and ``animate``: pictures and films of a reconstruction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter
from numpy.typing import NDArray

from napari_cryonet.cli.console import working
from napari_cryonet.cli.methods import inputs_of
from napari_cryonet.cli.options import FILES, Flag, options_of
from napari_cryonet.cli.output import say_table
from napari_cryonet.cli.work import DONE
from napari_cryonet.errors import DataError
from napari_cryonet.io import image_set, mesh, pictures, read_model
from napari_cryonet.io.atomic import check_output
from napari_cryonet.io.image_set import FLIPPED, RowOrder
from napari_cryonet.methods.pointcloud.settings import TAKEN
from napari_cryonet.signal.picture_settings import AnimationSettings, MontageSettings
from napari_cryonet.types import ImageStack, Model, PointCloud, Poses

_MODEL = Annotated[Path, Parameter(name="MODEL", group=FILES)]
_OUTPUT = Annotated[Path, Parameter(group=FILES)]
_ROWS = Annotated[RowOrder | None, Parameter(group=FILES)]
_NO_HISTORY = np.empty((0, 0, 3))


def draw_montage(
    model: _MODEL,
    /,
    *images: Path,
    output: _OUTPUT,
    fits_rows: _ROWS = None,
    overwrite: Flag = False,
    options: Any = None,
) -> int:
    """Draw particles beside the model in their poses, and what that leaves of them.

    Parameters
    ----------
    model
        The model file.
    *images
        The images that it was reconstructed from.
    output
        The picture to write (.png).
    fits_rows
        Rows of FITS images; as they were read for the model if not given.
    overwrite
        Replace the picture if it is there.
    options
        What the montage shows.
    """
    from napari_cryonet.methods.pointcloud.results import cloud_of, draw, known_of, poses_of
    from napari_cryonet.signal.montage import chosen, montage

    check_output(output, overwrite=overwrite)
    settings, known = options or MontageSettings(), read_model(model)
    cloud, poses, extra = cloud_of(known), poses_of(known), known.card.extra
    stack = _images_of(known, images, fits_rows)
    which = chosen(len(poses), settings)
    shown = replace(stack, data=np.asarray(stack.images[which], dtype=np.float32))
    some = Poses(poses.rotations[which], poses.shifts[which])
    sizes = (extra["pixel_size"], extra["spot"])
    drawn = draw(cloud, some, shown, sizes, known_of(known)["background"])
    taken = _taken(known)
    names = [f"{(taken.start or 0) + number * (taken.step or 1)}" for number in which]
    made = montage(shown.images, drawn.images, names, extra["pixel_size"], settings)
    pictures.write_picture(output, made, overwrite=overwrite)
    say_table({"output": output, "particles": len(which)})
    return DONE


def animate(
    model: _MODEL,
    /,
    *,
    output: _OUTPUT,
    mirror: Flag = False,
    overwrite: Flag = False,
    quiet: Flag = False,
    options: Any = None,
) -> int:
    """Film a cloud that turns, or its history as it grew.

    Parameters
    ----------
    model
        The model file, or a cloud (.ply or .obj).
    output
        The film to write (.gif or .mp4), or a folder for its pictures.
    mirror
        Film the mirror image of the cloud, since its hand is undetermined.
    overwrite
        Replace the film if it is there.
    quiet
        Show no progress.
    options
        How the cloud is filmed.
    """
    from napari_cryonet.methods.pointcloud.results import cloud_of, mirrored
    from napari_cryonet.signal.animation import film
    from napari_cryonet.signal.cloud_score import MIRROR

    settings: AnimationSettings = options or AnimationSettings()
    pictures.check_film(output, overwrite=overwrite)
    cloud: PointCloud
    history: NDArray[Any] = _NO_HISTORY
    if model.suffix.lower() in mesh.SUFFIXES:
        cloud = mesh.read(model)
    else:
        known = read_model(model)
        cloud, history = cloud_of(known), np.asarray(known.weights.get("history", _NO_HISTORY))
    if mirror:
        cloud, history = mirrored(cloud), history @ MIRROR
    with working(quiet=quiet) as report:
        made = film(cloud, settings, history, report)
        each = settings.seconds / settings.frames
        pictures.write_film(output, made, each, overwrite=overwrite)
    say_table({"output": output, "pictures": settings.frames})
    return DONE


def _images_of(model: Model, images: Sequence[Path], rows: RowOrder | None) -> ImageStack:
    """Return the images that a model was reconstructed from."""
    if not images:
        raise DataError("Name the images that the model was reconstructed from.")
    if rows is None:
        told = [sentence for each in model.card.inputs for sentence in each.get("history", ())]
        rows = "flipped" if FLIPPED in told else "stored"
    stacks = [image_set.read(path, rows) for path in images]
    joined = np.concatenate([stack.images for stack in stacks])
    joined = joined[_taken(model)]
    number = len(model.weights["rotations"])
    if len(joined) != number:
        raise DataError(
            f"{len(joined)} images were given and the model holds {number} poses; give the images "
            f"that it was reconstructed from, in the same order."
        )
    return replace(stacks[0], data=joined)


def _taken(model: Model) -> slice:
    """Return which of the images a model was reconstructed from."""
    return TAKEN[model.card.settings.get("images", "all")]


draw_montage.__annotations__["images"] = inputs_of("The images that it was reconstructed from.")
draw_montage.__annotations__["options"] = options_of(MontageSettings)
animate.__annotations__["options"] = options_of(AnimationSettings)
