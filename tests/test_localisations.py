"""Localisation tables of several programs, all in nm."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_cryonet.errors import FileProblem, FormatError, SettingsError
from napari_cryonet.io import localisations, poses
from napari_cryonet.io.localisation_settings import LocalisationSettings
from napari_cryonet.types import Poses

DATA = os.environ.get("CRYONET_CONFORMANCE_DATA", "")
PLACES = np.array([[130.0, 260.0], [1300.0, 26.0], [13.0, 52.0]])  # y, x in nm


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def rows(header, values, separator=","):
    lines = [separator.join(f"{value:.9g}" for value in row) for row in values]
    return "\n".join([header, *lines, ""])


def tables(folder):
    """The same three places in the tables of several programs."""
    y, x = PLACES.T
    columns = np.stack([x, y, [5, 6, 7], [900, 800, 700]], axis=1)
    storm = rows('"x [nm]","y [nm]","uncertainty_xy [nm]","intensity [photon]"', columns)
    yield written(folder / "storm.csv", storm), {}
    quoted = rows('"x [nm],""y [nm]"",""uncertainty [nm]"",""intensity [photon]"""', columns)
    yield written(folder / "twice.csv", quoted), {}
    yield written(folder / "smap.tsv", rows("xnm\tynm\txnmerr\tphot", columns, "\t")), {}
    scaled = columns * [1e-3, 1e-3, 1e-3, 1]
    yield written(folder / "um.csv", rows("X (µm);Y (µm);precision (µm);photons", scaled, ";")), {}
    named = dict(zip(("x", "y", "uncertainty", "photons"), "abcd", strict=True))
    named = {f"{kind}_column": name for kind, name in named.items()} | {"unit": "nm"}
    yield written(folder / "any.txt", rows("a b c d", columns, " ")), named
    pixels = {"unit": "pixels", "camera_pixel": 130.0}
    yield written(folder / "px.csv", rows("x,y,lpx,phot", columns / [130, 130, 130, 1])), pixels
    kinds = [("frame", "u4"), ("x", "f4"), ("y", "f4"), ("lpx", "f4"), ("photons", "f4")]
    table = np.zeros(3, kinds)
    table["x"], table["y"], table["lpx"] = columns[:, :3].T / 130
    table["photons"] = columns[:, 3]
    with h5py.File(folder / "picasso.hdf5", "w") as file:
        file["locs"] = table
    written(folder / "picasso.yaml", "Frames: 3\n---\nBox: 7\nPixelsize: 130.0\n")
    yield folder / "picasso.hdf5", {}
    with h5py.File(folder / "smap.mat", "w") as file:
        for number, name in enumerate(("xnm", "ynm", "xnmerr", "phot")):
            file[f"saveloc/loc/{name}"] = columns[None, :, number]
    yield folder / "smap.mat", {}


def test_all_tables_say_the_same(tmp_path):
    for path, asked in tables(tmp_path):
        table = localisations.read(path, LocalisationSettings(**asked))
        np.testing.assert_allclose(table.positions, PLACES, rtol=1e-5, err_msg=path.name)
        np.testing.assert_allclose(table.features["uncertainty"], [5, 6, 7], rtol=1e-5)
        np.testing.assert_allclose(table.features["photons"], [900, 800, 700])


def test_z_group_and_frame_are_kept(tmp_path):
    text = rows("x [nm],y [nm],z [nm],group,frame", [[1, 2, 3, 7, 10], [4, 5, 6, 8, 11]])
    table = localisations.read(written(tmp_path / "a.csv", text))
    np.testing.assert_array_equal(table.positions, [[3, 2, 1], [6, 5, 4]])
    np.testing.assert_array_equal(table.features["group"], [7, 8])
    assert len(table.kept(table.features["frame"] > 10)) == 1


