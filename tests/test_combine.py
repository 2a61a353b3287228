"""Mixing shell by shell: the least-squares answer, within bounds, without a truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_cryonet.nn.tiles import Grid
from napari_cryonet.signal.combine import Spectra, combine, mixtures
from napari_cryonet.signal.correlate import correlation
from napari_cryonet.signal.shells import fsc, shell_sum, spectrum
from phantom import blobs, halves, noise

COUNT = 16
SIGNAL = np.geomspace(100, 0.1, COUNT)
NOISE = np.geomspace(5, 20, COUNT)


def exact(passed=1.0, own=0.0, error=0.0):
    """Spectra of a denoised volume that is ``passed * s + own * R + e``, from known powers."""
    raw = SIGNAL + NOISE / 2
    extra = error * NOISE
    return Spectra(
        signal=SIGNAL,
        kept=(passed + own) * SIGNAL,
        raw=raw,
        denoised=passed**2 * SIGNAL + own**2 * raw + 2 * passed * own * SIGNAL + extra,
        shared=passed * SIGNAL + own * raw,
    )


def power(volume, count=COUNT):
    terms = spectrum(volume)
    return shell_sum(terms, terms, volume.shape, count)


# --------------------------------------------------------------------------- closed form


@pytest.mark.parametrize(("passed", "error"), [(1.0, 0.2), (0.7, 0.3), (0.3, 1.0)])
def test_gains_are_those_of_least_squares(passed, error):
    spectra = exact(passed, error=error)
    raw, denoised = spectra.gains()
    for shell in range(1, COUNT):
        matrix = np.array(
            [
                [spectra.raw[shell], spectra.shared[shell]],
                [spectra.shared[shell], spectra.denoised[shell]],
            ]
        )
        best = np.linalg.solve(matrix, [spectra.signal[shell], spectra.kept[shell]])
        if (best >= 0).all() and (best <= 1).all():
            assert (raw[shell], denoised[shell]) == pytest.approx(tuple(best), abs=1e-6)
    assert ((raw > 0.01) & (denoised > 0.01) & (denoised < 1)).sum() > 5


def test_a_perfect_network_is_taken_as_it_is():
    raw, denoised = exact(1.0).gains()
    np.testing.assert_allclose(raw[1:], 0, atol=1e-9)
    np.testing.assert_allclose(denoised[1:], 1, atol=1e-9)


def test_the_mean_is_always_that_of_the_raw_average(rng):
    assert [gain[0] for gain in exact(0.5, error=3.0).gains()] == [1, 0]
    raw, denoised = 7 + noise((9, 10, 12), rng), noise((9, 10, 12), rng)
    mixed = combine(raw, denoised, exact(1.0).gains())
    assert mixed.mean() == pytest.approx(raw.mean(), rel=1e-5)


def test_a_network_that_invents_is_left_out_and_the_rest_is_wiener_filtered():
    raw, denoised = exact(0.0, error=1.0).gains()
    np.testing.assert_allclose(denoised, 0, atol=1e-9)
    np.testing.assert_allclose(raw[1:], (SIGNAL / (SIGNAL + NOISE / 2))[1:])


@pytest.mark.parametrize("own", [1.0, 0.5])
def test_a_network_that_only_scales_its_input_adds_nothing(own):
    raw, denoised = exact(0.0, own=own).gains()
    wiener = SIGNAL / (SIGNAL + NOISE / 2)
    np.testing.assert_allclose((raw + own * denoised)[1:], wiener[1:], atol=1e-3)


def test_the_fsc_of_the_raw_average_follows_from_the_halves():
    share = SIGNAL / (SIGNAL + NOISE)
    expected = np.sqrt(2 * share / (1 + share))
    np.testing.assert_allclose(exact().fsc_raw(), expected)
    np.testing.assert_allclose(expected, np.sqrt(SIGNAL / (SIGNAL + NOISE / 2)))


@pytest.mark.parametrize(("passed", "own", "error"), [(1, 0, 0.2), (0.5, 0.3, 0.1), (0, 1, 0)])
def test_the_mixture_is_as_good_as_least_squares_can_be(passed, own, error):
    spectra = exact(passed, own, error)
    a, b = spectra.gains()
    found = spectra.fsc_mixed((a, b))
    inside = (a < 1) & (b < 1) & (a + b > 0)
    assert inside.sum() > 10
    explained = (a * spectra.signal + b * spectra.kept) / spectra.signal
    np.testing.assert_allclose(found[inside] ** 2, explained[inside], atol=1e-3)
    assert (found[inside] >= spectra.fsc_raw()[inside] - 1e-3).all()


def test_the_fsc_of_either_alone_is_that_of_a_mixture_without_the_other():
    spectra, one, zero = exact(0.8, error=0.1), np.ones(COUNT), np.zeros(COUNT)
    np.testing.assert_allclose(spectra.fsc_mixed((one, zero)), spectra.fsc_raw())
    expected = 0.8 * SIGNAL / np.sqrt(SIGNAL * (0.64 * SIGNAL + 0.1 * NOISE))
    np.testing.assert_allclose(spectra.fsc_mixed((zero, one)), expected)


def test_where_the_halves_have_nothing_in_common_nothing_is_claimed():
    none = Spectra(0 * SIGNAL, SIGNAL, NOISE, NOISE, 0 * NOISE)
    assert np.isnan(none.fsc_mixed(none.gains())).all()
    assert (none.fsc_raw() == 0).all()


# -------------------------------------------------------------------------------- bounds


def test_gains_lie_between_nothing_and_all_whatever_is_measured(rng):
    for _ in range(50):
        signal, kept, shared = 5 * rng.standard_normal((3, COUNT))
        raw, denoised = rng.exponential(size=(2, COUNT))
        for gain in Spectra(signal, kept, raw, denoised, shared).gains():
            assert np.isfinite(gain).all()
            assert gain.min() >= 0
            assert gain.max() <= 1


def test_where_nothing_was_measured_nothing_is_added():
    nothing = np.zeros(COUNT)
    raw, denoised = Spectra(nothing, nothing, nothing, nothing, nothing).gains()
    assert raw.tolist() == [1.0] + [0.0] * (COUNT - 1)
    assert denoised.tolist() == [0.0] * COUNT
    assert (nothing == 0).all()


def test_no_other_gains_within_the_bounds_are_better(rng):
    """The error of a mixture is convex: at its least no step inside the bounds helps."""
    first = rng.standard_normal((COUNT, 3, 200))
    products = np.einsum("nav,nbv->nab", first, first) / 200
    truth, raw, made = 0, 1, 2
    spectra = Spectra(
        signal=np.abs(products[:, truth, raw]),
        kept=products[:, truth, made],
        raw=products[:, raw, raw],
        denoised=products[:, made, made],
        shared=products[:, raw, made],
    )
    a, b = spectra.gains()

    def error(a, b):
        own = a**2 * spectra.raw + b**2 * spectra.denoised + 2 * a * b * spectra.shared
        return (own - 2 * a * spectra.signal - 2 * b * spectra.kept)[1:]

    for _ in range(200):
        other = rng.random((2, COUNT))
        assert (error(a, b) <= error(*other) + 1e-9).all()
        near = np.clip(np.stack([a, b]) + 0.01 * rng.standard_normal((2, COUNT)), 0, 1)
        assert (error(a, b) <= error(*near) + 1e-9).all()


def test_pure_noise_is_never_amplified(rng):
    one, two = (noise((32, 32, 32), rng) for _ in range(2))
    raw = (one + two) / 2
    for mixing in (0.5, 1.0):
        made = [
            ndimage.gaussian_filter(mixtures(*each, mixing)[0], 1, mode="wrap")
            for each in ((one, two), (two, one))
        ]
        gains = Spectra.measure((one, two), (made[0], made[1]), mixing, COUNT).gains()
        mixed = combine(raw, (made[0] + made[1]) / 2, gains)
        assert (power(mixed) <= power(raw) * 1.001).all()
        assert mixed.var() < 0.1 * raw.var()


# ------------------------------------------------------------------------------ measured


@pytest.mark.parametrize("mixing", [0.4, 1.0])
def test_what_is_measured_across_halves_is_what_the_truth_would_say(mixing, rng):
    data = halves((48, 48, 48), rng, snr=0.5)
    one, two = data.first.data, data.second.data
    made = tuple(
        ndimage.gaussian_filter(mixtures(*each, mixing)[0], 0.8, mode="wrap")
        for each in ((one, two), (two, one))
    )
    found = Spectra.measure((one, two), made, mixing, 8)
    both, terms = (made[0] + made[1]) / 2, spectrum(data.truth)
    expected = {
        "signal": shell_sum(terms, terms, data.truth.shape, 8),
        "kept": shell_sum(spectrum(both), terms, data.truth.shape, 8),
        "raw": power(data.raw, 8),
        "denoised": power(both, 8),
        "shared": shell_sum(spectrum(data.raw), spectrum(both), data.truth.shape, 8),
    }
    for name, value in expected.items():
        scale = expected["raw" if name in ("signal", "raw") else "shared"]
        np.testing.assert_allclose(
            getattr(found, name)[:6] / scale[:6], value[:6] / scale[:6], atol=0.1, err_msg=name
        )


def test_pieces_add_up(rng):
    shape = (8, 8, 8)
    pieces = [
        Spectra.measure(
            (noise(shape, rng), noise(shape, rng)), (noise(shape, rng), noise(shape, rng)), 1.0, 4
        )
        for _ in range(2)
    ]
    total = pieces[0] + pieces[1]
    for name in ("signal", "kept", "raw", "denoised", "shared"):
        expected = getattr(pieces[0], name) + getattr(pieces[1], name)
        np.testing.assert_array_equal(getattr(total, name), expected)


def test_shells_between_those_of_small_pieces_are_like_their_neighbours(rng):
    data = halves((16, 16, 16), rng, snr=4.0)
    one, two = (half.data - half.data.mean() for half in data.pair)
    made = tuple(ndimage.gaussian_filter(half, 0.5) for half in (one, two))
    found = Spectra.measure((one, two), made, 1.0, 64)
    empty = found.raw < 1e-6 * found.raw.max()
    assert empty[:8].all()
    for gain in found.gains():
        known, filled = np.flatnonzero(~empty), np.flatnonzero(empty)[1:]
        np.testing.assert_allclose(gain[filled], np.interp(filled, known, gain[known]), atol=1e-12)
    assert sum(found.gains())[:9].min() > 0.5


# ------------------------------------------------------------------------------- combined


@pytest.mark.parametrize("shape", [(12, 12, 12), (9, 14, 11)])
def test_all_of_one_and_nothing_of_the_other_is_the_one(shape, rng):
    raw, denoised = noise(shape, rng), noise(shape, rng)
    one, zero = np.ones(COUNT), np.zeros(COUNT)
    np.testing.assert_allclose(combine(raw, denoised, (one, zero)), raw, atol=1e-5)
    np.testing.assert_allclose(combine(raw, denoised, (zero, one)), denoised, atol=1e-5)
    half = combine(raw, denoised, (one / 2, one / 2))
    np.testing.assert_allclose(half, (raw + denoised) / 2, atol=1e-5)


@pytest.mark.parametrize("blur", [0.4, 1.0, 2.5])
def test_the_mixture_is_nearer_to_the_truth_than_either(blur, rng):
    data = halves((48, 48, 48), rng, snr=0.5)
    made = tuple(ndimage.gaussian_filter(half.data, blur, mode="wrap") for half in data.pair)
    gains = Spectra.measure((data.first.data, data.second.data), made, 1.0, 24).gains()
    both = (made[0] + made[1]) / 2
    mixed = combine(data.raw, both, gains)

    def error(volume):
        return float(((volume - data.truth) ** 2).mean())

    assert error(mixed) < error(data.raw)
    assert error(mixed) < 1.01 * error(both)
    worst = (fsc(mixed, data.truth, 12) - fsc(data.raw, data.truth, 12)).min()
    assert worst > -0.05
    assert correlation(mixed, data.truth) > correlation(data.raw, data.truth)


def test_piece_by_piece_is_nearly_as_in_one_piece(rng):
    truth = blobs((80, 72, 64), rng)
    raw = truth + noise(truth.shape, rng)
    denoised = ndimage.gaussian_filter(raw, 1.2)
    steps = np.arange(64)
    gains = (1 / (1 + np.exp((steps - 20) / 4)), 1 - 0.5 / (1 + np.exp((steps - 30) / 6)))
    whole = combine(raw, denoised, gains)
    tiled = np.empty_like(raw)
    for tile in Grid(20, 24).tiles(raw.shape):
        tiled[tile.write] = combine(raw[tile.read], denoised[tile.read], gains)[tile.inner]
    inner = (slice(24, -24),) * 3
    span = whole.max() - whole.min()
    assert np.abs(tiled - whole)[inner].max() < 2e-3 * span
    assert np.sqrt(((tiled - whole) ** 2).mean()) < 1e-2 * span
