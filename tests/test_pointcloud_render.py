"""The renderer equals the formula, with its gradients."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from napari_cryonet.methods.pointcloud.render import project, render
from napari_cryonet.signal.splat import splat

SHAPE = (20, 31)


@pytest.fixture
def scene():
    random = np.random.default_rng(0)
    turned = Rotation.random(3, rng=random).as_matrix()
    return [
        torch.tensor(values, dtype=torch.float32, requires_grad=True)
        for values in (
            random.normal(scale=4, size=(7, 3)),
            turned,
            random.normal(size=(3, 2)),
            random.uniform(1, 3, 3),
            random.uniform(0.5, 2, 7),
        )
    ]


def fast(points, rotations, shifts, sigma, weights):
    places = project(points, rotations, shifts) + torch.tensor([10.0, 15.0])
    return render(places, SHAPE, sigma, weights)


def brute_force(points, rotations, shifts, sigma, weights):
    images = []
    y, x = torch.meshgrid(*(torch.arange(n) for n in SHAPE), indexing="ij")
    for rotation, shift, width in zip(rotations, shifts, sigma, strict=True):
        image = torch.zeros(SHAPE)
        for point, weight in zip(points, weights, strict=True):
            _, py, px = rotation @ point
            square = (y - py - shift[0] - 10) ** 2 + (x - px - shift[1] - 15) ** 2
            image = image + weight * torch.exp(-square / (2 * width**2)) / (2 * math.pi * width**2)
        images.append(image)
    return torch.stack(images)


def test_images_and_gradients_equal_brute_force(scene):
    wanted = torch.randn(3, *SHAPE, generator=torch.manual_seed(0))
    results = []
    for draw in (fast, brute_force):
        images = draw(*scene)
        results.append((images, torch.autograd.grad((images * wanted).sum(), scene)))
    (ours, our_slopes), (theirs, their_slopes) = results
    assert abs(ours - theirs).max() <= 1e-5 * theirs.max()
    for our, their in zip(our_slopes, their_slopes, strict=True):
        assert abs(our - their).max() <= 1e-5 * abs(their).max()


def test_every_point_inside_adds_up_to_its_weight(scene):
    points, rotations, shifts, sigma, weights = (each.detach() for each in scene)
    sums = fast(points / 8, rotations, shifts, sigma, weights).sum((1, 2))
    np.testing.assert_allclose(sums, [float(weights.sum())] * 3, rtol=2e-3)


def test_numpy_draws_the_same(scene):
    points, rotations, shifts, sigma, weights = (each.detach() for each in scene)
    places = (project(points, rotations, shifts)[1] + torch.tensor([10.0, 15.0])).numpy()
    ours = fast(*scene)[1].detach().numpy()
    drawn = splat(places, SHAPE, float(sigma[1]), weights.numpy())
    np.testing.assert_allclose(drawn, ours, atol=1e-6)


def test_a_point_is_drawn_where_the_pose_puts_it():
    quarter = torch.tensor([[[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]])  # x becomes -y, y becomes x
    places = project(torch.tensor([[9.0, 2.0, 3.0]]), quarter, torch.tensor([[1.0, 0.0]]))
    np.testing.assert_array_equal(places, [[[-2.0, 2.0]]])
