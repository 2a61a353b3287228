"""Fibres from picks: curves that are known, crossing each other, between picks that are not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import KDTree

from napari_cryonet.errors import DataError, SettingsError
from napari_cryonet.signal.curating_settings import FibreSettings
from napari_cryonet.signal.fibres import curvature, fitted, trace_fibres
from napari_cryonet.types import Points

DIAMETER = 80.0
"""Å across a fibre."""

VOXEL = 10.0


def helix(angle: float, shift: float, step: float) -> np.ndarray:
    """Return places (n, 3) in Å of a wide helix whose axis lies in the plane y, x."""
    along = np.arange(0.0, 3200.0, step)
    turn = 2 * np.pi * along / 1600 + shift
    own = np.stack([150 * np.sin(turn), 150 * np.cos(turn), along - 1600], axis=1)
    cosine, sine = np.cos(angle), np.sin(angle)
    turned = own @ np.array([[1, 0, 0], [0, cosine, sine], [0, -sine, cosine]])
    return turned + np.array([700.0, 1800.0, 1800.0])


def picks_of(places: np.ndarray, **features: np.ndarray) -> Points:
    return Points(places / VOXEL, features, (VOXEL,) * 3)


@pytest.fixture(scope="module")
def crossing() -> tuple[list[np.ndarray], Points]:
    """Return three helices in fine steps, and picks of them among as many that are noise."""
    rng = np.random.default_rng(0)
    curves = [(angle, shift) for angle, shift in ((0.0, 0.0), (1.0, 2.0), (2.1, 4.0))]
    truth = [helix(angle, shift, 2.0) for angle, shift in curves]
    picked = [helix(angle, shift, 60.0) for angle, shift in curves]
    places = np.concatenate(picked) + rng.normal(0, 0.08 * DIAMETER, (sum(map(len, picked)), 3))
    noise = rng.uniform(0, [1400, 3600, 3600], (len(places) // 2, 3))
    both = np.concatenate([places, noise])
    order = rng.permutation(len(both))
    return truth, picks_of(both[order], score=np.arange(len(both))[order])


def test_three_crossing_helices_are_recovered_and_noise_is_dropped(crossing):
    truth, picks = crossing
    found = trace_fibres(picks, FibreSettings(distance=150, spacing=40))
    places = found.positions * VOXEL
    numbers = found.features["fibre"]
    assert set(numbers) == {0, 1, 2}
    gaps = np.stack([KDTree(curve).query(places)[0] for curve in truth])
    assert gaps.min(axis=0).max() < 0.2 * DIAMETER
    owners = [np.bincount(gaps[:, numbers == one].argmin(axis=0)).argmax() for one in range(3)]
    assert sorted(owners) == [0, 1, 2]
    for one, owner in enumerate(owners):
        assert gaps[owner, numbers == one].max() < 0.2 * DIAMETER
    missed = [KDTree(places).query(curve)[0] for curve in truth]
    assert np.mean(np.concatenate(missed) < 0.6 * DIAMETER) > 0.99


def test_noise_alone_is_no_fibre():
    noise = np.random.default_rng(1).uniform(0, [1400, 3600, 3600], (80, 3))
    found = trace_fibres(picks_of(noise), FibreSettings(distance=150))
    assert len(found) == 0
    assert set(found.features) == {"fibre", "tangent_z", "tangent_y", "tangent_x"}


def test_a_straight_fibre_is_filled_evenly_with_the_features_of_the_nearest_pick():
    along = np.arange(0.0, 500, 50)
    line = np.stack([0 * along + 100, 0.6 * along, 0.8 * along], axis=1)
    found = trace_fibres(picks_of(line, score=along), FibreSettings(spacing=30, distance=120))
    forward = 1.0 if found.positions[-1, 2] > found.positions[0, 2] else -1.0
    where = found.positions * VOXEL @ np.array([0, 0.6, 0.8])
    assert np.allclose(np.sort(where), np.arange(0, 451, 30), atol=1e-6)
    direction = np.stack([found.features[f"tangent_{axis}"] for axis in "zyx"], axis=1)
    assert np.allclose(direction, forward * np.array([0, 0.6, 0.8]), atol=1e-9)
    assert np.all(np.abs(found.features["score"] - where) <= 25 + 1e-6)


def test_without_settings_distance_and_spacing_come_from_the_picks():
    along = np.arange(0.0, 500, 50)
    line = np.stack([along, 0 * along, 0 * along], axis=1)
    found = trace_fibres(picks_of(line), FibreSettings())
    assert np.allclose(np.sort(found.positions[:, 0]) * VOXEL, along, atol=1e-6)


def test_too_few_picks_and_too_tight_bends_are_dropped():
    angle = np.linspace(0, 1.5 * np.pi, 20)
    ring = 200 * np.stack([0 * angle, np.sin(angle), np.cos(angle)], axis=1) + 500
    picks = picks_of(ring)
    assert set(trace_fibres(picks, FibreSettings(curvature_radius=150)).features["fibre"]) == {0}
    assert len(trace_fibres(picks, FibreSettings(curvature_radius=250))) == 0
    assert len(trace_fibres(picks, FibreSettings(curvature_radius=150, least=21))) == 0


def test_the_curvature_of_a_circle_is_one_over_its_radius():
    angle = np.linspace(0, np.pi, 60)
    circle = 400 * np.stack([0 * angle, np.sin(angle), np.cos(angle)], axis=1)
    curve = fitted(circle, 200)
    along = np.linspace(100, 1100, 30)
    assert np.allclose(curvature(curve, along), 1 / 400, rtol=0.02)
    assert np.allclose(np.linalg.norm(curve(along), axis=1), 400, atol=0.1)


def test_bad_input_is_refused_in_one_sentence():
    with pytest.raises(DataError, match="voxel size of picks is not known"):
        trace_fibres(Points(np.zeros((20, 3))), FibreSettings())
    with pytest.raises(SettingsError, match="'least' is 2"):
        FibreSettings.load({"least": 2})
    assert len(trace_fibres(picks_of(np.zeros((0, 3))), FibreSettings())) == 0
    same = picks_of(np.zeros((20, 3)))
    assert len(trace_fibres(same, FibreSettings(distance=50))) == 0
