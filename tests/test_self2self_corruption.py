"""What a network is given and what it has to predict: independent noise in every mode."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_cryonet.methods.self2self.corruption import (
    Added,
    Bernoulli,
    Fourier,
    corruption,
)
from napari_cryonet.methods.self2self.masks import blocks, coefficients, points
from napari_cryonet.methods.self2self.objective import SingleLearner, total_variation
from napari_cryonet.methods.self2self.settings import TrainSettings
from napari_cryonet.nn.augment import turns
from napari_cryonet.nn.patches import Sampler
from napari_cryonet.signal.noise import Noise, measure_noise
from napari_cryonet.signal.shells import frequency
from phantom import noise as correlated
from phantom import one_thread  # noqa: F401

SHAPE = (24, 24, 24)
POINTS = Bernoulli("points", 0.3, 0.1, 3)


@pytest.fixture(scope="module")
def colour() -> Noise:
    """Correlated noise, measured."""
    volume = correlated((48, 48, 48), np.random.default_rng(1), 0.7)
    return measure_noise(lambda region: volume[region], volume.shape)


def batch(values):
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None, None]


def settings_of(**values):
    return TrainSettings.load(values)


def learner_of(how, **values):
    return SingleLearner(None, [], [], settings_of(**values), None, None, how)


def scalar(one, two):
    """The correlation of two arrays."""
    return float(np.corrcoef(np.ravel(one), np.ravel(two))[0, 1])


# --------------------------------------------------------------------------------- masks


@pytest.mark.parametrize("probability", [0.1, 0.3, 0.7])
def test_points_are_left_out_each_by_itself(probability, rng):
    out = points((40, 40, 40), probability, rng)
    assert out.mean() == pytest.approx(probability, abs=0.01)
    assert abs(scalar(out[1:], out[:-1])) < 0.02


@pytest.mark.parametrize("side", [2, 3, 5])
def test_blocks_are_left_out_whole(side, rng):
    out = blocks((60, 60, 60), 0.2, side, rng)
    assert out.mean() == pytest.approx(0.2, abs=0.05)
    near = scalar(out[1:], out[:-1])
    assert near == pytest.approx(1 - 1 / side, abs=0.06)
    assert abs(scalar(out[side:], out[:-side])) < 0.1


def test_blocks_lie_anywhere(rng):
    edges = {tuple(np.flatnonzero(np.diff(blocks((30,) * 3, 0.5, 5, rng)[0, 0]))[:1] % 5)
             for _ in range(40)}  # fmt: skip
    assert len(edges) >= 5


@pytest.mark.parametrize("shape", [(16, 16, 16), (9, 14, 11)])
def test_low_frequencies_are_never_left_out(shape, rng):
    out = coefficients(shape, 0.5, 0.2, 1, rng)
    radius = frequency(shape)
    assert out.shape == radius.shape
    assert not out[radius < 0.2].any()
    assert out[radius >= 0.2].mean() == pytest.approx(0.5, abs=0.06)


# ------------------------------------------------------------------------------ bernoulli


def test_only_what_was_left_out_has_to_be_predicted(colour, rng):
    values = correlated(SHAPE, rng)
    found = POINTS.example(values, colour, rng)
    out = found.counted > 0
    assert out.mean() == pytest.approx(0.3, abs=0.03)
    assert (found.given[out] == 0).all()
    np.testing.assert_array_equal(found.given[~out], values[~out])
    np.testing.assert_array_equal(found.wanted, values)
    error = POINTS.error(batch(values + 1), batch(values), batch(found.counted))
    np.testing.assert_allclose(error[0, 0].numpy(), out, atol=1e-6)


def test_both_kinds_of_masks_come_by_turns(colour, rng):
    both = Bernoulli("both", 0.3, 0.1, 4)
    shares = [both.out((32,) * 3, rng).mean() for _ in range(30)]
    assert any(share > 0.25 for share in shares)
    assert any(share < 0.15 for share in shares)


def test_the_volume_to_be_smooth_has_predictions_in_its_holes(colour, rng):
    values, out = correlated(SHAPE, rng), POINTS.out(SHAPE, rng)
    whole = POINTS.whole(batch(np.full(SHAPE, 7.0)), batch(values), batch(out))[0, 0].numpy()
    np.testing.assert_array_equal(whole, np.where(out, np.float32(7), values))


# -------------------------------------------------------------------------------- fourier


def fourier(**values):
    fields = {"probability": 0.5, "ball": 0.05, "side": 1, "signs": 0.0, "second": False}
    return Fourier(**{**fields, **values})


def test_given_and_wanted_share_no_coefficient(colour, rng):
    values = correlated(SHAPE, rng)
    found = fourier().example(values, colour, rng)
    given, wanted = (np.abs(np.fft.rfftn(each)) for each in (found.given, found.wanted))
    scale = np.abs(np.fft.rfftn(values)).mean()
    assert (np.minimum(given, wanted) < 1e-4 * scale).all()
    np.testing.assert_allclose(found.given + found.wanted, values, atol=1e-5)


def test_only_errors_of_coefficients_that_were_left_out_count(colour, rng):
    values, how = correlated(SHAPE, rng), fourier()
    found = how.example(values, colour, rng)
    ones = np.ones(SHAPE)
    wrong = how.error(batch(found.given * 5), batch(found.wanted), batch(ones))
    nothing = how.error(batch(0 * values), batch(found.wanted), batch(ones))
    np.testing.assert_allclose(wrong.numpy(), nothing.numpy(), atol=1e-3)
    perfect = how.error(batch(values), batch(found.wanted), batch(ones))
    assert float(perfect.abs().max()) < 1e-3


def test_signs_are_turned_and_the_target_is_another_sample(colour, rng):
    values = correlated(SHAPE, rng)
    terms = np.fft.rfftn(values)
    signs = fourier(signs=0.25, probability=1e-9)
    turned = np.fft.rfftn(signs.example(values, colour, rng).given)
    assert ((turned / terms).real < 0).mean() == pytest.approx(0.25, abs=0.03)
    pair = fourier(second=True).example(values, colour, rng)
    there = [np.abs(np.fft.rfftn(each)) > 1e-4 for each in (pair.given, pair.wanted)]
    high = frequency(SHAPE) > 0.06
    assert (there[0] & there[1])[high].mean() == pytest.approx(0.25, abs=0.03)
    assert (there[0] & there[1])[frequency(SHAPE) < 0.04].all()


def test_coefficients_are_left_out_in_blocks(colour, rng):
    out = fourier(side=4).out((32, 32, 32), rng)
    assert scalar(out[8:16, 8:15], out[8:16, 9:16]) > 0.6


# ---------------------------------------------------------------------------------- noise


@pytest.mark.parametrize("mixing", [0.3, 0.5, 1.0])
def test_noise_of_the_input_is_not_in_the_target(mixing, colour, rng):
    """For noise with the covariances that were measured, and nothing else in the volume."""
    shape = (64, 64, 64)
    pure = colour.draw(shape, rng)
    found = Added(mixing).example(pure, colour, rng)
    assert abs(scalar(found.given, found.wanted)) < 0.02
    assert abs(scalar(found.given[1:], found.wanted[:-1])) < 0.02
    assert found.given.std() / pure.std() == pytest.approx((1 + mixing**2) ** 0.5, rel=0.03)
    assert found.wanted.std() / pure.std() == pytest.approx((1 + mixing**-2) ** 0.5, rel=0.03)


def test_passes_come_in_pairs_around_the_volume(colour, rng):
    values = correlated(SHAPE, rng)
    one, two = Added(0.5).inputs(values, colour, rng)
    np.testing.assert_allclose((one + two) / 2, values, atol=1e-5)
    assert (one - values).std() == pytest.approx(0.5 * colour.deviation, rel=0.1)
    assert Added(0.5).spread == 2


# -------------------------------------------------------------------------- from settings


def test_settings_say_what_is_done():
    chosen = corruption("bernoulli", settings_of(point_probability=0.4), 1)
    assert chosen == Bernoulli("points", 0.4, 0.1, 2)
    assert corruption("bernoulli", settings_of(), 3) == Bernoulli("blocks", 0.3, 0.1, 5)
    own = settings_of(masks="both", block_side=4, block_probability=0.2)
    assert corruption("bernoulli", own, 3) == Bernoulli("both", 0.3, 0.2, 4)
    assert corruption("noise", settings_of(mixing=0.7), 1) == Added(0.7)
    published = Fourier(0.5, 0.25, 4, 0.1, second=True)
    assert corruption("fourier", settings_of(), 1) == published
    others = settings_of(
        fourier_target="others", sign_probability=0, fourier_block=1, kept_ball=0.03
    )
    assert corruption("fourier", others, 1) == Fourier(0.5, 0.03, 1, 0.0, second=False)


# -------------------------------------------------------------------------------- the cost


def test_the_mean_counts_only_what_counts(rng):
    values, out = correlated(SHAPE, rng), POINTS.out(SHAPE, rng)
    learner = learner_of(POINTS)
    found = learner.cost(batch(values + 3), batch(values), batch(out))
    assert float(found) == pytest.approx(9, rel=1e-4)


def test_the_norm_is_that_of_each_patch(rng):
    """As in the original: not squared, summed over a patch, averaged over the batch."""
    learner = learner_of(POINTS, loss="norm")
    wanted = torch.zeros(2, 1, 4, 4, 4)
    out = wanted.clone()
    out[0] += 2
    found = learner.cost(out, wanted, torch.ones_like(out))
    assert float(found) == pytest.approx((2 * 64**0.5 + 0) / 2)


def test_total_variation_by_hand_and_its_weight(rng):
    volume = torch.zeros(2, 1, 3, 3, 3)
    volume[0, 0, 1, 1, 1] = 1
    assert float(total_variation(volume)) == pytest.approx(6 / 2)
    values, counted = correlated(SHAPE, rng), np.ones(SHAPE)
    plain, smooth = (
        float(
            learner_of(POINTS, total_variation=weight).cost(
                batch(values), batch(values), batch(counted)
            )
        )
        for weight in (0.0, 2.0)
    )
    expected = 2 * float(total_variation(batch(values))) / values.size
    assert smooth - plain == pytest.approx(expected, rel=1e-4)


def test_samples_of_a_patch_are_further_rows_of_the_batch(colour, rng):
    source = SimpleNamespace(read=lambda _region: correlated(SHAPE, rng), noise=colour)
    learner = learner_of(POINTS, samples=5)
    found = learner.examples(source, None, rng)
    assert len(found) == 5
    assert len({each.counted.tobytes() for each in found}) == 5
    assert all(each.wanted is found[0].wanted for each in found)


@pytest.mark.parametrize(("group", "count"), [("none", 1), ("flips", 8), ("rotations", 24)])
def test_patches_are_learnt_from_in_all_turns_of_their_group(group, count, colour, rng):
    """Mirror images leave the axes, and so a missing wedge, where they are."""
    shape = (4, 4, 4)
    values = correlated((8, 8, 8), rng)[:4, :4, :4]
    source = SimpleNamespace(
        read=lambda _region: values,
        noise=colour,
        sampler=Sampler(shape, shape),
        held=(),
        rotations=group,
    )
    learner = learner_of(POINTS)
    learner.sources = [source]
    seen = {learner._draw(rng)[0][1].numpy().tobytes() for _ in range(40 * count)}
    expected = {turn.apply(torch.from_numpy(values)).numpy().tobytes() for turn in turns(group)}
    assert len(expected) == count
    assert seen == expected
