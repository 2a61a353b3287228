"""Groups of picks merged to one each; all cases are worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryonet.errors import DataError
from napari_cryonet.signal.curating_settings import SpikeSettings
from napari_cryonet.signal.spikes import merge_spikes
from napari_cryonet.types import Points

GROUPS = Points(
    np.array([[0, 0, 0], [0, 0, 4], [0, 3, 8], [9, 9, 50], [9, 9, 52], [5, 40, 5]], dtype=float),
    {
        "score": np.array([0.2, 0.9, 0.4, 0.95, 0.5, 0.99]),
        "class": np.array(["a", "b", "c", "d", "e", "f"]),
        "radius": np.full(6, 25.0),
    },
    (10.0, 10.0, 10.0),
    history=("Made by hand.",),
)
"""Three picks linked one to the next, two beside each other, and one alone; voxels of 10 Å."""


def test_a_group_becomes_its_mean_with_the_features_of_its_best_pick():
    merged = merge_spikes(GROUPS, SpikeSettings(distance=55, least=2))
    assert np.allclose(merged.positions, [[9, 9, 51], [0, 1, 4]])
    assert merged.features["class"].tolist() == ["d", "b"]
    assert merged.features["picks"].tolist() == [2, 3]
    assert merged.voxel_size == GROUPS.voxel_size
    assert merged.history == (
        "Made by hand.",
        "Groups of at least 2 picks merged: 2 of 6.",
    )


def test_a_group_becomes_its_best_pick():
    merged = merge_spikes(GROUPS, SpikeSettings(distance=55, least=3, merged="best"))
    assert merged.positions.tolist() == [[0, 0, 4]]


def test_the_diameter_of_the_picks_is_the_distance_if_none_is_set():
    assert len(merge_spikes(GROUPS, SpikeSettings(least=1))) == 3
    assert len(merge_spikes(GROUPS, SpikeSettings(least=1, distance=45))) == 4


def test_picks_without_scores_keep_their_order():
    merged = merge_spikes(Points(GROUPS.positions, {}, GROUPS.voxel_size), SpikeSettings(
        distance=55, least=1
    ))  # fmt: skip
    assert merged.features["picks"].tolist() == [3, 2, 1]


def test_no_picks_stay_none():
    none = GROUPS.kept(np.zeros(6, dtype=bool))
    assert len(merge_spikes(none, SpikeSettings())) == 0
    assert len(merge_spikes(GROUPS, SpikeSettings(least=4))) == 0


def test_what_is_missing_is_asked_for():
    with pytest.raises(DataError, match="voxel size of picks is not known"):
        merge_spikes(Points(GROUPS.positions), SpikeSettings(distance=9))
    with pytest.raises(DataError, match="--distance"):
        merge_spikes(Points(GROUPS.positions, {}, GROUPS.voxel_size), SpikeSettings())
