"""What an application of a method makes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from napari_cryonet.types.points import Points
from napari_cryonet.types.volume import Volume


class Result(NamedTuple):
    """A volume, what was measured, and what else was made on the way.

    Parameters
    ----------
    volume
        The result.
    measures
        Figures and curves, ready for JSON.
    others
        Further volumes or picks by name, for example ``"uncertainty"``; written beside the result.
    """

    volume: Volume
    measures: dict[str, Any]
    others: Mapping[str, Volume | Points] = MappingProxyType({})
