"""A trained network: its weights and the card that says what it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from napari_cryonet.errors import ModelError

FORMAT = 1


class ModelCard(BaseModel):
    """What is known about a trained network; JSON-able, kept inside the model file.

    Parameters
    ----------
    method
        Name of the method that made it and can apply it.
    settings
        The settings it was trained with.
    network
        What is needed to build the network again.
    product, format_version
        Version of CryoNet that wrote it, and of this card.
    created
        Date and time, ISO 8601, UTC.
    voxel_size
        Å per voxel, z, y, x, of the training data; None if not known.
    normalisation
        How grey values are brought to the network's scale.
    training
        Figures of the training: steps, minutes, quality on held-out data, ….
    inputs
        The training data: name, shape and fingerprint of each.
    extra
        What only the method itself understands.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    method: str
    settings: dict[str, Any] = Field(default_factory=dict)
    network: dict[str, Any] = Field(default_factory=dict)
    product: str = ""
    format_version: int = FORMAT
    created: str = ""
    voxel_size: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None
    normalisation: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    inputs: tuple[dict[str, Any], ...] = ()
    extra: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network, independent of the library that trained it.

    Parameters
    ----------
    card
        What it is.
    weights
        The parameters by name.
    path
        The file it was read from, None if it was just trained.
    """

    card: ModelCard
    weights: dict[str, NDArray[np.generic]]
    path: Path | None = None

    def check_method(self, method: str) -> None:
        """Check that this is a model of `method`.

        Raises
        ------
        ModelError
            If another method made it.
        """
        if self.card.method != method:
            raise ModelError(
                f"{self.path or 'The model'} was made by {self.card.method} and cannot be "
                f"applied by {method}; choose a {method} model."
            )


def voxel_size_warning(card: ModelCard, voxel_size: tuple[float, ...] | None) -> str:
    """Return a sentence if data of `voxel_size` differ from a model's by over 10 %, else "".

    Parameters
    ----------
    card
        The model's card.
    voxel_size
        Å per voxel of the data, z, y, x; None if not known.
    """
    if voxel_size is None or card.voxel_size is None:
        return ""
    ratios = [ours / theirs for ours, theirs in zip(voxel_size, card.voxel_size, strict=True)]
    if all(round(abs(ratio - 1), 6) <= 0.1 for ratio in ratios):
        return ""
    return (
        f"The model was trained at {card.voxel_size[0]:.4g} Å per voxel, these data have "
        f"{voxel_size[0]:.4g} Å: details have another size, so the result may be poor. Train a "
        f"model on data of this voxel size."
    )
