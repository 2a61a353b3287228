"""Things become layers and come back: nothing is lost, nothing is copied."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels, Layer, Points, Shapes, Surface

from helpers import mrc_header as header_bytes
from napari_cryonet import types
from napari_cryonet.errors import DataError
from napari_cryonet.gui.arrays import Magnitude, Reduced, contrast_limits, levels, stored
from napari_cryonet.gui.layers import layer_data, set_voxel_size, to_thing
from napari_cryonet.io import mrc_header, read_volume

VOXEL, ORIGIN = (2.0, 1.5, 1.25), (10.0, -20.0, 30.5)


def volume(data: np.ndarray[Any, Any] | None = None, **fields: Any) -> types.Volume:
    grey = np.arange(4 * 5 * 6, dtype="f4").reshape(4, 5, 6) if data is None else data
    given: dict[str, Any] = {"voxel_size": VOXEL, "origin": ORIGIN, "name": "TS_01"}
    return types.Volume(grey, **(given | fields))


def layer(thing: types.Thing, **options: Any) -> Any:
    (made,) = layer_data(thing, **options)
    return Layer.create(*made)


def moved_by_hand() -> np.ndarray[Any, Any]:
    matrix = np.eye(4)
    matrix[:3, 3] = 5
    return matrix


def units(one: Any) -> list[str]:
    return [str(unit) for unit in one.units]


# ------------------------------------------------------------------ volumes


def test_a_volume_becomes_a_layer_in_angstrom():
    made = layer(volume())
    assert isinstance(made, Image)
    assert units(made) == ["angstrom"] * 3
    assert made.axis_labels == ("z", "y", "x")
    assert tuple(made.scale) == VOXEL
    assert tuple(made.translate) == ORIGIN
    assert made.name == "TS_01"
    assert made.colormap.name == "gray"


def test_a_volume_comes_back_with_all_it_had():
    header = mrc_header.build((4, 5, 6), 2)
    before = volume(path=Path("/a/b.mrc"), header=header, history=("Denoised.",), notes=("Odd.",))
    after = to_thing(layer(before))
    assert isinstance(after, types.Volume)
    assert after.data is before.data
    for field in ("voxel_size", "origin", "name", "path", "header", "history", "notes"):
        assert getattr(after, field) == getattr(before, field), field


def test_what_the_layer_says_now_counts():
    made = layer(volume())
    made.scale, made.translate, made.name = (4, 4, 4), (1, 2, 3), "renamed"
    after = to_thing(made)
    assert (after.voxel_size, after.origin, after.name) == ((4.0,) * 3, (1.0, 2.0, 3.0), "renamed")


def test_provenance_is_json_and_survives_a_copy():
    header = mrc_header.build((4, 5, 6), 2)
    made = layer(volume(path=Path("/a/b.mrc"), header=header))
    known = json.loads(json.dumps(deepcopy(made.metadata)["cryonet"]))
    assert known["path"] == "/a/b.mrc"
    assert (known["kind"], known["format"], known["unit"]) == ("volume", "mrc", "Å")
    assert known["voxel_size"] == list(VOXEL)
    assert made.metadata["cryonet_header"] is header


def test_a_stack_of_volumes_has_an_axis_in_pixels():
    made = layer(volume(np.zeros((2, 4, 5, 6), "f4")))
    assert units(made) == ["pixel", *["angstrom"] * 3]
    assert made.axis_labels == ("n", "z", "y", "x")
    assert tuple(made.scale) == (1.0, *VOXEL)
    after = to_thing(made)
    assert (after.voxel_size, after.origin) == (VOXEL, ORIGIN)
    assert after.shape == (2, 4, 5, 6)


@pytest.mark.parametrize("dtype", ["f2", ">f4", ">i2", "i1", "u2", "?", "f8", "c8", ">c8"])
def test_every_kind_of_number_is_shown_and_comes_back_untouched(dtype):
    before = volume((np.arange(120).reshape(4, 5, 6) % 7).astype(dtype))
    made = layer(before)
    view = np.asarray(made.data[1])
    assert np.allclose(view, np.abs(before.data[1].astype("c16")))
    assert view.dtype.kind in "fiub"
    assert to_thing(made).data is before.data


@pytest.mark.parametrize("shape", [(30, 40, 3), (30, 40, 4), (30, 3, 40)])
def test_a_narrow_volume_is_not_taken_for_a_colour_picture(shape):
    made = layer(volume(np.zeros(shape, "f4")))
    assert made.ndim == 3
    assert not made.rgb


# ------------------------------------------------------------------ voxel size


def test_an_unknown_voxel_size_is_shown_as_one_and_stays_unknown():
    made = layer(volume(voxel_size=None, origin=(0.0, 0.0, 0.0)))
    assert tuple(made.scale) == (1.0, 1.0, 1.0)
    assert units(made) == ["angstrom"] * 3
    assert to_thing(made).voxel_size is None


def test_a_voxel_size_of_one_is_known():
    assert to_thing(layer(volume(voxel_size=(1.0, 1.0, 1.0)))).voxel_size == (1.0, 1.0, 1.0)


def test_a_voxel_size_can_be_set():
    made = layer(volume(voxel_size=None))
    set_voxel_size(made, 1.0)
    assert to_thing(made).voxel_size == (1.0, 1.0, 1.0)
    set_voxel_size(made, (8, 4, 2))
    assert to_thing(made).voxel_size == (8.0, 4.0, 2.0)
    assert made.metadata["cryonet"]["voxel_size"] == [8.0, 4.0, 2.0]
    assert tuple(made.translate) == ORIGIN


def test_an_origin_counted_in_voxels_moves_with_the_voxel_size(tmp_path):
    path = tmp_path / "start.mrc"
    fields = {"nx": 4, "ny": 5, "nz": 3, "mode": 2, "mapc": 1, "mapr": 2, "maps": 3}
    starts = {"nxstart": 10, "nystart": 20, "nzstart": -30}
    path.write_bytes(header_bytes(**fields, **starts, ispg=1) + bytes(3 * 5 * 4 * 4))
    made = layer(read_volume(path))
    set_voxel_size(made, 2.0)
    assert tuple(made.translate) == (-60.0, 40.0, 20.0)
    made.translate = (1, 2, 3)
    set_voxel_size(made, 4.0)
    assert tuple(made.translate) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("size", [0, -1, float("nan"), (1, 2, 0)])
def test_an_impossible_voxel_size_is_refused(size):
    with pytest.raises(DataError, match="positive"):
        set_voxel_size(layer(volume()), size)


# ------------------------------------------------------------------ images


@pytest.mark.parametrize(("unit", "name"), [("Å", "angstrom"), ("nm", "nanometer")])
def test_images_keep_their_unit(unit, name):
    before = types.ImageStack(np.zeros((7, 5, 6)), (3.0, 2.0), unit, spacing=9.0)
    made = layer(before)
    assert units(made) == ["pixel", name, name]
    assert made.axis_labels == ("n", "y", "x")
    after = to_thing(made)
    assert isinstance(after, types.ImageStack)
    assert (after.pixel_size, after.unit, after.spacing) == ((3.0, 2.0), unit, 9.0)
    set_voxel_size(made, 50.0)
    assert to_thing(made).pixel_size == ((50.0,) * 2 if unit == "Å" else (5.0,) * 2)


def test_one_image_and_one_line_of_numbers_can_be_shown():
    assert layer(types.ImageStack(np.zeros((5, 6)))).axis_labels == ("y", "x")
    assert layer(types.ImageStack(np.zeros(6))).data.shape == (1, 6)
    assert layer(types.ImageStack(np.zeros((2, 3, 5, 6)))).axis_labels == ("n", "m", "y", "x")


# ------------------------------------------------------------------ points and clouds


def test_picks_are_circles_in_voxels_of_their_volume():
    features = {
        "score": np.array([0.5, 1.0]),
        "class": np.array(["ribosome", "barrel"]),
        "radius": np.array([40.0, 80.0]),
    }
    before = types.Points(np.array([[1.0, 2, 3], [4, 5, 6]]), features, (8.0,) * 3, "TS_01")
    made = layer(before, origin=ORIGIN)
    assert isinstance(made, Points)
    assert list(made.size) == [10.0, 20.0]
    assert units(made) == ["angstrom"] * 3
    assert tuple(made.translate) == ORIGIN
    after = to_thing(made)
    assert np.array_equal(after.positions, before.positions)
    assert (after.voxel_size, after.volume) == ((8.0,) * 3, "TS_01")
    for column, values in features.items():
        assert np.array_equal(after.features[column], values)


def test_no_picks_at_all_is_a_layer_too():
    made = layer(types.Points(np.empty((0, 3)), {"score": np.empty(0)}))
    assert made.ndim == 3
    after = to_thing(made)
    assert len(after) == 0
    assert after.voxel_size is None


def test_a_cloud_is_points_and_one_with_faces_is_a_surface():
    corners = np.array([[0.0, 0, 0], [0, 10, 0], [0, 0, 10]])
    cloud = types.PointCloud(corners, weights=np.array([1.0, 2, 3]))
    mesh = types.PointCloud(corners, np.array([[0, 1, 2]]), unit="Å", name="mesh")
    assert isinstance(layer(cloud), Points)
    assert isinstance(layer(mesh), Surface)
    for before in (cloud, mesh):
        after = to_thing(layer(before))
        assert isinstance(after, types.PointCloud)
        assert np.array_equal(after.vertices, before.vertices)
        assert np.array_equal(after.faces, before.faces)
        assert (after.unit, after.name) == (before.unit, before.name)
    assert list(to_thing(layer(cloud)).weights) == [1, 2, 3]


def test_a_cloud_that_was_scaled_comes_back_scaled():
    made = layer(types.PointCloud(np.array([[1.0, 2, 3]])))
    made.scale, made.translate = (2, 2, 2), (0, 0, 1)
    assert to_thing(made).vertices.tolist() == [[2, 4, 7]]


# ------------------------------------------------------------------ layers of others


def test_a_plain_image_has_no_voxel_size():
    after = to_thing(Image(np.zeros((4, 5, 6)), name="plain"))
    assert isinstance(after, types.Volume)
    assert after.voxel_size is None
    assert isinstance(to_thing(Image(np.zeros((5, 6)))), types.ImageStack)


@pytest.mark.parametrize(
    ("given", "size"),
    [(("pixel",) * 3, 2.0), (("nm",) * 3, 20.0), (("um",) * 3, 20000.0), (("angstrom",) * 3, 2.0)],
)
def test_the_units_of_others_are_understood(given, size):
    other = Image(np.zeros((4, 5, 6)), scale=(2, 2, 2), translate=(1, 0, 0), units=given)
    after = to_thing(other)
    assert after.voxel_size == pytest.approx((size,) * 3)
    assert after.origin == pytest.approx((size / 2, 0, 0))


def test_labels_are_a_volume_of_whole_numbers():
    after = to_thing(Labels(np.ones((4, 5, 6), int), scale=(2, 2, 2), units=("angstrom",) * 3))
    assert isinstance(after, types.Volume)
    assert after.data.dtype.kind == "i"
    assert after.voxel_size == (2.0, 2.0, 2.0)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
@pytest.mark.parametrize(
    ("other", "why"),
    [
        (lambda: Image(np.zeros((40, 50, 3)), rgb=True), "colours"),
        (lambda: Image(np.zeros((4, 5, 6)), rotate=(10, 0, 0)), "Alt-click"),
        (lambda: Image(np.zeros((4, 5, 6)), shear=(0.1, 0, 0)), "Alt-click"),
        (lambda: Image(np.zeros((4, 5, 6)), affine=moved_by_hand()), "Alt-click"),
        (lambda: Points(np.zeros((1, 2))), "three"),
        (lambda: Surface((np.zeros((3, 2)), np.array([[0, 1, 2]]))), "coordinates"),
        (lambda: Shapes(), "shapes layer"),
    ],
)
def test_what_cannot_become_a_thing_is_refused(other, why):
    with pytest.raises(DataError, match=why):
        to_thing(other())


# ------------------------------------------------------------------ contrast


def test_contrast_ignores_the_outer_planes_and_what_is_no_number(rng):
    data = rng.normal(100, 10, (40, 128, 128)).astype("f4")
    expected = np.percentile(data, (0.3, 99.7))
    data[:4], data[-4:] = 1e6, -1e6
    data[:, :8, :8] = np.nan
    data[:, -4:, :4] = np.inf
    assert contrast_limits(data) == pytest.approx(tuple(expected), abs=2)


@pytest.mark.parametrize(
    ("data", "limits"),
    [
        (np.zeros((4, 5, 6)), (0, 1)),
        (np.full((4, 5, 6), -7, "i2"), (-7, 0)),
        (np.full((4, 5, 6), np.nan), (0, 1)),
        (np.zeros((1, 1, 1)), (0, 1)),
    ],
)
def test_flat_data_have_a_range_too(data, limits):
    assert contrast_limits(data) == limits


def test_a_sparse_mask_is_visible():
    mask = np.zeros((20, 100, 100), "i1")
    mask[8:12, 40:44, 40:44] = 1
    assert contrast_limits(mask) == (0, 1)


class Counting:
    """A volume of zeros that remembers which of its rows were read."""

    ndim, dtype = 3, np.dtype("f4")

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape = shape
        self.read: set[tuple[int, int]] = set()

    def __getitem__(self, key: Any) -> np.ndarray[Any, Any]:
        plane, rows, columns = key
        self.read |= {(plane, row) for row in range(*rows.indices(self.shape[1]))}
        return np.zeros(self.shape[1:], "f4")[rows, columns]


@pytest.mark.parametrize(("side", "rows"), [(48, 48), (64, 16), (511, 128), (512, 128)])
def test_contrast_reads_few_planes_and_few_rows_of_them(side, rows):
    data = Counting((100, side, side))
    contrast_limits(data)
    assert {plane for plane, _ in data.read} == {15, 32, 50, 67, 84}
    assert len(data.read) == 5 * rows


def test_contrast_reads_a_large_plane_in_bands_of_its_whole_height():
    data = Counting((100, 4000, 64))
    contrast_limits(data)
    rows = np.array(sorted(row for plane, row in data.read if plane == 50))
    starts = rows[np.diff(rows, prepend=-9) > 1]
    assert np.array_equal(starts, 500 * np.arange(8) + 242)
    assert len(rows) == 8 * 16


def test_contrast_of_a_large_volume_is_that_of_all_of_it(rng):
    data = rng.normal(100, 10, (9, 640, 640)).astype("f4")
    assert contrast_limits(data) == pytest.approx(np.percentile(data, (0.3, 99.7)), abs=1)


# ------------------------------------------------------------------ levels


@pytest.mark.parametrize(
    ("shape", "planes", "expected"),
    [
        ((500, 1440, 1440), False, (125, 360, 360)),
        ((64, 2100, 2100), False, (16, 525, 525)),
        ((1000, 4096, 4096), False, (125, 512, 512)),
        ((41, 3838, 3710), True, (41, 959, 927)),
        ((3000, 64, 64), True, (1500, 64, 64)),
        ((2, 500, 1440, 1440), False, (2, 125, 360, 360)),
    ],
)
def test_large_data_have_a_level_that_fits_the_graphics_card(shape, planes, expected):
    data = np.broadcast_to(np.int16(3), shape)
    full, half, small = levels(data, planes=planes)
    assert full is data
    assert half.shape == (*shape[:-2], -(-shape[-2] // 2), -(-shape[-1] // 2))
    assert small.shape == expected
    assert stored(small) is data


@pytest.mark.parametrize("shape", [(600, 600, 600), (4096, 4096), (2048, 8, 8)])
def test_what_fits_has_one_level(shape):
    assert len(levels(np.broadcast_to(np.int8(0), shape))) == 1


def test_the_limits_can_be_chosen():
    data = np.zeros((40, 50, 60), "f4")
    assert len(levels(data, max_side=59)) == 3
    assert len(levels(data, max_3d_mb=0.1)) == 3
    made = layer(volume(data), max_3d_mb=0.1)
    assert made.multiscale
    assert to_thing(made).data is data


def test_a_coarse_level_is_the_mean_of_rows_and_columns(rng):
    data = rng.normal(size=(2, 9, 11, 14)).astype(">f4")
    small = Reduced(data, (1, 4, 2, 3))
    expected = data[:, 2::4][:, :2, :10, :12].reshape(2, 2, 5, 2, 4, 3).mean((3, 5))
    assert small.shape == expected.shape
    part = small[:, 1, 1:4][..., 2]
    assert part.shape == (2, 3)
    assert np.allclose(part, expected[:, 1, 1:4, 2])
    assert np.allclose(small[1][0, ::2, 3], expected[1, 0, ::2, 3])
    assert np.allclose(small, expected)
    assert np.shares_memory(np.asarray(small), np.asarray(small[:, :, :]))
    assert np.allclose(small[1, :, 2:4], expected[1, :, 2:4])


def test_a_coarse_level_of_complex_data_shows_magnitudes():
    data = np.full((4, 8, 8), 3 + 4j, "c8")
    small = Reduced(Magnitude(data), (2, 4, 4))
    assert np.allclose(small, 5)
    assert stored(small) is data
