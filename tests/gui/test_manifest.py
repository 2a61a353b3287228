"""What napari is told about the plugin is true."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image, Layer
from npe2 import PluginManifest
from npe2.manifest.contributions import MenuCommand

import napari_cryonet
from napari_cryonet.gui import samples
from napari_cryonet.gui.preferences import preference

MANIFEST = Path(napari_cryonet.__file__).with_name("napari.yaml")


@pytest.fixture
def manifest() -> PluginManifest:
    return PluginManifest.from_file(MANIFEST)


@pytest.fixture
def plugin(npe2pm):
    """CryoNet, and no other plugin."""
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        yield npe2pm


def test_it_names_this_package(manifest):
    assert manifest.name == "napari-cryonet"
    assert manifest.display_name == "CryoNet"


def test_every_command_that_is_used_is_there(manifest):
    points = manifest.contributions
    used = {one.command for kind in ("readers", "writers", "widgets", "sample_data")
            for one in getattr(points, kind)}  # fmt: skip
    used |= {
        item.command
        for items in points.menus.values()
        for item in items
        if isinstance(item, MenuCommand)
    }
    assert used == {command.id for command in points.commands}


def test_every_command_can_be_imported(manifest):
    for command in manifest.contributions.commands:
        module, name = command.python_name.split(":")
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if not str(error.name).startswith("napari_cryonet.gui"):
                raise
            pytest.skip(f"{error.name} is not written yet")
        assert callable(getattr(found, name)), command.id


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("a.mrc", {"read_mrc"}),
        ("A.MRC", {"read_mrc"}),
        ("TS_01.MRC.GZ", {"read_mrc"}),
        ("Foo.Map", {"read_mrc"}),
        ("x_8.80Apx.mrcs.bz2", {"read_mrc"}),
        ("TS 1.St", {"read_mrc"}),
        ("a.rec", {"read_mrc"}),
        ("a.PREALI", {"read_mrc"}),
        ("cell.FITS", {"read_fits"}),
        ("cell.fits.gz", {"read_fits"}),
        ("cell.fits.fz", {"read_fits"}),
        ("picks.star", {"read_positions"}),
        ("picks.STAR.gz", {"read_positions"}),
        ("a.coords", {"read_positions"}),
        ("a.tloc", {"read_positions"}),
        ("a.txt", {"read_positions"}),
        ("a.csv", {"read_positions"}),
        ("cloud.ply", {"read_cloud"}),
        ("mesh.OBJ", {"read_cloud"}),
        ("a.tif", set()),
        ("a.gz", set()),
    ],
)
def test_readers_are_offered_by_name(plugin, name, commands):
    offered = {reader.command for reader in plugin.iter_compatible_readers([f"/some/dir/{name}"])}
    assert offered == {f"napari-cryonet.{command}" for command in commands}


@pytest.mark.parametrize(
    ("name", "kind", "command"),
    [
        ("a.mrc", "image", "write_mrc"),
        ("a.mrc.gz", "image", "write_mrc"),
        ("a.fits", "image", "write_fits"),
        ("a.map", "labels", "write_labels"),
        ("a.mrc", "points", None),
        ("a.csv", "image", None),
        ("a.star", "points", "write_relion5"),
        ("a.mod", "points", "write_positions"),
        ("a.csv", "points", "write_positions"),
        ("a.star", "labels", None),
        ("a.ply", "points", "write_cloud"),
        ("a.obj", "surface", "write_surface"),
    ],
)
def test_writers_are_found_by_name(plugin, name, kind, command):
    writer, path = plugin.get_writer(name, [kind])
    assert (writer and writer.command) == (command and f"napari-cryonet.{command}")
    assert path == name


@pytest.mark.parametrize(
    "make", [samples.half_maps, samples.tomograms, samples.tomogram, samples.particles]
)
def test_samples_are_layers_in_angstrom_that_say_they_are_simulated(make):
    layers = [Layer.create(*one) for one in make()]
    for layer in layers:
        assert "simulated" in layer.name
        assert "Simulated" in layer.metadata["cryonet"]["history"][0]
        assert [str(unit) for unit in layer.units] == ["angstrom"] * 3
    assert layers[-1].visible
    assert not layers[0].visible
    (*_, top) = [layer for layer in layers if isinstance(layer, Image)]
    assert top.visible
    assert np.isfinite(top.contrast_limits).all()


def test_the_sample_of_single_molecules_is_images_in_nm():
    (layer,) = [Layer.create(*one) for one in samples.molecules()]
    assert (layer.name, layer.data.shape) == ("simulated molecules", (300, 64, 64))
    assert [str(unit) for unit in layer.units] == ["pixel", "nanometer", "nanometer"]
    assert "Simulated" in layer.metadata["cryonet"]["history"][0]


def test_preferences_have_their_defaults_and_can_be_changed(plugin_settings, npe2pm, manifest):
    from napari.settings import get_plugin_settings

    assert preference("display", "max_3d_mb", 7) == 7
    npe2pm.register(manifest)
    assert preference("display", "max_3d_mb", 7) == 1024
    assert preference("compute", "isolation", "") == "thread"
    assert preference("compute", "device", "") == "auto"
    assert preference("folders", "library", None) == ""
    get_plugin_settings("napari-cryonet").display.max_3d_mb = 64
    assert preference("display", "max_3d_mb", 7) == 64
    assert preference("no", "such", 3) == 3
