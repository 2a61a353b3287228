"""Settings of the resolution network. No torch here."""

from __future__ import annotations

from typing import Literal

from napari_cryonet.nn.settings import Inference, Training
from napari_cryonet.settings import setting
from napari_cryonet.signal.resolution_settings import Masking


class TrainSettings(Training, Masking):
    """How a resolution network is trained."""

    max_minutes: float | None = setting(
        1.0, "Stop training after this time; the learning rate falls towards it", unit="min", gt=0
    )
    network: Literal["bands", "original"] = setting(
        "bands",
        "bands: local power in bands of 1/Å and a small network; original: a U-Net of 100 million "
        "weights on raw voxels, which needs a GPU",
    )
    targets: Literal["auto", "halves", "map"] = setting(
        "auto",
        "What the second volume of a row is: the other half map, or local resolution in Å; auto "
        "takes one without negative values as local resolution",
        advanced=True,
    )
    threshold: float = setting(
        0.143, "Where the FSC of half maps gives the resolution", gt=0, lt=1, advanced=True
    )
    held_out: float = setting(
        0.2,
        "Part of the maps kept from training to measure the error; of a single map, regions",
        ge=0,
        le=0.5,
        advanced=True,
    )
    width: int = setting(
        16, "Channels of the first level; the original has 64", ge=2, advanced=True
    )
    regularisation: Literal["dropout", "batch"] = setting(
        "dropout", "What the original has behind its convolutions", advanced=True
    )
    dropout: float = setting(
        0.05,
        "Share of the features that a training leaves out at random; the original's is 0.25",
        ge=0,
        lt=1,
        advanced=True,
    )
    loss_power: float = setting(
        1.0, "Power of the relative error that is minimised; the original's is 2", gt=0, le=8,
        advanced=True,
    )  # fmt: skip
    patch: int = setting(
        12,
        "Side of the training patches, in places 4 Å apart; for the original in voxels, 16",
        ge=8,
        advanced=True,
    )
    batch: int = setting(8, "Patches in one step", ge=1, advanced=True)
    learning_rate: float = setting(3e-3, "Highest learning rate", gt=0, le=1, advanced=True)
    weight_decay: float = setting(0.01, "Weight decay of AdamW", ge=0, advanced=True)
    validate_every: int = setting(25, "Steps between validations", ge=1, advanced=True)


class ApplySettings(Inference, Masking):
    """How a resolution network is applied."""

    samples: int = setting(
        0,
        "Passes with features left out at random, whose spread is the uncertainty; 0 for none",
        ge=0,
        le=100,
    )
    outside: Literal["nan", "zero", "nearest"] = setting(
        "nan",
        "What stands outside the mask: not a number, 0, or the value of the nearest voxel inside",
        advanced=True,
    )
