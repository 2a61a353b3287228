"""Settings of local resolution. No torch here."""

from __future__ import annotations

from typing import Literal

from napari_cryonet.settings import setting
from napari_cryonet.signal.resolution_settings import Masking, window_radius


class ApplySettings(Masking):
    """How local resolution is measured."""

    way: Literal["fast", "precise"] = setting(
        "fast",
        "fast: shells of the whole map, then windows; precise: windows, then their shells, which "
        "takes longer and is sharper where the resolution jumps",
    )
    threshold: float = setting(
        0.143, "The resolution is where the correlation falls below this", gt=0, lt=1
    )
    radius: float | None = setting(
        None,
        "Radius of the window; three to four times the resolution is advised. Empty takes 12.5 Å "
        "or 8 voxels, whichever is more",
        unit="Å",
        gt=0,
    )
    step: int | None = setting(
        None,
        "Distance of the places where it is measured; empty takes 2, or 4 if precise",
        unit="voxels",
        ge=1,
        advanced=True,
    )
    coarsest: float | None = setting(
        None,
        "The coarsest resolution that is looked for; empty takes 2.4 radii",
        unit="Å",
        gt=0,
        advanced=True,
    )
    outside: Literal["nan", "zero", "nearest"] = setting(
        "nan",
        "What stands outside the mask: not a number, 0, or the value of the nearest voxel inside",
        advanced=True,
    )
    device: str = setting("auto", "auto, cpu, cuda, cuda:1 or mps", advanced=True)

    def __str__(self) -> str:
        """Say in a few words what is measured."""
        radius = "" if self.radius is None else f", {self.radius:g} Å"
        return f"FSC {self.threshold:g}, {self.way}{radius}"

    def window(self, voxel: float) -> float:
        """Return the radius of the window in Å for voxels of so many Å."""
        return self.radius or window_radius(voxel)

    def spacing(self) -> int:
        """Return the distance of the places in voxels."""
        return self.step or (2 if self.way == "fast" else 4)
