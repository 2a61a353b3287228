"""The tomogram that picking is measured with."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from napari_cryonet.errors import DataError
from napari_cryonet.signal.correlate import correlation
from napari_cryonet.simulate.particles import DIAMETER, picking_sample

SHAPE = (32, 96, 96)
COUNTS = (14, 6, 2)


def sample(**values):
    fields = {"shape": SHAPE, "counts": COUNTS, "snr": 0.1, "vesicle": False, **values}
    return picking_sample(**fields)


@pytest.fixture(scope="module")
def made():
    return sample()


def test_everything_that_was_asked_for_is_there(made):
    assert made.tomogram.shape == SHAPE
    assert made.tomogram.data.dtype == np.float32
    assert len(made.particles) == COUNTS[0]
    names, counts = np.unique(made.others.features["class"], return_counts=True)
    assert dict(zip(names, counts, strict=True)) == {"gold": 2, "lookalike": 6}
    assert made.particles.volume_shape == SHAPE


def test_particles_do_not_overlap(made):
    gaps = pdist(made.particles.positions) * made.particles.voxel_size[0]
    assert gaps.min() > DIAMETER


def test_particles_are_bright_where_the_truth_says(made):
    data = made.tomogram.data
    places = np.round(made.particles.positions).astype(int)

    def mean(moved):
        boxes = (tuple(slice(a - 2, a + 3) for a in place) for place in moved)
        return np.mean([data[box].mean() for box in boxes])

    here = mean(places)
    assert here > data.mean() + 0.3 * data.std()
    assert here > mean(np.clip(places[:, [0, 2, 1]], 3, 92)) + 0.2 * data.std()


def test_seeds_choose_places_and_noise_but_not_the_particle(made):
    again, other = sample(), sample(seed=1)
    assert np.array_equal(again.tomogram.data, made.tomogram.data)
    assert not np.allclose(other.particles.positions, made.particles.positions)


def test_more_signal_is_more_like_the_truth():
    clean, good, poor = (sample(snr=snr).tomogram.data for snr in (1e6, 0.1, 0.01))
    assert correlation(good, clean) > correlation(poor, clean) + 0.2


def test_the_wedge_is_missing():
    data = sample(snr=1e6).tomogram.data
    power = np.abs(np.fft.rfftn(data)) ** 2
    z = np.abs(np.fft.fftfreq(SHAPE[0]))[:, None, None]
    x = np.fft.rfftfreq(SHAPE[2])[None, None, :]
    radius = np.sqrt(z**2 + x**2)
    ring = np.broadcast_to((radius > 0.05) & (radius < 0.15), power.shape)
    wedge = ring & np.broadcast_to(z > 3 * x + 0.02, power.shape)
    seen = ring & np.broadcast_to(z < x, power.shape)
    assert power[wedge].mean() < 0.25 * power[seen].mean()


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="fit into"):
        sample(counts=(300, 0, 0))
    with pytest.raises(DataError, match="at least 24"):
        sample(shape=(10, 96, 96))
