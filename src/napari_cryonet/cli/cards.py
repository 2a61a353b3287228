"""Model cards for people and for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_cryonet.cli.output import number, say_json, say_table
from napari_cryonet.types import ModelCard


def show_card(path: Path, card: ModelCard, *, as_json: bool) -> None:
    """Print a model card.

    Parameters
    ----------
    path
        The model file.
    card
        Its card.
    as_json
        True to print all of it as JSON.
    """
    if as_json:
        say_json({"path": str(path), **card.model_dump(mode="json")})
        return
    say_table(
        {
            "model": path,
            "method": card.method,
            "made": f"{card.created} by CryoNet {card.product}",
            "voxel size": voxel_size_text(card.voxel_size),
            "trained on": "\n".join(_input(each) for each in card.inputs),
            "training": _listed(card.training),
            "network": _listed(card.network),
            "normalisation": _listed(card.normalisation),
            "settings": _listed(card.settings),
        }
    )


def voxel_size_text(sizes: tuple[float, ...] | None, unit: str = "Å") -> str:
    """Return sizes z, y, x as a person reads them."""
    if sizes is None:
        return "not known"
    same = len({number(size) for size in sizes}) == 1
    text = number(sizes[0]) if same else " × ".join(number(size) for size in sizes)
    return f"{text} {unit}"


def _input(described: dict[str, Any]) -> str:
    """Return one line for one of the data that a model was trained on."""
    shape = " × ".join(str(length) for length in described.get("shape", ()))
    return f"{described.get('name', 'unnamed')}  {shape}  {described.get('fingerprint', '')}"


def _listed(values: dict[str, Any]) -> str:
    """Return values in one line for each; those inside others are left to the JSON."""
    plain = {name: value for name, value in values.items() if not isinstance(value, dict | list)}
    return "\n".join(f"{name} = {value}" for name, value in plain.items())
