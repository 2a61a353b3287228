"""Images made ready: of sum 1, centred, and blurred to any width at the sampling that suffices.

Lengths are counted in units of the particle's root mean square radius, which the images tell: so
the search works alike at any scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryonet.errors import DataError
from napari_cryonet.types import PointCloud

SAMPLING = 0.8
"""The largest pixel that shows spots well, in their widths."""

_LEAST_BLUR = 0.8  # pixels of the images: a narrower Gaussian is not sampled well
_BATCH, _LISTED = 500, 8


@dataclass(frozen=True, eq=False)
class Level:
    """All images at one width of their spots.

    Parameters
    ----------
    images
        ``(n, side, side)``, each of sum 1.
    sigma, pixel
        Width of the spots and size of a pixel, in units of the radius.
    """

    images: Tensor
    sigma: float
    pixel: float

    @property
    def side(self) -> int:
        """Pixels along each side; the middle is pixel ``side // 2``."""
        return self.images.shape[-1]


@dataclass(frozen=True, eq=False)
class Particles:
    """Images of one particle from many sides.

    Parameters
    ----------
    images
        ``(n, y, x)``, each of sum 1.
    centres
        ``(n, 2)`` the centre of mass y, x from the middle of the image, in units.
    sums
        ``(n,)`` what the images summed up to.
    radius
        The unit: the root mean square radius of the particle, in nm.
    pixel, spot, reach
        Size of a pixel, width of a spot, and how far from its centre the particle is looked for,
        in units.
    """

    images: Tensor
    centres: Tensor
    sums: Tensor
    radius: float
    pixel: float
    spot: float
    reach: float

    def part(self, rows: Tensor | slice) -> Particles:
        """Return some of the images."""
        images, centres, sums = self.images[rows], self.centres[rows], self.sums[rows]
        return replace(self, images=images, centres=centres, sums=sums)

    def cloud(self, points: Tensor) -> PointCloud:
        """Return points ``(n, 3)`` in units as a cloud in nm."""
        return PointCloud(points.detach().double().cpu().numpy() * self.radius, name="cloud")

    @property
    def finest(self) -> float:
        """The narrowest width that images can be brought to, in units."""
        return math.hypot(self.spot, _LEAST_BLUR * self.pixel)

    def level(
        self, sigma: float, rows: Tensor | slice = slice(None), pixel: float | None = None
    ) -> Level:
        """Return images blurred to spots of the width `sigma`, in units; centred by mass.

        The images are multiplied from both sides by Gaussians that blur, shift and sample at once.

        Parameters
        ----------
        sigma
            At least `finest`.
        rows
            Which images.
        pixel
            Size of a pixel, in units; None takes the largest that suffices.
        """
        pixel = pixel or SAMPLING * sigma
        half = math.ceil(self.reach / pixel - 1e-6)
        places = pixel * torch.arange(-half, half, device=self.images.device)
        images, centres = self.images[rows], self.centres[rows]
        blur = math.sqrt(sigma**2 - self.spot**2)
        parts = []
        for start in range(0, len(images), _BATCH):
            part = slice(start, start + _BATCH)
            along = [
                _blurring(places + centres[part, axis, None], self.images.shape[1 + axis],
                          self.pixel, blur)
                for axis in (0, 1)
            ]  # fmt: skip
            sampled = along[0] @ images[part] @ along[1].transpose(1, 2)
            parts.append(sampled / sampled.sum((1, 2), keepdim=True).clamp_min(1e-12))
        return Level(torch.cat(parts), sigma, pixel)


