"""Settings of simulated images of single molecules; loads no scipy, so that help is quick."""

from __future__ import annotations

from typing import Literal

from napari_cryonet.settings import Settings, setting

Shape = Literal["blob", "ring", "helix"]


class SmlmSettings(Settings):
    """What is simulated."""

    shape: Shape = setting("blob", "blob without symmetry, ring of nine blades, or helix")
    radius: float = setting(100.0, "Root mean square radius of the particle", unit="nm", gt=0)
    count: int = setting(300, "Number of images", ge=1)
    wobble: float = setting(
        0.0, "Deviation of molecules from their vertex, in root mean square radii", ge=0
    )
    loss: float = setting(0.0, "Share of the vertices without a label", ge=0, lt=1)
    spawn: int = setting(1, "Molecules that a vertex may carry", ge=1)
    spawn_rate: float = setting(1.0, "Share of these that are seen", gt=0, le=1)
    background: float = setting(
        0.0, "Molecules that lie anywhere in the image, as a share of all", ge=0, lt=1
    )
    shift: float = setting(
        10.0, "Largest distance of particles from the middle along y, x", unit="nm", ge=0
    )
    pixel_size: float = setting(6.25, "Size of a pixel", unit="nm", gt=0)
    box: int = setting(64, "Side of the images", unit="pixels", ge=8)
    sigma: float = setting(7.5, "Standard deviation of a spot", unit="nm", gt=0)
    seed: int = setting(0, "Start of all random numbers", ge=0)
