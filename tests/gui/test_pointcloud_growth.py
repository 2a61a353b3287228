"""What the Point cloud dock shows of a reconstruction as it runs, flipped rows, and films."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_cryonet.errors import DataError
from napari_cryonet.gui.pointcloud.found import Found
from napari_cryonet.gui.pointcloud.plots import GrowthPlot
from napari_cryonet.gui.pointcloud.rows import flip, is_flipped
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.things import to_thing
from napari_cryonet.gui.widgets import pointcloud
from napari_cryonet.gui.widgets.pointcloud import PointCloudWidget
from napari_cryonet.io.image_set import FLIPPED
from napari_cryonet.signal.picture_settings import AnimationSettings
from napari_cryonet.signal.smlm_settings import SmlmSettings
from napari_cryonet.simulate.smlm import SmlmSample, smlm_images


@pytest.fixture(scope="module")
def sample() -> SmlmSample:
    return smlm_images(SmlmSettings(count=4, box=24, pixel_size=25, sigma=25, seed=2))


@pytest.fixture
def dock(qtbot: Any, jobs: Runner) -> PointCloudWidget:
    made = PointCloudWidget(ViewerModel(), jobs)
    qtbot.addWidget(made)
    return made


# ------------------------------------------------------------------ the order of rows


def test_a_layer_is_flipped_and_flipped_back(
    sample: SmlmSample, shown: Callable[..., Any], qapp: Any
) -> None:
    layer = shown(sample.images)
    assert not is_flipped(layer)
    flip(layer)
    np.testing.assert_array_equal(layer.data, sample.images.data[:, ::-1])
    assert to_thing(layer).history == (*sample.images.history, FLIPPED)
    assert is_flipped(layer)
    flip(layer)
    np.testing.assert_array_equal(layer.data, sample.images.data)
    assert to_thing(layer).history == sample.images.history


def test_the_box_says_whether_the_chosen_layer_is_flipped(
    dock: PointCloudWidget, sample: SmlmSample, shown: Callable[..., Any]
) -> None:
    box, viewer = dock.data.flip_box, dock.viewer
    assert not box.isEnabled()
    first, second = (viewer.add_layer(shown(sample.images)) for _ in range(2))
    dock.data.images.choose(first)
    box.click()
    np.testing.assert_array_equal(dock.data.chosen().images.data, sample.images.data[:, ::-1])
    dock.data.images.choose(second)
    assert not box.isChecked()
    dock.data.images.choose(first)
    assert box.isChecked()
    box.click()
    np.testing.assert_array_equal(dock.data.chosen().images.data, sample.images.data)


# ------------------------------------------------------------------ curves


def test_each_curve_has_the_steps_that_say_something_of_it(qtbot: Any) -> None:
    plot = GrowthPlot()
    qtbot.addWidget(plot)
    plot.add({"step": 0.0, "loss": 0.5, "sigma": 18.0})
    plot.add({"step": 1.0, "loss": 0.4, "sigma": 9.0, "movement": 2.5, "held_out_loss": 0.45})
    expected = {
        "loss": ([0, 1], [0.5, 0.4]),
        "held_out_loss": ([1], [0.45]),
        "sigma": ([0, 1], [18, 9]),
        "movement": ([1], [2.5]),
    }
    for name, (steps, values) in expected.items():
        found = plot.curves[name].getOriginalDataset()
        assert (found[0].tolist(), found[1].tolist()) == (steps, values)
    plot.clear()
    assert plot.curves["loss"].getOriginalDataset()[0] is None


def test_long_runs_keep_their_curves_short(qtbot: Any) -> None:
    plot = GrowthPlot()
    qtbot.addWidget(plot)
    for step in range(2200):
        plot.add({"step": float(step), "loss": 1 / (step + 1)})
    steps = plot.curves["loss"].getOriginalDataset()[0]
    assert len(steps) < 2000
    assert steps[-1] == 2199


# ------------------------------------------------------------------ films


def test_the_cloud_in_view_is_filmed(
    dock: PointCloudWidget, sample: SmlmSample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = AnimationSettings(frames=3, side=64)
    monkeypatch.setattr(pointcloud, "AnimationSettings", lambda: quick)
    with pytest.raises(DataError, match="There is no cloud yet"):
        dock.save_film(tmp_path / "film.gif")
    features = {"residual": np.zeros(4), "image": np.arange(4)}
    poses = replace(sample.poses, features=features)
    drawn = sample.images.images.__getitem__
    dock.page.cloud.begin("cloud")
    dock.page.begin(Found(sample.images, sample.truth, poses, drawn))
    dock.save_film(tmp_path / "film.gif")
    first = iio.imread(tmp_path / "film.gif")
    assert first.shape == (3, 64, 64, 3)
    dock.page.mirror_button.click()
    dock.save_film(tmp_path / "film.gif")
    assert (iio.imread(tmp_path / "film.gif") != first).any()
