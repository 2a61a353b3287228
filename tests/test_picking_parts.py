"""The parts of picking: labels, turns, risks, thresholds, data that are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, logit

from napari_cryonet.errors import DataError
from napari_cryonet.methods.picking.contrast import contrast
from napari_cryonet.methods.picking.data import plan, prepare
from napari_cryonet.methods.picking.labels import REJECTED, Labels, core_voxels
from napari_cryonet.methods.picking.network import (
    build,
    predict,
    specification,
    turned_back,
    turned_offsets,
)
from napari_cryonet.methods.picking.objective import Batch, risk, sharpness
from napari_cryonet.methods.picking.rows import checked
from napari_cryonet.methods.picking.settings import (
    BACKGROUND,
    COMPLETE,
    IGNORE,
    ApplySettings,
    TrainSettings,
)
from napari_cryonet.methods.picking.template import mean_particle, moved
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
    return Labels(PLACES, np.array(kinds), np.array(held), np.full(classes, 10.0), soft)


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
    for name in ("heat", "negative", "unlabelled", "offsets"):
        assert np.array_equal(getattr(all_of_it, name)[(slice(None), *region)], getattr(part, name))


def test_labels_that_are_held_out_are_neither_positive_nor_unlabelled():
    target = labels(held=(True, False, False)).target(whole())
    assert target.heat[0, 8, 9, 10] == 0
    assert target.unlabelled[0, 8, 9, 10] == 0
    assert target.heat[0, 16, 8, 28] == 1
    other = labels(held=(True, False, False)).target(whole(), held=True)
    assert other.heat[0, 8, 9, 10] == 1
    assert other.heat[0, 16, 8, 28] == other.unlabelled[0, 16, 8, 28] == 0


def test_a_label_of_one_class_is_negative_for_the_others():
    target = labels(kinds=(0, 1, 1), classes=2).target(whole())
    assert target.heat[:, 8, 9, 10].tolist() == [1, 0]
    assert target.negative[:, 8, 9, 10].tolist() == [0, 1]
    assert target.unlabelled[:, 8, 9, 10].tolist() == [0, 0]


def test_what_was_rejected_is_negative_for_all_classes():
    target = labels(kinds=(0, 1, REJECTED), classes=2).target(whole())
    assert target.heat[:, 16, 8, 28].tolist() == [0, 0]
    assert target.negative[:, 16, 8, 28].tolist() == [1, 1]
    assert labels(kinds=(0, 1, REJECTED), classes=2).learnt.tolist() == PLACES[:2].tolist()


def test_each_class_has_a_size_of_its_own(rng):
    own = replace(labels(kinds=(0, 1, 1), classes=2), diameters=np.array([8.0, 16.0]))
    target = own.target(whole())
    small, large = ((target.heat[kind] > 0).sum() for kind in range(2))
    assert large > 4 * small
    kind, radius = np.array(["a", "b", "b"]), np.array([40.0, 80.0, 90.0])
    row = checked((volume(rng), picks(**{"class": kind, "radius": radius})))
    assert plan([row], settings(diameter=None)).diameters == (80, 170)


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


def batch(target: Any, prior: float = 0.01, background: float = 0.0) -> Batch:
    parts = (target.heat, target.negative, target.unlabelled)
    heat, negative, unlabelled = (torch.from_numpy(each)[None] for each in parts)
    empty, ways = torch.zeros(1, 1, *SHAPE), torch.zeros(1, 3, *SHAPE)
    return Batch(empty, heat, negative, unlabelled, empty + background, ways, torch.tensor([prior]))


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
    surely = batch(target, 1.2 * float(hidden.mean()), background=1.0)
    assert float(risk(logits[None], surely, settings())) > free + 0.1


def test_what_was_rejected_costs_if_it_scores_high():
    target = labels(kinds=(0, 0, REJECTED)).target(whole())
    low, high = (
        torch.from_numpy(np.where(where, 9.0, -9.0).astype(np.float32))[None]
        for where in (target.heat > 0, (target.heat > 0) | (target.negative > 0))
    )
    for objective in ("nnpu", "ge", "pn"):
        asked = settings(objective=objective)
        assert float(risk(high, batch(target), asked) - risk(low, batch(target), asked)) > 5


def test_a_confident_score_is_forgiven():
    target = labels().target(whole())

    def cost(height: float, **values: Any) -> float:
        logits = torch.from_numpy(np.where(target.heat > 0, 4.0, height).astype(np.float32))
        return float(risk(logits[None], batch(target, 0.0), settings(**values)))

    assert cost(0.0) > cost(6.0)
    assert cost(6.0, forgiving=False) > 10 * cost(6.0)


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


@pytest.mark.parametrize("lookalikes", [0, 50])
@pytest.mark.parametrize("held", [1, 6])
def test_beside_a_tail_the_threshold_loses_little(rng, held, lookalikes):
    lost, counts = [], []
    for _ in range(15):
        hidden, noise = rng.normal(4, 1.2, 90), -3 + rng.exponential(1 / 0.8, 250)
        other = np.append(noise, rng.normal(1.2, 0.9, lookalikes))
        known, trained = rng.normal(4, 1.2, held), rng.normal(5.5, 1.2, 9)
        made = calibrate(expit(np.append(hidden, other)), expit(known), expit(trained), tail=True)
        cuts = np.append(np.linspace(-3, 6, 200), logit(made.threshold))[:, None]
        right, wrong = (hidden > cuts).sum(axis=1), (other > cuts).sum(axis=1)
        quality = 2 * right / (right + wrong + len(hidden))
        lost.append(quality.max() - quality[-1])
        counts.append(made.particles)
    assert np.median(lost) < 0.03
    assert np.median(counts) == pytest.approx(90 + held + 9, rel=0.1)


@pytest.mark.parametrize("tail", [False, True])
def test_without_labels_nothing_is_calibrated(rng, tail):
    assert calibrate(rng.random(50), np.empty(0), np.array([0.9]), tail=tail) is None


@pytest.mark.parametrize("tail", [False, True])
def test_without_peaks_the_labels_alone_say_where_to_cut(tail):
    made = calibrate(np.empty(0), np.array([0.98]), np.full(5, 0.99), tail=tail)
    assert 0.05 < made.threshold < 0.9
    assert made.particles == 6


def test_contrast_is_low_where_looks_agree_with_labels(rng):
    mixed = torch.from_numpy(rng.standard_normal((400, 8)).astype(np.float32))
    labelled = torch.arange(400) < 40
    apart = torch.where(labelled[:, None], torch.eye(8)[:1], torch.eye(8)[1:2])
    low, high = (
        float(contrast(views, labelled, labelled.float(), 0.1, 0.07))
        for views in ((apart, apart), (mixed, mixed.flip(0)))
    )
    assert low < high - 1


@pytest.mark.parametrize("temperature", [0.01, 0.02, 0.07, 1.0])
def test_contrast_is_finite_at_any_temperature(rng, temperature):
    labelled = torch.arange(900) < 5
    for spread in (0.0, 1e-4, 1.0):
        values = 1 + spread * rng.standard_normal((900, 4))
        looks = torch.from_numpy(values.astype(np.float32)).requires_grad_()
        made = contrast((looks, -looks), labelled, torch.zeros(900), 0.1, temperature)
        made.backward()
        assert torch.isfinite(made)
        assert torch.isfinite(looks.grad).all()


def test_a_mean_particle_fits_where_the_particle_is(rng):
    places = np.array([[10.3, 12.2, 11.9], [12.6, 30.1, 9.4], [20.2, 14.8, 31.3]])
    grid = np.mgrid[:32, :44, :44]
    squares = [((grid - place[:, None, None, None]) ** 2).sum(axis=0) for place in places]
    field = sum(np.exp(-square / 18) for square in squares)
    noisy = (field + 0.1 * rng.standard_normal(field.shape)).astype(np.float32)
    template = mean_particle([noisy], [places], 10.0, 19)
    assert np.allclose(template, template[::-1, :, ::-1], atol=1e-6)
    assert abs(template.sum()) < 1e-2
    rough = places + rng.uniform(-2, 2, places.shape)
    better = moved(rough, noisy, template, 10.0)
    before, after = (np.linalg.norm(found - places, axis=1).mean() for found in (rough, better))
    assert after < 0.4 < before
    assert moved(rough, noisy, np.zeros_like(template), 10.0) is rough


def test_prediction_does_not_depend_on_being_turned(rng):
    network = build(specification(4, 1, 0, 1))
    values = rng.standard_normal((16, 20, 24)).astype(np.float32)
    compute = choose("cpu", "float32")
    one, way = predict(network.eval(), values, compute, turns("flips"))
    two, back = predict(network, values[::-1].copy(), compute, turns("flips"))
    assert np.allclose(one, two[:, ::-1], atol=1e-5)
    assert np.allclose(way * np.array([-1, 1, 1])[:, None, None, None], back[:, ::-1], atol=1e-5)


def test_a_row_becomes_a_source(rng):
    row = checked((volume(rng), picks(radius=np.full(3, 60.0))))
    asked = settings(diameter=None, across=6, expected=30)
    shared = plan([row], asked)
    assert shared.diameters == (120,)
    assert shared.voxel_size == 20
    source = prepare(row, shared, asked, SilentReporter())
    assert source.values.shape == (12, 15, 18)
    assert np.allclose(source.labels.positions, PLACES / 2)
    assert source.prior[0] == pytest.approx(
        27 * core_voxels(source.labels.diameter) / source.values.size
    )
    regions = [source.draw(rng) for _ in range(50)]
    for region in regions:
        assert source.values[region].shape == source.sides


def test_painted_regions_say_what_is_known(rng):
    painted = np.zeros(SHAPE, np.int32)
    painted[:, :, 12:24], painted[:, :, 24:], painted[0, 0, 0] = COMPLETE, IGNORE, BACKGROUND
    row = checked((volume(rng), picks(), Volume(painted, (10.0, 10.0, 10.0))))
    asked = settings()
    source = prepare(row, plan([row], asked), asked, SilentReporter())
    ignored, background = source.known(whole())
    assert ignored.mean() == pytest.approx(1 / 3)
    assert background.sum() == background[:, :, 12:24].sum() + 1
    free = checked((volume(rng), picks()))
    bare = prepare(free, plan([free], asked), asked, SilentReporter())
    assert not np.any(bare.known(whole()))
    assert source.prior[0] > 2.5 * bare.prior[0]


def test_rejected_labels_are_neither_classes_nor_particles(rng):
    kind, status = np.array(["a", "a", "b"]), np.array(["", "accepted", "rejected"])
    row = checked((volume(rng), picks(**{"class": kind, "status": status})))
    shared = plan([row], settings())
    assert shared.classes == ("a",)
    source = prepare(row, shared, settings(), SilentReporter())
    assert source.labels.kinds.tolist() == [0, 0, REJECTED]
    assert source.prior[0] == pytest.approx(
        4 * core_voxels(source.labels.diameter) / source.values.size
    )
    assert source.labels.refused.tolist() == [PLACES[2].tolist()]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": picks(PLACES[:1])}, "holds 1 label of"),
        ({"labels": picks(PLACES[:0])}, "holds 0 labels of"),
        ({"labels": picks(status=np.array(["", "rejected", "rejected"]))}, "holds 1 label of"),
        ({"labels": picks([[1, 2, 3], [5, np.nan, 4]])}, "lie outside tomogram"),
        ({"labels": picks([[1, 2, 3], [5, 5, 40]])}, "lie outside tomogram"),
        ({"labels": replace(picks(), voxel_size=(20.0, 20.0, 20.0))}, "convert the labels"),
        ({"size": None}, "voxel size of tomogram is not known"),
        ({"diameter": None}, "size of the particles of the class particle is not known"),
        ({"nan": True}, "not numbers"),
        ({"flat": True}, "one value"),
        ({"mask": (3, 3, 3)}, "The painted regions"),
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

    def attempt() -> None:
        known = checked(row)
        prepare(known, plan([known], asked), asked, SilentReporter())

    with pytest.raises(DataError, match=message):
        attempt()
