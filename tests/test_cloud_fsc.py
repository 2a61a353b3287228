"""How far two clouds agree: known noise, known scale, known limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_cryonet.signal.cloud_fsc import agreement, density_fsc
from napari_cryonet.simulate.shapes import shape
from napari_cryonet.types import PointCloud

VERTICES = 100 * shape("blob")


def noisy(deviation: float, seed: int) -> PointCloud:
    random = np.random.default_rng(seed)
    return PointCloud(VERTICES + random.normal(0, deviation, VERTICES.shape))


def test_equal_clouds_agree_at_every_frequency() -> None:
    fsc = density_fsc(noisy(0, 0), noisy(0.01, 0), 6.0)
    np.testing.assert_allclose(fsc.unmasked[1:], 1, atol=1e-3)
    assert 1 / fsc.frequency[-1] == pytest.approx(1.6 * 60, rel=0.03)


@pytest.mark.parametrize("deviation", [4.0, 8.0])
def test_the_fsc_is_that_of_points_that_are_blurred(deviation: float) -> None:
    """Jitter of σ leaves exp(-4π²σ²f²) of the correlation of two copies of strong structure."""
    fsc = density_fsc(noisy(deviation, 1), noisy(deviation, 2), 4.0)
    found = fsc.crossing(0.5).resolution
    assert found is not None
    expected = 10 * 2 * np.pi * deviation / np.sqrt(np.log(2))
    assert 0.5 * expected < found < 1.2 * expected  # finer: what is strong stays correlated
    assert fsc.crossing(0.143).resolution < found


def test_less_noise_is_a_finer_resolution_whatever_place_turn_and_hand() -> None:
    turn = Rotation.from_euler("zyx", [50, -20, 75], degrees=True).as_matrix()
    found = []
    for deviation in (2.0, 5.0, 10.0):
        other = noisy(deviation, 2)
        moved = PointCloud(other.vertices * [-1, 1, 1] @ turn.T + [300, -50, 7])
        made = agreement(noisy(deviation, 1), moved, 4.0)
        assert made.alignment.hand == "mirrored"
        assert made.alignment.rmse < made.other_rmse
        found.append(made.crossing.resolution)
        plain = made.to_dict()
        assert plain["resolution"] == made.crossing.resolution
        assert plain["frequency"][-1] == pytest.approx(10 * made.fsc.frequency[-1], rel=1e-4)
    assert found[0] < found[1] < found[2]
    assert found[0] > 2.0


def test_large_clouds_are_drawn_more_coarsely_instead_of_filling_the_memory() -> None:
    large, other = (PointCloud(1000 * noisy(noise, 0).vertices) for noise in (0, 0.01))
    fsc = density_fsc(large, other, 1.0)
    assert len(fsc.frequency) <= 97
    np.testing.assert_allclose(fsc.unmasked[1:], 1, atol=1e-3)
