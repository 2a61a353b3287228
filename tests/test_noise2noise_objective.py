"""What is minimised: independent noise, held-out voxels left out, and how it is judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from napari_cryonet.methods.noise2noise.data import Pair, prepare
from napari_cryonet.methods.noise2noise.objective import HalvesLearner
from napari_cryonet.methods.noise2noise.settings import TrainSettings
from napari_cryonet.nn import learner as learning
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.patches import Sampler, box
from napari_cryonet.nn.unet import build
from napari_cryonet.reporting import SilentReporter
from napari_cryonet.signal.combine import mixtures
from napari_cryonet.signal.correlate import correlation, cross_half
from napari_cryonet.signal.normalise import Scaling
from napari_cryonet.types import Volume
from phantom import halves, noise, one_thread  # noqa: F401

CPU = Compute(torch.device("cpu"))


class Constant(nn.Module):
    """Says the same of everything."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return 0 * image + self.value


def learner_of(pairs, network=None, **settings):
    values = {"patch": 8, "batch": 3, **settings}
    first = pairs[0].first
    return HalvesLearner(
        network or Constant(),
        pairs,
        pairs,
        TrainSettings.load(values),
        CPU,
        Volume(first, (2.0, 2.0, 2.0), name="half"),
    )


def pair_of(first, second, held=(), sides=(8, 8, 8), rotations="none", scaling=None):
    sampler = Sampler(first.shape, sides)
    return Pair(first, second, scaling or Scaling(), sampler, held, rotations)


def cost(learner, network, random):
    with torch.no_grad():
        return float(learner.loss(network, random))


def white(shape, rng, count=2):
    return tuple(rng.standard_normal((count, *shape)).astype(np.float32))


# ------------------------------------------------------------------------------ mixtures


def test_without_mixing_they_are_the_halves(rng):
    first, second = white((6, 7, 8), rng)
    given, target = mixtures(first, second, 1.0)
    np.testing.assert_array_equal(given, first)
    np.testing.assert_array_equal(target, second)


@pytest.mark.parametrize("mixing", [0.2, 0.5, 1.0])
def test_the_signal_is_in_both_unchanged(mixing, rng):
    (signal,) = white((6, 7, 8), rng, 1)
    for mixed in mixtures(signal, signal, mixing):
        np.testing.assert_array_equal(mixed, signal)
        assert mixed.dtype == np.float32


@pytest.mark.parametrize("mixing", [0.1, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("sigma", [0.05, 0.8])
def test_their_noise_is_independent_and_of_known_power(mixing, sigma, rng):
    one, two = noise((48, 48, 48), rng, sigma), noise((48, 48, 48), rng, sigma)
    given, target = mixtures(one, two, mixing)
    assert abs(correlation(given, target)) < 0.02
    assert given.var() == pytest.approx((1 + mixing**2) / 2, rel=0.03)
    assert target.var() == pytest.approx((1 + mixing**-2) / 2, rel=0.03)


def test_mixed_with_the_halves_exchanged_is_mirrored(rng):
    first, second = white((4, 4, 4), rng)
    mean = (first + second) / 2
    there, back = mixtures(first, second, 0.5)[0], mixtures(second, first, 0.5)[0]
    np.testing.assert_allclose((there + back) / 2, mean, atol=1e-6)


# ---------------------------------------------------------------------------------- loss


def test_a_perfect_answer_costs_nothing_in_every_turn_and_either_way(rng):
    """Input and target are turned alike, and both are the halves' common signal."""
    (signal,) = white((16, 16, 16), rng, 1)
    learner = learner_of([pair_of(signal, signal, rotations="rotations")], nn.Identity())
    for step in range(8):
        random = np.random.default_rng(step)
        assert cost(learner, learner.network, random) < 1e-12


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0, 4.0])
def test_the_loss_is_the_mean_power_of_the_error(power, rng):
    first, second = white((8, 8, 8), rng)
    learner = learner_of([pair_of(first, second)], loss_power=power, mixing=1, swap=False, batch=1)
    found = cost(learner, Constant(0.25), rng)
    assert found == pytest.approx(float((np.abs(second - 0.25) ** power).mean()), rel=1e-5)


def test_the_halves_are_exchanged_only_if_wanted(rng):
    shape = (8, 8, 8)
    pair = pair_of(np.full(shape, 1, np.float32), np.full(shape, 2, np.float32))
    found = {}
    for swap in (True, False):
        learner = learner_of([pair], mixing=1, batch=1, swap=swap)
        found[swap] = {round(cost(learner, Constant(), rng), 4) for _ in range(12)}
    assert found == {True: {1.0, 4.0}, False: {4.0}}


