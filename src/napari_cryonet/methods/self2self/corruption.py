"""Three ways to make, of one noisy volume, an input and a target with independent noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from torch import Tensor

from napari_cryonet.methods.self2self.masks import Mask, blocks, coefficients, points
from napari_cryonet.methods.self2self.settings import TrainSettings
from napari_cryonet.nn.learner import Example
from napari_cryonet.signal.combine import Values, mixtures
from napari_cryonet.signal.noise import Noise

_ABSENT = 1e-4
_VOLUME = (-3, -2, -1)


class Corruption(Protocol):
    """What one mode does to a volume, of which it knows the noise.

    Attributes
    ----------
    spread
        By what the deviation over passes is multiplied to be that of the result.
    """

    @property
    def spread(self) -> float: ...  # noqa: D102

    def example(self, values: Values, noise: Noise, random: np.random.Generator) -> Example:
        """Return what a network is given, what it has to predict, and where that counts.

        Parameters
        ----------
        values
            ``(z, y, x)`` on the network's scale.
        noise
            Of these values.
        random
            Where the chance comes from.
        """

    def inputs(
        self, values: Values, noise: Noise, random: np.random.Generator
    ) -> tuple[Values, Values]:
        """Return what a network is given in two passes that denoise a volume."""

    def error(self, out: Tensor, wanted: Tensor, counted: Tensor) -> Tensor:
        """Return the errors ``(b, 1, z, y, x)`` of a batch, 0 where they do not count."""

    def whole(self, out: Tensor, wanted: Tensor, counted: Tensor) -> Tensor:
        """Return the volumes ``(b, 1, z, y, x)`` that are to be smooth."""


@dataclass(frozen=True)
class Bernoulli:
    """Voxels are set to zero, alone or in blocks, and have to be predicted.

    Parameters
    ----------
    masks
        ``"points"``, ``"blocks"`` or ``"both"`` by turns.
    point_probability, block_probability
        Shares that are left out.
    side
        Of the blocks, in voxels.

    References
    ----------
    Quan, Chen, Pang, Ji, *Self2Self with dropout*, CVPR 2020.
    """

    masks: str
    point_probability: float
    block_probability: float
    side: int
    spread = 1.0

    def example(self, values: Values, noise: Noise, random: np.random.Generator) -> Example:  # noqa: ARG002
        """Return the volume with holes, the volume, and the holes."""
        out = self.out(values.shape, random)
        return Example(np.where(out, np.float32(0), values), values, out.astype(np.float32))

    def inputs(
        self,
        values: Values,
        noise: Noise,  # noqa: ARG002
        random: np.random.Generator,
    ) -> tuple[Values, Values]:
        """Return the volume with holes, twice."""
        one, two = (
            np.where(self.out(values.shape, random), np.float32(0), values) for _ in range(2)
        )
        return one, two

    def error(self, out: Tensor, wanted: Tensor, counted: Tensor) -> Tensor:
        """Return the errors in the holes."""
        return (out - wanted) * counted

    def whole(self, out: Tensor, wanted: Tensor, counted: Tensor) -> Tensor:
        """Return the volumes with predictions in their holes."""
        return torch.where(counted > 0, out, wanted)

    def out(self, shape: tuple[int, ...], random: np.random.Generator) -> Mask:
        """Return which voxels are left out."""
        single = self.masks == "points" or (self.masks == "both" and bool(random.integers(2)))
        if single:
            return points(shape, self.point_probability, random)
        return blocks(shape, self.block_probability, self.side, random)


@dataclass(frozen=True)
class Fourier:
    """Fourier coefficients are left out and have to be predicted.

    Noise that is the same everywhere has independent coefficients, however its voxels are
    correlated.

    Parameters
    ----------
    probability
        Share that is left out.
    ball
        What is always kept, in cycles/voxel.
    side
        They are left out in blocks of this side.
    signs
        Share of all coefficients whose sign is turned.
    second
        Whether a second sample has to be predicted, and not what was left out.

    References
    ----------
    F2Fd, *Fourier perturbation for single tomograms*, ISBI 2023: `second` and `signs`.
    """

    probability: float
    ball: float
    side: int
    signs: float
    second: bool
    spread = 1.0

    def example(self, values: Values, noise: Noise, random: np.random.Generator) -> Example:  # noqa: ARG002
        """Return a sample, and what was left out or another sample."""
        terms, out = fft.rfftn(values), self.out(values.shape, random)
        given = self._sample(terms, out, values.shape, random)
        if self.second:
            other = self.out(values.shape, random)
            return Example.everywhere(given, self._sample(terms, other, values.shape, random))
        wanted = fft.irfftn(terms * out, values.shape).astype(np.float32)
        return Example.everywhere(given, wanted)

    def inputs(
        self,
        values: Values,
        noise: Noise,  # noqa: ARG002
        random: np.random.Generator,
    ) -> tuple[Values, Values]:
        """Return two samples."""
        terms = fft.rfftn(values)
        one, two = (
            self._sample(terms, self.out(values.shape, random), values.shape, random)
            for _ in range(2)
        )
        return one, two

    def error(self, out: Tensor, wanted: Tensor, counted: Tensor) -> Tensor:
        """Return the errors of the coefficients that were left out: those the target has."""
        if not self.second:
            terms = torch.fft.rfftn(wanted, dim=_VOLUME).abs()
            typical = terms.square().mean(dim=_VOLUME, keepdim=True).sqrt()
            there = terms > _ABSENT * typical
            predicted = torch.fft.rfftn(out, dim=_VOLUME) * there
            out = torch.fft.irfftn(predicted, s=out.shape[2:], dim=_VOLUME)
        return (out - wanted) * counted

    def whole(self, out: Tensor, wanted: Tensor, counted: Tensor) -> Tensor:  # noqa: ARG002
        """Return the predictions."""
        return out

    def out(self, shape: tuple[int, ...], random: np.random.Generator) -> Mask:
        """Return which coefficients are left out."""
        return coefficients(shape, self.probability, self.ball, self.side, random)

    def _sample(
        self,
        terms: NDArray[Any],
        out: Mask,
        shape: tuple[int, ...],
        random: np.random.Generator,
    ) -> Values:
        """Return a volume without some of its coefficients, signs of others turned."""
        kept = np.where(out, 0, terms)
        if self.signs:
            turned = coefficients(shape, self.signs, 0.0, 1, random)
            kept = np.where(turned, -kept, kept)
        return np.asarray(fft.irfftn(kept, shape), dtype=np.float32)


@dataclass(frozen=True)
class Added:
    """Noise of the same kind is added to the input, and taken from the target.

    Of noise n and drawn noise e with the same covariances, ``n + αe`` and ``n - e/α`` are
    independent.

    Parameters
    ----------
    mixing
        α.

    References
    ----------
    Pang, Zheng, Quan, Ji, *Recorrupted-to-Recorrupted*, CVPR 2021.
    """

    mixing: float

    @property
    def spread(self) -> float:
        """The drawn noise is α times as strong as that of the volume."""
        return 1 / self.mixing

    def example(self, values: Values, noise: Noise, random: np.random.Generator) -> Example:
        """Return the volume with more noise, and with less."""
        drawn = noise.draw(values.shape, random)
        return Example.everywhere(*mixtures(values + drawn, values - drawn, self.mixing))

    def inputs(
        self, values: Values, noise: Noise, random: np.random.Generator
    ) -> tuple[Values, Values]:
        """Return the volume with drawn noise added, and with the same noise taken away."""
        drawn = np.float32(self.mixing) * noise.draw(values.shape, random)
        return values + drawn, values - drawn

    def error(self, out: Tensor, wanted: Tensor, counted: Tensor) -> Tensor:
        """Return the errors."""
        return (out - wanted) * counted

    def whole(self, out: Tensor, wanted: Tensor, counted: Tensor) -> Tensor:  # noqa: ARG002
        """Return the predictions."""
        return out


def corruption(mode: str, settings: TrainSettings, reach: int) -> Corruption:
    """Return what a mode does to a volume.

    Parameters
    ----------
    mode
        ``"bernoulli"``, ``"fourier"`` or ``"noise"``.
    settings
        Those of the training.
    reach
        How far the noise is correlated, in voxels.
    """
    if mode == "noise":
        return Added(settings.mixing)
    if mode == "fourier":
        return Fourier(
            settings.fourier_probability,
            settings.kept_ball,
            settings.fourier_block,
            settings.sign_probability,
            settings.fourier_target == "sample",
        )
    masks = settings.masks
    if masks == "auto":
        masks = "points" if reach == 1 else "blocks"
    side = settings.block_side or 2 * reach - 1
    return Bernoulli(masks, settings.point_probability, settings.block_probability, max(2, side))
