"""Settings of the clean-up of picks; loads no scipy, so that help is quick."""

from __future__ import annotations

from typing import Literal

from napari_cryonet.settings import Settings, setting


class FibreSettings(Settings):
    """How picks are chained to fibres, and these drawn as smooth curves."""

    distance: float | None = setting(
        None,
        "Farthest next pick along a fibre; none: 2.5 times the usual distance of neighbours",
        unit="Å",
        gt=0,
    )
    least: int = setting(8, "Fewest picks of a fibre", ge=4)
    spacing: float | None = setting(
        None, "Distance of the positions along a fibre; none: that of its picks", unit="Å", gt=0
    )
    bend: float = setting(
        45.0, "Largest change of direction from one pick to the next", unit="degrees", gt=0, le=90
    )
    curvature_radius: float = setting(
        300.0, "Smallest radius of curvature of a fibre", unit="Å", gt=0
    )
    residual: float | None = setting(
        None,
        "Largest distance of picks from their curve, root mean square; none: a quarter of the "
        "farthest next pick",
        unit="Å",
        gt=0,
    )


class SpikeSettings(Settings):
    """How groups of picks become one pick each, and lone picks are dropped."""

    distance: float | None = setting(
        None,
        "Picks that are nearer than this belong together; none: the diameter, if the picks have "
        "a radius",
        unit="Å",
        gt=0,
    )
    least: int = setting(3, "Fewest picks of a group that is kept", ge=1)
    merged: Literal["mean", "best"] = setting(
        "mean", "A group becomes its mean place, or its pick with the highest score"
    )
