"""The things: what they refuse, what they keep, and that they are frozen."""

import re
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path

import numpy as np
import pytest

from napari_cryonet.errors import DataError
from napari_cryonet.types import ImageStack, PointCloud, Points, Volume
from napari_cryonet.types.volume import check_pair

CUBE = np.zeros((2, 3, 4), np.float32)
THINGS = [
    Volume(CUBE),
    ImageStack(CUBE),
    Points(np.zeros((5, 3))),
    PointCloud(np.zeros((5, 3))),
]


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: type(thing).__name__)
def test_a_thing_is_frozen_and_equal_only_to_itself(thing) -> None:
    for field in fields(thing):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, field.name, None)
    assert replace(thing) != thing


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: type(thing).__name__)
def test_a_thing_is_made_of_its_array_alone(thing) -> None:
    assert (thing.path, thing.history, thing.notes) == (None, (), ())


# ------------------------------------------------------------------ volumes


@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 1, 1), (5, 2, 3, 4)])
def test_a_volume_has_three_axes_or_four(shape: tuple[int, ...]) -> None:
    data = np.zeros(shape)
    assert Volume(data).shape == shape
    assert Volume(data).data is data


@pytest.mark.parametrize("shape", [(), (4,), (3, 4), (1, 1, 2, 3, 4), (0, 3, 4), (2, 3, 0)])
def test_other_axes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=re.escape(f"tomo has the shape {shape}")):
        Volume(np.zeros(shape), name="tomo")


@pytest.mark.parametrize("size", [0.0, -1.5, np.nan, np.inf])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_voxel_has_a_size(size: float, axis: int) -> None:
    voxel_size = [1.0, 1.0, 1.0]
    voxel_size[axis] = size
    with pytest.raises(DataError, match="A voxel size is positive; volume has"):
        Volume(CUBE, tuple(voxel_size))


def test_the_scale_is_the_voxel_size_or_one() -> None:
    assert Volume(CUBE, (3.0, 2.0, 1.0)).scale == (3.0, 2.0, 1.0)
    assert Volume(CUBE).scale == (1.0, 1.0, 1.0)


def test_a_changed_volume_keeps_all_but_its_file_and_says_what_was_done() -> None:
    header = object()
    first = Volume(
        CUBE, (3.0, 2.0, 1.0), (1.0, 0.0, 5.0), "tomo", Path("a"), header, ("Read",), ("odd",)
    )
    second = first.changed(CUBE + 1, "Denoised")
    assert second.data.min() == 1
    assert second.path is None
    assert second.history == ("Read", "Denoised")
    for name in ("voxel_size", "origin", "name", "header", "notes"):
        assert getattr(second, name) is getattr(first, name)
    assert first.history == ("Read",)


def test_a_change_can_replace_other_fields_and_is_checked() -> None:
    volume = Volume(CUBE, (2.0, 2.0, 2.0), path=Path("a"))
    half = volume.changed(CUBE[::2], "Binned", name="half", voxel_size=(4.0, 2.0, 2.0))
    assert (half.name, half.voxel_size, half.history) == ("half", (4.0, 2.0, 2.0), ("Binned",))
    with pytest.raises(DataError):
        volume.changed(CUBE[0], "Cut")


def test_two_halves_of_one_map_are_a_pair() -> None:
    first = Volume(CUBE, (1.5, 1.5, 1.5), path=Path("a"))
    check_pair(first, Volume(CUBE.copy(), (1.505, 1.5, 1.5), path=Path("b")))


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        (Volume(CUBE), Volume(CUBE[1:]), "same shape"),
        (Volume(CUBE, (1.5,) * 3), Volume(CUBE.copy(), (1.6,) * 3), "same voxel size"),
        (Volume(CUBE, (1.5,) * 3), Volume(CUBE.copy()), "same voxel size"),
        (Volume(CUBE), Volume(CUBE), "one and the same"),
        (Volume(CUBE, path=Path("a")), Volume(CUBE.copy(), path=Path("a")), "one and the same"),
    ],
)
def test_others_are_not(first: Volume, second: Volume, what: str) -> None:
    with pytest.raises(DataError, match=what):
        check_pair(first, second)


# ------------------------------------------------------------------ images