def _blurring(places: Tensor, length: int, pixel: float, blur: float) -> Tensor:
    """Return ``(n, side, length)`` Gaussians of the width `blur` around each place."""
    inside = pixel * (torch.arange(length, device=places.device) - length // 2)
    return torch.exp(-0.5 * ((places[..., None] - inside) / blur).square())


def held_out(count: int, share: float, seed: int) -> Tensor:
    """Return the indices of images that judge a cloud and are not learnt from; 4 to 50 of them."""
    number = max(4, min(50, round(share * count)))
    every = torch.from_numpy(np.random.default_rng(seed).permutation(count))
    return every[:number].sort().values


def prepare(
    images: NDArray[np.float32],
    pixel: float,
    spot: float,
    device: torch.device,
    radius: float | None = None,
    reach: float | None = None,
) -> Particles:
    """Make images ready.

    Parameters
    ----------
    images
        ``(n, y, x)``, each of positive sum.
    pixel, spot
        Size of a pixel, and width of a spot.
    device
        Where tensors live.
    radius, reach
        The unit and the field of a trained model; None measures them.

    Raises
    ------
    DataError
        If the particle is not larger than its spots, or an image shows noise alone.
    """
    sums = images.sum(axis=(1, 2))
    values = torch.from_numpy(images / sums[:, None, None]).to(device)
    axes = [
        pixel * (torch.arange(length, device=device) - length // 2) for length in images.shape[1:]
    ]
    centres = torch.stack([values.sum(2) @ axes[0], values.sum(1) @ axes[1]], dim=1)
    if radius is None or reach is None:
        radius, reach = _extent(values, centres, axes, spot)
    _refuse_noise(values, centres, axes, reach)
    return Particles(
        values, centres / radius, torch.from_numpy(sums).to(device), radius, pixel / radius,
        spot / radius, reach / radius,
    )  # fmt: skip


def _refuse_noise(values: Tensor, centres: Tensor, axes: list[Tensor], reach: float) -> None:
    """Raise if what an image sums up to around its middle is no more than noise brings there.

    Its pixels would be divided by next to nothing. No image without negative pixels is refused.
    """
    weak = []
    for start in range(0, len(values), _BATCH):
        part = slice(start, start + _BATCH)
        inside = values[part] * (_away(centres[part], axes) <= reach)
        weak.append(inside.sum((1, 2)) <= inside.square().sum((1, 2)).sqrt() * (1 - 1e-6))
    found = torch.cat(weak).nonzero().flatten().tolist()
    if found:
        several = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        raise DataError(
            f"Nothing stands out of the noise on the images {', '.join(map(str, found[:_LISTED]))}"
            f"{several} (from 0); take them out."
        )


def _away(centres: Tensor, axes: list[Tensor]) -> Tensor:
    """Return how far ``(n, y, x)`` each pixel is from the centre of its image."""
    y, x = (axis - centres[:, number, None] for number, axis in enumerate(axes))
    return (y[:, :, None].square() + x[:, None, :].square()).sqrt()


def _extent(
    values: Tensor, centres: Tensor, axes: list[Tensor], spot: float
) -> tuple[float, float]:
    """Return the root mean square radius of the particle, and how far it reaches.

    Projections of a particle seen from all sides have two thirds of its mean square radius. What
    lies at the border of the images is taken as background.
    """
    step = float(axes[0][1] - axes[0][0])
    distance = _away(centres, axes)
    ring = (distance / step).long()
    total = torch.zeros(int(ring.max()) + 1, device=values.device)
    count = torch.zeros_like(total).index_add_(
        0, ring.flatten(), torch.ones_like(distance).flatten()
    )
    total.index_add_(0, ring.flatten(), values.flatten())
    half = int(min(-axes[0][0], -axes[1][0], axes[0][-1], axes[1][-1]) / step)
    density = total[:half] / count[:half].clamp_min(1)
    density = (density - density[int(0.9 * half) :].mean()).clamp_min(0)
    radii = step * (torch.arange(half, device=values.device) + 0.5)
    mass = density * radii
    square = float((mass * radii.square()).sum() / mass.sum().clamp_min(1e-30)) - 2 * spot**2
    if not math.isfinite(square) or square <= (0.25 * spot) ** 2:
        raise DataError(
            f"The particles are not larger than their spots of {spot:.3g} in standard deviation: "
            f"nothing can be reconstructed. Check the pixel size and the spot size."
        )
    share = mass.cumsum(0) / mass.sum()
    reach = float(radii[int((share < 0.995).sum().clamp_max(half - 1))])
    return math.sqrt(1.5 * square), min(1.15 * reach, float(radii[-1]))
