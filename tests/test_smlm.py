"""Simulated images of single molecules have the truth that they are said to have."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_cryonet.signal.smlm_settings import SmlmSettings
from napari_cryonet.signal.splat import splat
from napari_cryonet.simulate.shapes import shape
from napari_cryonet.simulate.smlm import smlm_images
from napari_cryonet.types import PointCloud

FEW = SmlmSettings(count=6, radius=80.0)


def test_clean_images_are_the_truth_in_its_poses():
    made = smlm_images(FEW)
    for image, turned, shift in zip(
        made.images.data, made.poses.rotations, made.poses.shifts, strict=True
    ):
        places = (made.truth.vertices @ turned.T)[:, 1:] + shift
        wanted = splat(places / 6.25 + 32, (64, 64), 7.5 / 6.25)
        np.testing.assert_allclose(image, wanted, atol=1e-5)
    np.testing.assert_allclose(made.images.data.sum(axis=(1, 2)), len(made.truth), rtol=2e-3)
    assert made.images.spot == 7.5


def test_equal_seeds_repeat_and_others_do_not():
    one, two = smlm_images(FEW).images.data, smlm_images(FEW).images.data
    np.testing.assert_array_equal(one, two)
    other = smlm_images(FEW.updated({"seed": 1})).images.data
    assert abs(other - one).max() > 0.1


@pytest.mark.parametrize(
    ("change", "share"),
    [
        ({"loss": 0.4}, 0.6),
        ({"spawn": 4, "spawn_rate": 0.3}, 1.2),
        ({"background": 0.2}, 1.25),
        ({"wobble": 0.05}, 1.0),
    ],
)
def test_as_many_molecules_are_seen_as_was_asked_for(change, share):
    made = smlm_images(SmlmSettings(count=60, radius=80.0).updated(change))
    sums = made.images.data.sum(axis=(1, 2)) / len(made.truth)
    assert sums.mean() == pytest.approx(share, rel=0.03)


def test_an_object_is_brought_to_the_radius():
    cloud = PointCloud(7 * shape("helix") + 100)
    made = smlm_images(FEW, cloud)
    np.testing.assert_allclose(made.truth.vertices, 80 * shape("helix"), atol=1e-9)
    assert np.linalg.det(Rotation.from_matrix(made.poses.rotations).as_matrix()) == pytest.approx(1)
