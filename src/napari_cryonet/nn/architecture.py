"""Which network a denoiser trains, as a specification for `napari_cryonet.nn.unet.build`."""

from __future__ import annotations

from typing import Any

from napari_cryonet.nn.settings import Denoiser

WIDE, NARROW = 32, 16


def specification(settings: Denoiser, *, fast: bool = True) -> dict[str, Any]:
    """Return kind and arguments of the network that the settings ask for.

    Parameters
    ----------
    settings
        Those of the training.
    fast
        Whether the device can afford a wide network: a narrow one that sees the data more
        often wins where steps are slow.
    """
    width = settings.width or (WIDE if fast else NARROW)
    if settings.network == "subpixel":
        return {"kind": "subpixel", "width": width, "dropout": settings.dropout}
    return {
        "kind": "unet",
        "width": width,
        "depth": settings.depth,
        "residual": settings.residual,
        "transposed": settings.transposed,
        "leak": settings.leak,
        "dropout": settings.dropout,
    }
