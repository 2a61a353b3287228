"""Settings of Self2Self. No torch here."""

from __future__ import annotations

from typing import Literal

from napari_cryonet.nn.settings import Denoise, Denoiser
from napari_cryonet.settings import setting
from napari_cryonet.signal.ctf import Deconvolution

Box6 = tuple[int, int, int, int, int, int]


class TrainSettings(Denoiser):
    """How a Self2Self network is trained."""

    mode: Literal["auto", "bernoulli", "fourier", "noise"] = setting(
        "auto",
        "Leave out voxels (bernoulli), leave out Fourier coefficients, or add measured noise; "
        "auto measures the noise: voxels if it is independent from voxel to voxel, else noise",
    )
    masks: Literal["auto", "points", "blocks", "both"] = setting(
        "auto",
        "Leave out single voxels, blocks of them, or both by turns; auto takes blocks that are "
        "larger than the noise is correlated",
        advanced=True,
    )
    point_probability: float = setting(
        0.3, "Share of the voxels that point masks leave out", gt=0, lt=1, advanced=True
    )
    block_probability: float = setting(
        0.1, "Share of the blocks that block masks leave out", gt=0, lt=1, advanced=True
    )
    block_side: int | None = setting(
        None,
        "Side of the blocks; none: twice as far as the noise is correlated, less one",
        unit="voxels",
        ge=2,
        advanced=True,
    )
    samples: int = setting(
        1, "Masks or perturbations of each patch in one step", ge=1, advanced=True
    )
    total_variation: float = setting(
        0.0,
        "Weight of the total variation of the volume in which predictions stand for the voxels "
        "left out",
        ge=0,
        advanced=True,
    )
    loss: Literal["mean", "norm"] = setting(
        "mean",
        "Mean power of the error, or the norm of each patch's error as in the original",
        advanced=True,
    )
    fourier_target: Literal["sample", "others"] = setting(
        "sample",
        "Predict a second sample, as in F2Fd, or the coefficients that were left out",
        advanced=True,
    )
    kept_ball: float = setting(
        0.25,
        "Fourier coefficients of lower frequency are never left out",
        unit="cycles/voxel",
        ge=0,
        le=0.5,
        advanced=True,
    )
    fourier_probability: float = setting(
        0.5, "Share of the other Fourier coefficients that are left out", gt=0, lt=1, advanced=True
    )
    fourier_block: int = setting(
        4, "Fourier coefficients are left out in blocks of this side", ge=1, advanced=True
    )
    sign_probability: float = setting(
        0.1, "Share of the Fourier coefficients whose sign is turned", ge=0, lt=0.5, advanced=True
    )
    mixing: float = setting(
        0.5,
        "Strength of the added noise; less than 1 gives a cleaner input and a noisier target",
        gt=0,
        le=1,
        advanced=True,
    )
    box: Box6 | None = setting(
        None,
        "Train on a box only: first and last voxel (exclusive) along z, y, x",
        unit="voxels",
        advanced=True,
    )
    deconvolution: Deconvolution | None = setting(
        None, "Train on volumes deconvolved with these parameters", advanced=True
    )


class ApplySettings(Denoise):
    """How a Self2Self network is applied."""

    passes: int = setting(
        8,
        "Random passes to average over, each on a turned copy; more is slower and better",
        ge=1,
        le=200,
    )
    uncertainty: bool = setting(
        False, "Also give the standard deviation over the passes, at least two of them"
    )
