"""Which network Noise2Noise trains, as a specification for `napari_cryonet.nn.unet.build`."""

from __future__ import annotations

from typing import Any

from napari_cryonet.methods.noise2noise.settings import TrainSettings


def specification(settings: TrainSettings) -> dict[str, Any]:
    """Return kind and arguments of the network that the settings ask for."""
    if settings.network == "subpixel":
        return {"kind": "subpixel", "width": settings.width}
    return {
        "kind": "unet",
        "width": settings.width,
        "depth": settings.depth,
        "residual": settings.residual,
        "transposed": settings.transposed,
        "leak": settings.leak,
    }
