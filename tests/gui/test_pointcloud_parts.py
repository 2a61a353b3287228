"""What the Point cloud dock knows, without a window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Image, Layer

from napari_cryonet.errors import DataError
from napari_cryonet.gui.layers import layer_data, to_thing
from napari_cryonet.gui.pointcloud.accepting import (
    Chosen,
    accepted,
    chosen,
    decide,
    is_particles,
    is_rejected,
)
from napari_cryonet.gui.pointcloud.found import doubt_of, from_application, from_training
from napari_cryonet.gui.pointcloud.views import HEIGHT, WIDTH, directions, net, on_map
from napari_cryonet.io import poses as poses_file
from napari_cryonet.signal.smlm_settings import SmlmSettings
from napari_cryonet.simulate.smlm import SmlmSample, smlm_images
from napari_cryonet.types import ImageStack, Model, ModelCard, Poses


@pytest.fixture(scope="module")
def sample() -> SmlmSample:
    return smlm_images(SmlmSettings(count=8, box=32, pixel_size=12.5, sigma=12.5, seed=2))


@pytest.fixture
def layer(sample: SmlmSample) -> Image:
    return Layer.create(*layer_data(sample.images)[0])


def true_model(sample: SmlmSample, **training: object) -> Model:
    """Return the model of a reconstruction that went perfectly."""
    count, points = len(sample.poses), sample.truth.vertices.astype("f4")
    weights = {
        "points": points,
        "weights": np.full(len(points), 1 / len(points), "f4"),
        "rotations": sample.poses.rotations.astype("f4"),
        "shifts": sample.poses.shifts.astype("f4"),
        "residuals": np.linspace(0, 0.1, count, dtype="f4"),
        "kept": np.ones(count, "u1"),
        "history": np.stack([0 * points, points]),
    }
    extra = {"radius": 100.0, "reach": 250.0, "background": 0.0, "pixel_size": 12.5, "spot": 12.5}
    known = {"agreement": 2.0, "stuck": False, **training}
    card = ModelCard(method="pointcloud", settings={"images": "all"}, training=known, extra=extra)
    return Model(card, weights)


def test_images_keep_the_width_of_their_spots_in_a_layer(sample, layer):
    assert is_particles(layer)
    back = to_thing(layer)
    assert (back.spot, back.pixel_size, back.unit) == (12.5, (12.5, 12.5), "nm")
    assert not is_particles(Image(np.zeros((3, 4, 4))))
    angstrom = ImageStack(np.zeros((3, 4, 4)), (1.0, 1.0), "Å")
    assert not is_particles(Layer.create(*layer_data(angstrom)[0]))


def test_the_layer_remembers_what_was_rejected(sample, layer):
    assert chosen(layer).images.data is sample.images.data
    decide(layer, 2, reject=True)
    decide(layer, 5, reject=True)
    decide(layer, 5, reject=True)
    assert is_rejected(layer, 5)
    decide(layer, 5, reject=False)
    assert accepted(layer).tolist() == [0, 1, 3, 4, 5, 6, 7]
    made = chosen(layer)
    assert made.numbers.tolist() == [0, 1, 3, 4, 5, 6, 7]
    np.testing.assert_array_equal(made.images.data, np.delete(sample.images.data, 2, axis=0))


def test_nothing_to_take_is_said(layer):
    with pytest.raises(DataError, match="Open images of single molecules first"):
        chosen(None)
    for number in range(8):
        decide(layer, number, reject=True)
    with pytest.raises(DataError, match="All images of simulated were rejected"):
        chosen(layer)


def test_the_model_in_the_pose_of_an_image_leaves_little_of_it(sample):
    found = from_training(true_model(sample), Chosen(sample.images, np.arange(8)))
    for index in (0, 7):
        image, drawn, left = found.tiles(index)
        np.testing.assert_array_equal(image, sample.images.data[index])
        np.testing.assert_array_equal(left, image - drawn)
        assert np.abs(left).max() < 0.01 * image.max()
    assert found.radius == pytest.approx(100, rel=1e-3)
    assert found.doubt == ""


def test_the_history_ends_with_the_cloud(sample):
    found = from_training(true_model(sample), Chosen(sample.images, np.arange(8)))
    assert not found.at(0).vertices.any()
    assert found.at(1) is found.cloud
    assert replace(found, history=np.empty((0, 0, 3))).at(0) is found.cloud


def test_the_mirror_image_looks_the_same(sample):
    from napari_cryonet.methods.pointcloud.results import draw

    found = from_training(true_model(sample), Chosen(sample.images, np.arange(8)))
    other = found.mirrored()
    assert not np.allclose(other.cloud.vertices, found.cloud.vertices, atol=1)
    np.testing.assert_allclose(other.history[-1], other.cloud.vertices, atol=1e-3)
    seen = draw(other.cloud, other.poses, sample.images, (12.5, 12.5)).data
    np.testing.assert_allclose(seen, [found.drawn(n) for n in range(8)], atol=1e-4)
    again = other.mirrored()
    np.testing.assert_allclose(again.cloud.vertices, found.cloud.vertices)
    np.testing.assert_allclose(again.poses.rotations, found.poses.rotations)


def test_poses_name_the_images_of_the_layer(tmp_path, sample):
    numbers = np.array([3, 4, 6, 9, 10, 11, 12, 20])
    model = true_model(sample)
    poses_file.write(tmp_path / "p.csv", from_training(model, Chosen(sample.images, numbers)).poses)
    table = np.genfromtxt(tmp_path / "p.csv", delimiter=",", names=True)
    assert table["image"].tolist() == numbers.tolist()
    odd = {"images": "odd"}
    half = {
        name: values[1::2] if len(values) == 8 else values for name, values in model.weights.items()
    }
    part = Model(model.card.model_copy(update={"settings": odd}), half)
    found = from_training(part, Chosen(sample.images, numbers))
    assert found.poses.features["image"].tolist() == [4, 9, 11, 20]
    np.testing.assert_array_equal(found.images.data, sample.images.data[1::2])


def test_an_application_brings_its_own_pictures(sample):
    rendered = replace(sample.images, data=sample.images.data * 2)
    poses = replace(sample.poses, features={"residual": np.zeros(8)})
    parts = {"cloud": sample.truth, "poses": poses, "rendered": rendered}
    found = from_application(parts, Chosen(sample.images, np.arange(8)))
    image, _, left = found.tiles(3)
    np.testing.assert_array_equal(left, -image)
    assert found.at(0) is sample.truth


def test_doubts_are_said(sample):
    assert doubt_of(true_model(sample).card) == ""
    stuck = true_model(sample, stuck=True, agreement=81.3)
    assert "stuck: its searches disagree on the poses by 81°" in doubt_of(stuck.card)
    assert "before two searches" in doubt_of(true_model(sample, agreement=None).card)


def test_the_map_of_the_sphere_keeps_areas(rng):
    vectors = rng.normal(size=(40_000, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    x, y = on_map(vectors).T
    assert np.all((x / WIDTH) ** 2 + (y / HEIGHT) ** 2 <= 1 + 1e-9)
    for share in (0.3, 0.7):  # a circle on the map holds as much of the sphere as its area says
        inside = np.mean((x / WIDTH) ** 2 + (y / HEIGHT) ** 2 < share)
        assert inside == pytest.approx(share, abs=0.01)
    poles = on_map(np.array([[1.0, 0, 0], [-1.0, 0, 0], [0, 0, 1.0]]))
    np.testing.assert_allclose(poles, [[0, HEIGHT], [0, -HEIGHT], [0, 0]], atol=1e-9)
    assert all(np.isfinite(line).all() for line in net())


def test_a_direction_is_what_the_rotation_turns_into_the_line_of_sight():
    turned = np.array([[0, 0, 1.0], [0, 1.0, 0], [-1.0, 0, 0]])
    (seen,) = directions(Poses(turned[None], np.zeros((1, 2))))
    np.testing.assert_allclose(turned @ seen, [1, 0, 0])
