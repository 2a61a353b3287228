"""Clouds and poses against the truth."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_cryonet.errors import DataError
from napari_cryonet.signal.cloud_score import MIRROR, align_hands, pose_errors, rms_radius, score
from napari_cryonet.simulate.shapes import shape
from napari_cryonet.types import PointCloud, Poses


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("kind", ["blob", "ring", "helix"])
def test_a_moved_scaled_and_mirrored_copy_is_recognised(kind, mirror):
    truth = shape(kind)
    turned = Rotation.random(rng=np.random.default_rng(5)).as_matrix()
    copy = 3 * (truth @ MIRROR if mirror else truth) @ turned.T + [4, 5, 6]
    made = score(PointCloud(copy), PointCloud(truth))
    assert made.rmse < 0.01
    assert made.chamfer < 0.01
    assert made.hand == ("mirrored" if mirror else "same")
    assert made.other_rmse > 0.05
    assert made.scale == pytest.approx(1 / 3, rel=0.01)
    assert made.rms_radius == pytest.approx(1)


def test_an_alignment_moves_vertices_onto_the_other_cloud():
    truth = shape("helix")
    same, _ = align_hands(2 * truth + 1, truth)
    np.testing.assert_allclose(same.moved(2 * truth + 1), truth, atol=0.02)


def test_the_score_of_noise_is_its_size():
    truth = shape("blob")
    random = np.random.default_rng(1)
    made = score(PointCloud(truth + random.normal(scale=0.01, size=truth.shape)), PointCloud(truth))
    assert made.rmse == pytest.approx(0.01 * np.sqrt(3), rel=0.1)


def test_shapes_have_the_unit_radius_and_the_ring_its_symmetry():
    ring = shape("ring")
    assert rms_radius(ring) == pytest.approx(1)
    ninth = Rotation.from_euler("z", 40, degrees=True).as_matrix()[::-1, ::-1]
    gaps = np.linalg.norm((ring @ ninth.T)[:, None] - ring, axis=2).min(axis=1)
    assert gaps.max() < 1e-9


@pytest.mark.parametrize(("hand", "symmetry"), [("same", 1), ("mirrored", 1), ("same", 9)])
def test_pose_errors_know_neither_the_common_turn_nor_the_hand(hand, symmetry):
    random = np.random.default_rng(2)
    true = Rotation.random(80, rng=random).as_matrix()
    about = random.integers(symmetry, size=80) * 2 * np.pi / symmetry
    copies = Rotation.from_euler("z", about[:, None]).as_matrix()[:, ::-1, ::-1]
    error = Rotation.from_rotvec(np.radians(2) * np.eye(3)[random.integers(3, size=80)])
    common = Rotation.random(rng=random).as_matrix()
    given = error.as_matrix() @ true @ copies @ common
    if hand == "mirrored":
        given = MIRROR @ given @ MIRROR
    found = pose_errors(
        Poses(given, np.zeros((80, 2))), Poses(true, np.zeros((80, 2))), hand, symmetry
    )
    np.testing.assert_allclose(np.median(found), 2, atol=0.3)
    wrong = "same" if hand == "mirrored" else "mirrored"
    other = pose_errors(Poses(given, np.zeros((80, 2))), Poses(true, np.zeros((80, 2))), wrong)
    assert np.median(other) > 30


def test_what_cannot_be_scored_is_said():
    with pytest.raises(DataError, match="at least four"):
        score(PointCloud(np.zeros((3, 3))), PointCloud(shape("blob")))
    one, two = (Poses(np.tile(np.eye(3), (n, 1, 1)), np.zeros((n, 2))) for n in (1, 2))
    with pytest.raises(DataError, match="cannot be compared"):
        pose_errors(one, two, "same")
    with pytest.raises(DataError, match="Row 1 of poses is no rotation"):
        Poses(-np.eye(3)[None], np.zeros((1, 2)))
