"""Settings of masks and of the FSC; loads no scipy, so that help is quick."""

from __future__ import annotations

from typing import Literal

from napari_cryonet.settings import Settings, setting

_LEAST_RADIUS, _LEAST_VOXELS = 12.5, 8.0


def window_radius(voxel: float) -> float:
    """Return the radius in Å of the window that suits voxels of so many Å."""
    return max(_LEAST_RADIUS, _LEAST_VOXELS * voxel)


class Masking(Settings):
    """How a mask is made where none is given."""

    mask: Literal["automatic", "threshold", "sphere", "none"] = setting(
        "automatic",
        "automatic: the low-passed density; threshold: the same above a grey value; sphere; none",
    )
    mask_threshold: float | None = setting(
        None, "Grey value of the low-passed map above which it is inside, for threshold"
    )
    mask_radius: float | None = setting(
        None, "Radius of the sphere; empty takes the largest that fits", unit="Å", gt=0
    )
    mask_lowpass: float = setting(
        15.0, "Low-pass of the map before its threshold", unit="Å", gt=0, advanced=True
    )
    mask_extend: float = setting(
        1.0, "By how much the density is extended before the edge begins", unit="voxels", ge=0,
        advanced=True,
    )  # fmt: skip
    mask_edge: float = setting(6.0, "Width of the soft edge", unit="voxels", ge=0, advanced=True)


class FscSettings(Masking):
    """How the resolution of two half maps is measured."""

    randomise_below: float = setting(
        0.8,
        "Phases are random beyond the first shell in which the unmasked FSC is below this",
        gt=0,
        lt=1,
        advanced=True,
    )
    seed: int = setting(0, "Start of the random phases", ge=0, advanced=True)
