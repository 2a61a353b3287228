"""``cryonet exploration``: what its data are called, and what it tells."""

from __future__ import annotations

from typing import Any

from napari_cryonet.cli.methods import Family
from napari_cryonet.jobs import Outcome


def _results(outcome: Outcome) -> tuple[dict[str, Any], dict[str, str]]:
    """Return how many candidates each cluster has."""
    measures = dict(outcome.measures)
    return measures, {name: str(count) for name, count in measures["clusters"].items()}


FAMILY = Family("exploration", ("tomogram",), ("tomogram",), _results)