@pytest.mark.parametrize("rotations", ["none", "flips", "rotations"])
@pytest.mark.parametrize("mixing", [0.5, 1.0])
def test_held_out_voxels_never_enter_the_loss(rotations, mixing, rng):
    held = (box((0, 4, 8), (6, 6, 6)), box((10, 10, 10), (6, 6, 6)))
    first, second = white((16, 16, 16), rng)
    spoilt_first, spoilt_second = first.copy(), second.copy()
    for region in held:
        spoilt_first[region] += 1000
        spoilt_second[region] -= 500
    learner = learner_of([pair_of(first, second, held, rotations=rotations)], mixing=mixing)
    spoilt = learner_of(
        [pair_of(spoilt_first, spoilt_second, held, rotations=rotations)], mixing=mixing
    )
    for step in range(10):
        randoms = [np.random.default_rng(step) for _ in range(2)]
        expected = cost(learner, Constant(0.5), randoms[0])
        assert cost(spoilt, Constant(0.5), randoms[1]) == expected > 0


def test_targets_that_are_held_out_teach_nothing(rng):
    """With the halves unmixed the input stays as it is, so every gradient has to as well."""
    held = (box((2, 2, 2), (5, 5, 5)),)
    first, second = white((12, 12, 12), rng)
    spoilt = second.copy()
    spoilt[held[0]] = 77
    gradients = []
    for target in (second, spoilt):
        torch.manual_seed(1)
        network = build({"kind": "subpixel", "width": 2})
        learner = learner_of([pair_of(first, target, held)], network, mixing=1, swap=False)
        learner.loss(network, np.random.default_rng(5)).backward()
        gradients.append([each.grad for each in network.parameters()])
    for one, two in zip(*gradients, strict=True):
        assert torch.equal(one, two)
        assert one.abs().sum() > 0


def test_a_patch_that_is_all_held_out_costs_nothing(rng):
    first, second = white((8, 8, 8), rng)
    learner = learner_of([pair_of(first, second, (box((0, 0, 0), (8, 8, 8)),))])
    network = Constant(3.0)
    loss = learner.loss(network, rng)
    loss.backward()
    assert float(loss.detach()) == 0
    assert float(network.value.grad) == 0


def test_patches_thinner_than_a_cell_are_learnt_from(rng):
    first, second = white((3, 16, 16), rng)
    network = build({"kind": "unet", "width": 2, "depth": 3})
    learner = learner_of([pair_of(first, second, sides=(3, 16, 16), rotations="flips")], network)
    loss = learner.loss(network, rng)
    loss.backward()
    assert np.isfinite(float(loss.detach()))


def test_all_pairs_are_learnt_from(rng):
    shape = (8, 8, 8)
    pairs = [pair_of(np.full(shape, n, np.float32), np.full(shape, n, np.float32)) for n in (1, 2)]
    learner = learner_of(pairs, batch=1)
    found = {round(cost(learner, Constant(), rng), 4) for _ in range(20)}
    assert found == {1.0, 4.0}


@pytest.mark.parametrize(("batch", "steps"), [(1, 27 + 8), (2, 18), (1000, 1)])
def test_an_epoch_draws_as_many_voxels_as_there_are(batch, steps, rng):
    pairs = [pair_of(*white(shape, rng)) for shape in ((24, 24, 24), (16, 16, 16))]
    assert learner_of(pairs, batch=batch).steps_per_epoch == steps


# ------------------------------------------------------------------------------- judging


@pytest.mark.parametrize("mixing", [0.5, 1.0])
def test_the_quality_is_the_cross_half_estimate_in_the_held_out_cubes(mixing, rng):
    data = halves((24, 24, 24), rng, snr=1.0)
    first, second = data.first.data, data.second.data
    held = (box((0, 0, 0), (8, 8, 8)), box((16, 8, 16), (8, 8, 8)), box((8, 8, 8), (8, 8, 8)))
    learner = learner_of([pair_of(first, second, held)], nn.Identity(), mixing=mixing)
    given, target = mixtures(first, second, mixing)
    columns = [
        np.stack([whole[region] for region in held]) for whole in (given, target, first, second)
    ]
    figures = learner.validate(learner.network)
    assert set(figures) == {"quality"}
    assert figures["quality"] == pytest.approx(cross_half(*columns), abs=1e-6)
    assert 0.5 < figures["quality"] < 1


