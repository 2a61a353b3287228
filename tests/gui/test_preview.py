"""The preview follows the view, stands beside the data, and never asks for much."""

from __future__ import annotations

import gc
import itertools
import weakref
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_cryonet.errors import DataError
from napari_cryonet.gui.preview import Preview, visible_region, within
from napari_cryonet.gui.work import Work
from napari_cryonet.jobs import Outcome
from napari_cryonet.types import Volume

MOST = 300 * 300
ORIGIN, VOXEL = (100.0, -50.0, 20.0), (4.0, 2.0, 2.5)
SHAPE = (40, 60, 80)


@pytest.fixture
def viewer(qapp: Any) -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def layer(viewer: ViewerModel, shown: Any) -> Any:
    volume = Volume(np.zeros(SHAPE, "u1"), VOXEL, ORIGIN, name="half 1")
    return viewer.add_layer(shown(volume))


@pytest.fixture
def work(qapp: Any) -> Work:
    return Work("training", lambda report: Outcome())


def starts(region: Any) -> tuple[int, ...]:
    return tuple(part.start for part in region)


def sizes(region: Any) -> tuple[int, ...]:
    return tuple(part.stop - part.start for part in region)


def world(layer: Any, *voxel: float) -> Any:
    """Return where a voxel is in the world."""
    return np.asarray(layer.data_to_world(voxel))


def denoised(region: Any, layer: Any) -> Volume:
    """Return a preview as a training hands it over: at its place in Å, without a voxel size."""
    data = np.full(sizes(region), 0.5, "f4")
    return Volume(data, None, tuple(world(layer, *starts(region))), "half 1 preview")


# ------------------------------------------------------------------ the region in view


def test_the_region_is_the_plane_at_the_slider(viewer, layer):
    for plane in (0, 7, 39):
        viewer.dims.set_point(0, world(layer, plane, 0, 0)[0])
        region = visible_region(viewer, layer)
        assert region[0] == slice(plane, plane + 1)
        assert region[1:] == (slice(0, 60), slice(0, 80)), "small planes are shown whole"


def test_the_region_follows_the_centre_of_the_view_and_stays_inside(viewer, shown):
    data = np.broadcast_to(np.uint8(0), (5, 1000, 1200))
    layer = viewer.add_layer(shown(Volume(data, VOXEL, ORIGIN)))
    viewer.dims.set_point(0, world(layer, 2, 0, 0)[0])
    for centre, expected in [
        ((500, 600), (350, 450)),
        ((0, 0), (0, 0)),
        ((-9e9, 9e9), (0, 900)),
        ((999, 1199), (700, 900)),
        ((160, 1040), (10, 890)),
    ]:
        viewer.scene.camera.center = world(layer, 2, *centre)
        region = visible_region(viewer, layer)
        assert starts(region) == (2, *expected)
        assert sizes(region) == (1, 300, 300)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("ndisplay", [2, 3])
def test_rolled_axes_turn_the_region(viewer, shown, order, ndisplay):
    data = np.broadcast_to(np.uint8(0), (400, 500, 600))
    layer = viewer.add_layer(shown(Volume(data, VOXEL, ORIGIN)))
    viewer.dims.order = order
    viewer.dims.ndisplay = ndisplay
    for axis, value in enumerate(world(layer, 200, 250, 300)):
        viewer.dims.set_point(axis, value)
    viewer.scene.camera.center = world(layer, 200, 250, 300)[list(order)]
    region = visible_region(viewer, layer)
    expected = [slice(50, 350), slice(100, 400), slice(150, 450)]
    expected[order[0]] = slice((200, 250, 300)[order[0]], (200, 250, 300)[order[0]] + 1)
    assert list(region) == expected


def test_other_layers_may_have_more_axes(viewer, layer, rng):
    viewer.add_image(np.zeros((3, 4, 5, 6)), scale=(1, 4, 2, 2))
    viewer.dims.set_point(1, world(layer, 9, 0, 0)[0])
    assert visible_region(viewer, layer)[0] == slice(9, 10)
    for order in itertools.permutations(range(4)):
        viewer.dims.order = order
        for ndisplay in (2, 3):
            viewer.dims.ndisplay = ndisplay
            region = visible_region(viewer, layer)
            assert np.prod(sizes(region)) <= MOST
            assert 1 in sizes(region)


