"""Settings of pictures and films of clouds; loads nothing that draws, so that help is quick."""

from __future__ import annotations

from typing import Literal

from napari_cryonet.settings import Settings, setting


class AnimationSettings(Settings):
    """How a cloud is filmed."""

    of: Literal["turn", "history"] = setting(
        "turn", "turn: about the vertical axis; history: through the levels of its refinement"
    )
    frames: int = setting(90, "Number of pictures", ge=2, le=3000)
    seconds: float = setting(6.0, "How long they last together", unit="s", gt=0)
    side: int = setting(480, "Side of the pictures", unit="pixels", ge=64, le=4096, multiple_of=2)
    tilt: float = setting(15.0, "How far the vertical axis leans to the viewer", unit="°")
    point: float | None = setting(
        None, "Standard deviation of a point; none: 0.03 of the cloud's reach", unit="nm", gt=0
    )


class MontageSettings(Settings):
    """What a montage shows."""

    count: int = setting(24, "Number of particles, taken evenly from all", ge=1, le=400)
    columns: int = setting(3, "Particles side by side", ge=1, le=20)
    side: int = setting(128, "Least side of a picture of a particle", unit="pixels", ge=32, le=1024)
