"""The network that tells the pose of an image at once.

It offers several poses, since images from different sides may look alike; the one in which the
cloud explains the image best is taken. A rotation is written as two axes, which are made
orthogonal: so that no small turn is ever a jump in what the network has to say.

References
----------
Zhou et al., *On the continuity of rotation representations in neural networks*, CVPR 2019,
arXiv:1812.07035; Blundell et al., Front. Bioinform. 1 (2021), doi:10.3389/fbinf.2021.740342.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cryonet.errors import ModelError
from napari_cryonet.methods.pointcloud.cloud import Cloud
from napari_cryonet.methods.pointcloud.data import SAMPLING, Level, Particles
from napari_cryonet.methods.pointcloud.network_settings import NetworkSettings
from napari_cryonet.methods.pointcloud.refine import Fit, measured
from napari_cryonet.methods.pointcloud.rotations import turn
from napari_cryonet.nn import weights
from napari_cryonet.nn.device import Compute
from napari_cryonet.types import Model

PREFIX = "network."
"""What stands before the names of the network's weights in a model of point clouds."""

_KIND = "pose"
_LEAST_SIDE = 4
_MOST_CHANNELS = 256
_HIDDEN = 256
_LEAK = 0.01
_AT_ONCE = 500


class Guess(NamedTuple):
    """What the network says of images.

    Parameters
    ----------
    rotations
        ``(b, h, 3, 3)`` of each hypothesis, acting on z, y, x.
    shifts
        ``(b, h, 2)`` y, x from the centre of mass, in units of the radius.
    widths
        ``(b,)`` of the spots, in units; None if the network does not tell.
    """

    rotations: Tensor
    shifts: Tensor
    widths: Tensor | None


class PoseNetwork(nn.Module):
    """Convolutions that halve the image down to a few pixels, and two layers that say the poses.

    Parameters
    ----------
    spec
        As `spec_of` makes it.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__()
        self.spec = spec
        side, channels = spec["side"] // 2, spec["channels"]
        layers = [_halving(1, channels, 5)]
        while side > _LEAST_SIDE:
            wider = min(2 * channels, _MOST_CHANNELS)
            layers.append(_halving(channels, wider, 3))
            side, channels = (side + 1) // 2, wider
        self.features = nn.Sequential(*layers, nn.Flatten())
        self._size = 6 if spec["rotation"] == "6d" else 3
        says = spec["hypotheses"] * (self._size + 2) + int(spec["predict_width"])
        hidden = nn.Linear(channels * side * side, _HIDDEN)
        self.says = nn.Sequential(hidden, nn.LeakyReLU(_LEAK), nn.Linear(_HIDDEN, says))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Guess:
        """Say the poses of images.

        Parameters
        ----------
        images
            ``(b, side, side)``, each of sum 1.
        """
        said = self.says(self.features(images[:, None] * (self.spec["side"] ** 2 / 4)))
        poses, widths = said, None
        if self.spec["predict_width"]:
            poses = said[:, :-1]
            widths = self.spec["sigma"] * (0.1 + functional.softplus(said[:, -1]))
        poses = poses.unflatten(1, (self.spec["hypotheses"], -1))
        written, shifts = poses[..., : self._size], poses[..., self._size :]
        return Guess(_rotations(written), self.spec["max_shift"] * torch.tanh(shifts), widths)

    def look(self, particles: Particles, rows: Tensor | slice = slice(None)) -> Level:
        """Return images as the network sees them, whatever their pixels and spots are."""
        sigma = max(self.spec["sigma"], particles.finest)
        return particles.level(sigma, rows, self.spec["pixel"])


def spec_of(settings: NetworkSettings, particles: Particles) -> dict[str, Any]:
    """Return what a network for images of a particle is built of; fit to be kept in a model."""
    side = settings.side + settings.side % 2
    pixel = 2 * particles.reach / side
    return {
        "kind": _KIND,
        "side": side,
        "pixel": pixel,
        "sigma": max(pixel / SAMPLING, particles.finest),
        "channels": settings.channels,
        "hypotheses": settings.hypotheses,
        "rotation": settings.rotation,
        "max_shift": settings.max_shift,
        "predict_width": settings.predict_width,
    }


def from_axes(axes: Tensor) -> Tensor:
    """Return rotations whose first two rows have the directions of two axes, as far as they can.

    Parameters
    ----------
    axes
        ``(..., 6)``: the first row up to its length, and a vector in the plane of the first two.

    Returns
    -------
    Tensor
        ``(..., 3, 3)``.
    """
    first = functional.normalize(axes[..., :3], dim=-1)
    second = axes[..., 3:]
    along = (first * second).sum(dim=-1, keepdim=True)
    second = functional.normalize(second - along * first, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-2)


def network_of(model: Model, compute: Compute) -> PoseNetwork:
    """Return the pose network of a model, ready to be asked.

    Raises
    ------
    ModelError
        If the model has none, or its weights do not fit it.
    """
    if model.card.network.get("kind") != _KIND:
        raise ModelError(
            f"{model.path or 'The model'} has no network that tells poses. Find them by search, or "
            f"learn one from this model: cryonet pointcloud train --start MODEL --learn-poses."
        )
    own = {
        name.removeprefix(PREFIX): values
        for name, values in model.weights.items()
        if name.startswith(PREFIX)
    }
    network = weights.load(Model(model.card, own, model.path), compute, _build)
    assert isinstance(network, PoseNetwork)  # noqa: S101 - so it was built
    return network


@torch.no_grad()
def told_poses(network: PoseNetwork, cloud: Cloud, particles: Particles) -> Fit:
    """Return of each image the hypothesis in which a cloud explains it best.

    Parameters
    ----------
    network
        In evaluation mode.
    cloud
        What the images show.
    particles
        The images.
    """
    level = network.look(particles)
    guesses = [network(part) for part in level.images.split(_AT_ONCE)]
    rotations, shifts = (torch.cat([guess[n] for guess in guesses]) for n in (0, 1))
    none = torch.zeros(len(level.images), device=level.images.device)
    tried = [
        measured(Fit(cloud, rotations[:, n], shifts[:, n], none), level)
        for n in range(rotations.shape[1])
    ]
    best = torch.stack([fit.residuals for fit in tried]).argmin(dim=0)
    rows = torch.arange(len(best), device=best.device)
    left = torch.stack([fit.residuals for fit in tried])[best, rows]
    return Fit(cloud, rotations[rows, best], shifts[rows, best], left)


def _rotations(written: Tensor) -> Tensor:
    """Return ``(b, h, 3, 3)`` rotations as they were written, in six numbers or three."""
    if written.shape[-1] == 6:
        return from_axes(written)
    return turn(written.flatten(0, 1)).reshape(*written.shape[:2], 3, 3)


def _halving(inward: int, outward: int, kernel: int) -> nn.Sequential:
    """Return a convolution at every second pixel, normalised by batches."""
    convolution = nn.Conv2d(inward, outward, kernel, 2, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outward), nn.LeakyReLU(_LEAK))


def _build(spec: dict[str, Any]) -> PoseNetwork:
    """Build the network of a model card."""
    try:
        return PoseNetwork(spec)
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"The model card describes no pose network ({error}): the file is damaged."
        ) from error