def test_no_view_makes_a_region_outside_or_large(viewer, shown, rng):
    shape = (120, 700, 350)
    layer = viewer.add_layer(
        shown(Volume(np.broadcast_to(np.uint8(0), shape), (8.0, 1.0, 3.0), (1e3, -2e3, 0.0)))
    )
    viewer.add_image(np.zeros((9, 9, 9)), scale=(500, 500, 500))
    for _ in range(15):
        viewer.dims.order = tuple(rng.permutation(3))
        viewer.dims.ndisplay = int(rng.integers(2, 4))
        for axis in range(3):
            viewer.dims.set_point(axis, rng.uniform(-5e3, 5e3))
        viewer.scene.camera.center = tuple(rng.uniform(-1e4, 1e4, 3))
        region = visible_region(viewer, layer)
        assert np.prod(sizes(region)) <= MOST
        for part, length in zip(region, shape, strict=True):
            assert 0 <= part.start < part.stop <= length


def test_levels_are_counted_in_voxels_of_the_data(viewer):
    data = np.zeros((20, 64, 64), "u1")
    layer = viewer.add_image([data, data[:, ::2, ::2]], multiscale=True)
    viewer.dims.set_point(0, 11)
    assert visible_region(viewer, layer) == (slice(11, 12), slice(0, 64), slice(0, 64))


def test_only_a_volume_has_a_region(viewer):
    layer = viewer.add_image(np.zeros((5, 6)), name="plane")
    with pytest.raises(DataError, match="plane has 2 axes"):
        visible_region(viewer, layer)


# ------------------------------------------------------------------ the preview


def test_a_training_is_told_what_is_in_view(viewer, layer, work):
    preview = Preview(viewer, layer, work)
    assert work.region == visible_region(viewer, layer)
    viewer.dims.set_point(0, world(layer, 5, 0, 0)[0])
    assert work.region[0] == slice(5, 6)
    viewer.scene.camera.center = world(layer, 5, 3, 3)
    assert work.region == visible_region(viewer, layer)
    work.ended.emit()
    viewer.dims.set_point(0, world(layer, 9, 0, 0)[0])
    assert work.region[0] == slice(5, 6), "a training that has ended is told no more"
    del preview


def test_a_preview_stands_beside_the_data_at_the_same_height(viewer, layer, work):
    preview = Preview(viewer, layer, work)
    region = (slice(7, 8), slice(10, 40), slice(20, 70))
    work.previewed.emit(denoised(region, layer))
    one = viewer.layers["preview"]
    assert isinstance(one, Image)
    assert tuple(one.scale) == VOXEL
    assert one.units == layer.units
    assert one.axis_labels == layer.axis_labels
    z, y, x = one.translate
    assert (z, y) == tuple(world(layer, 7, 10, 20)[:2])
    assert x > layer.extent.world[1][2], "beside it"
    width = np.ptp(layer.extent.world[:, 2])
    assert x - world(layer, 7, 10, 20)[2] == pytest.approx(1.04 * width)
    assert viewer.layers.selection == {layer}
    assert len({str(unit) for unit in viewer.layers.units}) == 1
    del preview


def test_the_next_preview_takes_its_place(viewer, layer, work):
    preview = Preview(viewer, layer, work)
    first = (slice(7, 8), slice(10, 40), slice(20, 70))
    second = (slice(0, 40), slice(3, 4), slice(0, 60))
    work.previewed.emit(denoised(first, layer))
    one = viewer.layers["preview"]
    work.previewed.emit(denoised(second, layer))
    assert len(viewer.layers) == 2
    assert viewer.layers["preview"] is one
    assert one.data.shape == (40, 1, 60)
    assert tuple(one.translate[:2]) == tuple(world(layer, 0, 3, 0)[:2])
    assert one.contrast_limits[0] < one.contrast_limits[1]
    del preview


def test_a_preview_stands_right_on_layers_of_others(viewer, work):
    layer = viewer.add_image(
        np.zeros((8, 9, 10)), scale=(2, 2, 2), translate=(1, 2, 3), units=("nm",) * 3
    )
    preview = Preview(viewer, layer, work)
    made = Volume(np.ones((1, 4, 5), "f4"), origin=(10 + 3 * 20.0, 20 + 40.0, 30.0))
    work.previewed.emit(made)
    one = viewer.layers["preview"]
    assert (one.units, tuple(one.scale)) == (layer.units, (2, 2, 2))
    assert one.translate[:2] == pytest.approx((7, 6))
    del preview


def test_a_voxel_size_that_is_set_meanwhile_counts(viewer, layer, work):
    preview = Preview(viewer, layer, work)
    made = denoised((slice(7, 8), slice(10, 40), slice(20, 70)), layer)
    layer.scale, layer.translate = (8, 8, 8), (0, 0, 0)
    work.previewed.emit(made)
    one = viewer.layers["preview"]
    assert tuple(one.scale) == (8, 8, 8)
    assert one.translate[:2] == pytest.approx((56, 80))
    del preview


