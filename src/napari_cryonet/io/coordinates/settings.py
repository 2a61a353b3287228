"""What a file of coordinates does not say, or says otherwise than its format does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator

from napari_cryonet.settings import Settings, setting

FormatName = Literal[
    "auto",
    "relion5",
    "relion4",
    "relion31",
    "relion30",
    "warp",
    "csv",
    "coords",
    "imod",
    "imod-points",
    "cbox",
    "eman",
    "eman-box",
    "dynamo",
    "motl",
    "copick",
    "cet-pick",
    "cet-pick-results",
]
Axes = Literal["default", "xyz", "xzy", "yxz", "yzx", "zxy", "zyx"]


class CoordinateSettings(Settings):
    """How positions in a file become voxels of a volume, and the other way round.

    Nothing here is guessed: what is left at its default is the documented convention of the
    format, and what a format needs and nobody gives is an error that names it.
    """

    format: FormatName = setting(
        "auto", "The format; auto takes it from the content, for a new file from its name"
    )
    voxel_size: float | None = setting(
        None, "Voxel size of the volume", unit="Å", gt=0, allow_inf_nan=False
    )
    volume_shape: tuple[int, int, int] | None = setting(
        None, "Shape of the volume that was picked in, z y x", unit="voxels"
    )
    binning: float | None = setting(
        None, "Unbinned pixels for each voxel of the volume", gt=0, allow_inf_nan=False
    )
    tomograms: Path | None = setting(
        None, "The tomograms.star of RELION; the one beside the file is found without it"
    )
    volume: str = setting("", "Name of the tomogram whose positions to take; all if empty")
    axes: Axes = setting("default", "Order of the three numbers of a position", advanced=True)
    unit: Literal["default", "voxels", "unbinned", "angstrom"] = setting(
        "default", "What the numbers count: voxels, unbinned pixels or Å", advanced=True
    )
    origin: Literal["default", "corner", "centre", "centre-1"] = setting(
        "default",
        "Where they count from: the first voxel, half the size, or one unbinned pixel before",
        advanced=True,
    )
    count_from: Literal["default", "0", "1"] = setting(
        "default", "The number of the first voxel", advanced=True
    )
    half_voxel: Literal["default", "none", "xy", "xyz"] = setting(
        "default", "Axes along which the centre of a voxel lies at a half", advanced=True
    )
    unbinned_shape: tuple[int, int, int] | None = setting(
        None, "Shape of the unbinned volume, z y x", unit="pixels", advanced=True
    )
    section: float | None = setting(
        None,
        "The z of all positions, for a file without z",
        unit="voxels",
        advanced=True,
        allow_inf_nan=False,
    )
    diameter: float | None = setting(
        None, "Diameter of the particles", unit="Å", advanced=True, gt=0, allow_inf_nan=False
    )
    score_column: str = setting("", "Column that holds the scores", advanced=True)
    class_column: str = setting("", "Column that holds the classes", advanced=True)

    @field_validator("volume_shape", "unbinned_shape", mode="before")
    @classmethod
    def _numbers(cls, value: Any) -> Any:
        """Read three numbers from one line of a form."""
        if isinstance(value, str):
            return tuple(re.findall(r"[^\s,;×()]+", value)) or None
        return value

    @field_validator("volume_shape", "unbinned_shape")
    @classmethod
    def _positive(cls, value: tuple[int, int, int] | None) -> tuple[int, int, int] | None:
        """Refuse a shape without voxels."""
        if value is not None and min(value) < 1:
            raise ValueError("a shape has at least one voxel along each axis")
        return value
