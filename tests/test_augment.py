"""Turns are exact, distinct, and can be undone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cryonet.nn.augment import Turn, spread, turns

SIZE = {"rotations": 24, "flips": 8, "none": 1}


def matrix(turn: Turn) -> np.ndarray:
    """The turn as a matrix, found by looking where it brings the three axes."""
    found = np.zeros((3, 3))
    for axis in range(3):
        at = torch.zeros(3, 3, 3)
        place = [1, 1, 1]
        place[axis] = 2
        at[tuple(place)] = 1
        found[:, axis] = np.argwhere(turn.apply(at).numpy())[0] - 1
    return found


@pytest.mark.parametrize("group", SIZE)
def test_the_identity_comes_first_and_all_turns_differ(group):
    every = turns(group)
    assert every[0] == Turn()
    assert len(every) == SIZE[group]
    assert len({matrix(turn).tobytes() for turn in every}) == SIZE[group]


def test_rotations_are_proper():
    for turn in turns("rotations"):
        assert np.linalg.det(matrix(turn)) == pytest.approx(1)


def test_rotations_are_a_group():
    every = {matrix(turn).tobytes() for turn in turns("rotations")}
    for one in turns("rotations"):
        for two in turns("rotations"):
            assert (matrix(one) @ matrix(two) + 0.0).tobytes() in every


def test_flips_keep_every_axis_and_so_a_missing_wedge_in_place():
    for turn in turns("flips"):
        assert (np.abs(matrix(turn)) == np.eye(3)).all()


@pytest.mark.parametrize("group", SIZE)
@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 1, 3, 4, 5), (1, 1, 4, 4, 4)])
def test_a_turn_can_be_undone(group, shape):
    volume = torch.arange(float(np.prod(shape))).reshape(shape)
    for turn in turns(group):
        assert torch.equal(turn.undo(turn.apply(volume)), volume)
        assert torch.equal(turn.undo(turn.apply(volume)).contiguous(), volume)


def test_leading_axes_are_left_alone(rng):
    batch = torch.from_numpy(rng.standard_normal((2, 3, 4, 4, 4)))
    for turn in turns("rotations"):
        turned = turn.apply(batch)
        for n in range(2):
            for c in range(3):
                assert torch.equal(turned[n, c], turn.apply(batch[n, c]))


@pytest.mark.parametrize("group", SIZE)
@pytest.mark.parametrize("count", [1, 2, 3, 8, 24, 100])
def test_spread_takes_distinct_turns_all_over_the_group(group, count):
    chosen, every = spread(group, count), turns(group)
    places = [every.index(turn) for turn in chosen]
    assert places[0] == 0
    assert len(places) == min(count, SIZE[group])
    gaps = np.diff([*places, SIZE[group]])
    assert gaps.min() >= 1
    assert gaps.max() - gaps.min() <= 1
