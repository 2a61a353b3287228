"""What napari saves keeps its header, its voxel size and its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels, Layer, Points

from helpers import mrc_header
from napari_cryonet import ImageStack, PointCloud, Volume, read, write
from napari_cryonet.errors import DataError, FileProblem, FormatError
from napari_cryonet.gui.layers import layer_data
from napari_cryonet.gui.readers import read_layers
from napari_cryonet.gui.writers import write_cloud, write_image, write_labels, write_surface

SHAPE = (3, 5, 4)
ANGSTROM = ("angstrom",) * 3


def opened(path: Path) -> Any:
    (made,) = read_layers(path)
    return Layer.create(*made)


def save(layer: Any, path: Path) -> Any:
    """Save a layer as napari does, and read the file."""
    data, attributes, kind = layer.as_layer_data_tuple()
    writer = write_labels if kind == "labels" else write_image
    assert writer(str(path), data, attributes) == [str(path)]
    return read(path)


@pytest.mark.parametrize("suffix", [".mrc", ".map", ".rec", ".mrc.gz"])
def test_an_opened_map_is_saved_with_its_header(tmp_path, suffix):
    fields = {"nx": 4, "ny": 5, "nz": 3, "mode": 1, "mx": 4, "my": 5, "mz": 3, "ispg": 1}
    lengths = {"x_length": 8.0, "y_length": 15.0, "z_length": 12.0}
    origin = {"x_origin": 7.0, "y_origin": -8.0, "z_origin": 9.0}
    header = mrc_header(**fields, **lengths, **origin, mapc=1, mapr=2, maps=3, labels=(b"by IMOD",))
    source = tmp_path / "source.mrc"
    source.write_bytes(header + np.arange(60, dtype="<i2").tobytes())
    after = save(opened(source), tmp_path / f"copy{suffix}")
    assert after.data.dtype == np.int16
    assert np.array_equal(after.data.ravel(), np.arange(60))
    assert after.voxel_size == (4.0, 3.0, 2.0)
    assert after.origin == (9.0, -8.0, 7.0)
    assert "by IMOD" in after.header.labels()


def test_an_opened_file_can_be_saved_over_itself(tmp_path):
    path = tmp_path / "same.mrc"
    write(path, Volume(np.arange(60, dtype="f4").reshape(SHAPE), (2.0,) * 3))
    layer = opened(path)
    layer.scale = (3, 3, 3)
    after = save(layer, path)
    assert after.voxel_size == (3.0, 3.0, 3.0)
    assert np.array_equal(after.data.ravel(), np.arange(60))


def test_a_layer_of_others_is_saved_in_angstrom(tmp_path):
    nm = Image(np.ones(SHAPE), scale=(1, 1, 1), translate=(2, 0, 0), units=("nm",) * 3)
    after = save(nm, tmp_path / "nm.mrc")
    assert (after.voxel_size, after.origin) == ((10.0,) * 3, (20.0, 0.0, 0.0))
    assert save(Image(np.ones(SHAPE)), tmp_path / "plain.mrc").voxel_size is None


@pytest.mark.parametrize("suffix", [".mrcs", ".fits"])
def test_images_are_saved_as_images(tmp_path, suffix):
    images = ImageStack(np.arange(60, dtype="f4").reshape(SHAPE), (20.0, 20.0))
    (made,) = layer_data(images)
    after = save(Layer.create(*made), tmp_path / f"stack{suffix}")
    assert isinstance(after, ImageStack)
    assert np.array_equal(after.data, images.data)
    factor = 1 if after.unit == "Å" else 10
    assert tuple(size * factor for size in after.pixel_size) == pytest.approx((20.0, 20.0))


def test_a_large_layer_is_saved_in_full(tmp_path):
    data = np.arange(16 * 24 * 28, dtype="i2").reshape(16, 24, 28)
    (made,) = layer_data(Volume(data, (2.0,) * 3), max_3d_mb=0.01)
    layer = Layer.create(*made)
    assert layer.multiscale
    assert np.array_equal(save(layer, tmp_path / "full.mrc").data, data)


def test_complex_data_are_saved_as_they_are(tmp_path):
    data = (np.arange(60).reshape(SHAPE) * (1 - 2j)).astype("c8")
    (made,) = layer_data(Volume(data, (2.0,) * 3))
    assert np.array_equal(save(Layer.create(*made), tmp_path / "complex.mrc").data, data)


@pytest.mark.parametrize(("highest", "dtype"), [(3, "int8"), (300, "uint16")])
def test_labels_are_saved_as_whole_numbers(tmp_path, highest, dtype):
    labels = Labels(np.full(SHAPE, highest), scale=(2, 2, 2), units=ANGSTROM)
    after = save(labels, tmp_path / "labels.mrc")
    assert after.data.dtype == dtype
    assert after.data.max() == highest
    assert after.voxel_size == (2.0, 2.0, 2.0)


def test_what_cannot_be_saved_is_refused(tmp_path):
    with pytest.raises(DataError, match="colours"):
        save(Image(np.zeros((40, 50, 3)), rgb=True), tmp_path / "a.mrc")
    with pytest.raises(FormatError, match=r"Cannot write Volume as \.fits"):
        save(Image(np.zeros(SHAPE)), tmp_path / "a.fits")
    with pytest.raises(FormatError, match="65535"):
        save(Labels(np.full(SHAPE, 70000)), tmp_path / "a.mrc")
    with pytest.raises(FormatError, match="from -1 to 300"):
        save(Labels(np.array([[[-1, 300]]])), tmp_path / "a.mrc")
    with pytest.raises(FileProblem, match="does not exist"):
        save(Image(np.zeros(SHAPE)), tmp_path / "no" / "a.mrc")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".ply", ".obj"])
def test_clouds_and_surfaces_come_back(tmp_path, rng, suffix):
    cloud = PointCloud(rng.normal(size=(5, 3)))
    mesh = PointCloud(cloud.vertices, np.array([[0, 1, 2], [2, 3, 4]]))
    for thing, writer in ((cloud, write_cloud), (mesh, write_surface)):
        path = tmp_path / f"thing{suffix}"
        layer = Layer.create(*layer_data(thing)[0])
        data, attributes, kind = layer.as_layer_data_tuple()
        assert writer(str(path), data, attributes) == [str(path)]
        again = opened(path)
        assert again.as_layer_data_tuple()[2] == kind
        back = read(path)
        np.testing.assert_allclose(back.vertices, thing.vertices, atol=1e-5)
        np.testing.assert_array_equal(back.faces, thing.faces)


def test_any_points_are_written_as_a_cloud_in_nm(tmp_path):
    layer = Points([[1.0, 2.0, 3.0]], scale=(2, 2, 2), units=ANGSTROM, translate=(10, 0, 0))
    data, attributes, _ = layer.as_layer_data_tuple()
    write_cloud(str(tmp_path / "p.ply"), data, attributes)
    np.testing.assert_allclose(read(tmp_path / "p.ply").vertices, [[1.2, 0.4, 0.6]], atol=1e-6)
