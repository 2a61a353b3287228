"""Settings of training and of tiled inference, common to all methods. No torch here."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import field_validator

from napari_cryonet.settings import Settings, setting


class Computing(Settings):
    """On what a network runs, whether it is trained or applied."""

    device: str = setting("auto", "auto, cpu, cuda, cuda:1 or mps", advanced=True)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = setting(
        "auto", "Precision of the network; auto measures which is faster", advanced=True
    )


class Training(Computing):
    """How long, how fast and with which safeguards a network is trained."""

    max_minutes: float | None = setting(
        3.0, "Stop training after this time; the learning rate falls towards it", unit="min", gt=0
    )
    steps: int = setting(20_000, "Stop training after this many steps", ge=1, advanced=True)
    patience: int = setting(
        80,
        "Stop after this many validations without improvement; 0 never does",
        ge=0,
        advanced=True,
    )
    seed: int = setting(
        0, "Start of all random numbers; equal seeds repeat a training", ge=0, advanced=True
    )
    patch: int = setting(40, "Side of the training patches", unit="voxels", ge=8, advanced=True)
    batch: int = setting(2, "Patches in one step", ge=1, advanced=True)
    epochs: int | None = setting(
        None, "Train for this many passes over the data instead of steps", ge=1, advanced=True
    )
    learning_rate: float = setting(1.5e-3, "Highest learning rate", gt=0, le=1, advanced=True)
    weight_decay: float = setting(
        0.3,
        "Weight decay of AdamW; to 0, or to the weights that the training started from",
        ge=0,
        advanced=True,
    )
    schedule: Literal["cosine", "exponential", "constant"] = setting(
        "cosine", "How the learning rate falls", advanced=True
    )
    gamma: float = setting(
        0.9,
        "Factor of the learning rate after each epoch if exponential",
        gt=0,
        le=1,
        advanced=True,
    )
    warmup: int = setting(20, "Steps in which the learning rate rises", ge=0, advanced=True)
    clip: float = setting(1.0, "Largest norm of the gradient; 0 for any", ge=0, advanced=True)
    average: float = setting(
        0.99, "Decay of the running average of the weights; 0 for none", ge=0, lt=1, advanced=True
    )
    validate_every: int = setting(50, "Steps between validations", ge=1, advanced=True)
    checkpoint_minutes: float = setting(
        1.0, "Time between checkpoints in the run folder", unit="min", gt=0, advanced=True
    )
    keep_epochs: bool = setting(
        False, "Keep the model of every epoch in the run folder", advanced=True
    )

    @field_validator("max_minutes")
    @classmethod
    def _unlimited(cls, minutes: float | None) -> float:
        """Return infinity for no limit, which survives TOML."""
        return math.inf if minutes is None else minutes


class InitialWeights(Settings):
    """Where the training of a network starts that has general weights.

    Attributes
    ----------
    general_weights
        Name of the model with the weights that come with CryoNet.
    """

    general_weights: ClassVar[str]

    initial_weights: Literal["general", "random"] = setting(
        "general",
        "Start from the weights that come with CryoNet, learnt on simulated data, or by chance",
    )


class Denoiser(InitialWeights, Training):
    """Which network denoises, and on what it learns; common to all that train denoisers."""

    general_weights = "denoising"

    rotations: Literal["auto", "rotations", "flips", "none"] = setting(
        "auto",
        "Turned copies to learn from: 24 rotations for cubic maps, mirror images for tomograms, "
        "whose missing wedge must stay in place; auto looks at the shape",
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
    dropout: float = setting(
        0.0,
        "Share of the features that a training leaves out at random",
        ge=0,
        lt=1,
        advanced=True,
    )
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


class Inference(Computing):
    """Where and in which pieces a trained network is applied."""

    tile: int = setting(
        256,
        "Largest side of the pieces; halved when memory runs out",
        unit="voxels",
        ge=16,
        advanced=True,
    )
    margin: int | None = setting(
        None,
        "Rim of a piece that is thrown away; none: what the network sees",
        unit="voxels",
        ge=0,
        advanced=True,
    )
    seed: int = setting(
        0, "Start of the random numbers of methods that average over chance", ge=0, advanced=True
    )


class Denoise(Inference):
    """How a denoiser is applied."""

    passes: int = setting(
        8, "Turned copies to average over; more is slower and a little better", ge=1, le=24
    )
    keep: Literal["auto", "off"] = setting(
        "auto",
        "Mix the data back in, shell by shell, where a measurement shows that the network loses "
        "what they know",
    )
