"""The weights from which picking starts: that they fit, what is taken over, and what they bring."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_cryonet.io import read_model
from napari_cryonet.io.model import shipped
from napari_cryonet.methods.picking.apply import apply
from napari_cryonet.methods.picking.network import build, specification
from napari_cryonet.methods.picking.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.picking.start import dark, take_general, take_trained
from napari_cryonet.methods.picking.train import train
from napari_cryonet.nn.weights import fill
from napari_cryonet.reporting import RecordingReporter, SilentReporter
from napari_cryonet.signal.score import score
from napari_cryonet.simulate.particles import DIAMETER, picking_sample
from napari_cryonet.types import Model, ModelCard
from phantom import single_thread

BRIEF = {"device": "cpu", "precision": "float32", "diameter": DIAMETER, "max_minutes": None}


@pytest.fixture(scope="module")
def general() -> Model:
    return read_model(shipped(TrainSettings.general_weights))


WIDTH = TrainSettings().width


def network(width=WIDTH, classes=1, height=1.0):
    torch.manual_seed(0)
    made = build(specification(width, classes, 0, 15))
    made.template[:, :, 5:10, 5:10, 5:10] = height
    made.template -= made.template.mean(dim=(2, 3, 4), keepdim=True)
    return made


def test_the_weights_are_small_and_say_what_they_were_learnt_from(general):
    assert shipped(TrainSettings.general_weights).stat().st_size < 500_000
    assert "simulated" in general.card.extra["description"]
    assert general.card.network["width"] == WIDTH
    assert all(np.isfinite(values).all() for values in general.weights.values())


def heads(made):
    """Return weights and biases of the scores, and of the ways, ``(8, ..., n)``."""
    weight = made.head.weight.detach().reshape(8, -1, made.width)
    rows = torch.cat([weight, made.head.bias.detach().reshape(8, -1, 1)], dim=2)
    return rows[:, : made.classes], rows[:, made.classes :]


def test_a_class_starts_half_as_sure_of_particles_of_any_kind(general):
    one, two = build(general.card.network), network()
    fill(one, general)
    (known, ways), (chance, _) = heads(one), heads(two)
    assert take_general(two, general) is None
    scores, others = heads(two)
    assert torch.allclose(scores, (known + chance) / 2, atol=1e-6)
    assert torch.equal(others, ways)
    assert all(
        torch.equal(a, b)
        for a, b in zip(one.merge.parameters(), two.merge.parameters(), strict=True)
    )


def test_dark_particles_are_seen_as_bright_ones(general):
    bright, black = network(), network(height=-1.0)
    take_general(bright, general)
    take_general(black, general)
    image = torch.randn(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        first, other = bright.eval()(image), black.eval()(-image)
    assert torch.allclose(first.logits, other.logits, atol=1e-4)
    assert dark(black.template[:, 0].numpy())
    assert not dark(bright.template[:, 0].numpy())


@pytest.mark.parametrize("other", [{"width": 4}, {"classes": 2}], ids=str)
def test_a_network_that_does_not_suit_stays_as_it_is(general, other):
    made = network(**other)
    before = {name: value.clone() for name, value in made.state_dict().items()}
    assert take_general(made, general)
    assert all(torch.equal(before[name], value) for name, value in made.state_dict().items())


def briefly(classes, start=None, **values):
    """Return the model of a single step, and what was said."""
    sample = picking_sample((24, 48, 48), seed=0, counts=(4, 0, 0), vesicle=False)
    labels = replace(sample.particles, features={"class": np.array(classes)})
    report = RecordingReporter()
    settings = TrainSettings.load({**BRIEF, "steps": 1, "batch": 1, **values})
    with single_thread():
        model = train([(sample.tomogram, labels)], settings, report, start=start)
    return model, report.said


@pytest.mark.parametrize(
    ("values", "classes", "said"),
    [
        ({}, ["one"] * 4, "starts from the general weights"),
        ({"width": 2}, ["one"] * 4, "another network"),
        ({}, ["one", "one", "two", "two"], "several classes"),
        ({"initial_weights": "random"}, ["one"] * 4, None),
    ],
    ids=str,
)
def test_it_is_said_where_a_training_starts(values, classes, said):
    model, lines = briefly(classes, **values)
    assert any("start" in line for line in lines) == (said is not None)
    assert said is None or any(said in line for line in lines)
    known = said == "starts from the general weights"
    assert model.card.extra["start"] == ("picking" if known else "random")


def test_a_training_that_goes_on_keeps_the_weights():
    first, _ = briefly(["one"] * 4, learning_rate=1e-9)
    model, lines = briefly(["one"] * 4, learning_rate=1e-9, start=first)
    assert any("starts from the given model" in line for line in lines)
    assert model.card.extra["start"] == "model"
    assert np.allclose(model.weights["head.weight"], first.weights["head.weight"], atol=1e-6)


def test_a_training_goes_on_with_a_mean_particle_of_its_own():
    first, second = network(height=1.0), network(height=-1.0)
    card = ModelCard(method="picking", network=specification(WIDTH, 1, 0, 15))
    model = Model(card, {name: value.numpy() for name, value in first.state_dict().items()})
    assert take_trained(second, model) is None
    assert torch.equal(second.head.weight, first.head.weight)
    assert second.template[0, 0, 7, 7, 7] < 0 < first.template[0, 0, 7, 7, 7]
    assert take_trained(network(classes=2), model)


def test_a_few_steps_from_general_weights_find_what_random_ones_do_not():
    seen, unseen = (
        picking_sample((32, 80, 80), seed=seed, snr=0.05, counts=(8, 0, 2), vesicle=False)
        for seed in (0, 1)
    )

    def quality(start):
        settings = TrainSettings.load({**BRIEF, "steps": 8, "batch": 4, "initial_weights": start})
        rows = [(seen.tomogram, seen.particles.kept(np.arange(6)))]
        with single_thread():
            model = train(rows, settings, SilentReporter())
            asked = ApplySettings(threshold=0.002, passes=1, device="cpu", precision="float32")
            picks = apply([unseen.tomogram], model, asked, SilentReporter()).others["picks"]
        return score(picks, unseen.particles, DIAMETER / 2).average_precision

    known, random = quality("general"), quality("random")
    assert known > 0.85
    assert known > random + 0.05
