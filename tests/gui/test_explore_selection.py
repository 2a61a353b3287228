"""A line drawn by hand surrounds what it winds around, and a click means the nearest point."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_cryonet.gui.exploring.selection import inside, nearest

SQUARE = np.array([(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)])


def circle(count: int, radius: float, turns: float = 1.0) -> np.ndarray:
    """Return the corners of a circle that is drawn so many times around."""
    angle = np.linspace(0, 2 * np.pi * turns, count)
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


@pytest.mark.parametrize("corners", [SQUARE, SQUARE[::-1], np.roll(SQUARE, 2, axis=0)])
def test_a_square_whichever_way_it_is_drawn(corners):
    places = np.array([(1, 1), (3.9, 0.1), (-0.1, 2), (2, 4.1), (5, 2), (2, -3)])
    assert inside(places, corners).tolist() == [True, True, False, False, False, False]


def test_a_hollow_is_outside():
    horseshoe = np.array([(0, 0), (6, 0), (6, 5), (4, 5), (4, 2), (2, 2), (2, 5), (0, 5)])
    places = np.array([(1.0, 4.0), (3.0, 4.0), (5.0, 4.0), (3.0, 1.0)])
    assert inside(places, horseshoe).tolist() == [True, False, True, True]


def test_a_line_that_crosses_itself_surrounds_both_of_its_loops():
    eight = np.array([(0.0, 0.0), (4.0, 4.0), (4.0, 0.0), (0.0, 4.0)])
    places = np.array([(0.5, 2.0), (3.5, 2.0), (2.0, 3.5)])
    assert inside(places, eight).tolist() == [True, True, False]


def test_drawing_past_the_beginning_leaves_no_hole():
    places = np.random.default_rng(0).uniform(-2, 2, (500, 2))
    radii = np.hypot(*places.T)
    clear = abs(radii - 1) > 0.01
    found = inside(places, circle(300, 1.0, turns=1.7))
    assert np.array_equal(found[clear], (radii < 1)[clear])


def test_neighbours_share_no_point_and_leave_none_out():
    places = np.stack(np.meshgrid(np.arange(0.5, 8), np.arange(8.0)), axis=-1).reshape(-1, 2)
    halves = [inside(places, SQUARE * (2, 1) + (0, shift)) for shift in (0, 4)]
    assert (halves[0] ^ halves[1]).all(), "also where a point is as high as a corner"


@pytest.mark.parametrize(
    "corners",
    [
        np.empty((0, 2)),
        SQUARE[:1],
        SQUARE[[0, 2]],
        SQUARE[[1, 1, 1, 1]],
        SQUARE[[0, 1, 0, 1]],
        np.array([(0.0, 0.0), (2.0, 2.0), (4.0, 4.0), (1.0, 1.0)]),
    ],
)
def test_a_line_without_an_area_surrounds_nothing(corners):
    places = np.stack(np.meshgrid(np.linspace(-1, 5, 25), np.linspace(-1, 5, 25)), -1)
    assert not inside(places.reshape(-1, 2), corners).any()


def test_points_that_are_nowhere_are_never_meant():
    places = np.array([(np.nan, np.nan), (np.nan, 1.0), (1.0, np.nan), (1.0, 1.0)])
    assert inside(places, SQUARE).tolist() == [False, False, False, True]
    assert nearest(places, np.array([1.0, 1.5]), np.ones(2), 5) == 3
    assert nearest(places[:3], np.array([1.0, 1.0]), np.ones(2), 5) is None
    assert not inside(np.empty((0, 2)), SQUARE).size
    assert nearest(np.empty((0, 2)), np.zeros(2), np.ones(2), 5) is None


def test_a_click_means_the_nearest_point_on_the_screen():
    places = np.array([(0.0, 0.0), (10.0, 0.0), (0.0, 0.5)])
    pixel = np.array([1.0, 0.01])
    assert nearest(places, np.array([4.0, 0.0]), pixel, 8) == 0
    assert nearest(places, np.array([6.0, 0.0]), pixel, 8) == 1
    assert nearest(places, np.array([0.0, 0.47]), pixel, 8) == 2
    assert nearest(places, np.array([0.0, 0.3]), pixel, 8) is None


def test_fifty_thousand_points_take_no_time():
    places = np.random.default_rng(1).normal(size=(50_000, 2))
    corners = circle(400, 1.0)
    began = time.perf_counter()
    found = inside(places, corners)
    assert time.perf_counter() - began < 1
    clear = abs(np.hypot(*places.T) - 1) > 1e-3
    assert np.array_equal(found[clear], (np.hypot(*places.T) < 1)[clear])
