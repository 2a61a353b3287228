"""Patches lie inside, held-out cubes lie apart."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryonet.nn.patches import Sampler, box, hold_out, outside, patch_sides


def as_mask(boxes, shape):
    mask = np.zeros(shape, int)
    for each in boxes:
        mask[each] += 1
    return mask


def first_corner(region):
    """A score that falls along the volume."""
    return -float(sum(part.start for part in region))


def test_patches_lie_inside_and_reach_every_place(rng):
    sampler = Sampler((7, 5, 9), (4, 5, 2))
    seen = np.zeros(sampler.shape, int)
    starts = set()
    for _ in range(400):
        region = sampler.draw(rng)
        assert seen[region].shape == sampler.sides
        seen[region] += 1
        starts.add(tuple(part.start for part in region))
    assert (seen > 0).all()
    assert len(starts) == 4 * 1 * 8


def test_no_patch_leaves_its_region(rng):
    within = box((2, 0, 3), (6, 8, 5))
    centres = np.array([[2, 0, 3], [7, 7, 7], [4, 4, 4]])
    for chosen in (None, centres):
        sampler = Sampler((12, 8, 9), (4, 4, 4), chosen, within)
        starts = np.array([[part.start for part in sampler.draw(rng)] for _ in range(300)])
        assert starts.min(axis=0).tolist() == [2, 0, 3]
        assert starts.max(axis=0).tolist() == [4, 4, 4]


def test_every_patch_holds_one_of_the_centres(rng):
    centres = np.array([[0, 0, 0], [11, 11, 11], [5, 2, 9]])
    sampler = Sampler((12, 12, 12), (4, 5, 6), centres)
    held = np.zeros(3, int)
    for _ in range(300):
        region = sampler.draw(rng)
        assert as_mask([region], (12, 12, 12)).sum() == 4 * 5 * 6
        inside = [
            all(part.start <= at < part.stop for part, at in zip(region, centre, strict=True))
            for centre in centres
        ]
        assert any(inside)
        held += inside
    assert (held > 60).all()


def test_a_centre_may_lie_anywhere_in_its_patch(rng):
    sampler = Sampler((30, 30, 30), (4, 5, 6), np.array([[15, 15, 15]]))
    drawn = [sampler.draw(rng) for _ in range(200)]
    for axis, side in enumerate(sampler.sides):
        places = {15 - region[axis].start for region in drawn}
        assert places == set(range(side))


def test_equal_seeds_draw_equal_patches():
    sampler = Sampler((30, 30, 30), (8, 8, 8))
    one, two = (np.random.default_rng((3, step)) for step in (1, 1))
    assert [sampler.draw(one) for _ in range(5)] == [sampler.draw(two) for _ in range(5)]


@pytest.mark.parametrize(
    ("shape", "patch", "multiple", "sides"),
    [
        ((64, 64, 64), 40, 4, (40, 40, 40)),
        ((64, 64, 64), 42, 4, (40, 40, 40)),
        ((30, 64, 8), 40, 8, (24, 40, 8)),
        ((3, 64, 64), 40, 8, (3, 40, 40)),
        ((20, 20, 20), 8, 16, (16, 16, 16)),
        ((5, 6, 7), 40, 1, (5, 6, 7)),
    ],
)
def test_sides_fit_the_volume_and_the_cells_of_the_network(shape, patch, multiple, sides):
    assert patch_sides(shape, patch, multiple) == sides


@pytest.mark.parametrize("fraction", [0.05, 0.08, 0.2, 0.5])
@pytest.mark.parametrize("shape", [(48, 48, 48), (40, 64, 96), (8, 64, 64)])
def test_the_held_out_part_has_the_size_that_was_asked_for(fraction, shape):
    held = hold_out(shape, fraction, 8, first_corner, most=1000)
    mask = as_mask(held, shape)
    assert mask.max() == 1
    one_cube = np.prod(np.minimum(8, shape)) / np.prod(shape)
    assert mask.mean() == pytest.approx(fraction, abs=one_cube)


def test_held_out_cubes_are_spread_over_strong_and_weak_regions():
    shape = (32, 32, 32)
    ranked = sorted((8 * sum(start) for start in np.ndindex(4, 4, 4)), reverse=True)
    held = hold_out(shape, 0.1, 8, lambda region: sum(part.start for part in region))
    places = [ranked.index(sum(part.start for part in region)) for region in held]
    assert places[0] <= 3
    assert places[-1] == 63
    assert places == sorted(places)


def test_the_strongest_cube_is_learnt_from_and_the_next_is_held_out():
    score = {0: 1.0, 8: 9.0, 16: 5.0, 24: 3.0}
    held = hold_out((8, 8, 32), 0.01, 8, lambda region: score[region[2].start])
    assert held == (box((0, 0, 16), (8, 8, 8)),)


def test_nothing_is_held_out_if_not_asked_for_or_if_nothing_would_be_left():
    assert hold_out((64, 64, 64), 0.0, 8, first_corner) == ()
    assert hold_out((1, 1, 1), 0.5, 8, first_corner) == ()


@pytest.mark.parametrize("shape", [(20, 20, 20), (30, 17, 8), (1, 2, 1), (3, 3, 3)])
def test_small_volumes_are_judged_by_small_cubes(shape):
    held = hold_out(shape, 0.3, 16, first_corner)
    mask = as_mask(held, shape)
    assert mask.max() == 1
    assert mask.mean() <= 0.5


def test_large_volumes_are_judged_by_enough_cubes():
    ranked = []
    held = hold_out((80, 80, 80), 0.3, 8, lambda region: ranked.append(region) or 0.0)
    assert len(held) == 32
    places = [ranked.index(region) for region in held]
    assert places[0] < 0.05 * len(ranked)
    assert places[-1] > 0.95 * len(ranked)
    assert max(np.diff(places)) - min(np.diff(places)) <= 1


def test_at_most_half_is_held_out():
    assert len(hold_out((8, 8, 16), 1.0, 8, first_corner)) == 1
    assert len(hold_out((16, 16, 16), 0.9, 8, first_corner)) == 4


def test_outside_is_false_exactly_in_the_boxes():
    boxes = (box((0, 0, 0), (4, 4, 4)), box((4, 8, 2), (6, 6, 6)), box((0, 0, 30), (2, 2, 2)))
    shape = (16, 16, 32)
    whole = as_mask(boxes, shape) == 0
    for start in [(0, 0, 0), (3, 3, 3), (2, 6, 0), (8, 9, 6), (0, 0, 26)]:
        region = box(start, (6, 7, 5))
        found = outside(boxes, region)
        assert found is not None
        np.testing.assert_array_equal(found, whole[region])
        assert not found.all()


def test_no_mask_is_made_where_no_box_reaches():
    assert outside((box((0, 0, 0), (4, 4, 4)),), box((4, 0, 0), (4, 4, 4))) is None
    assert outside((), box((0, 0, 0), (4, 4, 4))) is None
