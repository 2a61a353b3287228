"""What an application of a method makes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from napari_cryonet.types.thing import Thing
from napari_cryonet.types.volume import Volume


class Result(NamedTuple):
    """A volume, what was measured, and what else was made on the way.

    Parameters
    ----------
    volume
        The result; None if it is no volume but the first of `others`.
    measures
        Figures and curves, ready for JSON.
    others
        Further parts by name, for example ``"uncertainty"``; written beside the result.
    """

    volume: Volume | None
    measures: dict[str, Any]
    others: Mapping[str, Thing] = MappingProxyType({})
