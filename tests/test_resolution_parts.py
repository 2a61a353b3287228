"""Local resolution as data: fragments in HDF5, imported maps, the score, made-up proteins."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from napari_cryonet import Volume
from napari_cryonet.errors import DataError, FileProblem, FormatError, OutputExists
from napari_cryonet.io.fragments import read_fragments, write_fragments
from napari_cryonet.methods.resolution import targets
from napari_cryonet.methods.resolution.data import prepare
from napari_cryonet.methods.resolution.settings import TrainSettings
from napari_cryonet.methods.resolution.targets import imported, is_resolution, measured
from napari_cryonet.nn.device import choose
from napari_cryonet.reporting import SilentReporter
from napari_cryonet.signal.resolution_score import score_resolution
from napari_cryonet.simulate.folds import protein
from phantom import one_thread  # noqa: F401


def row(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Volume, Volume]:
    """Return a map, and its resolution with nothing outside a mask."""
    target = rng.uniform(3, 6, shape).astype(np.float32)
    target[:, :, :4] = np.nan
    return (
        Volume(rng.standard_normal(shape).astype(np.float32), name="map"),
        Volume(target, name="resolution"),
    )


# ------------------------------------------------------------------ fragments


def test_fragments_come_back(tmp_path: Path, rng: np.random.Generator) -> None:
    map_, target = row(rng, (20, 32, 18))
    path = tmp_path / "train.hdf5"
    count = write_fragments(path, [(map_, target), row(rng, (16, 16, 16))])
    maps, wanted = read_fragments(path)
    assert maps.shape == wanted.shape == (count, 16, 16, 16)
    assert (maps.data.min(), maps.data.max()) == (0, 1)
    known = np.isfinite(target.data)
    assert np.sort(wanted.data[:-1][wanted.data[:-1] < 100]) == pytest.approx(
        np.sort(target.data[known])
    )
    last = maps.data[-1]
    assert np.count_nonzero(last == 0) == 1, "a map of 16 voxels is one fragment, unpadded"
    assert (wanted.data[-1][:, :, :4] == 100).all()


def test_a_map_lies_in_the_middle_of_a_power_of_two(tmp_path: Path) -> None:
    data = np.zeros((20, 20, 20), np.float32)
    data[10, 10, 10] = 5
    ones = np.full_like(data, 4)
    write_fragments(tmp_path / "one.hdf5", [(Volume(data), Volume(ones))])
    maps, wanted = read_fragments(tmp_path / "one.hdf5")
    assert len(maps.data) == 1, "fragments of nothing but zeros are left out"
    assert np.argwhere(maps.data[0] == 1).tolist() == [[0, 0, 0]], "10 + (32 - 20) / 2 is 16"
    assert (wanted.data[0][:10, :10, :10] == 4).all()
    assert (wanted.data[0][10:] == 100).all()


def test_fragments_that_are_none_are_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "other.hdf5"
    with h5py.File(path, "w") as file:
        file["map"] = np.zeros((2, 16, 16, 16))
    with pytest.raises(FormatError, match="holds map; fragments are two arrays"):
        read_fragments(path)
    (tmp_path / "text.hdf5").write_text("no HDF5")
    with pytest.raises(FormatError, match="cannot be read as HDF5"):
        read_fragments(tmp_path / "text.hdf5")
    with pytest.raises(FileProblem, match="there is no such file"):
        read_fragments(tmp_path / "none.hdf5")
    with pytest.raises(OutputExists):
        write_fragments(path, [row(rng, (16, 16, 16))])
    map_, _ = row(rng, (16, 16, 16))
    with pytest.raises(DataError, match="have one shape"):
        write_fragments(tmp_path / "new.hdf5", [(map_, row(rng, (16, 16, 18))[1])])
    flat = Volume(np.ones((16, 16, 16), np.float32), name="flat")
    with pytest.raises(DataError, match="All voxels of flat"):
        write_fragments(tmp_path / "new.hdf5", [(flat, flat)])


# ------------------------------------------------------------------ imported maps


def test_what_other_programs_write_outside_is_nothing() -> None:
    data = np.array([[[0.0, 100.0, np.nan, np.inf, -1.0, 3.5]]], np.float32)
    found = imported(Volume(data, name="locres"))
    assert np.isnan(found[0, 0, :5]).all()
    assert found[0, 0, 5] == 3.5
    with pytest.raises(DataError, match="empty holds no resolution"):
        imported(Volume(np.full((2, 2, 2), 100, np.float32), name="empty"))


def test_a_half_map_is_told_from_a_resolution() -> None:
    half = Volume(np.array([[[-1.0, 2.0]]]))
    resolution = Volume(np.array([[[np.nan, 3.0]]]))
    assert not is_resolution(half, TrainSettings())
    assert is_resolution(resolution, TrainSettings())
    assert is_resolution(half, TrainSettings(targets="map"))
    assert not is_resolution(resolution, TrainSettings(targets="halves"))


# ------------------------------------------------------------------ the score


def test_the_score_of_a_known_error() -> None:
    truth = np.array([[[3.0, 4.0, 5.0, np.nan, 100.0]]])
    found = np.array([[[3.5, 4.5, 5.5, 3.0, 3.0]]])
    told = score_resolution(found, truth)
    assert told["mae"] == pytest.approx(0.5)
    assert told["bias"] == pytest.approx(0.5)
    assert told["constant"] == pytest.approx(2 / 3)
    assert told["skill"] == pytest.approx(0.25)
    assert told["correlation"] == pytest.approx(1)
    assert told["voxels"] == 3
    inside = np.array([[[True, True, False, True, True]]])
    assert score_resolution(found, truth, inside)["voxels"] == 2
    with pytest.raises(DataError, match="have one shape"):
        score_resolution(found, truth[..., :2])
    with pytest.raises(DataError, match="There are 0 voxels"):
        score_resolution(found, np.full_like(truth, np.nan))


# ------------------------------------------------------------------ made-up proteins


@pytest.mark.parametrize("fold", ["helices", "sheets", "mixed"])
def test_a_made_up_protein_is_as_dense_as_a_protein(fold, rng: np.random.Generator) -> None:
    radii = (30.0, 24.0, 24.0)
    atoms = protein(radii, fold, rng)
    volume = 4 / 3 * np.pi * np.prod(radii)
    assert 0.025 < len(atoms) / volume < 0.06, "atoms in a cubic Å; the cleft is empty"
    assert np.abs(atoms[:, :3].mean(0)).max() < 1
    assert np.linalg.norm(atoms[:, :3], axis=1).max() < 45
    assert set(np.unique(atoms[:, 3])) == {6.0, 7.0, 8.0}


# ------------------------------------------------------------------ what half maps tell


@pytest.mark.usefixtures("one_thread")
def test_where_the_fsc_does_not_tell_only_the_neighbours_are_unknown(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(*_: object) -> torch.Tensor:
        frequency = torch.full((10, 10, 10), 0.2)
        frequency[4, 4, 4] = 0.5  # Nyquist, so that it may be finer
        return frequency

    monkeypatch.setattr(targets, "by_filtering", found)
    half = Volume(rng.standard_normal((19, 19, 19)).astype(np.float32), (1.0,) * 3)
    wanted = measured(half, half, 0.143, choose("cpu", "float32"), lambda _: None)
    unknown = np.argwhere(np.isnan(wanted))
    assert (unknown.min(axis=0).tolist(), unknown.max(axis=0).tolist()) == ([7] * 3, [9] * 3)
    assert len(unknown) == 27
    assert np.allclose(wanted[np.isfinite(wanted)], 5.0, rtol=1e-5)


def test_fragments_that_do_not_fit_into_the_original_network(rng: np.random.Generator) -> None:
    maps = Volume(rng.random((2, 24, 24, 24), dtype=np.float32), (1.0,) * 3, name="set")
    wanted = Volume(np.full((2, 24, 24, 24), 4, np.float32), (1.0,) * 3)
    settings = TrainSettings(network="original")
    with pytest.raises(DataError, match=r"24 × 24 × 24 voxels; .* multiples of 16"):
        prepare((maps, wanted), settings, None, choose("cpu", "float32"), SilentReporter())
