"""Clouds and meshes in PLY and OBJ."""

import numpy as np
import pytest
import trimesh

from napari_cryonet import read, write
from napari_cryonet.errors import FormatError, OutputExists
from napari_cryonet.types import PointCloud


@pytest.fixture
def cloud():
    vertices = np.random.default_rng(0).normal(size=(6, 3)) * [1, 10, 100]
    return PointCloud(vertices, np.array([[0, 1, 2], [3, 4, 5]]), weights=np.arange(6.0))


@pytest.mark.parametrize("suffix", [".ply", ".obj"])
@pytest.mark.parametrize("bare", [True, False])
def test_a_cloud_comes_back_and_trimesh_reads_the_same(tmp_path, cloud, suffix, bare):
    if bare:
        cloud = PointCloud(cloud.vertices, weights=cloud.weights)
    path = tmp_path / f"cloud{suffix}"
    lost = write(path, cloud)
    back = read(path)
    np.testing.assert_allclose(back.vertices, cloud.vertices, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(back.faces, cloud.faces)
    assert (back.unit, back.path) == ("nm", path)
    foreign = trimesh.load(path, process=False)
    np.testing.assert_allclose(foreign.vertices, cloud.vertices[:, ::-1], rtol=1e-5, atol=1e-5)
    if suffix == ".ply":
        np.testing.assert_array_equal(back.weights, cloud.weights)
        assert lost == ()
    else:
        assert "no weights" in lost[0]


def test_a_table_names_its_unit_and_holds_weights(tmp_path, cloud):
    path = tmp_path / "cloud.csv"
    assert write(path, cloud) == ()
    names, *_ = path.read_text().splitlines()
    assert names == "x [nm],y [nm],z [nm],weight"
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    np.testing.assert_allclose(table[:, 2::-1], cloud.vertices, rtol=1e-6)
    np.testing.assert_allclose(table[:, 3], cloud.weights)
    write(tmp_path / "bare.csv", PointCloud(cloud.vertices, unit="Å"))
    assert (tmp_path / "bare.csv").read_text().startswith("x [A],y [A],z [A]\n")


def test_ascii_ply_with_a_weight_is_read(tmp_path):
    path = tmp_path / "cloud.ply"
    path.write_text(
        "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\n"
        "property float z\nproperty float weight\nend_header\n1 2 3 0.5\n4 5 6 2\n"
    )
    cloud = read(path)
    np.testing.assert_array_equal(cloud.vertices, [[3, 2, 1], [6, 5, 4]])
    np.testing.assert_array_equal(cloud.weights, [0.5, 2])


def test_obj_keeps_order_and_duplicates_whatever_else_its_lines_hold(tmp_path):
    path = tmp_path / "object.obj"
    path.write_text(
        "# made by hand\no shape\nv 1 2 3\nvn 0 0 1\nv 4 5 6 1.0\nv 1 2 3\nv 0 0 1\n"
        "f 1//1 2//1 3//1 4//1\nf -1 -2 -3\n"
    )
    cloud = read(path)
    np.testing.assert_array_equal(
        cloud.vertices[:, ::-1], [[1, 2, 3], [4, 5, 6], [1, 2, 3], [0, 0, 1]]
    )
    np.testing.assert_array_equal(cloud.faces, [[0, 1, 2], [0, 2, 3], [3, 2, 1]])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.obj", "v 1 2\n", "Line 1 of"),
        ("a.obj", "v 1 2 3\nf 1 2 9\n", "names a vertex that is not there"),
        ("a.obj", "vn 1 2 3\n", "no vertex"),
        ("a.obj", "v nan 0 0\n", "no finite number"),
        ("a.ply", "ply\nformat ascii 1.0\nelement vertex 2\n", "cannot be read as PLY"),
        ("a.ply", "v 1 2 3\n", "cannot be read as PLY"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(FormatError, match=words):
        read(path)


def test_a_file_that_is_there_is_not_replaced(tmp_path, cloud):
    path = tmp_path / "cloud.ply"
    write(path, cloud)
    with pytest.raises(OutputExists):
        write(path, cloud)
    with pytest.raises(FormatError, match="clouds are written as"):
        write(tmp_path / "cloud.tif", cloud)
