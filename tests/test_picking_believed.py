"""Self-training: which peaks are taken for labels, and that a stop forgets none of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_cryonet.methods.picking.believed import LATER, LOOKS, believed
from napari_cryonet.methods.picking.data import Source
from napari_cryonet.methods.picking.labels import REJECTED, Labels
from napari_cryonet.methods.picking.learner import PickLearner
from napari_cryonet.methods.picking.network import Output, PickNet
from napari_cryonet.methods.picking.settings import BACKGROUND, TrainSettings
from napari_cryonet.nn.device import Compute, choose
from napari_cryonet.reporting import Cancelled, RecordingReporter, SilentReporter
from napari_cryonet.types import Volume
from phantom import Stopping

SHAPE = (16, 48, 96)
DIAMETER = 8.0
PLACES = np.array([[8.0, y, x] for y in (8, 24, 40) for x in (8, 24, 40, 56, 72, 88)])
LABELLED = {0: 0.5, 1: 0.6, 2: 0.7, 3: 0.8, 4: 0.9}
"""Numbers of the places that are labelled, and how bright they are."""

OTHERS = {6: 0.3, 8: 0.65, 10: 0.75, 12: 0.95}


class Echo(PickNet):
    """Scores a voxel by its brightness."""

    def forward(self, image: Tensor) -> Output:
        """Return brightness as log-odds, and ways that lead nowhere."""
        return Output(16 * image - 7, torch.zeros(1, 3, *image.shape[2:]), None)


def tomogram() -> np.ndarray:
    """Return spots as bright as was said."""
    grid = np.stack(np.mgrid[tuple(slice(side) for side in SHAPE)], axis=-1)
    made = np.zeros(SHAPE, np.float32)
    for number, height in {**LABELLED, **OTHERS}.items():
        away = ((grid - PLACES[number]) ** 2).sum(axis=-1)
        made += height * np.exp(-away / (2 * 3.0**2)).astype(np.float32)
    return made


def source(*rejected: int, painted: int | None = None) -> Source:
    """Return the spots with labels; some places rejected, and one painted as background."""
    places = PLACES[[*LABELLED, *rejected]]
    kinds = np.array([0] * len(LABELLED) + [REJECTED] * len(rejected))
    held = np.zeros(len(places), dtype=bool)
    held[0] = True
    regions = None
    if painted is not None:
        regions = np.zeros(SHAPE, np.uint8)
        z, y, x = PLACES[painted].astype(int)
        regions[z - 3 : z + 4, y - 3 : y + 4, x - 3 : x + 4] = BACKGROUND
    labels = Labels(places, kinds, held, np.array([DIAMETER]), soft=True)
    return Source(tomogram(), labels, regions, (8, 8, 8), (0.01,))


def compute() -> Compute:
    return choose("cpu", "float32")


def found(given: Source, below: float) -> set[int]:
    """Return the numbers of the places that are believed."""
    positions, kinds = believed(Echo().eval(), given, below, compute(), SilentReporter())
    assert kinds.tolist() == [0] * len(positions)
    gaps = np.linalg.norm(positions[:, None] - PLACES, axis=-1)
    assert np.all(gaps.min(axis=1) < 1)
    return set(gaps.argmin(axis=1).tolist())


@pytest.mark.parametrize(("below", "numbers"), [(0.9, {12}), (0.5, {10, 12}), (0.3, {8, 10, 12})])
def test_peaks_that_score_like_labels_are_believed(below, numbers):
    assert found(source(), below) == numbers


def test_what_was_rejected_or_painted_is_never_believed():
    assert found(source(12), 0.5) == {10}
    assert found(source(painted=10), 0.5) == {12}
    assert found(source(12, painted=10), 0.5) == set()


def test_a_dark_peak_is_not_believed_however_dark_the_labels():
    given = source()
    given.values[...] *= 0.4
    assert found(given, 0.5) == set()


def test_of_a_large_tomogram_the_middle_of_the_labels_is_looked_at(monkeypatch):
    monkeypatch.setattr("napari_cryonet.methods.picking.believed._MOST", 9 * 25 * 55)
    assert found(source(), 0.3) <= {8, 10}


def learner(**values: Any) -> PickLearner:
    """Return a learner of the spots."""
    asked = TrainSettings.load({"diameter": 80.0, "device": "cpu", **values})
    sources, volume = [source(), source(12)], Volume(tomogram(), (10.0, 10.0, 10.0))
    return PickLearner(Echo().eval(), sources, sources, asked, compute(), volume)


def test_looks_come_at_equal_shares_of_a_training_and_only_once():
    made, report = learner(), RecordingReporter()
    for progress in np.linspace(0, 0.99, 34):
        made.revise(made.network, float(progress), report)
    assert made.looks == len(LOOKS) == len(report.said)
    assert report.said[0] == "3 peaks without a label are taken for particles."
    assert made.believed == [3, 2]
    assert [len(each.labels.learnt) for each in made.taught] == [7, 6]
    assert [len(each.labels.learnt) for each in made.sources] == [4, 4]


def test_where_all_particles_score_high_at_first_nothing_is_believed_before_the_middle():
    made, report = learner(), RecordingReporter()
    made.knowing = True
    made.revise(made.network, 0.5, report)
    assert made.looks == 3
    assert made.believed == [0, 0]
    assert not report.said
    for progress in (0.6, 0.75, 0.9):
        made.revise(made.network, progress, report)
    assert made.looks == len(LATER)
    assert len(report.said) == 3
    assert made.believed == [3, 2]


@pytest.mark.parametrize("values", [{"believing": False}, {"objective": "pn"}], ids=str)
def test_nothing_is_believed_where_that_is_not_wanted(values):
    made = learner(**values)
    made.revise(made.network, 0.5, SilentReporter())
    assert made.believed == [0, 0]


def test_what_is_believed_can_be_recalled():
    first, second = learner(), learner()
    first.revise(first.network, 0.5, SilentReporter())
    second.recall(first.memory())
    assert second.looks == first.looks > 0
    for one, two in zip(first.taught, second.taught, strict=True):
        assert np.array_equal(one.labels.positions, two.labels.positions)
        assert np.array_equal(one.labels.kinds, two.labels.kinds)
        assert np.array_equal(one.labels.held, two.labels.held)


def test_a_look_can_be_stopped_and_then_changes_nothing():
    made = learner()
    with pytest.raises(Cancelled):
        made.revise(made.network, 0.5, Stopping(at_check=2))
    assert made.looks == 0
    assert made.believed == [0, 0]
