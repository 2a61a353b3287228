"""The weights from which picking starts: that they fit, what is taken over, and what they bring."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_cryonet.io.model import shipped
from napari_cryonet.methods.picking.apply import apply
from napari_cryonet.methods.picking.general import GENERAL, begin, dark, read_general
from napari_cryonet.methods.picking.network import build, specification
from napari_cryonet.methods.picking.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.picking.train import train
from napari_cryonet.nn.weights import fill
from napari_cryonet.reporting import RecordingReporter, SilentReporter
from napari_cryonet.signal.score import score
from napari_cryonet.simulate.particles import DIAMETER, picking_sample
from napari_cryonet.types import Model
from phantom import single_thread

BRIEF = {"device": "cpu", "precision": "float32", "diameter": DIAMETER, "max_minutes": None}


@pytest.fixture(scope="module")
def general() -> Model:
    return read_general()


WIDTH = TrainSettings().width


def network(width=WIDTH, classes=2, height=1.0):
    torch.manual_seed(0)
    made = build(specification(width, classes, 0, 15))
    made.template[:, :, 5:10, 5:10, 5:10] = height
    made.template -= made.template.mean(dim=(2, 3, 4), keepdim=True)
    return made


def test_the_weights_are_small_and_say_what_they_were_learnt_from(general):
    assert shipped(GENERAL).stat().st_size < 500_000
    assert "simulated" in general.card.extra["description"]
    assert general.card.network["width"] == WIDTH
    assert all(np.isfinite(values).all() for values in general.weights.values())


def heads(made):
    """Return weights and biases of the scores, and of the ways, ``(8, ..., n)``."""
    weight = made.head.weight.detach().reshape(8, -1, made.width)
    rows = torch.cat([weight, made.head.bias.detach().reshape(8, -1, 1)], dim=2)
    return rows[:, : made.classes], rows[:, made.classes :]


def test_every_class_starts_half_as_sure_of_particles_of_any_kind(general):
    one, two = build(general.card.network), network()
    fill(one, general)
    (known, ways), (chance, _) = heads(one), heads(two)
    assert begin(two, general)
    scores, others = heads(two)
    assert torch.allclose(scores, (known + chance) / 2, atol=1e-6)
    assert torch.equal(others, ways)
    assert all(
        torch.equal(a, b)
        for a, b in zip(one.merge.parameters(), two.merge.parameters(), strict=True)
    )


def test_dark_particles_are_seen_as_bright_ones(general):
    bright, black = network(), network(height=-1.0)
    begin(bright, general)
    begin(black, general)
    image = torch.randn(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        first, other = bright.eval()(image), black.eval()(-image)
    assert torch.allclose(first.logits, other.logits, atol=1e-4)
    assert dark(black.template[:, 0].numpy())
    assert not dark(bright.template[:, 0].numpy())


def test_a_network_of_another_width_stays_as_it_is(general):
    made = network(width=4)
    before = {name: value.clone() for name, value in made.state_dict().items()}
    assert not begin(made, general)
    assert all(torch.equal(before[name], value) for name, value in made.state_dict().items())


def briefly(classes, **values):
    """Return the model of a single step, and what was said."""
    sample = picking_sample((24, 48, 48), seed=0, counts=(4, 0, 0), vesicle=False)
    labels = replace(sample.particles, features={"class": np.array(classes)})
    report = RecordingReporter()
    settings = TrainSettings.load({**BRIEF, "steps": 1, "batch": 1, **values})
    with single_thread():
        model = train([(sample.tomogram, labels)], settings, report)
    return model, report.said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "many kinds"),
        ({"width": 2}, "not of width 2"),
        ({"initial_weights": "random"}, None),
    ],
    ids=str,
)
def test_it_is_said_where_a_training_starts(values, said):
    model, lines = briefly(["one"] * 4, **values)
    assert any("start" in line for line in lines) == (said is not None)
    assert said is None or any(said in line for line in lines)
    assert model.card.extra["start"] == ("picking" if said == "many kinds" else "random")


def test_several_classes_start_from_random_weights():
    model, lines = briefly(["one", "one", "two", "two"])
    assert any("several classes" in line for line in lines)
    assert model.card.extra["start"] == "random"


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
