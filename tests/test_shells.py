"""Fourier shells: Parseval, what the FSC must be, and filters that do what they say."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryonet.signal import shells

SHAPES = [(8, 8, 8), (9, 9, 9), (6, 10, 7), (13, 4, 8), (1, 12, 5)]


def white(shape, rng, count=1):
    return [rng.standard_normal(shape).astype(np.float32) for _ in range(count)]


def shell_power(volume, count):
    terms = shells.spectrum(volume)
    return shells.shell_sum(terms, terms, volume.shape, count)


@pytest.mark.parametrize("shape", SHAPES)
def test_frequency_is_the_length_of_the_frequency_vector(shape):
    z, y, x = (np.fft.fftfreq(length) for length in shape)
    whole = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    found = shells.frequency(shape)
    assert found.dtype == np.float32
    assert found.shape == (*shape[:2], shape[2] // 2 + 1)
    np.testing.assert_allclose(found, whole[..., : shape[2] // 2 + 1], rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 3, 8])
def test_the_shells_together_hold_the_whole_power(shape, count, rng):
    one, two = white(shape, rng, 2)
    both = shells.shell_sum(shells.spectrum(one), shells.spectrum(two), shape, count)
    assert both.shape == (count,)
    assert both.sum() == pytest.approx(float((one * two).sum()), rel=1e-4, abs=1e-3)
    assert shell_power(one, count).sum() == pytest.approx(float((one**2).sum()), rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_backward_undoes_spectrum(shape, rng):
    (volume,) = white(shape, rng)
    np.testing.assert_allclose(shells.backward(shells.spectrum(volume), shape), volume, atol=1e-5)


@pytest.mark.parametrize(("side", "wave"), [(16, 3), (16, 8), (15, 5), (48, 11)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_wave_lies_in_the_shell_of_its_frequency(side, wave, axis):
    along = np.cos(2 * np.pi * wave * np.arange(side) / side)
    volume = np.moveaxis(np.broadcast_to(along, (side,) * 3), -1, axis)
    power = shell_power(volume, side // 2)
    expected = min(wave, side // 2 - 1) if side % 2 == 0 else int(wave / side * 2 * (side // 2))
    assert np.argmax(power) == expected
    assert power[expected] == pytest.approx(power.sum(), rel=1e-5)


def test_corners_beyond_nyquist_belong_to_the_last_shell():
    z, y, x = np.indices((8, 8, 8))
    checkerboard = 1.0 - 2 * ((z + y + x) % 2)
    power = shell_power(checkerboard, 4)
    assert power[:-1] == pytest.approx(np.zeros(3), abs=1e-6)
    assert power[-1] == pytest.approx(8**3)


@pytest.mark.parametrize("shape", [(24, 24, 24), (17, 20, 25)])
def test_the_fsc_of_a_volume_with_itself_is_one_and_with_its_negative_minus_one(shape, rng):
    (volume,) = white(shape, rng)
    curve = shells.fsc(volume, 3 * volume)
    assert curve.shape == (max(shape) // 2,)
    np.testing.assert_allclose(curve, 1, atol=1e-6)
    np.testing.assert_allclose(shells.fsc(volume, -volume), -1, atol=1e-6)


def test_the_fsc_of_independent_noise_is_as_small_as_its_shells_are_large(rng):
    one, two = white((48, 48, 48), rng, 2)
    count = 12
    index = shells._index((48, 48, 48), count)
    terms = np.bincount(index.ravel(), minlength=count)
    assert (np.abs(shells.fsc(one, two, count)) < 4 / np.sqrt(terms)).all()


@pytest.mark.parametrize("snr", [0.25, 1.0, 4.0])
def test_the_fsc_of_signal_and_noise_is_their_share(snr, rng):
    truth, one, two = white((48, 48, 48), rng, 3)
    first, second = (truth + half / snr**0.5 for half in (one, two))
    halves, against = shells.fsc(first, second, 6), shells.fsc(first, truth, 6)
    share = snr / (1 + snr)
    np.testing.assert_allclose(halves[1:], share, atol=0.05)
    np.testing.assert_allclose(against[1:], share**0.5, atol=0.05)


def test_the_fsc_of_nothing_is_zero(rng):
    (volume,) = white((8, 8, 8), rng)
    assert (shells.fsc(volume, np.zeros_like(volume)) == 0).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_gain_of_one_everywhere_changes_nothing(shape, rng):
    (volume,) = white(shape, rng)
    gain = shells.shell_gain(shape, np.ones(5))
    assert (gain == 1).all()
    np.testing.assert_allclose(
        shells.backward(shells.spectrum(volume) * gain, shape), volume, atol=1e-5
    )


def test_gains_are_met_at_the_centres_of_shells_and_interpolated_between():
    gain = np.array([1.0, 3.0, 2.0, 0.0])
    found = shells.shell_gain((1, 1, 64), gain)[0, 0]
    waves = np.fft.rfftfreq(64)
    centres = np.array([0.0625, 0.1875, 0.3125, 0.4375])
    assert found[np.searchsorted(waves, centres)] == pytest.approx(gain)
    assert found[0] == 1
    assert found[np.searchsorted(waves, 0.125)] == pytest.approx(2.0)
    assert found[-1] == 0


def test_a_band_filter_keeps_its_band_and_nothing_else(rng):
    (volume,) = white((32, 32, 32), rng)
    band = np.zeros(16)
    band[4:9] = 1
    gain = shells.shell_gain(volume.shape, band)
    before = shell_power(volume, 16)
    after = shell_power(shells.backward(shells.spectrum(volume) * gain, volume.shape), 16)
    np.testing.assert_allclose(after[5:8], before[5:8], rtol=1e-4)
    assert after[np.r_[:3, 10:16]] == pytest.approx(np.zeros(9), abs=1e-3)


def test_integers_and_halves_are_read_as_they_are(rng):
    counts = rng.integers(0, 255, (6, 6, 6), dtype=np.uint8)
    for kind in (np.uint8, np.int16, np.float16, np.float64):
        np.testing.assert_array_equal(
            shells.spectrum(counts.astype(kind)), shells.spectrum(counts.astype(np.float32))
        )
