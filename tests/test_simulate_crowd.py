"""Tomograms of many kinds of made-up particles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from napari_cryonet.signal.correlate import correlation
from napari_cryonet.simulate.crowd import Imaging, crowd, random_kind

SHAPE = (32, 64, 64)
DIAMETER = 200.0


def made(seed=0, counts=(8, 8), **values):
    kinds = [random_kind(DIAMETER, np.random.default_rng(number)) for number in range(2)]
    imaging = Imaging(**{"snr": 0.2, **values})
    return crowd(kinds, counts, SHAPE, imaging, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(12))
def test_a_kind_is_as_large_as_was_asked_for(seed):
    beads = random_kind(DIAMETER, np.random.default_rng(seed))
    reach = np.linalg.norm(beads, axis=1)
    assert beads.shape == (400, 3)
    assert 0.93 * DIAMETER / 2 < np.quantile(reach, 0.97) < 1.07 * DIAMETER / 2
    assert reach.max() < 0.75 * DIAMETER


def test_kinds_differ():
    def radii(seed):
        beads = random_kind(DIAMETER, np.random.default_rng(seed))
        return np.linalg.norm(beads, axis=1)

    middles = [float(np.median(radii(seed))) for seed in range(12)]
    assert np.ptp(middles) > 0.1 * DIAMETER


def test_places_are_those_of_bright_particles_that_do_not_overlap():
    tomogram, particles = made(counts=(10, 0))
    gaps = pdist(particles.positions) * tomogram.scale[0]
    assert len(particles) > 4
    assert gaps.min() > 0.85 * DIAMETER
    assert set(particles.features["class"]) == {"0"}
    assert np.all(particles.features["radius"] >= 0.9 * DIAMETER / 2)
    data = tomogram.data
    here = [data[tuple(np.round(place).astype(int))] for place in particles.positions]
    assert np.mean(here) > data.mean() + data.std()


def test_a_seed_repeats_a_tomogram():
    first, again, other = made(), made(), made(1)
    assert np.array_equal(first[0].data, again[0].data)
    assert not np.array_equal(first[0].data, other[0].data)


def test_more_signal_is_more_like_the_truth():
    clean, good, poor = (made(snr=snr)[0].data for snr in (1e6, 0.2, 0.01))
    assert correlation(good, clean) > correlation(poor, clean) + 0.2


def test_the_wedge_is_missing():
    data = made()[0].data
    power = np.abs(np.fft.rfftn(data)) ** 2
    z = np.abs(np.fft.fftfreq(SHAPE[0]))[:, None, None]
    x = np.fft.rfftfreq(SHAPE[2])[None, None, :]
    outside = np.broadcast_to(z > x * np.tan(np.deg2rad(60)) + 1e-3, power.shape)
    assert power[outside].max() < 1e-6 * power[~outside].max()
