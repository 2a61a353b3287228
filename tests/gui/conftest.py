"""What the tests of the window share: a queue of their own, small data, quick trainings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Layer
from qtpy.QtWidgets import QApplication

from napari_cryonet.gui import runner as runner_module
from napari_cryonet.gui.folders import models_folder
from napari_cryonet.gui.layers import layer_data
from napari_cryonet.gui.runner import Order, Runner
from napari_cryonet.io import write_model
from napari_cryonet.jobs import Job
from napari_cryonet.types import Model, ModelCard, Volume

TINY: dict[str, Any] = {
    "width": 4,
    "patch": 16,
    "batch": 1,
    "held_out_side": 8,
    "validate_every": 2,
    "precision": "float32",
}


@pytest.fixture
def jobs(qapp: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """The application's queue: of this test alone, and without a warm-up."""
    monkeypatch.setattr(runner_module, "_warm_up", lambda: None)
    made = Runner()
    monkeypatch.setattr(runner_module, "_runner", made)
    yield made
    made.close()
    QApplication.processEvents()
    left = [thread for thread in threading.enumerate() if thread.name == "cryonet-gpu"]
    assert not left, "the thread did not end"


@pytest.fixture
def preferences(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the user prefers, by name; change it as a user would."""
    chosen: dict[str, Any] = {}

    def preference(group: str, name: str, default: Any) -> Any:
        return chosen.get(name, default)

    monkeypatch.setattr(runner_module, "preference", preference)
    return chosen


@pytest.fixture
def tiny() -> dict[str, Any]:
    """Settings of a training whose steps take milliseconds."""
    return dict(TINY)


@pytest.fixture
def halves() -> tuple[Volume, Volume]:
    """Two noisy halves of something smooth, 24 × 24 × 24 voxels."""
    random = np.random.default_rng(5)
    z, y, x = np.ogrid[:24, :24, :24]
    truth = np.sin(z / 3) + np.cos(y / 4) * np.sin(x / 5)
    first, second = (
        Volume(
            (truth + random.normal(0, 1, truth.shape)).astype("f4"),
            voxel_size=(4.0, 2.0, 2.0),
            origin=(10.0, -20.0, 30.0),
            name=f"half {number}",
        )
        for number in (1, 2)
    )
    return first, second


@pytest.fixture
def training(halves: tuple[Volume, Volume], tmp_path: Path) -> Callable[..., Order]:
    """Make the order to train on the halves, for six steps if not otherwise."""

    def order(**settings: Any) -> Order:
        values = {**TINY, "device": "cpu", "steps": 6, **settings}
        job = Job(inputs=(("one", "two"),), settings=values)
        return Order(
            "Train", job, tmp_path / "runs", dict(zip(("one", "two"), halves, strict=True))
        )

    return order


@pytest.fixture
def shown() -> Callable[..., Any]:
    """Make a layer of a thing."""

    def layer(thing: Volume) -> Any:
        (made,) = layer_data(thing)
        return Layer.create(*made)

    return layer


@pytest.fixture
def add_model() -> Callable[..., Path]:
    """Put a model without a use into the folder that the window lists."""

    def add(name: str, **card: Any) -> Path:
        path = models_folder() / f"{name}.safetensors"
        fields = {"method": "noise2noise", "voxel_size": (2.0, 2.0, 2.0), **card}
        write_model(path, Model(ModelCard(**fields), {"weight": np.zeros(3, "f4")}))
        return path

    return add
