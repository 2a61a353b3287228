"""What a model of point clouds holds, as things: the cloud, the poses, and pictures of both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from napari_cryonet.errors import DataError, ModelError
from napari_cryonet.methods.pointcloud.render import project, render
from napari_cryonet.signal.cloud_score import MIRROR
from napari_cryonet.types import ImageStack, Model, PointCloud, Poses

_CHUNK = 200


def cloud_of(model: Model) -> PointCloud:
    """Return the cloud of a model, in nm.

    Parameters
    ----------
    model
        A model of point clouds.

    Raises
    ------
    ModelError
        If it is not one of point clouds, or damaged.
    """
    model.check_method("pointcloud")
    try:
        points, weights = model.weights["points"], model.weights["weights"]
        return PointCloud(
            points.astype(float), weights=weights.astype(float), name="cloud",
            history=(f"Reconstructed by CryoNet {model.card.product}; hand undetermined.",),
        )  # fmt: skip
    except (KeyError, DataError) as error:
        raise ModelError(
            f"{model.path or 'The model'} does not hold a cloud: the file is damaged ({error})."
        ) from error


def mirrored(cloud: PointCloud) -> PointCloud:
    """Return the cloud of the other hand, which explains the same images; see `mirrored_poses`."""
    said = "Mirrored."
    return replace(
        cloud, vertices=cloud.vertices @ MIRROR, faces=cloud.faces[:, ::-1],
        history=(*cloud.history, said),
    )  # fmt: skip


def mirrored_poses(poses: Poses) -> Poses:
    """Return the poses in which the mirrored cloud is seen as the cloud was in the given ones."""
    return replace(poses, rotations=MIRROR @ poses.rotations @ MIRROR)


def poses_of(model: Model) -> Poses:
    """Return the poses of the images that a model was reconstructed from, in nm.

    Raises
    ------
    ModelError
        If it is not a model of point clouds, or damaged.
    """
    model.check_method("pointcloud")
    try:
        own = model.weights
        features = {"residual": own["residuals"], "kept": own["kept"]}
        return Poses(own["rotations"].astype(float), own["shifts"].astype(float), features)
    except (KeyError, DataError) as error:
        raise ModelError(
            f"{model.path or 'The model'} does not hold poses: the file is damaged ({error})."
        ) from error


def draw(
    cloud: PointCloud,
    poses: Poses,
    like: ImageStack,
    sizes: tuple[float, float],
    background: float = 0.0,
) -> ImageStack:
    """Draw a cloud in poses, each image as bright as the one that it explains.

    Parameters
    ----------
    cloud, poses
        In one unit.
    like
        Gives the number, the pixels and the sums of the images.
    sizes
        Size of a pixel and width of a spot, in that unit.
    background
        The share of each image that is even background.
    """
    pixel, spot = sizes
    shape = (like.images.shape[1], like.images.shape[2])
    middle = torch.tensor(shape) // 2
    points = torch.from_numpy(cloud.vertices).float()
    weights = np.ones(len(cloud)) if cloud.weights is None else cloud.weights
    drawn = []
    for start in range(0, len(poses), _CHUNK):
        part = slice(start, start + _CHUNK)
        turned, shifts = (
            torch.from_numpy(np.asarray(each[part])).float()
            for each in (poses.rotations, poses.shifts)
        )
        places = project(points, turned, shifts) / pixel + middle
        share = torch.from_numpy(weights / weights.sum()).float()
        pictures = render(places, shape, spot / pixel, share)
        even = background / (shape[0] * shape[1])
        drawn.append(((1 - background) * pictures + even).numpy())
    sums = like.images.sum(axis=(1, 2), dtype=np.float64)[:, None, None]
    return ImageStack(
        (np.concatenate(drawn) * sums).astype(np.float32), like.pixel_size, like.unit,
        name=f"{like.name} rendered", history=poses.history, spot=like.spot,
    )  # fmt: skip


def known_of(model: Model) -> dict[str, float]:
    """Return the lengths in nm that a model was reconstructed with, and its background.

    Returns
    -------
    dict
        ``radius``, ``reach`` and ``background``.

    Raises
    ------
    ModelError
        If the card does not say them.
    """
    extra: dict[str, Any] = model.card.extra
    try:
        return {name: float(extra[name]) for name in ("radius", "reach", "background")}
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{model.path or 'The model'} does not say how large its particle is: the file is "
            f"damaged. Reconstruct it again."
        ) from error
