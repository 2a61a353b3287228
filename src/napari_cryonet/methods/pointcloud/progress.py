"""Where a reconstruction stands, as one .safetensors file, so that it can go on exactly."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from napari_cryonet.errors import FileProblem, ModelError
from napari_cryonet.io.atomic import replacing
from napari_cryonet.methods.pointcloud.cloud import Cloud
from napari_cryonet.methods.pointcloud.refine import Fit
from napari_cryonet.methods.pointcloud.search import Start

_FIT = ("points", "strengths", "backdrop", "rotations", "shifts", "residuals", "kept")


@dataclass
class Progress:
    """What is finished of a reconstruction.

    Every search and every level begins from this and from random numbers of its own; so one that
    is broken off is simply done again.

    Parameters
    ----------
    seconds
        Spent so far.
    starts
        The searches that are done.
    levels
        How many levels are done.
    fit, kept
        The cloud and the poses, and ``(n,)`` which images count; None before the first level.
    history
        ``(p, 3)`` points after each level.
    """

    seconds: float = 0.0
    starts: list[Start] = field(default_factory=list)
    levels: int = 0
    fit: Fit | None = None
    kept: Tensor | None = None
    history: list[Tensor] = field(default_factory=list)

    def save(self, path: Path, owner: str) -> None:
        """Write everything, whole or not at all.

        Parameters
        ----------
        path
            The file.
        owner
            Tells images and settings apart; the file is good for no other.
        """
        tensors: dict[str, Tensor] = {}
        for number, start in enumerate(self.starts):
            tensors[f"start.{number}.points"] = start.points
            tensors[f"start.{number}.rotations"] = start.rotations
        for number, points in enumerate(self.history):
            tensors[f"history.{number}"] = points
        if self.fit is not None and self.kept is not None:
            cloud, fit = self.fit.cloud, self.fit
            values = [cloud.points, cloud.strengths, cloud.backdrop]
            values += [fit.rotations, fit.shifts, fit.residuals, self.kept]
            tensors |= dict(zip(_FIT, values, strict=True))
        note = {
            "owner": owner,
            "seconds": self.seconds,
            "levels": self.levels,
            "starts": [start.residual for start in self.starts],
        }
        with replacing(path, overwrite=True) as part:
            kept = {name: value.cpu().clone() for name, value in tensors.items()}
            save_file(kept, part, {"cryonet": json.dumps(note)})

    @classmethod
    def load(cls, path: Path, owner: str, symmetry: int, device: str) -> Progress:
        """Read where a reconstruction stood.

        Raises
        ------
        FileProblem
            If there is no such file.
        ModelError
            If it is damaged, or of other images or settings.
        """
        if not path.is_file():
            raise FileProblem(
                f"There is no checkpoint {path}: the run ended before the first one, or the folder "
                f"is not that of a training. Start it anew."
            )
        try:
            with safe_open(path, framework="pt", device=device) as file:
                note = json.loads((file.metadata() or {})["cryonet"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if note["owner"] != owner:
                raise ValueError("other images or settings")
            starts = [
                Start(tensors[f"start.{n}.points"], tensors[f"start.{n}.rotations"], residual)
                for n, residual in enumerate(note["starts"])
            ]
            history = [tensors[f"history.{n}"] for n in range(note["levels"])]
            fit, kept = None, None
            if note["levels"]:
                points, strengths, backdrop, *poses, kept = (tensors[name] for name in _FIT)
                fit = Fit(Cloud(points, strengths, backdrop, symmetry), *poses)
            return cls(note["seconds"], starts, note["levels"], fit, kept, history)
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            raise ModelError(
                f"The checkpoint {path} does not belong to this training ({error}). Resume with "
                f"the images and settings it was started with."
            ) from error
