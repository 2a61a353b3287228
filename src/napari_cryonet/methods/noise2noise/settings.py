"""Settings of Noise2Noise. No torch here."""

from __future__ import annotations

from typing import Literal

from napari_cryonet.nn.settings import Denoise, Denoiser
from napari_cryonet.settings import setting


class TrainSettings(Denoiser):
    """How a Noise2Noise network is trained."""

    sampling: Literal["everywhere", "signal"] = setting(
        "everywhere",
        "Draw patches everywhere, or only where the halves agree on density",
        advanced=True,
    )
    mixing: float = setting(
        0.5,
        "Input and target are mixtures of both halves with independent noise; less than 1 gives "
        "a cleaner input and a noisier target, 1 takes the halves themselves",
        gt=0,
        le=1,
        advanced=True,
    )
    swap: bool = setting(True, "Exchange the halves at random", advanced=True)


class ApplySettings(Denoise):
    """How a Noise2Noise network is applied."""
