"""Settings of the deconvolution. No torch here."""

from __future__ import annotations

from napari_cryonet.signal.ctf import Deconvolution


class ApplySettings(Deconvolution):
    """How a volume is deconvolved."""
