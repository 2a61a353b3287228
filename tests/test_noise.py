"""The noise of one volume: found where it is quiet, drawn with the same covariances."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryonet.errors import DataError
from napari_cryonet.reporting import Cancelled
from napari_cryonet.signal import noise as module
from napari_cryonet.signal.noise import Noise, measure_noise
from phantom import blobs
from phantom import noise as correlated

SIDE = 48


def measured(volume, **named):
    return measure_noise(lambda region: volume[region], volume.shape, **named)


def white(rng, shape=(SIDE,) * 3):
    return rng.standard_normal(shape).astype(np.float32)


def lags(volume):
    """Correlations of neighbours along z, y, x, counted directly."""
    pairs = (
        (volume[1:], volume[:-1]),
        (volume[:, 1:], volume[:, :-1]),
        (volume[..., 1:], volume[..., :-1]),
    )
    return [float((one * two).mean() / volume.var()) for one, two in pairs]


def test_white_noise_is_white(rng):
    found = measured(3 * white(rng))
    assert found.white
    assert found.reach == 1
    assert found.deviation == pytest.approx(3, rel=0.05)
    assert "independent from voxel to voxel" in found.sentence()


@pytest.mark.parametrize("sigma", [0.5, 0.8])
def test_correlations_are_those_of_the_noise(sigma, rng):
    volume = correlated((SIDE,) * 3, rng, sigma)
    found = measured(volume)
    assert not found.white
    assert found.reach > 1
    assert found.correlation(1) == pytest.approx(lags(volume), abs=0.08)
    assert "correlated" in found.sentence()


def test_each_axis_has_its_own_correlation(rng):
    volume = white(rng)
    volume[1:] += volume[:-1]
    z, y, x = measured(volume).correlation(1)
    assert z == pytest.approx(0.5, abs=0.08)
    assert abs(y) < 0.08
    assert abs(x) < 0.08


def test_signal_hardly_counts(rng):
    """Of a variance of 1 + 1, about 1 is found, because there are quiet places."""
    truth = blobs((64,) * 3, rng, density=0.0003)
    found = measured(truth + white(rng, (64,) * 3))
    assert found.deviation == pytest.approx(1, abs=0.06)
    assert found.white


def test_padding_and_gold_do_not_count(rng):
    volume = white(rng, (48, 48, 96))
    volume[..., :40] = 0
    volume[:24, :24, 72:] *= 12
    found = measured(volume)
    assert found.deviation == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize("shape", [(40, 40, 40), (20, 33, 47), (6, 40, 40)])
def test_what_is_drawn_has_the_same_covariances(shape, rng):
    found = measured(correlated((SIDE,) * 3, rng, 0.7))
    drawn = np.stack([found.draw(shape, rng) for _ in range(8)])
    assert drawn.shape == (8, *shape)
    assert drawn.dtype == np.float32
    assert drawn.std() == pytest.approx(found.deviation, rel=0.05)
    near = np.mean([lags(each) for each in drawn], axis=0)
    assert near == pytest.approx(found.correlation(1), abs=0.12)
    again = found.draw(shape, np.random.default_rng(1))
    np.testing.assert_array_equal(again, found.draw(shape, np.random.default_rng(1)))


def test_the_spectrum_is_the_transform_of_the_covariances():
    covariance = np.zeros((5, 5, 5))
    covariance[0, 0, 0], covariance[1, 0, 0], covariance[-1, 0, 0] = 2.0, 0.5, 0.5
    found = Noise(covariance).amplitude((8, 6, 6)) ** 2
    z = np.fft.fftfreq(8)[:, None, None]
    expected = np.broadcast_to(2 + np.cos(2 * np.pi * z), found.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_large_volumes_are_sampled(rng, monkeypatch):
    monkeypatch.setattr(module, "_MOST_BLOCKS", 20)
    volume, seen = white(rng, (40, 64, 64)), []

    def read(region):
        seen.append(tuple(part.start for part in region))
        return volume[region]

    found = measure_noise(read, volume.shape)
    seen = [place for place in seen if place != (0, 0, 0)]  # that of the large block, too
    assert len(seen) == len(set(seen)) == 19
    assert np.ptp(seen, axis=0).min() >= 16
    assert found.deviation == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("shape", [(2, 2, 2), (3, 40, 40), (24, 24, 24), (17, 9, 30)])
def test_small_volumes_are_measured_as_well_as_they_can_be(shape, rng):
    found = measured(white(rng, shape))
    assert np.isfinite(found.deviation)
    assert found.draw(shape, rng).shape == shape


@pytest.mark.parametrize(
    ("volume", "words"),
    [(np.zeros((30, 30, 30)), "no noise"), (np.zeros((1, 30, 30)), "at least two voxels")],
)
def test_what_has_no_noise_is_refused(volume, words):
    with pytest.raises(DataError, match=words):
        measured(volume)


def test_measuring_can_be_stopped(rng):
    def stop():
        raise Cancelled(keep=True)

    with pytest.raises(Cancelled):
        measured(white(rng), check=stop)
