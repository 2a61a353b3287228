"""Point clouds from images, measured against the truth."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_cryonet import ImageStack
from napari_cryonet.errors import DataError, ModelError
from napari_cryonet.io import read_model, write_model
from napari_cryonet.jobs.events import EventReporter
from napari_cryonet.methods.pointcloud.apply import apply
from napari_cryonet.methods.pointcloud.cloud import Cloud
from napari_cryonet.methods.pointcloud.data import prepare
from napari_cryonet.methods.pointcloud.results import (
    cloud_of,
    draw,
    mirrored,
    mirrored_poses,
    poses_of,
)
from napari_cryonet.methods.pointcloud.rotations import grid, turn
from napari_cryonet.methods.pointcloud.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.pointcloud.stacks import join
from napari_cryonet.methods.pointcloud.train import train
from napari_cryonet.reporting import Cancelled, RecordingReporter, SilentReporter
from napari_cryonet.signal.cloud_score import pose_errors, score
from napari_cryonet.signal.smlm_settings import SmlmSettings
from napari_cryonet.simulate.smlm import smlm_images
from napari_cryonet.types import PointCloud

SAMPLE = SmlmSettings(count=80, box=40, pixel_size=12.5, sigma=12.5, seed=3)
QUICK = TrainSettings(
    points=120, starts=2, iterations=20, passes=4, views=80, finest=18.0, seed=1, device="cpu"
)
TINY = QUICK.updated({"iterations": 2, "passes": 1, "views": 12, "turns": 4, "most_starts": 2})


@pytest.fixture(scope="module")
def sample():
    return smlm_images(SAMPLE)


@pytest.fixture(scope="module")
def model(sample):
    torch.set_num_threads(1)
    return train([(sample.images,)], QUICK, SilentReporter())


def test_the_cloud_is_that_of_the_truth_and_says_so(sample, model):
    found = score(cloud_of(model), sample.truth)
    random = np.random.default_rng(0).normal(scale=0.6 * SAMPLE.radius, size=(150, 3))
    chance = score(PointCloud(random), sample.truth)
    assert found.chamfer < 0.5 * chance.chamfer
    assert found.rmse < 0.13 * found.rms_radius
    assert found.scale == pytest.approx(1, abs=0.05)
    errors = pose_errors(poses_of(model), sample.poses, found.hand)
    assert np.median(errors) < 4
    assert not model.card.training["stuck"]
    assert model.card.extra["hand"] == "undetermined"


def test_new_images_get_their_poses(sample, model):
    fresh = smlm_images(SAMPLE.updated({"seed": 9, "count": 12}))
    hand = score(cloud_of(model), sample.truth).hand
    report = RecordingReporter()
    settings = ApplySettings(passes=8, views=150, turns=24, device="cpu")
    result = apply([fresh.images], model, settings, report)
    poses, rendered = result.others["poses"], result.others["rendered"]
    assert np.median(pose_errors(poses, fresh.poses, hand)) < 4
    assert result.volume is None
    assert result.measures["residual"] < 0.15
    ours = rendered.data.reshape(12, -1)
    theirs = fresh.images.data.reshape(12, -1)
    likeness = [np.corrcoef(one, two)[0, 1] for one, two in zip(ours, theirs, strict=True)]
    assert min(likeness) > 0.9
    assert report.steps[-1]["done"] <= report.steps[-1]["total"]


def test_the_mirrored_cloud_in_mirrored_poses_looks_the_same(sample, model):
    cloud, poses = cloud_of(model), poses_of(model)
    one = draw(cloud, poses, sample.images, (12.5, 12.5)).data
    two = draw(mirrored(cloud), mirrored_poses(poses), sample.images, (12.5, 12.5)).data
    np.testing.assert_allclose(two, one, atol=1e-3 * one.max())
    hands = {score(each, sample.truth).hand for each in (cloud, mirrored(cloud))}
    assert hands == {"same", "mirrored"}


def test_a_model_survives_its_file(tmp_path, sample, model):
    write_model(tmp_path / "m.safetensors", model)
    back = cloud_of(read_model(tmp_path / "m.safetensors"))
    np.testing.assert_array_equal(back.vertices, cloud_of(model).vertices)
    damaged = replace(model, weights={})
    with pytest.raises(ModelError, match="does not hold a cloud"):
        cloud_of(damaged)
    other = replace(model, card=model.card.model_copy(update={"method": "picking"}))
    with pytest.raises(ModelError, match="made by picking"):
        apply([sample.images], other, ApplySettings(), SilentReporter())


def test_a_run_that_cannot_find_the_shape_says_that_it_is_stuck(sample):
    noise = np.random.default_rng(0).random(sample.images.data.shape).astype(np.float32) ** 8
    report = RecordingReporter()
    settings = TINY.updated({"starts": 2})
    model = train([(replace(sample.images, data=noise),)], settings, report)
    assert model.card.training["stuck"]
    assert any("stuck" in sentence for sentence in report.said)


@pytest.mark.parametrize("after", [1, 3, 8, 12])
def test_stop_keeps_the_cloud_and_resume_is_exact(tmp_path, sample, after):
    things = [(sample.images,)]
    whole = train(things, TINY, SilentReporter())
    report = RecordingReporter(stop_after=after)
    part = train(things, TINY, report, folder=tmp_path)
    assert len(report.steps) <= after + 1
    assert part.card.training["ended"] == "stopped"
    assert np.isfinite(part.weights["points"]).all()
    assert len(part.weights["rotations"]) == len(sample.images.data)
    rest = train(things, TINY, SilentReporter(), folder=tmp_path, resume=True)
    for name, values in whole.weights.items():
        np.testing.assert_array_equal(rest.weights[name], values, err_msg=name)


def test_discarding_and_foreign_checkpoints(tmp_path, sample):
    things = [(sample.images,)]
    with pytest.raises(Cancelled):
        train(things, TINY, RecordingReporter(stop_after=9, keep=False), folder=tmp_path)
    changed = TINY.updated({"points": 40})
    with pytest.raises(ModelError, match="other images or settings"):
        train(things, changed, SilentReporter(), folder=tmp_path, resume=True)


def test_units_do_not_matter(sample):
    def points(scale):
        images = replace(sample.images, pixel_size=(12.5 * scale,) * 2, spot=12.5 * scale)
        return train([(images,)], TINY.updated({"finest": 18.0 * scale}), SilentReporter())

    one, ten = points(1.0), points(10.0)
    np.testing.assert_allclose(ten.weights["points"], 10 * one.weights["points"], rtol=0.02, atol=5)


def test_previews_are_clouds_in_nm(sample):
    report = RecordingReporter(want=(slice(0, 1),) * 3)
    train([(sample.images,)], TINY, report)
    assert report.previews
    assert isinstance(report.previews[-1], PointCloud)


def test_background_is_fitted_only_if_wanted(sample):
    without = train([(sample.images,)], TINY.updated({"background": False}), SilentReporter())
    assert without.card.extra["background"] < 1e-6
    assert train([(sample.images,)], TINY, SilentReporter()).card.extra["background"] > 1e-4


def test_a_child_process_hands_clouds_over(tmp_path):
    out = io.StringIO()
    cloud = PointCloud(np.arange(12.0).reshape(4, 3), name="half")
    EventReporter(out, io.StringIO(), tmp_path).preview(cloud)
    event = json.loads(out.getvalue())
    assert (event["event"], event["name"], event["unit"]) == ("preview", "half", "nm")
    np.testing.assert_array_equal(np.load(event["path"]), cloud.vertices)


def test_symmetry_makes_a_symmetric_cloud():
    cloud = Cloud.at(torch.randn(5, 3, generator=torch.manual_seed(0)), 9)
    ninth = turn(torch.tensor([[2 * np.pi / 9, 0.0, 0.0]]))[0]
    ahead = cloud.whole @ ninth.T
    gaps = (ahead[:, None] - cloud.whole).norm(dim=2).min(dim=1).values
    assert gaps.max() < 1e-5
    assert float(cloud.weights.sum()) == pytest.approx(1)


def test_turns_are_rotations_and_grids_cover_them():
    vectors = torch.randn(6, 3, generator=torch.manual_seed(1))
    turned = turn(vectors)
    identity = torch.eye(3).expand(6, 3, 3)
    torch.testing.assert_close(turned @ turned.transpose(1, 2), identity, atol=1e-6, rtol=0)
    angle = torch.acos((turned.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2)
    torch.testing.assert_close(angle, vectors.norm(dim=1), atol=1e-3, rtol=0)
    every = grid(120, 24, np.random.default_rng(0))
    assert every.shape == (2880, 3, 3)
    wanted = turn(3 * torch.randn(50, 3, generator=torch.manual_seed(2)))
    trace = torch.einsum("aij,bij->ab", wanted, every).max(dim=1).values
    worst = torch.rad2deg(torch.acos(((trace - 1) / 2).clamp(-1, 1))).max()
    assert worst < 16


def test_a_blurred_level_equals_wider_spots(sample):
    images, pixel, spot = join([sample.images], None, None, SilentReporter())
    particles = prepare(images, pixel, spot, torch.device("cpu"))
    level = particles.level(0.25)
    truth = torch.from_numpy(sample.truth.vertices / particles.radius).float()
    turned = torch.from_numpy(sample.poses.rotations).float()
    shifts = torch.from_numpy(sample.poses.shifts / particles.radius).float() - particles.centres
    cloud = Cloud(truth, torch.zeros(len(truth)), torch.tensor(-20.0))
    pictures = cloud.seen(turned, shifts, level)
    left = (pictures - level.images).abs().sum((1, 2)) / 2
    assert left.max() < 5e-3
    assert particles.radius == pytest.approx(SAMPLE.radius, rel=0.03)


def test_images_that_show_noise_alone_are_named(sample):
    images, pixel, spot = join([sample.images], None, None, SilentReporter())
    noise = np.random.default_rng(0).normal(0, images.max() / 20, images.shape[1:])
    images[[3, 5]] = noise - noise.mean() + 1e-6
    with pytest.raises(DataError, match=r"on the images 3, 5 \(from 0\); take them out"):
        prepare(images, pixel, spot, torch.device("cpu"))


def test_spots_of_two_widths_are_refused_unless_one_is_given(sample):
    wide = replace(sample.images, spot=2 * sample.images.spot)
    with pytest.raises(DataError, match="set the spot size"):
        join([sample.images, wide], None, None, SilentReporter())
    _, _, spot = join([sample.images, wide], None, 9.0, SilentReporter())
    assert spot == 9.0


def test_what_is_wrong_with_images_is_said(sample):
    def refused(images, words, **changes):
        with pytest.raises(DataError, match=words):
            train([(images,)], TINY.updated(changes), SilentReporter())

    data = sample.images.data
    refused(replace(sample.images, data=data[:10]), "10 images are too few")
    empty = data.copy()
    empty[7] = 0
    refused(replace(sample.images, data=empty), r"Image 7 \(from 0\) is empty")
    refused(replace(sample.images, pixel_size=(12.5, 10.0)), "not square")
    refused(replace(sample.images, spot=500.0), "not larger than their spots")
    report = RecordingReporter()
    bare = ImageStack(data, name="bare")
    train([(bare,)], TINY, report)
    assert any("does not say its pixel size" in sentence for sentence in report.said)
    small = replace(sample.images, data=data[:, :20])
    with pytest.raises(DataError, match="of one size"):
        train([(sample.images,), (small,)], TINY, SilentReporter())
