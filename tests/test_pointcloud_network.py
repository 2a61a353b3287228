"""The network of poses: what it is, and what it learns with the points and from a cloud."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_cryonet.errors import DataError, ModelError, SettingsError
from napari_cryonet.io import read_model, write_model
from napari_cryonet.methods.pointcloud.apply import apply
from napari_cryonet.methods.pointcloud.cloud import Cloud
from napari_cryonet.methods.pointcloud.data import prepare
from napari_cryonet.methods.pointcloud.distil import PoseLearner, draw, lost_labels
from napari_cryonet.methods.pointcloud.joint import Joint
from napari_cryonet.methods.pointcloud.network_settings import NetworkSettings
from napari_cryonet.methods.pointcloud.pose_network import (
    Guess,
    PoseNetwork,
    from_axes,
    spec_of,
)
from napari_cryonet.methods.pointcloud.refine import Fit
from napari_cryonet.methods.pointcloud.results import cloud_of
from napari_cryonet.methods.pointcloud.rotations import (
    angles,
    random_rotations,
    turn_about_z,
    turned,
)
from napari_cryonet.methods.pointcloud.schedule import Rates, Widths, widths_in
from napari_cryonet.methods.pointcloud.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.pointcloud.stacks import join
from napari_cryonet.methods.pointcloud.train import train
from napari_cryonet.reporting import Cancelled, RecordingReporter, SilentReporter
from napari_cryonet.signal.cloud_score import pose_errors, score
from napari_cryonet.signal.smlm_settings import SmlmSettings
from napari_cryonet.simulate.smlm import smlm_images
from napari_cryonet.types import PointCloud

SAMPLE = SmlmSettings(count=60, box=40, pixel_size=12.5, sigma=12.5, seed=3)
SMALL = {"side": 16, "channels": 8, "hypotheses": 2, "batch": 16}
JOINT = TrainSettings(
    engine="network", points=60, device="cpu", network=NetworkSettings(**SMALL, steps=12)
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def sample():
    torch.set_num_threads(1)
    return smlm_images(SAMPLE)


@pytest.fixture(scope="module")
def particles(sample):
    images, pixel, spot = join([sample.images], None, None, SilentReporter())
    return prepare(images, pixel, spot, CPU)


@pytest.fixture(scope="module")
def known(sample, particles):
    """The true cloud and poses, in units."""
    cloud = Cloud.known(sample.truth, particles.radius, 0.0, CPU)
    shifts = torch.from_numpy(sample.poses.shifts / particles.radius).float() - particles.centres
    rotations = torch.from_numpy(sample.poses.rotations).float()
    return Fit(cloud, rotations, shifts, torch.zeros(len(shifts)))


@pytest.fixture(scope="module")
def found(sample):
    """A model of the true cloud, as a search leaves it without a network."""
    brief = TrainSettings(
        starts=2, most_starts=2, iterations=1, passes=1, views=12, turns=4, device="cpu"
    )
    model = train([(sample.images,)], brief, SilentReporter())
    truth = sample.truth.vertices.astype(np.float32)
    arrays = {
        "points": truth,
        "weights": np.full(len(truth), 1 / len(truth), np.float32),
        "rotations": sample.poses.rotations.astype(np.float32),
        "shifts": sample.poses.shifts.astype(np.float32),
    }
    extra = model.card.extra | {"background": 0.0}
    return replace(
        model, weights=model.weights | arrays, card=model.card.model_copy(update={"extra": extra})
    )


@pytest.fixture(scope="module")
def taught(sample, found):
    how = NetworkSettings(side=16, channels=16, hypotheses=2, steps=250, batch=32, rate=0.004)
    settings = TrainSettings(learn_poses=True, network=how, device="cpu")
    return train([(sample.images,)], settings, SilentReporter(), start=found)


def test_six_numbers_make_a_rotation_and_keep_one():
    random = torch.manual_seed(0)
    made = from_axes(torch.randn(50, 3, 6, generator=random))
    identity = torch.eye(3).expand_as(made)
    torch.testing.assert_close(made @ made.transpose(2, 3), identity, atol=1e-5, rtol=0)
    assert torch.linalg.det(made).min() > 0.99
    wanted = random_rotations(20, CPU)
    torch.testing.assert_close(from_axes(wanted[:, :2].flatten(1)), wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("rotation", ["6d", "axis-angle"])
@pytest.mark.parametrize("side", [16, 25, 128])
def test_a_network_fits_images_of_any_size(particles, rotation, side):
    how = NetworkSettings(side=side, rotation=rotation, hypotheses=3, predict_width=True)
    spec = spec_of(how, particles)
    network = PoseNetwork(spec)
    level = network.look(particles, slice(0, 5))
    assert level.side == spec["side"] == side + side % 2
    guess = network(level.images)
    assert guess.rotations.shape == (5, 3, 3, 3)
    assert guess.shifts.abs().max() <= how.max_shift
    assert guess.widths.min() > 0
    identity = torch.eye(3).expand(5, 3, 3, 3)
    squares = guess.rotations @ guess.rotations.transpose(2, 3)
    torch.testing.assert_close(squares, identity, atol=1e-5, rtol=0)
    sum(part.sum() for part in guess).backward()
    assert all(torch.isfinite(each.grad).all() for each in network.parameters())


def test_turning_an_image_is_turning_the_pose(particles, known):
    level = particles.level(0.25)
    angle = torch.linspace(-3, 3, len(known.shifts))
    about = turn_about_z(angle)
    shifts = (about[:, 1:, 1:] @ known.shifts[..., None])[..., 0]
    pictures = known.cloud.seen(about @ known.rotations, shifts, level)
    inward = turned(known.cloud.seen(known.rotations, known.shifts, level), angle)
    left = (pictures - inward).abs().sum((1, 2)) / 2
    assert left.max() < 0.02
    flat = angles(about @ known.rotations, known.rotations)
    torch.testing.assert_close(flat, torch.rad2deg(angle.abs()), atol=0.1, rtol=0)


def test_random_rotations_favour_no_side():
    many = random_rotations(20_000, CPU)
    torch.testing.assert_close(many.mean(0), torch.zeros(3, 3), atol=0.03, rtol=0)
    spread = (many**2).mean(0)
    torch.testing.assert_close(spread, torch.full((3, 3), 1 / 3), atol=0.02, rtol=0)


def test_drawn_images_lack_what_was_measured(known, particles):
    level = particles.level(0.25)
    images, rotations, shifts = draw(known.cloud, level, 40, 0.4, least=0.4)
    pictures = known.cloud.seen(rotations, shifts, level)
    centre = torch.arange(level.side) - level.side // 2
    assert (images.sum(1) @ centre.float()).abs().max() < 0.05
    assert (pictures - images).abs().sum((1, 2)).mean() > 0.02
    assert lost_labels(known, level) < 0.02
    lacking = replace(level, images=images)
    found = lost_labels(Fit(known.cloud, rotations, shifts, shifts[:, 0]), lacking)
    assert found == pytest.approx(0.4, abs=0.08)


def test_joint_training_explains_the_images_better(sample, particles):
    how = NetworkSettings(**SMALL, steps=120, predict_width=True)
    report = RecordingReporter(want=(slice(0, 1),) * 3)
    settings = JOINT.updated({"network": how.to_dict()})
    model = train([(sample.images,)], settings, report)
    losses = [step["loss"] for step in report.steps]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])
    widths = [step["sigma"] for step in report.steps]
    assert widths == sorted(widths, reverse=True)
    figures = {"movement", "held_out_loss", "learning_rate", "point_rate", "told_sigma"}
    assert figures <= set(report.steps[-1])
    assert isinstance(report.previews[0], PointCloud)
    assert model.weights["history"].shape == (20, 60, 3)
    assert model.card.network["kind"] == "pose"
    apart = Joint(particles, settings, SilentReporter(), torch.arange(4))
    assert len(apart.optimiser.param_groups) == 3
    assert [group["weight_decay"] for group in apart.optimiser.param_groups[1:]] == [0, 0]


@pytest.mark.parametrize(
    "changes",
    [
        {"normalisation": "batch", "mask": 0.05, "augment": False},
        {"normalisation": "none", "rotation": "axis-angle", "hypotheses": 1},
        {"widths": "40 25, 15", "continuous": False, "plateau": 2, "max_shift": 0.0},
    ],
)
def test_every_choice_of_the_joint_training_runs(sample, changes):
    report = RecordingReporter()
    how = JOINT.network.updated(changes)
    model = train([(sample.images,)], JOINT.updated({"network": how.to_dict()}), report)
    assert np.isfinite([step["loss"] for step in report.steps]).all()
    assert np.isfinite(model.weights["points"]).all()
    if "widths" in changes:
        widths = [round(step["sigma"], 3) for step in report.steps]
        assert widths == [40] * 4 + [25] * 4 + [16.008] * 4
        first, last = report.steps[0], report.steps[-1]
        risen = 12 * 0.75**4  # it warms up, and falls since narrower spots are harder to explain
        assert last["learning_rate"] / first["learning_rate"] == pytest.approx(risen)
        assert last["point_rate"] / first["point_rate"] == pytest.approx(risen)


@pytest.mark.parametrize("after", [1, 5, 11])
def test_a_stopped_joint_training_resumes_exactly(tmp_path, sample, after):
    things = [(sample.images,)]
    whole = train(things, JOINT, SilentReporter())
    report = RecordingReporter(stop_after=after)
    part = train(things, JOINT, report, folder=tmp_path)
    assert part.card.training["ended"] == "stopped"
    assert part.card.training["steps"] == after
    rest = train(things, JOINT, SilentReporter(), folder=tmp_path, resume=True)
    assert rest.card.training["ended"] == "steps"
    for name, values in whole.weights.items():
        np.testing.assert_array_equal(rest.weights[name], values, err_msg=name)
    with pytest.raises(Cancelled):
        train(things, JOINT, RecordingReporter(stop_after=2, keep=False))


def test_points_that_are_given_can_stay(sample):
    how = JOINT.network.updated({"fixed_points": True, "steps": 3})
    settings = JOINT.updated({"network": how.to_dict()})
    cloud = replace(sample.truth, vertices=7 * sample.truth.vertices, name="mine")
    model = train([(sample.images,), (cloud,)], settings, SilentReporter())
    own = cloud.vertices / 7 - (cloud.vertices / 7).mean(axis=0)
    scale = model.card.extra["radius"] / np.sqrt(np.square(own).sum(axis=1).mean())
    np.testing.assert_allclose(model.weights["points"], scale * own, rtol=1e-3, atol=1e-2)
    with pytest.raises(SettingsError, match="have to be given"):
        train([(sample.images,)], settings, SilentReporter())
    with pytest.raises(DataError, match="has no use for mine"):
        train([(sample.images,), (cloud,)], TrainSettings(), SilentReporter())
    with pytest.raises(DataError, match="one cloud at the most, not with 2"):
        train([(sample.images,), (cloud,), (cloud,)], JOINT, SilentReporter())


def test_widths_of_a_table_in_steps_and_evenly():
    table = widths_in("40, 20 10")
    assert table == [40, 20, 10]
    steps, even = Widths(table, continuous=False), Widths(table, continuous=True)
    assert [steps.at(share) for share in (0, 0.3, 0.4, 0.9, 1)] == [40, 40, 20, 10, 10]
    shares = np.linspace(0, 1, 9)
    np.testing.assert_allclose([even.at(share) for share in shares], 40 * 0.25**shares)


def test_rates_fall_on_a_plateau():
    how, rates = NetworkSettings(plateau=5, reduction=0.5), Rates()
    for _ in range(60):
        rates.see(how, 1.0 / (1 + float(rates.memory[0])))
    assert rates.factor(how, 0.9) == 1
    for _ in range(12):
        rates.see(how, 2.0)
    assert rates.factor(how, 0.9) == 0.25
    assert rates.factor(NetworkSettings(), 0.5) == pytest.approx(0.5)


def test_a_taught_network_is_far_better_than_chance(sample, taught, tmp_path):
    training = taught.card.training
    assert training["network_steps"] == 250
    assert training["pose_error"] < 60  # chance: 126
    write_model(tmp_path / "m.safetensors", taught)
    model = read_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(cloud_of(model).vertices, cloud_of(taught).vertices)
    fresh = smlm_images(SAMPLE.updated({"seed": 9, "count": 40}))
    hand = score(cloud_of(model), sample.truth).hand

    def error(**changes):
        settings = ApplySettings(by="network", device="cpu", **changes)
        report = RecordingReporter()
        poses = apply([fresh.images], model, settings, report).others["poses"]
        assert report.steps[-1]["done"] == report.steps[-1]["total"] or settings.refine
        return pose_errors(poses, fresh.poses, hand)

    rough, fine = error(refine=False), error(passes=8)
    assert np.median(rough) < 60
    assert np.median(fine) < 0.7 * np.median(rough)
    assert (fine < 10).mean() > 0.3


def test_a_stopped_teaching_resumes_exactly(tmp_path, sample, found):
    how = NetworkSettings(**SMALL, steps=8)
    settings = TrainSettings(learn_poses=True, network=how, device="cpu")
    things = [(sample.images,)]
    whole = train(things, settings, SilentReporter(), start=found)

    class Stopping(RecordingReporter):
        """Stops at its fourth look, however often it is told of steps."""

        looks = 0

        def check(self):
            self.looks += 1
            if self.looks == 4:
                raise Cancelled

    part = train(things, settings, Stopping(), start=found, folder=tmp_path)
    assert part.card.training["ended"] == "stopped"
    assert part.card.training["network_steps"] == 3
    rest = train(things, settings, SilentReporter(), start=found, folder=tmp_path, resume=True)
    assert rest.card.training["network_steps"] == 8
    for name, values in whole.weights.items():
        np.testing.assert_array_equal(rest.weights[name], values, err_msg=name)


def test_a_search_goes_on_to_teach_and_counts_on(sample):
    brief = {"starts": 2, "most_starts": 2, "iterations": 1, "passes": 1, "views": 12, "turns": 4}
    how = NetworkSettings(**SMALL, steps=3)
    report = RecordingReporter()
    settings = TrainSettings(**brief, learn_poses=True, network=how, device="cpu")
    model = train([(sample.images,)], settings, report)
    shares = [step["done"] / step["total"] for step in report.steps]
    assert shares == sorted(shares)
    assert report.steps[-1]["step"] == model.card.training["steps"] + 3
    assert all("sigma" in step for step in report.steps)


def test_a_search_that_is_done_can_be_resumed_to_teach(tmp_path, sample):
    brief = {"starts": 2, "most_starts": 2, "iterations": 1, "passes": 1, "views": 12, "turns": 4}
    plain = TrainSettings(**brief, device="cpu")
    before = train([(sample.images,)], plain, SilentReporter(), folder=tmp_path)
    more = plain.updated({"learn_poses": True, "network": {**SMALL, "steps": 2}})
    model = train([(sample.images,)], more, SilentReporter(), folder=tmp_path, resume=True)
    assert model.card.training["network_steps"] == 2
    np.testing.assert_array_equal(model.weights["points"], before.weights["points"])


class Oracle(PoseNetwork):
    """Says what it was given."""

    def forward(self, images):
        assert len(images) == len(self.answer)
        return Guess(self.answer[:, None], torch.zeros(len(images), 1, 2), None)


def test_poses_of_a_symmetric_particle_are_equal(known, particles):
    held = torch.arange(10)
    network = Oracle(spec_of(NetworkSettings(), particles))
    network.answer = known.rotations[held] @ turn_about_z(torch.full((10,), 2 * torch.pi / 3))
    errors = [
        PoseLearner(network, known, particles, held, symmetry, NetworkSettings()).validate(network)
        for symmetry in (1, 3, 9)
    ]
    found = [error["pose_error"] for error in errors]
    assert found == pytest.approx([120, 0, 0], abs=0.1)


def test_what_is_asked_in_vain_is_said(sample, found):
    things = [(sample.images,)]
    with pytest.raises(ModelError, match="has no network that tells poses"):
        apply([sample.images], found, ApplySettings(by="network"), SilentReporter())
    with pytest.raises(DataError, match=r"learn_poses"):
        train(things, TrainSettings(), SilentReporter(), start=found)
    fewer = replace(sample.images, data=sample.images.data[:30])
    with pytest.raises(DataError, match="poses of 60 images, but 30 are given"):
        train([(fewer,)], TrainSettings(learn_poses=True), SilentReporter(), start=found)
    for widths in ("10 wide", "10 -3"):
        how = JOINT.network.updated({"widths": widths})
        with pytest.raises(SettingsError, match="numbers in nm above 0"):
            train(things, JOINT.updated({"network": how.to_dict()}), SilentReporter())


def test_a_damaged_network_is_said(sample, taught):
    weights = {name: each for name, each in taught.weights.items() if "says" not in name}
    with pytest.raises(ModelError, match="do not fit its network"):
        apply([sample.images], replace(taught, weights=weights), ApplySettings(by="network"),
              SilentReporter())  # fmt: skip
    card = taught.card.model_copy(update={"network": {"kind": "pose", "side": 16}})
    with pytest.raises(ModelError, match="describes no pose network"):
        apply([sample.images], replace(taught, card=card), ApplySettings(by="network"),
              SilentReporter())  # fmt: skip
