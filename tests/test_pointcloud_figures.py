"""The figures of a reconstruction: how far points move, and when that is measured."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_cryonet.jobs import Job, RunFolder
from napari_cryonet.jobs.folder import LoggingReporter
from napari_cryonet.methods.pointcloud.cloud import Cloud
from napari_cryonet.methods.pointcloud.figures import Figures, Movement
from napari_cryonet.methods.pointcloud.rotations import turn
from napari_cryonet.methods.pointcloud.settings import TrainSettings
from napari_cryonet.methods.pointcloud.train import train
from napari_cryonet.reporting import RecordingReporter, SilentReporter
from napari_cryonet.signal.smlm_settings import SmlmSettings
from napari_cryonet.simulate.smlm import smlm_images

POINTS = torch.randn(50, 3, generator=torch.manual_seed(0))


def test_a_turn_and_a_shift_of_all_points_are_no_movement() -> None:
    movement = Movement()
    assert np.isnan(movement.to(POINTS))
    turned = POINTS @ turn(torch.tensor([[0.4, -1.0, 2.0]]))[0].T + torch.tensor([5.0, 0, -2])
    assert movement.to(turned) == pytest.approx(0, abs=1e-5)
    assert movement.to(turned * torch.tensor([-1.0, 1, 1])) > 0.3, "a mirror image is"
    assert np.isnan(movement.to(POINTS[:20])), "other points are no movement"


def test_what_moves_apart_from_the_others_is_measured() -> None:
    movement = Movement()
    movement.to(POINTS)
    steps = 0.01 * torch.randn(50, 3, generator=torch.manual_seed(1))
    expected = float(steps.square().sum(1).mean().sqrt())
    assert movement.to(POINTS + steps) == pytest.approx(expected, rel=0.1)


@dataclass
class Still:
    """Work that does not move."""

    cloud: Cloud
    rate: float
    left: torch.Tensor
    loss: float = 0.75


def test_figures_come_with_whole_steps_and_in_nm() -> None:
    left = torch.tensor([0.5, torch.nan, 0.25])
    work = Still(Cloud.at(POINTS, 1), 0.1, left)
    figures = Figures(torch.tensor([0, 2]), 40.0)
    first = {"loss": 0.75, "learning_rate": 4.0, "held_out_loss": 0.375}
    assert figures.at(0.0, work) == first
    assert figures.at(0.5, work) == {"loss": 0.75}
    work.cloud = Cloud.at(1.01 * POINTS, 1)
    moved = figures.at(0.9999999999, work)
    radius = float((POINTS - POINTS.mean(0)).square().sum(1).mean().sqrt())
    assert moved["movement"] == pytest.approx(40 * 0.01 * radius, rel=1e-3)
    assert figures.at(1.0, work) == {"loss": 0.75}
    left[2] = work.loss = torch.nan
    assert set(figures.at(2.5, work)) == {"learning_rate", "movement"}


def test_a_reconstruction_tells_loss_held_out_loss_width_rate_and_movement() -> None:
    images = smlm_images(SmlmSettings(count=24, box=24, pixel_size=16, sigma=16)).images
    settings = TrainSettings(
        points=40, starts=2, most_starts=2, iterations=3, passes=2, views=12, turns=4, finest=25,
        device="cpu",
    )  # fmt: skip
    report = RecordingReporter()
    model = train([(images,)], settings, report)
    last = report.steps[-1]
    assert set(last) >= {"loss", "held_out_loss", "sigma", "learning_rate", "movement"}
    quality = model.card.training["quality"]
    assert last["held_out_loss"] == pytest.approx(1 - quality, abs=0.05)
    assert last["done"] == last["total"]
    begun = [step for step in report.steps if step["sigma"] == last["sigma"]]
    assert last["loss"] < begun[0]["loss"]
    assert last["learning_rate"] == pytest.approx(0.5 * settings.rate * 25), "it has faded"


def test_metrics_have_a_column_for_each_figure(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", Job())
    report = LoggingReporter(folder, SilentReporter())
    report.step(1, 9, step=1, loss=0.5, held_out_loss=0.6, sigma=7.0, movement=2.0, other=1.0)
    report.close()
    with (folder.path / "metrics.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    known = {name: value for name, value in row.items() if value}
    assert known == {
        "step": "1", "loss": "0.5", "held_out_loss": "0.6", "sigma": "7.0", "movement": "2.0"
    }  # fmt: skip


def test_a_run_with_fewer_columns_is_continued_with_these(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", Job())
    path = folder.path / "metrics.csv"
    path.write_text("step,epoch,seconds,loss,quality,learning_rate\n1,,1.0,0.5,,\n")
    report = LoggingReporter(folder, SilentReporter())
    report.step(2, 9, step=2, loss=0.25, movement=2.0, learning_rate=0.1)
    report.close()
    assert path.read_text().splitlines()[-1] == "2,,,0.25,,0.1"