@pytest.mark.parametrize(
    ("shape", "images"),
    [((7,), (1, 1, 7)), ((5, 7), (1, 5, 7)), ((3, 5, 7), (3, 5, 7)), ((2, 3, 5, 7), (6, 5, 7))],
)
def test_all_leading_axes_count_images(shape: tuple[int, ...], images: tuple[int, ...]) -> None:
    data = np.arange(np.prod(shape)).reshape(shape)
    stack = ImageStack(data)
    assert (stack.shape, stack.images.shape) == (shape, images)
    assert np.shares_memory(stack.images, data)
    np.testing.assert_array_equal(stack.images.ravel(), data.ravel())


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (0, 4, 4)])
def test_images_have_a_pixel(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="at least one pixel; beads has the shape"):
        ImageStack(np.zeros(shape), name="beads")


def test_the_scale_is_the_pixel_size_or_one() -> None:
    assert ImageStack(CUBE, (3.0, 2.0)).scale == (3.0, 2.0)
    assert ImageStack(CUBE).scale == (1.0, 1.0)


# ------------------------------------------------------------------ points


@pytest.mark.parametrize("shape", [(3,), (5, 2), (5, 4), (1, 5, 3)])
def test_points_have_three_coordinates(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"\(n, 3\) in the order z, y, x; picks has"):
        Points(np.zeros(shape))


@pytest.mark.parametrize("length", [0, 4, 6])
def test_a_column_has_a_value_for_each_point(length: int) -> None:
    with pytest.raises(DataError, match=f"'score' of picks has {length} values for 5 points"):
        Points(np.zeros((5, 3)), {"score": np.zeros(length)})


def test_no_points_are_points() -> None:
    assert len(Points(np.zeros((0, 3)), {"score": np.zeros(0)})) == 0


@pytest.mark.parametrize(
    "which", [np.array([3, 1]), np.array([False, True, False, True, False]), slice(1, 4, 2)]
)
def test_points_are_kept_with_their_features(which) -> None:
    positions = np.arange(15.0).reshape(5, 3)
    features = {"score": np.arange(5.0), "class": np.array(list("abcde"))}
    points = Points(positions, features, (2.0,) * 3, "tomo", "ribosomes", Path("a"), ("Picked",))
    kept = points.kept(which)
    np.testing.assert_array_equal(kept.positions, positions[which])
    for name, values in features.items():
        np.testing.assert_array_equal(kept.features[name], values[which])
    same = (kept.voxel_size, kept.volume, kept.name, kept.history)
    assert same == ((2.0,) * 3, "tomo", "ribosomes", ("Picked",))
    assert kept.path is None
    assert len(kept) == 2


# ------------------------------------------------------------------ clouds


@pytest.mark.parametrize("shape", [(3,), (5, 2), (1, 5, 3)])
def test_vertices_have_three_coordinates(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"vertices \(n, 3\)"):
        PointCloud(np.zeros(shape))


def test_a_cloud_without_faces_has_none() -> None:
    cloud = PointCloud(np.zeros((5, 3)))
    assert (len(cloud), cloud.faces.shape, cloud.weights, cloud.unit) == (5, (0, 3), None, "nm")


def test_faces_name_vertices() -> None:
    faces = np.array([[0, 1, 2], [2, 3, 4]])
    assert PointCloud(np.zeros((5, 3)), faces).faces is faces


@pytest.mark.parametrize("wrong", [5, -1, 100])
def test_a_face_of_a_vertex_that_is_not_there_is_refused(wrong: int) -> None:
    with pytest.raises(DataError, match="A face of cloud names a vertex"):
        PointCloud(np.zeros((5, 3)), np.array([[0, 1, wrong]]))


@pytest.mark.parametrize("shape", [(3,), (2, 4), (1, 1, 3)])
def test_faces_are_triangles(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"triangles \(m, 3\); cloud has"):
        PointCloud(np.zeros((5, 3)), np.zeros(shape, np.int64))


@pytest.mark.parametrize("shape", [(4,), (6,), (5, 1), ()])
def test_a_weight_belongs_to_each_vertex(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="5 vertices and weights of the shape"):
        PointCloud(np.zeros((5, 3)), weights=np.zeros(shape))
