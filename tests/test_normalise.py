"""Grey values go to the network's scale and come back."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryonet.errors import DataError
from napari_cryonet.signal.normalise import Scaling, measure

KINDS = ["standard", "minmax", "none"]


@pytest.fixture
def pair(rng):
    one = (40 + 3 * rng.standard_normal((4, 5, 6))).astype(np.float32)
    two = (60 + 5 * rng.standard_normal((7, 3, 2))).astype(np.float32)
    return one, two


def everything(pair):
    return np.concatenate([each.ravel() for each in pair]).astype(float)


def test_standard_is_mean_and_deviation_of_all_voxels_together(pair):
    found = measure(pair)
    assert found.shift == pytest.approx(everything(pair).mean())
    assert found.scale == pytest.approx(everything(pair).std())
    scaled = everything([found.forward(each) for each in pair])
    assert scaled.mean() == pytest.approx(0, abs=1e-6)
    assert scaled.std() == pytest.approx(1, abs=1e-6)


def test_minmax_reaches_from_zero_to_one(pair):
    scaling = measure(pair, "minmax")
    scaled = everything([scaling.forward(each) for each in pair])
    assert scaled.min() == 0
    assert scaled.max() == pytest.approx(1)


def test_none_leaves_values_as_they_are(pair):
    scaling = measure(pair, "none")
    assert scaling == Scaling(0.0, 1.0)
    np.testing.assert_array_equal(scaling.forward(pair[0]), pair[0])


@pytest.mark.parametrize("kind", KINDS)
def test_backward_undoes_forward(pair, kind):
    scaling = measure(pair, kind)
    for values in pair:
        there = scaling.forward(values)
        assert there.dtype == np.float32
        np.testing.assert_allclose(scaling.backward(there), values, rtol=1e-5)


def test_small_deviations_on_a_large_mean_are_measured(rng):
    values = 32768 + 10 * rng.standard_normal((20, 20, 20))
    found = measure((values,))
    assert found.scale == pytest.approx(values.std(), rel=1e-6)


def test_what_is_measured_does_not_depend_on_the_type(rng):
    counts = rng.integers(-100, 100, (5, 6, 7), dtype=np.int8)
    for kind in (np.int16, np.float16, np.float64):
        assert measure((counts.astype(kind),)) == measure((counts,))


@pytest.mark.parametrize("kind", ["standard", "minmax"])
def test_constant_data_are_refused(kind):
    with pytest.raises(DataError, match=r"same value, 7: there is nothing to learn"):
        measure((np.full((3, 3, 3), 7.0), np.full((2, 2, 2), 7.0)), kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_numbers_are_refused(pair, kind, wrong):
    pair[1][2, 1, 0] = wrong
    with pytest.raises(DataError, match="not numbers; replace them first"):
        measure(pair, kind)


def test_a_scaling_goes_into_the_card_by_name():
    assert Scaling(2.0, 3.0).to_dict() == {"shift": 2.0, "scale": 3.0}
