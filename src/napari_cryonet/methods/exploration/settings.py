"""Settings of exploration. No torch here."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from napari_cryonet.nn.settings import Computing, Training
from napari_cryonet.settings import setting


class TrainSettings(Training):
    """How candidates are found, and how a network learns to tell them apart."""

    diameter: float | None = setting(
        None, "Diameter of the particles; has to be given", unit="Å", gt=0
    )
    contrast: Literal["auto", "dark", "bright"] = setting(
        "auto", "Whether particles are darker or brighter than what is around them"
    )
    candidates: int = setting(1000, "Most candidates of a tomogram, the strongest", ge=8)
    strength: float = setting(
        3.0,
        "Smallest strength of a candidate, in deviations over the tomogram",
        ge=0,
        advanced=True,
    )
    max_minutes: float | None = setting(
        1.0, "Stop training after this time; the learning rate falls towards it", unit="min", gt=0
    )
    steps: int = setting(100, "Stop training after this many steps", ge=1, advanced=True)
    across: float = setting(
        12.0,
        "Voxels that a particle is to have across; larger ones are binned",
        unit="voxels",
        ge=6,
        le=32,
        advanced=True,
    )
    patch: int = setting(
        16, "Side of the cubes around candidates, a multiple of 4", unit="voxels", ge=8,
        advanced=True,
    )  # fmt: skip
    noise: float = setting(
        0.8, "Noise added to the views, in deviations of the tomogram", ge=0, advanced=True
    )
    erased: float = setting(
        0.5, "Part of the views from which a piece is erased", ge=0, le=1, advanced=True
    )
    repeats: float = setting(
        0.02, "How much it costs if two numbers of a description repeat each other", ge=0,
        advanced=True,
    )  # fmt: skip
    width: int = setting(24, "Channels of the first level", ge=4, multiple_of=4, advanced=True)
    batch: int = setting(64, "Candidates in one step, each in two views", ge=4, advanced=True)
    learning_rate: float = setting(3e-3, "Highest learning rate", gt=0, le=1, advanced=True)
    weight_decay: float = setting(0.01, "Weight decay of AdamW", ge=0, advanced=True)
    warmup: int = setting(10, "Steps in which the learning rate rises", ge=0, advanced=True)
    average: float = setting(
        0.9, "Decay of the running average of the weights; 0 for none", ge=0, lt=1, advanced=True
    )

    @field_validator("patch")
    @classmethod
    def _whole_cells(cls, patch: int) -> int:
        """Check that the cubes can be halved twice."""
        if patch % 4:
            raise ValueError("the side of the cubes has to be a multiple of 4")
        return patch


class ApplySettings(Computing):
    """How candidates are described, grouped and laid out."""

    clusters: int = setting(8, "Number of clusters", ge=2, le=100)
    coordinates: Literal["pca", "umap"] = setting(
        "pca",
        "The map of how alike candidates are: their two principal components, or UMAP if "
        "umap-learn is installed",
    )
    candidates: int | None = setting(
        None, "Most candidates, the strongest; none: as in the training", ge=8
    )
    border: float = setting(
        0.0, "Leave out candidates that are nearer to the border than this", unit="Å", ge=0
    )
    seed: int = setting(0, "Start of the random numbers of clusters and UMAP", ge=0, advanced=True)
