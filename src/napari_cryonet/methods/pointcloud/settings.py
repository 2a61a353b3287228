"""Settings of point clouds. No torch here."""

from __future__ import annotations

from typing import Literal

from napari_cryonet.methods.pointcloud.network_settings import NetworkSettings
from napari_cryonet.settings import Settings, setting

TAKEN = {"all": slice(None), "even": slice(0, None, 2), "odd": slice(1, None, 2)}
"""What the choices of `images` take of a stack."""


class _Images(Settings):
    """What images do not say of themselves."""

    pixel_size: float | None = setting(
        None, "Size of a pixel; none: what the images say, else 1", unit="nm", gt=0
    )
    spot: float | None = setting(
        None,
        "Standard deviation of a molecule's spot; none: what the images say, else 1.5 pixels",
        unit="nm",
        gt=0,
    )
    seed: int = setting(0, "Start of all random numbers; equal seeds repeat a run", ge=0)
    device: str = setting("auto", "auto, cpu, cuda, cuda:1 or mps", advanced=True)


class TrainSettings(_Images):
    """How a cloud is reconstructed."""

    engine: Literal["search", "network"] = setting(
        "search",
        "What finds poses: a search among all of them, or a network that learns them together with "
        "the points, which takes far longer",
    )
    points: int = setting(350, "Points of the cloud; more than the particle has sites", ge=20)
    symmetry: int = setting(
        1, "Turns about an axis that leave the particle unchanged; 9 for a centriole", ge=1, le=60
    )
    images: Literal["all", "even", "odd"] = setting(
        "all",
        "Which images to take: clouds from even and odd ones tell by their difference how much of "
        "them is certain",
        advanced=True,
    )
    background: bool = setting(True, "Allow an even background of molecules")
    reject: float = setting(
        0.05, "Largest share of images that may be left out because nothing explains them", ge=0,
        le=0.5,
    )  # fmt: skip
    finest: float | None = setting(
        None, "Finest width of the spots to refine to; none: what the images allow", unit="nm", gt=0
    )
    learn_poses: bool = setting(
        False,
        "After a search, teach a network the poses of the cloud, which finds those of new images "
        "at once",
    )
    network: NetworkSettings | None = setting(
        None, "The network of poses, and how it learns, where not as usual", advanced=True
    )
    starts: int = setting(
        3, "Searches from random clouds; at least two have to agree", ge=2, advanced=True
    )
    most_starts: int = setting(
        6, "Searches before giving up if no two agree on the poses", ge=2, advanced=True
    )
    iterations: int = setting(40, "Steps of each search", ge=1, advanced=True)
    views: int = setting(120, "View directions of the grid of poses", ge=12, advanced=True)
    turns: int = setting(24, "Turns in the plane for each of them", ge=4, advanced=True)
    drawn: int = setting(60, "Images in a step of the search", ge=4, advanced=True)
    batch: int = setting(30, "Images in a step of the refinement", ge=1, advanced=True)
    passes: int = setting(
        15, "Passes over all images at each width of the spots", ge=1, advanced=True
    )
    rate: float = setting(
        0.15, "Highest step of a point, in widths of the spots", gt=0, le=1, advanced=True
    )
    held_out: float = setting(
        0.1, "Share of the images, at most 50, that the cloud is judged by and not fitted to",
        gt=0, le=0.5, advanced=True,
    )  # fmt: skip


class ApplySettings(_Images):
    """How poses of images are found."""

    by: Literal["search", "network"] = setting(
        "search", "What finds them: a grid of all poses, or the network of the model if it has one"
    )
    refine: bool = setting(True, "Refine poses until they explain the images best")
    candidates: int = setting(3, "Poses of the grid that are refined for each image", ge=1, le=20)
    views: int = setting(300, "View directions of the grid of poses", ge=12, advanced=True)
    turns: int = setting(36, "Turns in the plane for each of them", ge=4, advanced=True)
    passes: int = setting(15, "Steps of refinement at each width of the spots", ge=1, advanced=True)
