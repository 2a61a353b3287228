"""What is trained on what: patches drawn from labelled tomograms, their loss and their quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cryonet.methods.picking.believed import LATER, LOOKS, believed
from napari_cryonet.methods.picking.contrast import contrast
from napari_cryonet.methods.picking.data import Source
from napari_cryonet.methods.picking.network import Output, as_picker, predict, turned_offsets
from napari_cryonet.methods.picking.objective import Batch, risk, sharpness
from napari_cryonet.methods.picking.settings import TrainSettings
from napari_cryonet.methods.picking.start import take_general, take_trained
from napari_cryonet.nn.augment import Turn, turns
from napari_cryonet.nn.device import Compute
from napari_cryonet.reporting import Box, Reporter
from napari_cryonet.types import Model, Volume

_JUDGED, _FEWEST_JUDGED = 16, 5
"""Labels of a tomogram to judge with, and how few of all say too little to judge at all."""

_OFFSETS = 1.0
_GENTLY = 1 / 3  # of the learning rate, for weights that know particles


@dataclass
class PickLearner:
    """A network that learns to find particles.

    Parameters
    ----------
    network
        What is trained.
    sources
        To train on; what is believed besides their labels is in `taught`.
    judges
        To validate with, by their held-out labels.
    settings
        Loss, batch and augmentation.
    compute
        Device and precision.
    volume
        Gives name and voxel size of previews: the first tomogram.

    Attributes
    ----------
    knowing
        Whether the network started from weights that know particles of many kinds.
    """

    network: nn.Module
    sources: Sequence[Source]
    judges: Sequence[Source]
    settings: TrainSettings
    compute: Compute
    volume: Volume
    knowing: bool = field(default=False, init=False)
    taught: list[Source] = field(init=False)
    looks: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Begin with the labels alone."""
        self.taught = list(self.sources)

    def adopt(self, model: Model, *, general: bool) -> str | None:
        """Start from the weights of a model, gently if they know particles of many kinds."""
        take = take_general if general else take_trained
        why_not = take(as_picker(self.network), model)
        if why_not is None and general:
            self.knowing = True
            rate = _GENTLY * self.settings.learning_rate
            self.settings = self.settings.model_copy(update={"learning_rate": rate})
        return why_not

    @property
    def steps_per_epoch(self) -> int:
        """How many steps draw as many labels as there are near to labels."""
        labels = sum(len(source.labels.learnt) for source in self.sources)
        return max(1, round(2 * labels / self.settings.batch))

    def loss(self, network: nn.Module, random: np.random.Generator) -> Tensor:
        """Return the risk of one batch, the error of the ways, and the difference of views."""
        batch = self._batch(random)
        with self.compute.autocast():
            out: Output = network(batch.given)
        weight = batch.heat.amax(1, keepdim=True)
        error = functional.smooth_l1_loss(out.ways, batch.offsets, reduction="none")
        away = (error * weight).sum() / (3 * weight.sum()).clamp(min=1)
        total = risk(out.logits, batch, self.settings) + _OFFSETS * away
        if self.settings.consistency or out.looks is not None:
            total = total + self._of_views(network, batch, out, random)
        return total

    @property
    def believed(self) -> list[int]:
        """How many peaks of each tomogram are taken for labels."""
        pairs = zip(self.taught, self.sources, strict=True)
        return [len(taught.labels.kinds) - len(source.labels.kinds) for taught, source in pairs]

    def revise(self, network: nn.Module, progress: float, report: Reporter) -> None:
        """Take peaks that score like labels for labels, if a look is due."""
        leniency = LATER if self.knowing else LOOKS
        due = int(progress * (len(leniency) + 1))
        if due <= self.looks or not self.settings.believing or self.settings.objective == "pn":
            return
        below = leniency[due - 1]
        if below is None:
            self.looks = due
            return
        taught = []
        for source in self.sources:
            more = believed(network, source, below, self.compute, report)
            taught.append(replace(source, labels=source.labels.joined(*more)))
        self.taught, self.looks = taught, due
        report.say(f"{sum(self.believed)} peaks without a label are taken for particles.")

    def memory(self) -> dict[str, Tensor]:
        """Return what is believed, and how often it was looked."""
        made = {"looks": torch.tensor(self.looks)}
        for number, (source, taught) in enumerate(zip(self.sources, self.taught, strict=True)):
            known = len(source.labels.kinds)
            made[f"positions.{number}"] = torch.from_numpy(taught.labels.positions[known:])
            made[f"kinds.{number}"] = torch.from_numpy(taught.labels.kinds[known:])
        return made

    def recall(self, memory: dict[str, Tensor]) -> None:
        """Believe what was believed."""
        self.looks = int(memory["looks"])
        for number, source in enumerate(self.sources):
            more = (memory[f"{name}.{number}"].numpy() for name in ("positions", "kinds"))
            self.taught[number] = replace(source, labels=source.labels.joined(*more))

    def _of_views(
        self, network: nn.Module, batch: Batch, out: Output, random: np.random.Generator
    ) -> Tensor:
        """Return what it costs that a mirror image of the batch scores or looks differently."""
        turn = turns("flips")[int(random.integers(1, 8))]
        with self.compute.autocast():
            other: Output = network(turn.apply(batch.given))
        scores = torch.sigmoid(out.logits)
        there = torch.sigmoid(turn.undo(other.logits))
        total = self.settings.consistency * functional.mse_loss(scores, there)
        if out.looks is None or other.looks is None:
            return total
        pair = _rows(out.looks), _rows(turn.undo(other.looks))
        coarse, labelled = (functional.max_pool3d(each, 2) for each in (scores, batch.heat))
        classes = zip(_rows(coarse).T, _rows(labelled).T > 0, batch.prior.tolist(), strict=True)
        for own, label, prior in classes:
            near = contrast(pair, label, own, prior, self.settings.temperature)
            total = total + self.settings.contrast * near / len(batch.prior)
        return total

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return how well labels that were held out stand out, at most 1, if there are enough."""
        found, counts = [], []
        for source in self.judges:
            places = source.labels.positions[source.labels.held][:_JUDGED]
            if not len(places):
                continue
            items = [self._item(source, source.around(place), held=True) for place in places]
            batch = self._stacked(items, source)
            with self.compute.autocast():
                logits = network(batch.given).logits
            found.append(sharpness(logits, batch, self.settings))
            counts.append(len(places))
        if sum(counts) < _FEWEST_JUDGED:
            return {}
        return {"quality": float(np.average(found, weights=counts))}

    def preview(self, network: nn.Module, region: Box) -> Volume:
        """Return the scores in a region of the first tomogram, on the network's grid."""
        values, like = self.sources[0].values, self.volume
        ratio = [new / old for new, old in zip(values.shape, like.shape, strict=True)]
        parts = []
        for part, share, length in zip(region, ratio, values.shape, strict=True):
            start = min(int(part.start * share), length - 1)
            parts.append(slice(start, max(start + 1, min(int(part.stop * share), length))))
        scores, _ = predict(network, values[tuple(parts)], self.compute)
        z, y, x = (size / share for size, share in zip(like.scale, ratio, strict=True))
        places = zip(like.origin, parts, (z, y, x), strict=True)
        start_z, start_y, start_x = (origin + part.start * own for origin, part, own in places)
        fields = {"origin": (start_z, start_y, start_x), "voxel_size": (z, y, x)}
        return like.changed(scores.max(axis=0), "Preview.", name=f"{like.name} preview", **fields)

    def _batch(self, random: np.random.Generator) -> Batch:
        """Draw the patches of one step from one tomogram, turned and with changed grey values."""
        source = self.taught[int(random.integers(len(self.taught)))]
        group = turns(self.settings.turned)
        items = []
        for _ in range(self.settings.batch):
            turn: Turn = group[int(random.integers(len(group)))]
            *parts, offsets = self._item(source, source.draw(random), held=False)
            given, *wanted = (turn.apply(part) for part in parts)
            noise = torch.from_numpy(random.standard_normal(given.shape, dtype=np.float32))
            given = given * random.uniform(0.85, 1.15) + random.normal(0, 0.1)
            given = given + noise * random.uniform(0, 0.3)
            items.append((given, *wanted, turned_offsets(offsets, turn)))
        return self._stacked(items, source)

    def _item(self, source: Source, region: Box, *, held: bool) -> tuple[Tensor, ...]:
        """Return a patch with what is wanted of it, in the order of `Batch`."""
        target = source.labels.target(region, held=held)
        ignored, background = source.known(region)
        arrays = (
            source.values[region][None],
            target.heat * ~ignored,
            target.negative * ~ignored,
            target.unlabelled * ~ignored,
            background[None],
            target.offsets,
        )
        return tuple(torch.from_numpy(np.ascontiguousarray(each, np.float32)) for each in arrays)

    def _stacked(self, items: Sequence[tuple[Tensor, ...]], source: Source) -> Batch:
        """Return patches of one tomogram as a batch on the device."""
        device = self.compute.device
        parts = [torch.stack(part).to(device) for part in zip(*items, strict=True)]
        given, heat, negative, unlabelled, background, offsets = parts
        prior = torch.tensor(source.prior, dtype=torch.float32, device=device)
        return Batch(given, heat, negative, unlabelled, background, offsets, prior)


def _rows(fields: Tensor) -> Tensor:
    """Return ``(b, c, z, y, x)`` as ``(voxels, c)``."""
    return fields.movedim(1, -1).flatten(0, 3)
