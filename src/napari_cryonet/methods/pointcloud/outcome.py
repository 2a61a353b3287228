"""What a reconstruction has come to, and the model that it is kept as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_cryonet.methods.pointcloud.data import Particles
from napari_cryonet.methods.pointcloud.pose_network import PREFIX, PoseNetwork
from napari_cryonet.methods.pointcloud.refine import Fit
from napari_cryonet.methods.pointcloud.settings import TrainSettings
from napari_cryonet.types import Model, ModelCard

_FAINT = 0.25  # of the mean weight; weaker points belong to nothing


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a reconstruction has come to.

    Parameters
    ----------
    fit
        The cloud and the poses.
    held
        Indices of the images that judge it.
    finest
        The narrowest width of the spots that was reached, in units.
    training
        Steps, seconds, how it ended, and whether searches agree.
    kept
        ``(n,)`` which images count; None for all.
    history
        ``(p, 3)`` points on the way, in units.
    network
        The network that has learnt the poses; None without.
    """

    fit: Fit
    held: Tensor
    finest: float
    training: Mapping[str, Any]
    kept: Tensor | None = None
    history: Sequence[Tensor] = field(default=())
    network: PoseNetwork | None = None

    def model(
        self,
        particles: Particles,
        settings: TrainSettings,
        sizes: tuple[float, float],
        inputs: tuple[dict[str, Any], ...],
    ) -> Model:
        """Return the model, in nm, with its card.

        Parameters
        ----------
        particles
            The images.
        settings
            How it was made.
        sizes
            Size of a pixel and width of a spot, in nm.
        inputs
            What the card says of the images.
        """
        from napari_cryonet import __version__

        arrays = self._arrays(particles)
        residual = float(self.fit.residuals[self.held].mean())
        card = ModelCard(
            method="pointcloud",
            settings=settings.to_dict(),
            network=self.network.spec if self.network else {},
            product=__version__,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            inputs=inputs,
            training={
                **self.training,
                "device": str(particles.images.device),
                "quality": round(1 - residual, 4),
                "points": len(arrays["points"]),
                "left_out": int((arrays["kept"] == 0).sum()),
            },
            extra={
                "radius": particles.radius,
                "reach": particles.reach * particles.radius,
                "pixel_size": sizes[0],
                "spot": sizes[1],
                "finest": self.finest * particles.radius,
                "background": float(self.fit.cloud.background),
                "symmetry": settings.symmetry,
                "hand": "undetermined",
                "unit": "nm",
            },
        )
        return Model(card, arrays)

    def _arrays(self, particles: Particles) -> dict[str, Any]:
        """Return points without the faint ones, poses from the middle of the images, and more."""
        fit, weights = self.fit, self.fit.cloud.weights
        strong = weights >= _FAINT * weights.mean()
        tensors = {
            "points": fit.cloud.whole[strong] * particles.radius,
            "weights": weights[strong] / weights[strong].sum(),
            "rotations": fit.rotations,
            "shifts": (fit.shifts + particles.centres) * particles.radius,
            "residuals": fit.residuals,
        }
        if self.history:
            tensors["history"] = torch.stack(list(self.history)) * particles.radius
        arrays = {name: value.detach().float().cpu().numpy() for name, value in tensors.items()}
        kept = torch.ones_like(fit.residuals) if self.kept is None else self.kept
        arrays["kept"] = kept.cpu().numpy().astype(np.uint8)
        if self.network is not None:
            state = self.network.state_dict()
            arrays |= {PREFIX + name: value.cpu().numpy() for name, value in state.items()}
        return arrays
