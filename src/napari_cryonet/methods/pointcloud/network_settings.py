"""Settings of the network that tells poses. No torch here."""

from __future__ import annotations

from typing import Literal

from napari_cryonet.settings import Settings, setting


class NetworkSettings(Settings):
    """What the pose network is and how it learns; from `widths` down only if it is the engine."""

    side: int = setting(
        24, "Side of the images that the network sees", unit="pixels", ge=16, le=256
    )
    channels: int = setting(16, "Channels of its first layer; each further one has more", ge=4)
    hypotheses: int = setting(
        4, "Poses it offers for an image, of which only the best has to be right", ge=1, le=16
    )
    rotation: Literal["6d", "axis-angle"] = setting(
        "6d", "How it writes a rotation: two axes, without a jump anywhere, or axis times angle"
    )
    steps: int = setting(1500, "Steps of its training", ge=1)
    batch: int = setting(64, "Images in a step", ge=2)
    rate: float = setting(0.002, "Highest learning rate of the network", gt=0, le=1)
    decay: float = setting(0.0001, "Weight decay of the network; points never decay", ge=0)
    measured: float = setting(
        0.25, "Share of measured images among those drawn from the known cloud", ge=0, le=1
    )
    max_shift: float = setting(
        0.3, "Farthest that an image is shifted from its centre of mass, in radii; 0 for none", ge=0
    )
    widths: str = setting(
        "",
        "Widths of the spots in nm, with spaces between them, each for an equal part of the "
        "training; nothing: from 0.31 of the radius to the finest that the pixels show",
    )
    continuous: bool = setting(True, "Go evenly from each of the widths to the next")
    point_rate: float = setting(0.01, "Highest step of a point, in radii", gt=0, le=1)
    fixed_points: bool = setting(False, "Leave the points of a given cloud where they are")
    normalisation: Literal["image", "batch", "none"] = setting(
        "image", "What is brought to one sum before images are compared: each, a batch, or none"
    )
    mask: float = setting(
        0.0, "Leave pixels out that are darker than this share of their image's brightest",
        ge=0, lt=1,
    )  # fmt: skip
    augment: bool = setting(True, "Turn images at random in their plane")
    predict_width: bool = setting(False, "Let the network tell how wide the spots are")
    plateau: int = setting(
        0,
        "Lower the rates when the loss has not fallen in this many steps, as it does not while the "
        "spots become narrower; 0: along a cosine",
        ge=0,
    )
    reduction: float = setting(0.75, "Factor by which rates are then lowered", gt=0, lt=1)
