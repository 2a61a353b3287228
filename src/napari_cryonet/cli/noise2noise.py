"""``cryonet noise2noise``: what its data are called."""

from __future__ import annotations

from napari_cryonet.cli.denoising import results
from napari_cryonet.cli.methods import Family

FAMILY = Family(
    "noise2noise", ("half1", "half2"), ("input", "input2"), results("across the halves")
)
