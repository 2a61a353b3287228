"""Groups and maps of things that are described by numbers."""

from __future__ import annotations

import numpy as np

from napari_cryonet.signal.clusters import kmeans, principal_components, standardised


def heaps(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return three heaps of 30 things in a plane, and to which each belongs."""
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    own = np.repeat(np.arange(3), 30)
    return centres[own] + rng.normal(0, 0.5, (90, 2)), own


def test_heaps_are_found_whatever_the_seed():
    values, own = heaps(np.random.default_rng(0))
    for seed in range(5):
        groups = kmeans(values, 3, seed)
        assert len(set(zip(groups, own, strict=True))) == 3
    assert np.array_equal(kmeans(values, 3, 1), kmeans(values, 3, 1))


def test_equal_things_and_as_many_groups_as_things_are_no_trouble():
    assert set(kmeans(np.zeros((10, 3)), 4)) == {0}
    assert sorted(kmeans(np.arange(5.0)[:, None], 5)) == [0, 1, 2, 3, 4]


def test_components_keep_distances_and_fall_in_variance():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 3)) * [1, 5, 2]
    made = principal_components(values, 3)
    gaps = [np.linalg.norm(each[:, None] - each[None], axis=2) for each in (values, made)]
    assert np.allclose(*gaps)
    assert np.all(np.diff(made.var(axis=0)) < 0)
    assert not principal_components(values, 5)[:, 3:].any()
    assert np.all(made[np.abs(made).argmax(axis=0), range(3)] > 0)


def test_columns_are_standardised_and_constant_ones_become_zero():
    made = standardised(np.array([[1.0, 7.0], [3.0, 7.0]]))
    assert made.tolist() == [[-1.0, 0.0], [1.0, 0.0]]
