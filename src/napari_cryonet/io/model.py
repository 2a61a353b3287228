"""Trained models as one .safetensors file: the weights, and the model card as JSON inside.

Nothing is ever unpickled: a model file may come from a stranger. Reading the card alone
costs neither the weights nor torch, so that a window can list hundreds of models.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

from napari_cryonet.errors import FileProblem, ModelError
from napari_cryonet.io.atomic import replacing
from napari_cryonet.types.model import FORMAT, Model, ModelCard

SUFFIX = ".safetensors"
_KEY = "cryonet"
_SHIPPED = Path(__file__).parents[1] / "weights"


def shipped(name: str) -> Path:
    """Return the file of a model that comes with CryoNet."""
    return _SHIPPED / f"{name}{SUFFIX}"


def read_card(path: Path) -> ModelCard:
    """Read what is known about a model without reading its weights.

    Raises
    ------
    FileProblem
        If there is no such file.
    ModelError
        If it is not a model of this product, or was written by a newer one.
    """
    if not path.is_file():
        raise FileProblem(f"There is no model file {path}.")
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(_KEY)
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} is not a model file ({error}); models are .safetensors files that CryoNet "
            f"has written."
        ) from error
    if text is None:
        raise ModelError(f"{path} holds weights but no model card; CryoNet did not write it.")
    try:
        card = ModelCard.model_validate_json(text)
    except ValidationError as error:
        raise ModelError(f"The model card in {path} is damaged: {error}.") from error
    if card.format_version > FORMAT:
        raise ModelError(
            f"{path} was written by a newer CryoNet ({card.product}); update this one to use it."
        )
    return card


def read_model(path: Path) -> Model:
    """Read a model.

    Raises
    ------
    FileProblem, ModelError
        As `read_card`.
    """
    return Model(read_card(path), load_file(path), path)


def write_model(path: Path, model: Model, *, overwrite: bool = False) -> None:
    """Write a model file.

    Raises
    ------
    OutputExists, FileProblem
        If the file is there, or cannot be written.
    """
    # safetensors writes the memory of an array as it lies, whatever its strides
    weights = {name: np.asarray(values, order="C") for name, values in model.weights.items()}
    # its own way of writing files keeps them from everybody but their owner
    content = save(weights, {_KEY: model.card.model_dump_json()})
    with replacing(path, overwrite=overwrite) as part:
        part.write_bytes(content)
