"""What a reconstruction has found: a cloud, how images show it, and how it came about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.gui.pointcloud.accepting import Chosen
from napari_cryonet.methods.pointcloud.settings import TAKEN
from napari_cryonet.signal.cloud_score import MIRROR
from napari_cryonet.types import ImageStack, Model, ModelCard, PointCloud, Poses, Thing

Floats = NDArray[np.floating[Any]]

_NO_HISTORY = np.empty((0, 0, 3), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Found:
    """A cloud and the poses of images.

    Parameters
    ----------
    images
        ``(n, y, x)``.
    cloud, poses
        In nm. The poses have a column ``image``: the number of each in its layer, from 0.
    drawn
        Returns the cloud in the pose of an image, ``(y, x)`` and as bright as that.
    history
        ``(levels, p, 3)`` points in nm after each level of the refinement.
    doubt
        Why the cloud may be wrong, one sentence; empty if nothing speaks against it.
    """

    images: ImageStack
    cloud: PointCloud
    poses: Poses
    drawn: Callable[[int], Floats]
    history: Floats = field(default_factory=_NO_HISTORY.copy)
    doubt: str = ""

    @property
    def radius(self) -> float:
        """The root mean square distance of the points from their mean."""
        away = self.cloud.vertices - self.cloud.vertices.mean(axis=0)
        return float(np.sqrt(np.square(away).sum(axis=1).mean()))

    def at(self, level: int) -> PointCloud:
        """Return the cloud after a level, from 0; the one that was found from the last on."""
        if level >= len(self.history) - 1:
            return self.cloud
        return replace(self.cloud, vertices=self.history[level].astype(float), weights=None)

    def tiles(self, index: int) -> tuple[Floats, Floats, Floats]:
        """Return an image, the cloud in its pose, and what that leaves of the image."""
        image = np.asarray(self.images.images[index], dtype=np.float32)
        drawn = self.drawn(index)
        return image, drawn, image - drawn

    def mirrored(self) -> Found:
        """Return the other hand, which explains the same images: they look the same."""
        from napari_cryonet.methods.pointcloud.results import mirrored, mirrored_poses

        return replace(
            self, cloud=mirrored(self.cloud), poses=mirrored_poses(self.poses),
            history=self.history @ MIRROR,
        )  # fmt: skip


def from_training(model: Model, chosen: Chosen) -> Found:
    """Return what a reconstruction has found.

    Parameters
    ----------
    model
        Its model.
    chosen
        The images that it was given.

    Raises
    ------
    ModelError
        If the model is damaged.
    """
    from napari_cryonet.methods.pointcloud.results import cloud_of, draw, known_of, poses_of

    taken, extra = TAKEN[model.card.settings["images"]], model.card.extra
    images = replace(chosen.images, data=chosen.images.images[taken])
    cloud, poses = cloud_of(model), poses_of(model)
    sizes, background = (extra["pixel_size"], extra["spot"]), known_of(model)["background"]

    def drawn(index: int) -> Floats:
        one = slice(index, index + 1)
        pose = Poses(poses.rotations[one], poses.shifts[one])
        like = replace(images, data=images.images[one])
        return np.asarray(draw(cloud, pose, like, sizes, background).images[0])

    history = model.weights.get("history", _NO_HISTORY)
    numbered = _numbered(poses, chosen.numbers[taken])
    return Found(images, cloud, numbered, drawn, np.asarray(history, float), doubt_of(model.card))


def from_application(parts: Mapping[str, Thing], chosen: Chosen) -> Found:
    """Return what the search for poses has found.

    Parameters
    ----------
    parts
        Its result: ``cloud``, ``poses`` and ``rendered``.
    chosen
        The images that it was given.
    """
    cloud, poses, rendered = (parts[name] for name in ("cloud", "poses", "rendered"))
    assert isinstance(cloud, PointCloud)  # noqa: S101 - so the method makes them
    assert isinstance(poses, Poses)  # noqa: S101
    assert isinstance(rendered, ImageStack)  # noqa: S101
    return Found(
        chosen.images, cloud, _numbered(poses, chosen.numbers), partial(_picture, rendered)
    )


def doubt_of(card: ModelCard) -> str:
    """Return why the cloud of a model may be wrong, one sentence; empty if nothing says so."""
    training = card.training
    if training.get("stuck"):
        return (
            f"This run is stuck: its searches disagree on the poses by "
            f"{training['agreement']:.0f}°, so the cloud is probably wrong. Give more images, set "
            f"the symmetry if there is one, or try another seed."
        )
    if card.settings.get("engine") == "network":
        return "Poses were learnt with the points: only a search can tell whether they are right."
    if training.get("agreement") is None:
        return "Stopped before two searches could be compared: the cloud may be wrong."
    return ""


def _numbered(poses: Poses, numbers: NDArray[np.integer[Any]]) -> Poses:
    """Return poses that say which image of the layer each belongs to."""
    return replace(poses, features={"image": numbers, **poses.features})


def _picture(stack: ImageStack, index: int) -> Floats:
    """Return one image of a stack."""
    return np.asarray(stack.images[index])
