"""The parts of picking: labels, turns, risks, thresholds, data that are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit

from napari_cryonet.errors import DataError
from napari_cryonet.methods.picking.data import plan, prepare
from napari_cryonet.methods.picking.labels import Labels
from napari_cryonet.methods.picking.network import new_network, predict, turned_back, turned_offsets
from napari_cryonet.methods.picking.objective import Batch, risk, sharpness
from napari_cryonet.methods.picking.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.picking.threshold import calibrate
from napari_cryonet.nn.augment import turns
from napari_cryonet.nn.device import choose
from napari_cryonet.nn.patches import box
from napari_cryonet.reporting import SilentReporter
from napari_cryonet.types import Points, Volume

SHAPE = (24, 30, 36)
PLACES = np.array([[8.0, 9.0, 10.0], [15.3, 20.1, 25.8], [16.0, 8.0, 28.0]])


def settings(**values: Any) -> TrainSettings:
    return TrainSettings.load({"diameter": 100.0, "device": "cpu", **values})


def labels(*, held=(False, False, False), soft=True, kinds=(0, 0, 0), classes=1) -> Labels:
    return Labels(PLACES, np.array(kinds), np.array(held), classes, 10.0, soft)


def volume(rng: np.random.Generator, **fields: Any) -> Volume:
    data = rng.standard_normal(SHAPE).astype(np.float32)
    return Volume(data, (10.0, 10.0, 10.0), name="tomogram", **fields)


def picks(places: Any = PLACES, **features: Any) -> Points:
    return Points(np.asarray(places, float), features, (10.0, 10.0, 10.0), name="labels")


def whole() -> Any:
    return box((0, 0, 0), SHAPE)


@pytest.mark.parametrize("kind", [TrainSettings, ApplySettings])
def test_settings_survive_a_file(kind):
    assert kind.load(kind().to_dict()) == kind()


def test_ways_of_positives_lead_to_the_label():
    own = labels()
    target = own.target(whole())
    inside = np.argwhere(target.heat[0] > 0)
    ends = inside + own.core * target.offsets[(slice(None), *inside.T)].T
    gaps = np.linalg.norm(ends[:, None] - PLACES, axis=-1).min(axis=1)
    assert len(inside) > 60
    assert gaps.max() < 1e-5


def test_a_region_is_a_part_of_the_whole():
    own, region = labels(), box((4, 6, 5), (16, 18, 25))
    all_of_it, part = own.target(whole()), own.target(region)
    for name in ("heat", "unlabelled", "offsets"):
        assert np.array_equal(getattr(all_of_it, name)[(slice(None), *region)], getattr(part, name))


def test_labels_that_are_held_out_are_neither_positive_nor_unlabelled():
    target = labels(held=(True, False, False)).target(whole())
    assert target.heat[0, 8, 9, 10] == 0
    assert target.unlabelled[0, 8, 9, 10] == 0
    assert target.heat[0, 16, 8, 28] == 1
    other = labels(held=(True, False, False)).target(whole(), held=True)
    assert other.heat[0, 8, 9, 10] == 1
    assert other.heat[0, 16, 8, 28] == other.unlabelled[0, 16, 8, 28] == 0


def test_a_label_of_one_class_is_unlabelled_for_the_others():
    target = labels(kinds=(0, 1, 1), classes=2).target(whole())
    assert target.heat[:, 8, 9, 10].tolist() == [1, 0]
    assert target.unlabelled[:, 8, 9, 10].tolist() == [0, 1]


def test_hard_positives_all_count_alike():
    heat = labels(soft=False).target(whole()).heat
    assert np.unique(heat).tolist() == [0, 1]


def test_turned_ways_lead_to_the_turned_centre():
    own = replace(labels(), positions=PLACES[:1], kinds=np.zeros(1, int), held=np.zeros(1, bool))
    cube = box((0, 0, 0), (24, 24, 24))
    target = own.target(cube)
    ways = torch.from_numpy(target.offsets * np.float32(own.core))
    heat = torch.from_numpy(target.heat)
    for turn in turns("rotations"):
        turned, hot = turned_offsets(ways, turn), turn.apply(heat)[0].numpy()
        centre = np.array(np.unravel_index(hot.argmax(), hot.shape))
        inside = np.argwhere(hot > 0)
        ends = inside + turned.numpy()[(slice(None), *inside.T)].T
        assert np.allclose(ends, centre, atol=1e-4)
        assert torch.allclose(turned_back(turned, turn), ways)


def batch(target: Any, prior: float = 0.01) -> Batch:
    heat, unlabelled = (torch.from_numpy(each)[None] for each in (target.heat, target.unlabelled))
    given = torch.zeros(1, 1, *SHAPE)
    return Batch(given, heat, unlabelled, torch.zeros(1, 3, *SHAPE), torch.tensor([prior]))


@pytest.mark.parametrize("objective", ["nnpu", "ge", "pn"])
def test_the_truth_has_the_lowest_risk(objective):
    own, asked = labels(held=(True, False, False)), settings(objective=objective)
    target = own.target(whole())
    every = replace(own, held=np.zeros(3, dtype=bool)).target(whole()).heat > 0
    wanted = batch(target, float(every[0][target.unlabelled[0] > 0].mean()))

    def of(scores: Any) -> float:
        logits = torch.from_numpy(np.where(scores, 6.0, -6.0).astype(np.float32))
        return float(risk(logits[None], wanted, asked))

    right = of(every)
    assert right < of(np.zeros_like(every)) - 1
    assert right < of(np.ones_like(every)) - 1


def test_expected_particles_cost_nothing_with_nnpu_and_much_with_pn():
    target = labels().target(whole())
    hidden = np.zeros((1, *SHAPE), dtype=bool)
    hidden[0, 4:7, 24:27, 4:7] = True
    logits = torch.from_numpy(np.where((target.heat > 0) | hidden, 4.0, -9.0).astype(np.float32))
    wanted = batch(target, 1.2 * float(hidden.mean()))
    free, cost = (
        float(risk(logits[None], wanted, settings(objective=name))) for name in ("nnpu", "pn")
    )
    assert cost > free + 0.1


def test_risk_is_finite_without_any_label_and_at_extreme_scores():
    empty = replace(labels(), positions=PLACES[:0], kinds=np.empty(0, int), held=np.empty(0, bool))
    for objective in ("nnpu", "ge", "pn"):
        for height in (-80.0, 0.0, 80.0):
            logits = torch.full((1, 1, *SHAPE), height, requires_grad=True)
            made = risk(logits, batch(empty.target(whole())), settings(objective=objective))
            made.backward()
            assert torch.isfinite(made)
            assert torch.isfinite(logits.grad).all()


def test_sharpness_is_one_for_the_truth():
    target = labels().target(whole())
    logits = torch.from_numpy(np.where(target.heat > 0, 20.0, -20.0).astype(np.float32))
    assert sharpness(logits[None], batch(target), settings()) == pytest.approx(1)
    assert sharpness(-logits[None], batch(target), settings()) < 0


def test_the_threshold_lies_between_background_and_particles(rng):
    background, hidden = expit(rng.normal(-4, 0.7, 400)), expit(rng.normal(4, 1.0, 70))
    known, trained = expit(rng.normal(4, 1.0, 6)), expit(rng.normal(4.3, 1.0, 24))
    made = calibrate(np.concatenate([background, hidden]), known, trained)
    assert 0.2 < made.threshold < 0.95
    assert 80 < made.particles < 120
    assert made.precision > 0.95
    assert made.recall > 0.95


def test_without_labels_nothing_is_calibrated(rng):
    assert calibrate(rng.random(50), np.empty(0), np.array([0.9])) is None


def test_prediction_does_not_depend_on_being_turned(rng):
    _, network = new_network(settings(width=4), (0.01,))
    values = rng.standard_normal((16, 20, 24)).astype(np.float32)
    compute = choose("cpu", "float32")
    one, way = predict(network.eval(), values, compute, turns("flips"))
    two, back = predict(network, values[::-1].copy(), compute, turns("flips"))
    assert np.allclose(one, two[:, ::-1], atol=1e-5)
    assert np.allclose(way * np.array([-1, 1, 1])[:, None, None, None], back[:, ::-1], atol=1e-5)


def test_a_row_becomes_a_source(rng):
    row = (volume(rng), picks(radius=np.full(3, 60.0)))
    asked = settings(diameter=None, across=6, expected=30)
    shared = plan([row], asked)
    assert shared.diameter == 120
    assert shared.voxel_size == 20
    source = prepare(row, shared, asked, SilentReporter())
    assert source.values.shape == (12, 15, 18)
    assert np.allclose(source.labels.positions, PLACES / 2)
    assert source.prior[0] == pytest.approx(27 * source.labels.core_voxels / source.values.size)
    regions = [source.draw(rng) for _ in range(50)]
    for region in regions:
        assert source.values[region].shape == source.sides


def test_a_mask_is_where_to_learn(rng):
    mask = np.zeros(SHAPE, np.float32)
    mask[:, :, 18:] = 1
    row = (volume(rng), picks(), Volume(mask, (10.0, 10.0, 10.0)))
    source = prepare(row, plan([row], settings()), settings(), SilentReporter())
    assert source.allowed.mean() == 0.5
    assert source.prior[0] > 1.5 * prepare(row[:2], plan([row], settings()), settings(),
                                           SilentReporter()).prior[0]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": picks(PLACES[:1])}, "holds 1 labels"),
        ({"labels": picks(PLACES[:0])}, "holds 0 labels"),
        ({"labels": picks([[1, 2, 3], [5, 5, 40]])}, "lie outside tomogram"),
        ({"labels": replace(picks(), voxel_size=(20.0, 20.0, 20.0))}, "convert the labels"),
        ({"size": None}, "voxel size of tomogram is not known"),
        ({"diameter": None}, "size of the particles is not known"),
        ({"nan": True}, "not numbers"),
        ({"flat": True}, "one value"),
        ({"mask": (3, 3, 3)}, "The mask"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(rng, change, message):
    tomogram = volume(rng)
    if "size" in change:
        tomogram = replace(tomogram, voxel_size=None)
    if "nan" in change:
        tomogram.data[3, 4, 5] = np.nan
    if "flat" in change:
        tomogram.data[:] = 3
    row = [tomogram, change.get("labels", picks())]
    if "mask" in change:
        row.append(Volume(np.ones(change["mask"], np.float32), (10.0, 10.0, 10.0)))
    asked = settings(diameter=change.get("diameter", 100.0))
    with pytest.raises(DataError, match=message):
        prepare(row, plan([row], asked), asked, SilentReporter())
