"""Settings of picking. No torch here."""

from __future__ import annotations

from typing import Literal

from napari_cryonet.nn.settings import Inference, InitialWeights, Training
from napari_cryonet.settings import setting

APART = 0.65
"""Smallest distance of two picks, in diameters, unless something else is asked for."""

BACKGROUND, COMPLETE, IGNORE = 1, 2, 3
"""What painted regions mean: surely no particle; every particle labelled; not to be looked at."""


class TrainSettings(InitialWeights, Training):
    """How a picking network is trained."""

    general_weights = "picking"

    diameter: float | None = setting(
        None, "Diameter of the particles; none: twice the labels' radius", unit="Å", gt=0
    )
    expected: float | None = setting(
        None,
        "Particles of each class expected in a tomogram; none: three times the labels",
        gt=0,
    )
    max_minutes: float | None = setting(
        1.5, "Stop training after this time; the learning rate falls towards it", unit="min", gt=0
    )
    objective: Literal["nnpu", "ge", "pn"] = setting(
        "nnpu",
        "What is made of voxels without a label: nnpu holds the expected particles, ge is held to "
        "their number, pn takes all as background",
        advanced=True,
    )
    positives: Literal["soft", "hard"] = setting(
        "soft", "Whether a label's voxels count less away from its centre", advanced=True
    )
    forgiving: bool = setting(
        True,
        "With nnpu: the nearer the score of a voxel without a label is to 1, the less it is held "
        "against it, since it may be a particle",
        advanced=True,
    )
    believing: bool = setting(
        True,
        "Unless all else is background (pn): what scores like the labels is taken for labels too, "
        "a few times in a training",
        advanced=True,
    )
    contrast: float = setting(
        0.0,
        "Weight of the contrastive term, by which what looks alike comes near; 0 is off",
        ge=0,
        advanced=True,
    )
    temperature: float = setting(
        0.07, "Temperature of the contrastive term", ge=0.01, le=1, advanced=True
    )
    consistency: float = setting(
        0.0,
        "Weight of the difference between the scores of a tomogram and its mirror images",
        ge=0,
        advanced=True,
    )
    unlabelled_weight: float = setting(
        50.0, "Weight of voxels without a label in the loss", gt=0, advanced=True
    )
    across: float = setting(
        10.0,
        "Voxels that a particle is to have across; larger ones are binned",
        unit="voxels",
        ge=6,
        le=32,
        advanced=True,
    )
    turned: Literal["flips", "none"] = setting(
        "flips",
        "Mirror images to learn from as well, which keep the missing wedge in place",
        advanced=True,
    )
    held_out: float = setting(
        0.1,
        "Part of the labels kept from training to choose threshold and end",
        ge=0,
        le=0.5,
        advanced=True,
    )
    width: int = setting(24, "Channels of the first level", ge=2, advanced=True)
    patch: int = setting(28, "Side of the training patches", unit="voxels", ge=8, advanced=True)
    batch: int = setting(6, "Patches in one step", ge=1, advanced=True)
    learning_rate: float = setting(3e-3, "Highest learning rate", gt=0, le=1, advanced=True)
    weight_decay: float = setting(0.01, "Weight decay of AdamW", ge=0, advanced=True)
    patience: int = setting(
        20,
        "Stop after this many validations without improvement; 0 never does",
        ge=0,
        advanced=True,
    )
    validate_every: int = setting(25, "Steps between validations", ge=1, advanced=True)


class ApplySettings(Inference):
    """How a picking network is applied."""

    threshold: float | None = setting(
        None, "Smallest score of a pick; none: what the training has found best", ge=0, le=1
    )
    distance: float | None = setting(
        None, f"Smallest distance of two picks; none: {APART} of the diameter", unit="Å", gt=0
    )
    refine: bool = setting(
        True, "Move each pick to where the mean of the labelled particles fits best"
    )
    border: float = setting(
        0.0, "Leave out picks that are nearer to the border than this", unit="Å", ge=0
    )
    passes: int = setting(
        4, "Mirror images to average over; more is slower and a little better", ge=1, le=8
    )
