"""Curves have the points that they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_cryonet.gui import plots
from napari_cryonet.gui.plots import FscPlot, TrainingPlot
from napari_cryonet.gui.work import Work
from napari_cryonet.jobs import Outcome


@pytest.fixture
def training(qtbot: Any) -> TrainingPlot:
    made = TrainingPlot()
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def fsc(qtbot: Any) -> FscPlot:
    made = FscPlot()
    qtbot.addWidget(made)
    made.show()
    return made


def points(curve: Any) -> list[tuple[float, float]]:
    x, y = curve.getData()
    return [] if x is None else list(zip(x.tolist(), y.tolist(), strict=True))


def test_a_training_begins_without_points(training):
    assert points(training._loss) == points(training._quality) == []


def test_figures_become_points(training):
    training.add({"step": 1, "loss": 4.0})
    training.add({"step": 2, "loss": 2.0, "quality": 0.5, "learning_rate": 1e-3})
    training.add({"step": 3, "quality": 0.75})
    training.add({"loss": 1.0})
    training.add({})
    assert points(training._loss) == [(1, 4.0), (2, pytest.approx(3.8))]
    assert points(training._quality) == [(2, 0.5), (3, 0.75)]


def test_a_new_training_begins_anew(training):
    training.add({"step": 1, "loss": 4.0, "quality": 0.5})
    training.clear()
    assert points(training._loss) == points(training._quality) == []
    training.add({"step": 7, "loss": 2.0})
    assert points(training._loss) == [(7, 2.0)]


def test_the_curves_are_those_of_the_training_that_is_under_way(training):
    first, second, third = (Work(name, lambda _: Outcome()) for name in "abc")
    training.follow(first)
    first.stepped.emit(1.0, 2.0, {"step": 1, "loss": 4.0})
    training.follow(second)  # which waits
    first.stepped.emit(2.0, 2.0, {"step": 2, "loss": 4.0})
    assert points(training._loss) == [(1, 4.0), (2, 4.0)]
    second.stepped.emit(1.0, 2.0, {"step": 1, "loss": 3.0})
    assert points(training._loss) == [(1, 3.0)]
    second.state = "done"
    training.follow(third)
    assert points(training._loss) == []


def test_a_long_training_keeps_a_bounded_curve_from_its_first_to_its_last_step(training, qtbot):
    training._draw = lambda: None  # only the last drawing counts here
    for step in range(5000):
        training.add({"step": step, "loss": 1.0, **({"quality": 0.1} if step % 50 == 0 else {})})
    del training._draw
    training.add({"step": 5000, "loss": 1.0})
    curve = points(training._loss)
    assert 500 < len(curve) <= plots._MOST_POINTS + 1
    assert (curve[0][0], curve[-1][0]) == (0, 5000)
    assert len(points(training._quality)) == 100


def test_the_axis_of_an_fsc_is_in_one_per_angstrom(fsc):
    fsc.show_measures({"fsc_raw": [1.0, 0.5], "fsc_denoised": [1.0, 0.9, 0.8, 0.1]}, 2.0)
    assert points(fsc._raw) == [(pytest.approx(0.0625), 1.0), (pytest.approx(0.1875), 0.5)]
    x, _ = fsc._denoised.getData()
    assert x == pytest.approx([0.03125, 0.09375, 0.15625, 0.21875])
    assert x.max() < 0.25, "Nyquist"
    assert "1/Å" in fsc._plot.getAxis("bottom").labelText


def test_what_is_not_known_is_a_gap(fsc):
    fsc.show_measures({"fsc_raw": [1.0, None, 0.5], "fsc_denoised": [None, None]}, 1.5)
    _, y = fsc._raw.getData()
    assert np.isnan(y).tolist() == [False, True, False]
    assert fsc._raw.opts["connect"] == "finite"
    assert np.isnan(fsc._denoised.getData()[1]).all()
    fsc.grab()


def test_an_fsc_that_was_not_measured_is_empty(fsc):
    fsc.show_measures({"fsc_raw": [1.0, 0.5]}, 2.0)
    fsc.show_measures({}, 2.0)
    assert points(fsc._raw) == points(fsc._denoised) == []


def test_plots_can_be_drawn(training, fsc):
    training.add({"step": 1, "loss": 4.0, "quality": float("nan")})
    fsc.show_measures({"fsc_raw": [1.0, 0.5], "fsc_denoised": [1.0, 0.9]}, 2.0)
    for plot in (training, fsc):
        assert not plot.grab().isNull()
