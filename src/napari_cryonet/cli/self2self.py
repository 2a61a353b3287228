"""``cryonet self2self``: what its data are called."""

from __future__ import annotations

from napari_cryonet.cli.denoising import results
from napari_cryonet.cli.methods import Family

FAMILY = Family("self2self", ("volume",), ("input",), results("from the measured noise"))
