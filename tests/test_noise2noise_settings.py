"""The settings of Noise2Noise, the table of methods, and the network they ask for."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch

from napari_cryonet.errors import SettingsError
from napari_cryonet.methods.noise2noise.settings import ApplySettings, TrainSettings
from napari_cryonet.methods.table import METHODS, find
from napari_cryonet.nn.architecture import specification
from napari_cryonet.nn.unet import build
from napari_cryonet.settings import Settings, toml_text
from phantom import one_thread  # noqa: F401

BOTH = [TrainSettings, ApplySettings]
UNLIKE_DEFAULT = {
    TrainSettings: {
        "max_minutes": 0.5,
        "steps": 7,
        "device": "cpu",
        "precision": "float16",
        "epochs": 2,
        "schedule": "exponential",
        "keep_epochs": True,
        "rotations": "flips",
        "sampling": "signal",
        "network": "unet",
        "width": 8,
        "mixing": 1.0,
        "swap": False,
        "loss_power": 1.5,
        "normalisation": "minmax",
        "voxel_size": 2.5,
    },
    ApplySettings: {"passes": 24, "keep": "off", "tile": 64, "margin": 0, "precision": "bfloat16"},
}


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("changed", [False, True])
def test_settings_survive_toml(kind, changed, tmp_path):
    settings = kind.load(UNLIKE_DEFAULT[kind] if changed else {})
    path = tmp_path / "settings.toml"
    path.write_text(toml_text(settings.to_dict()), encoding="utf-8")
    assert kind.from_toml(path) == settings
    path.write_text(toml_text(settings.explicit()), encoding="utf-8")
    assert kind.from_toml(path) == settings


def test_a_time_limit_that_is_taken_away_stays_away(tmp_path):
    settings = TrainSettings.load({"max_minutes": None})
    path = tmp_path / "settings.toml"
    path.write_text(toml_text(settings.to_dict()), encoding="utf-8")
    assert TrainSettings.from_toml(path).max_minutes == math.inf
    assert TrainSettings.from_toml(path) == settings


@pytest.mark.parametrize("kind", BOTH)
def test_every_setting_says_what_it_does(kind):
    for name, field in kind.model_fields.items():
        assert len(field.description) > 10, name
        assert not field.description.endswith("."), name
        assert set(field.json_schema_extra) == {"unit", "advanced"}


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        (TrainSettings, {"mixing": 0}, "mixing"),
        (TrainSettings, {"mixing": 1.1}, "mixing"),
        (TrainSettings, {"loss_power": 0}, "loss_power"),
        (TrainSettings, {"held_out": 0.6}, "held_out"),
        (TrainSettings, {"held_out_side": 4}, "held_out_side"),
        (TrainSettings, {"width": 1}, "width"),
        (TrainSettings, {"depth": 7}, "depth"),
        (TrainSettings, {"rotations": "all"}, "rotations"),
        (TrainSettings, {"network": "transformer"}, "network"),
        (TrainSettings, {"voxel_size": 0}, "voxel_size"),
        (TrainSettings, {"learning_rate": 0}, "learning_rate"),
        (TrainSettings, {"steps": 0}, "steps"),
        (TrainSettings, {"patch": 7}, "patch"),
        (TrainSettings, {"average": 1}, "average"),
        (TrainSettings, {"colour": "red"}, "colour"),
        (ApplySettings, {"passes": 0}, "passes"),
        (ApplySettings, {"passes": 25}, "passes"),
        (ApplySettings, {"tile": 8}, "tile"),
        (ApplySettings, {"margin": -1}, "margin"),
        (ApplySettings, {"keep": "on"}, "keep"),
        (ApplySettings, {"steps": 3}, "steps"),
    ],
)
def test_what_is_outside_the_limits_is_refused_by_name(kind, values, words):
    with pytest.raises(SettingsError, match=f"Setting '{words}' is "):
        kind.load(values)


def test_the_table_finds_settings_and_functions():
    method = find("noise2noise")
    assert method is METHODS["noise2noise"]
    assert method.settings("train") is TrainSettings
    assert method.settings("apply") is ApplySettings
    for action in ("train", "apply"):
        assert method.function(action).__name__ == action
    for each in METHODS.values():
        assert all(issubclass(each.settings(action), Settings) for action in each.actions)
        assert each.title
        assert each.summary.endswith(".")


def test_a_method_that_is_not_there_is_said():
    with pytest.raises(SettingsError, match="There is no method 'noise3noise'; known are noise2"):
        find("noise3noise")


def test_listing_methods_and_their_settings_loads_no_torch():
    program = (
        "import sys\n"
        "from napari_cryonet.methods.table import METHODS\n"
        "for method in METHODS.values():\n"
        "    [method.settings(action)() for action in method.actions]\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("values", "fast", "width"),
    [({}, True, 32), ({}, False, 16), ({"width": 6}, True, 6), ({"width": 6}, False, 6)],
)
@pytest.mark.parametrize("kind", ["subpixel", "unet"])
def test_the_width_suits_the_device_unless_it_is_chosen(kind, values, fast, width):
    spec = specification(TrainSettings.load({"network": kind, **values}), fast=fast)
    assert spec["kind"] == kind
    assert spec["width"] == width


def test_the_classical_network_is_built_as_the_settings_say():
    values = {"network": "unet", "width": 2, "depth": 1, "transposed": True, "leak": 0.0}
    network = build(specification(TrainSettings.load({**values, "residual": True})))
    assert network.multiple == 2
    assert network.residual
    assert network.down[0][1].negative_slope == 0
    assert isinstance(network.rise[0], torch.nn.ConvTranspose3d)