def test_the_network_sees_around_the_cubes_by_which_it_is_judged(rng):
    """Inside a cube the answer is that for the whole volume, up to what lies far away."""
    (signal,) = white((40, 40, 40), rng, 1)
    network = nn.Conv3d(1, 1, 7, padding=3)
    held = (box((12, 16, 20), (8, 8, 8)), box((0, 0, 32), (8, 8, 8)))
    learner = learner_of([pair_of(signal, signal, held)], network)
    with torch.inference_mode():
        whole = network(torch.from_numpy(signal)[None, None])[0, 0].numpy()
        lines = learner._judged(network, learner.judges[0], held)
        made = np.concatenate([line[0] for line in lines])
    expected = np.concatenate([whole[region].ravel() for region in held])
    np.testing.assert_allclose(made, expected, atol=1e-5)


def test_many_cubes_are_judged_a_few_at_a_time(monkeypatch, rng):
    shapes = []

    class Watching(nn.Identity):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            shapes.append(tuple(image.shape))
            return image

    first, second = white((32, 32, 32), rng)
    held = tuple(box(np.array(start) * 8, (8, 8, 8)) for start in np.ndindex(4, 4, 4))[:19]
    learner = learner_of([pair_of(first, second, held)], Watching())
    found = learner.validate(learner.network)
    assert [shape[0] for shape in shapes] == [8, 8, 3]
    monkeypatch.setattr(learning, "_AT_ONCE", 100)
    assert learner.validate(learner.network) == found


def test_without_held_out_cubes_there_is_no_judgement(rng):
    learner = learner_of([pair_of(*white((16, 16, 16), rng))])
    assert learner.validate(learner.network) == {}


def test_all_judges_are_asked(rng):
    good = white((16, 16, 16), rng, 1)[0]
    held = (box((0, 0, 0), (8, 8, 8)),)
    bad = white((16, 16, 16), rng)
    pairs = [pair_of(good, good, held), pair_of(*bad)]
    learner = learner_of(pairs, nn.Identity(), mixing=1)
    alone = learner.validate(learner.network)["quality"]
    assert alone == pytest.approx(1)
    learner.judges = [pairs[0], replace(pairs[1], held=held)]
    assert learner.validate(learner.network)["quality"] < 0.95


# ------------------------------------------------------------------------------ previews


def test_a_preview_has_the_place_and_the_grey_values_of_its_region(rng):
    (signal,) = white((20, 24, 28), rng, 1)
    signal = 40 + 3 * signal
    learner = learner_of([pair_of(signal, signal, scaling=Scaling(40.0, 3.0))], nn.Identity())
    learner.volume = Volume(signal, (2.0, 3.0, 4.0), (10.0, 20.0, 30.0), name="half")
    for region in [box((4, 5, 6), (1, 10, 9)), box((0, 0, 0), (20, 24, 28))]:
        shown = learner.preview(learner.network, region)
        np.testing.assert_allclose(shown.data, signal[region], rtol=1e-5)
        assert shown.voxel_size == (2.0, 3.0, 4.0)
        assert shown.name == "half preview"
        assert shown.origin == tuple(
            start + part.start * size
            for start, part, size in zip((10, 20, 30), region, (2, 3, 4), strict=True)
        )


def test_a_preview_of_resampled_data_covers_the_region_that_was_asked_for(rng):
    data = halves((24, 24, 24), rng, voxel_size=(2.0, 2.0, 2.0))
    settings = TrainSettings.load({"voxel_size": 3.0, "voxel_size_min": 3.0, "patch": 8})
    pair = prepare(data.pair, settings, 1, SilentReporter())
    assert pair.first.shape == (16, 16, 16)
    learner = HalvesLearner(nn.Identity(), [pair], [pair], settings, CPU, data.first)
    shown = learner.preview(learner.network, box((20, 9, 0), (1, 6, 24)))
    assert shown.shape == (1, 4, 16)
    assert shown.voxel_size == (3.0, 3.0, 3.0)
    assert shown.origin == (13 * 3.0, 6 * 3.0, 0.0)
    last = learner.preview(learner.network, box((23, 23, 23), (1, 1, 1)))
    assert last.shape == (1, 1, 1)
    assert last.origin == (45.0, 45.0, 45.0)