def test_a_preview_of_resampled_data_is_as_large_as_what_it_shows(viewer, layer, work):
    preview = Preview(viewer, layer, work)
    origin = tuple(world(layer, 6, 10, 20))
    for size in ((8.0, 4.0, 5.0), VOXEL):
        work.previewed.emit(Volume(np.ones((1, 15, 25), "f4"), size, origin))
        one = viewer.layers["preview"]
        assert tuple(one.scale) == size
        assert tuple(one.translate[:2]) == origin[:2]
    del preview


def test_a_preview_is_taken_away_when_asked(viewer, layer, work):
    preview = Preview(viewer, layer, work)
    preview.remove()
    work.previewed.emit(denoised((slice(0, 1), slice(0, 9), slice(0, 9)), layer))
    assert "preview" in viewer.layers
    preview.remove()
    preview.remove()
    assert list(viewer.layers) == [layer]


def test_the_last_preview_stays_when_the_training_ends(viewer, layer, work):
    preview = Preview(viewer, layer, work)
    work.previewed.emit(denoised((slice(0, 1), slice(0, 9), slice(0, 9)), layer))
    work.ended.emit()
    assert "preview" in viewer.layers
    preview.remove()
    assert "preview" not in viewer.layers


def test_the_preview_of_a_training_stays_until_the_next_one_has_its_own(viewer, layer, work):
    region = (slice(5, 6), slice(10, 20), slice(0, 80))
    first = Preview(viewer, layer, work)
    first.show(denoised(region, layer))
    waiting = Work("waiting", lambda report: Outcome())
    second = Preview(viewer, layer, waiting, after=first)
    assert "preview" in viewer.layers, "the first training is still under way"
    second.show(denoised(region, layer))
    assert [each.name for each in viewer.layers].count("preview") == 1
    assert not [each for each in viewer.layers if each.name.startswith("preview [")]
    waiting.state = "done"
    third = Preview(viewer, layer, Work("third", lambda report: Outcome()), after=second)
    assert "preview" not in viewer.layers, "the second training has ended"
    third.remove()


@pytest.mark.parametrize("gone", ["data", "preview", "all"])
def test_layers_may_be_removed_meanwhile(viewer, layer, work, gone):
    preview = Preview(viewer, layer, work)
    made = denoised((slice(0, 1), slice(0, 9), slice(0, 9)), layer)
    work.previewed.emit(made)
    if gone == "all":
        viewer.layers.clear()
    else:
        viewer.layers.remove(layer if gone == "data" else viewer.layers["preview"])
    viewer.dims.set_point(0, 0)
    viewer.scene.camera.center = (0, 1, 2)
    work.previewed.emit(made)
    assert ("preview" in viewer.layers) == (gone != "all")
    work.ended.emit()
    preview.remove()


def test_a_preview_holds_nothing_alive(viewer, layer, work):
    preview = Preview(viewer, layer, work)
    gone = weakref.ref(preview)
    del preview
    gc.collect()
    assert gone() is None
    viewer.dims.set_point(0, world(layer, 5, 0, 0)[0])
    work.previewed.emit(denoised((slice(0, 1), slice(0, 9), slice(0, 9)), layer))
    work.ended.emit()
    assert "preview" not in viewer.layers


# ------------------------------------------------------------------ a part of the volume


def test_a_part_is_asked_for_as_counted_from_its_start():
    part = (slice(10, 20), slice(5, 45), slice(30, 80))
    region = (slice(12, 13), slice(0, 60), slice(0, 80))
    assert within(region, part) == (slice(2, 3), slice(0, 40), slice(0, 50))
    inside = (slice(12, 13), slice(7, 9), slice(40, 60))
    assert within(inside, part) == (slice(2, 3), slice(2, 4), slice(10, 30))


@pytest.mark.parametrize(("plane", "nearest"), [(0, 0), (39, 9)])
def test_beside_the_part_the_nearest_plane_is_asked_for(plane, nearest):
    part = (slice(10, 20), slice(5, 45), slice(30, 80))
    region = (slice(plane, plane + 1), slice(50, 60), slice(0, 20))
    assert within(region, part) == (slice(nearest, nearest + 1), slice(39, 40), slice(0, 1))


def test_a_training_on_a_part_is_told_what_of_it_is_in_view(viewer, layer, work):
    part = (slice(10, 20), slice(5, 45), slice(30, 80))
    preview = Preview(viewer, layer, work, part)
    for plane, expected in ((12, 2), (0, 0), (39, 9)):
        viewer.dims.set_point(0, world(layer, plane, 0, 0)[0])
        assert work.region == (slice(expected, expected + 1), slice(0, 40), slice(0, 50))
    work.previewed.emit(denoised((slice(12, 13), *part[1:]), layer))
    one = viewer.layers["preview"]
    assert one.data.shape == (1, 40, 50)
    assert tuple(one.translate[:2]) == tuple(world(layer, 12, 5, 30)[:2]), "where it belongs"
    del preview
