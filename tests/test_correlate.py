"""Correlations in closed form, and the estimate that knows no truth against the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from napari_cryonet.signal.correlate import correlation, cross_half
from phantom import blobs, noise


def test_correlation_is_that_of_numpy(rng):
    one, two = rng.standard_normal((2, 5, 6, 7))
    assert correlation(one, two) == pytest.approx(np.corrcoef(one.ravel(), two.ravel())[0, 1])


def test_correlation_ignores_scale_and_shift(rng):
    one = rng.standard_normal((5, 6, 7))
    assert correlation(one, 3 * one - 40) == pytest.approx(1)
    assert correlation(one, 7 - 0.01 * one) == pytest.approx(-1)
    assert correlation(one.astype(np.float32) * 1e-6, one) == pytest.approx(1)


def test_correlation_of_waves_is_the_cosine_of_their_phase():
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False).reshape(3, 4, 5)
    for phase in (0.0, 0.3, np.pi / 2, 2.0):
        found = correlation(np.cos(angle), np.cos(angle + phase))
        assert found == pytest.approx(np.cos(phase), abs=1e-12)


def test_a_mask_leaves_the_rest_out(rng):
    one, two = rng.standard_normal((2, 6, 6, 6))
    mask = np.zeros((6, 6, 6), bool)
    mask[:3] = True
    two[mask] = 2 * one[mask]
    assert correlation(one, two, mask) == pytest.approx(1)
    assert correlation(one, two) < 0.9


@pytest.mark.parametrize("value", [0.0, 0.1, 5.0, 1e8])
def test_correlation_with_a_constant_is_zero(value, rng):
    one = rng.standard_normal((7, 9, 11))
    assert correlation(one, np.full_like(one, value)) == 0
    assert correlation(np.full_like(one, value), one) == 0


def test_a_large_mean_does_no_harm(rng):
    one, two = rng.standard_normal((2, 8, 8, 8))
    assert correlation(one + 1e7, two + 1e7) == pytest.approx(correlation(one, two), abs=1e-6)


@pytest.mark.parametrize("snr", [0.1, 1.0])
@pytest.mark.parametrize("blur", [0.5, 1.5, 3.0])
def test_the_cross_half_estimate_meets_the_truth(snr, blur, rng):
    truth = blobs((48, 48, 48), rng)
    first, second = (truth + noise(truth.shape, rng) / snr**0.5 for _ in range(2))
    denoised = ndimage.gaussian_filter(first, blur)
    estimate = cross_half(denoised, second, first, second)
    assert estimate == pytest.approx(correlation(denoised, truth), abs=0.05)


def test_for_the_raw_half_the_estimate_is_the_root_of_the_correlation_of_the_halves(rng):
    first, second = rng.standard_normal((2, 8, 8, 8))
    first += second
    found = cross_half(first, second, first, second)
    power = np.cov(first.ravel(), second.ravel(), bias=True)
    assert found == pytest.approx(power[0, 1] / math.sqrt(power[0, 1] * power[0, 0]))


@pytest.mark.parametrize("scale", [1e-5, 1.0, 1e6])
def test_the_estimate_does_not_depend_on_the_unit_of_grey_values(scale, rng):
    truth = blobs((16, 16, 16), rng)
    first, second = (truth + noise(truth.shape, rng) for _ in range(2))
    expected = cross_half(first, second, first, second)
    first, second = scale * first + 3 * scale, scale * second
    assert cross_half(first, second, first, second) == pytest.approx(expected, rel=1e-5)


def test_without_common_signal_there_is_no_estimate(rng):
    one = rng.standard_normal((6, 6, 6))
    constant = np.full_like(one, 0.1)
    assert math.isnan(cross_half(one, -one, one, -one))
    assert math.isnan(cross_half(constant, one, one, one))
    assert math.isnan(cross_half(one, one, one, constant))
