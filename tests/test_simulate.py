"""What is simulated is what was asked for: resolution, signal, wedge, independence."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from napari_cryonet.errors import DataError
from napari_cryonet.simulate import even_odd_tomogram, half_map_pair
from napari_cryonet.simulate.noise import (
    coloured,
    frequencies,
    gaussian,
    rotations,
    splatted,
    wedge,
)

SMALL = (40, 64, 72)


def correlation(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def shells(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Fourier shell correlation, shell k at k / side cycles/voxel."""
    first, second = np.fft.rfftn(a), np.fft.rfftn(b)
    shell = np.rint(frequencies(a.shape) * a.shape[0]).astype(int).ravel()

    def total(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.bincount(shell, values.ravel())[: a.shape[0] // 2 + 1]

    cross = total((first * second.conj()).real)
    return cross / np.sqrt(total(np.abs(first) ** 2) * total(np.abs(second) ** 2))


@pytest.mark.parametrize(("side", "voxel_size", "resolution"), [(96, 1.5, 4.0), (64, 2.0, 6.0)])
def test_half_maps_have_the_resolution_that_was_asked_for(side, voxel_size, resolution):
    pair = half_map_pair(side, voxel_size, resolution=resolution)
    curve = shells(pair.first.data, pair.second.data)
    below = int(np.argmax(curve < 0.143))
    assert side * voxel_size / below == pytest.approx(resolution, rel=0.1)
    assert curve[1:4].min() > 0.9


def test_half_maps_share_the_signal_and_nothing_else():
    pair = half_map_pair(64, 2.0, resolution=6.0)
    noise = [half.data - pair.truth.data for half in (pair.first, pair.second)]
    assert abs(correlation(*noise)) < 0.02
    assert correlation(noise[0][:, :, :-1], noise[0][:, :, 1:]) > 0.3
    assert correlation(pair.first.data, pair.truth.data) > 0.7


def test_the_molecule_has_fourfold_symmetry_and_lies_inside_its_mask():
    pair = half_map_pair(64, 2.0, resolution=6.0)
    truth, mask = pair.truth.data, pair.mask.data
    turned = np.rot90(truth, axes=(1, 2))
    assert correlation(turned, truth) > 0.99
    assert 0 <= mask.min() < mask.max() <= 1
    assert np.abs(truth[mask == 0]).max() < 0.02 * truth.max()
    assert 0.03 < mask.mean() < 0.4


def test_the_seed_decides():
    first, again, other = (half_map_pair(32, 4.0, seed, 9.0) for seed in (1, 1, 2))
    assert np.array_equal(first.first.data, again.first.data)
    assert correlation(first.truth.data, other.truth.data) < 0.95


@pytest.mark.parametrize("arguments", [(8, 1.5), (64, 3.0), (32, 1.5)])
def test_impossible_half_maps_are_refused(arguments):
    with pytest.raises(DataError, match=r"at least 24|best|70 Å"):
        half_map_pair(*arguments)


@pytest.mark.parametrize("snr", [0.05, 0.5])
def test_tomograms_have_the_signal_that_was_asked_for(snr):
    pair = even_odd_tomogram(SMALL, snr=snr)
    noise = pair.even.data - pair.truth.data
    assert pair.truth.data.var() / noise.var() == pytest.approx(snr, rel=0.05)
    assert abs(correlation(noise, pair.odd.data - pair.truth.data)) < 0.05


def test_nothing_is_measured_in_the_missing_wedge():
    pair = even_odd_tomogram(SMALL, max_tilt=60)
    seen = wedge(SMALL, 60) > 0
    for volume in (pair.even, pair.odd, pair.truth):
        power = np.abs(np.fft.rfftn(volume.data)) ** 2
        assert power[~seen].mean() < 1e-6 * power[seen].mean()


def test_matter_is_dark_and_particles_are_where_they_are_said_to_be():
    pair = even_odd_tomogram((64, 128, 128))
    at = np.rint(pair.particles.positions).astype(int)
    ribosomes = at[pair.particles.features["class"] == "ribosome"]
    blocks = [pair.truth.data[z - 6 : z + 7, y - 6 : y + 7, x - 6 : x + 7] for z, y, x in ribosomes]
    assert np.mean([block.mean() for block in blocks]) < -0.2 * pair.truth.data.std()
    assert len(ribosomes) >= 2
    assert (at >= 0).all()
    assert (at < pair.truth.shape).all()


def test_impossible_tomograms_are_refused():
    with pytest.raises(DataError, match="at least 32"):
        even_odd_tomogram((16, 64, 64))
    with pytest.raises(DataError, match="5 to 20"):
        even_odd_tomogram(SMALL, voxel_size=1.0)


def test_everything_says_that_it_is_simulated():
    half, tomogram = half_map_pair(32, 4.0, resolution=9.0), even_odd_tomogram(SMALL)
    things = [*vars(half).values(), *vars(tomogram).values()]
    assert len(things) == 8
    for thing in things:
        assert "simulated" in thing.name
        assert "Simulated" in thing.history[0]
        assert thing.voxel_size is not None


def test_the_samples_are_made_in_a_moment():
    start = time.process_time()
    half_map_pair()
    even_odd_tomogram()
    assert time.process_time() - start < 6


def test_points_keep_their_weight_and_place():
    points = np.array([[3.25, 4.0, 5.5], [40.0, 0.0, 0.0]])
    volume = splatted(points, np.array([2.0, 9.0]), (8, 9, 10))
    assert volume.sum() == pytest.approx(2)
    centre = [float((axis * volume).sum() / 2) for axis in np.indices(volume.shape)]
    assert centre == pytest.approx([3.25, 4.0, 5.5])


def test_noise_has_unit_variance_and_rotations_rotate(rng):
    shape = (16, 20, 24)
    assert coloured(shape, gaussian(frequencies(shape), 1.0), rng).std() == pytest.approx(1)
    turns = rotations(5, rng)
    assert np.allclose(turns @ np.swapaxes(turns, 1, 2), np.eye(3))
    assert np.allclose(np.linalg.det(turns), 1)
