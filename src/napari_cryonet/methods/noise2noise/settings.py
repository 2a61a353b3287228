"""Settings of Noise2Noise. No torch here."""

from __future__ import annotations

from typing import Literal

from napari_cryonet.nn.settings import Inference, Training
from napari_cryonet.settings import setting


class TrainSettings(Training):
    """How a Noise2Noise network is trained."""

    rotations: Literal["auto", "rotations", "flips", "none"] = setting(
        "auto",
        "Turned copies to learn from: 24 rotations for cubic maps, mirror images for tomograms, "
        "whose missing wedge must stay in place; auto looks at the shape",
    )
    sampling: Literal["everywhere", "signal"] = setting(
        "everywhere",
        "Draw patches everywhere, or only where the halves agree on density",
        advanced=True,
    )
    network: Literal["subpixel", "unet"] = setting(
        "subpixel", "Fast U-Net at half sampling, or the classical U-Net", advanced=True
    )
    width: int | None = setting(
        None,
        "Channels of the first level; none: 32, or 16 on a CPU that computes in float32",
        ge=2,
        advanced=True,
    )
    depth: int = setting(3, "How often a classical U-Net halves", ge=1, le=6, advanced=True)
    residual: bool = setting(
        False, "A classical U-Net adds its input; learns badly from noisy data", advanced=True
    )
    transposed: bool = setting(
        False, "A classical U-Net goes up by transposed convolutions", advanced=True
    )
    leak: float = setting(
        0.1,
        "Slope below zero of a classical U-Net's activation; 0 is ReLU",
        ge=0,
        lt=1,
        advanced=True,
    )
    mixing: float = setting(
        0.5,
        "Input and target are mixtures of both halves with independent noise; less than 1 gives "
        "a cleaner input and a noisier target, 1 takes the halves themselves",
        gt=0,
        le=1,
        advanced=True,
    )
    swap: bool = setting(True, "Exchange the halves at random", advanced=True)
    loss_power: float = setting(
        2.0,
        "Power of the error that is minimised; 2 is the mean square",
        gt=0,
        le=8,
        advanced=True,
    )
    normalisation: Literal["standard", "minmax", "none"] = setting(
        "standard", "Grey values to mean 0 and deviation 1, to 0–1, or as they are", advanced=True
    )
    held_out: float = setting(
        0.08,
        "Part of the volume kept from training to measure the quality, at most 32 cubes",
        ge=0,
        le=0.5,
        advanced=True,
    )
    held_out_side: int = setting(
        24, "Side of the cubes that are held out", unit="voxels", ge=8, advanced=True
    )
    voxel_size: float | None = setting(
        None,
        "Resample data outside the limits below to this voxel size",
        unit="Å",
        gt=0,
        advanced=True,
    )
    voxel_size_min: float = setting(
        0.0, "Smallest voxel size that is taken as it is", unit="Å", ge=0, advanced=True
    )
    voxel_size_max: float = setting(
        1000.0, "Largest voxel size that is taken as it is", unit="Å", gt=0, advanced=True
    )


class ApplySettings(Inference):
    """How a Noise2Noise network is applied."""

    passes: int = setting(
        8, "Turned copies to average over; more is slower and a little better", ge=1, le=24
    )
    keep: Literal["auto", "off"] = setting(
        "auto",
        "Mix the raw average back in, shell by shell, where the halves show that the network "
        "loses what the data know",
    )