def test_cells_of_matlab_are_groups(tmp_path):
    path = tmp_path / "particles.mat"
    with h5py.File(path, "w") as file:
        file["#refs#/b"] = np.array([[1.0, 2], [3, 4], [0, 0]])
        file["#refs#/c"] = np.array([[5.0], [6]])
        file["#refs#/flag"] = np.array([1], dtype="u1")
    table = localisations.read(path, LocalisationSettings(unit="um"))
    np.testing.assert_array_equal(table.positions, [[3e3, 1e3], [4e3, 2e3], [6e3, 5e3]])
    np.testing.assert_array_equal(table.features["group"], [0, 0, 1])


@pytest.mark.parametrize(
    ("text", "asked", "words"),
    [
        ("x,y\n1,2\n", {}, "without a unit; say what"),
        ("x [px],y [px]\n1,2\n", {}, "--camera-pixel"),
        ("x [furlong],y [nm]\n1,2\n", {}, "in 'furlong'"),
        ("x [nm],b\n1,2\n", {}, "no column y; it has x .nm., b"),
        ("x [nm],y [nm]\n1,2\n1,two\n", {}, "Line 3 .* 'two' in the column 'y .nm.'"),
        ("x [nm],y [nm]\n\n\n1,2\n1,two\n", {}, "Line 5 .* 'two' in the column 'y .nm.'"),
        ("x [nm],y [nm]\n1,2\n1,2,3,4\n", {}, "is no table"),
        ("x [nm],y [nm]\n1,2\n", {"group_column": "cell"}, "no column 'cell' for group"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path, text, asked, words):
    path = written(tmp_path / "a.csv", text)
    with pytest.raises((FormatError, SettingsError), match=words):
        localisations.read(path, LocalisationSettings(**asked))


def test_what_is_no_number_matters_only_where_it_is_needed(tmp_path):
    text = "x [nm],y [nm],uncertainty [nm]\n1,2,NaN\n\n3,4,5\n"
    table = localisations.read(written(tmp_path / "a.csv", text))
    assert table.positions.tolist() == [[2, 1], [4, 3]]
    assert np.isnan(table.features["uncertainty"]).tolist() == [True, False]


def test_what_is_wrong_with_hdf5_is_said(tmp_path):
    with pytest.raises(FileProblem, match="no such file"):
        localisations.read(tmp_path / "none.hdf5")
    with pytest.raises(FormatError, match="must be of version"):
        localisations.read(written(tmp_path / "old.mat", "MATLAB 5.0"))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["images"] = np.zeros(3)
    with pytest.raises(FormatError, match="holds images"):
        localisations.read(tmp_path / "other.h5")
    with h5py.File(tmp_path / "bare.hdf5", "w") as file:
        file["locs"] = np.zeros(3, [("x", "f4"), ("y", "f4")])
    with pytest.raises(SettingsError, match="camera pixels"):
        localisations.read(tmp_path / "bare.hdf5")


@pytest.mark.skipif(not DATA, reason="CRYONET_CONFORMANCE_DATA is not set")
def test_a_real_table_is_read():
    table = localisations.read(Path(DATA) / "real_text" / "Thunderstorm_dstorm_data.csv")
    np.testing.assert_allclose(table.positions[0], [26344.7124618434, 1320.109670647555])
    assert {"sigma", "uncertainty", "photons", "frame"} <= set(table.features)


def test_poses_come_back(tmp_path):
    from scipy.spatial.transform import Rotation

    turned = Rotation.random(5, rng=np.random.default_rng(1)).as_matrix()
    made = Poses(turned, np.arange(10.0).reshape(5, 2), {"residual": np.arange(5) / 10})
    poses.write(tmp_path / "poses.csv", made)
    back = poses.read(tmp_path / "poses.csv")
    np.testing.assert_allclose(back.rotations, turned, atol=1e-6)
    np.testing.assert_allclose(back.shifts, made.shifts)
    np.testing.assert_allclose(back.features["residual"], made.features["residual"])
    with pytest.raises(FormatError, match="no column qw"):
        poses.read(written(tmp_path / "other.csv", "a,b\n1,2\n"))
