"""``cryonet info``, and the statistics in it."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from helpers import fits_unit, mrc_bytes, numbers
from napari_cryonet import ImageStack, Volume, write
from napari_cryonet.cli.statistics import statistics
from napari_cryonet.errors import FormatError
from napari_cryonet.reporting import Cancelled, RecordingReporter, SilentReporter

KEYS = [
    "path",
    "kind",
    "shape",
    "dtype",
    "voxel_size",
    "origin",
    "units",
    "count",
    "statistics",
    "classes",
    "extent",
    "convention",
    "preview",
    "notes",
]


def made(path: Path, thing: Volume | ImageStack) -> Path:
    write(path, thing)
    return path


def test_volume(cryonet: Any, tmp_path: Path) -> None:
    data = numbers("f4", (3, 5, 4))
    path = made(tmp_path / "v.mrc", Volume(data, (3.0, 2.0, 1.5), (1.0, -2.0, 3.5)))
    result = cryonet("info", path, "--json")
    assert result.code == 0
    (entry,) = result.json
    assert list(entry) == KEYS
    values = entry.pop("statistics")
    assert entry == {
        "path": str(path),
        "kind": "volume",
        "shape": [3, 5, 4],
        "dtype": "float32",
        "voxel_size": [3.0, 2.0, 1.5],
        "origin": [1.0, -2.0, 3.5],
        "units": "Å",
        "count": 1,
        "classes": None,
        "extent": None,
        "convention": None,
        "preview": None,
        "notes": [],
    }
    expected = [data.min(), data.max(), data.mean(), data.std()]
    assert_allclose(list(values.values()), expected, rtol=1e-5)


def test_stack_of_volumes_in_gzip(cryonet: Any, tmp_path: Path) -> None:
    path = tmp_path / "stack.mrc.gz"
    path.write_bytes(
        gzip.compress(mrc_bytes(2, numbers("f4", (6, 2, 3)), ispg=401, mz=2, z_length=3.0))
    )
    (entry,) = cryonet("info", path, "--json").json
    assert (entry["kind"], entry["shape"], entry["count"]) == ("volume", [3, 2, 2, 3], 3)
    assert entry["voxel_size"] == [1.5, 1.5, 1.5]


@pytest.mark.parametrize(
    ("shape", "spacing", "voxel_size", "count"),
    [
        ((4, 5, 6), 7.0, [7.0, 3.0, 2.0], 4),
        ((4, 5, 6), None, [1.0, 3.0, 2.0], 4),
        ((5, 6), None, [3.0, 2.0], 1),
    ],
)
def test_images(
    shape: tuple[int, ...],
    spacing: float | None,
    voxel_size: list[float],
    count: int,
    cryonet: Any,
    tmp_path: Path,
) -> None:
    images = ImageStack(numbers("i2", shape), (3.0, 2.0), spacing=spacing)
    (entry,) = cryonet("info", made(tmp_path / "i.mrcs", images), "--json").json
    assert (entry["kind"], entry["shape"]) == ("images", list(shape))
    assert (entry["voxel_size"], entry["origin"], entry["count"]) == (voxel_size, None, count)
    assert (entry["dtype"], entry["units"]) == ("int16", "Å")


def test_unknown_size_and_notes(cryonet: Any, tmp_path: Path) -> None:
    (tmp_path / "v.mrc").write_bytes(mrc_bytes(mx=0))
    (entry,) = cryonet("info", tmp_path / "v.mrc", "--json").json
    assert entry["voxel_size"] is None
    assert "no voxel size" in entry["notes"][0]


def test_every_image_of_a_file(cryonet: Any, tmp_path: Path) -> None:
    path = tmp_path / "two.fits"
    unit = "XTENSION= 'IMAGE   '"
    path.write_bytes(fits_unit(numbers("f4", (5, 4))) + fits_unit(numbers("i2", (3, 2)), unit))
    entries = cryonet("info", path, "--json").json
    assert [entry["shape"] for entry in entries] == [[5, 4], [3, 2]]
    assert {(entry["path"], entry["units"]) for entry in entries} == {(str(path), "nm")}


def test_goes_on_after_a_bad_file(cryonet: Any, tmp_path: Path, model: Path) -> None:
    bad, good = tmp_path / "bad.mrc", tmp_path / "good.mrc"
    bad.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(2000))
    good.write_bytes(mrc_bytes())
    result = cryonet("info", bad, good, tmp_path / "none.mrc", model, "--json")
    assert result.code == 2
    assert [entry["path"] for entry in result.json] == [str(good), str(model)]
    assert [entry["kind"] for entry in result.json] == ["volume", "model"]
    assert all(list(entry) == KEYS for entry in result.json)
    lines = result.err.splitlines()
    assert len(lines) == 2
    assert "HDF5" in lines[0]
    assert "none.mrc" in lines[1]


def test_for_people(cryonet: Any, tmp_path: Path) -> None:
    path = made(tmp_path / "v.mrc", Volume(numbers(), (2.0, 2.0, 1.5), (0.0, 0.0, 4.0)))
    result = cryonet("info", path, path)
    first, second = result.out.split("\n\n")
    assert first.strip() == second.strip()
    assert [line.split(maxsplit=1)[0] for line in first.splitlines()] == [
        *("file", "kind", "shape", "type", "voxel", "origin", "values"),
    ]
    assert "2 × 2 × 1.5 Å" in first


def test_statistics_of_a_large_mean() -> None:
    data = np.random.default_rng(1).normal(1e6, 1.0, (20, 9, 7))
    found = statistics(data, SilentReporter())
    assert_allclose([found["mean"], found["std"]], [data.mean(), data.std()], rtol=1e-12, atol=1e-9)


def test_statistics_leave_out_what_is_not_a_number() -> None:
    data = np.array([[[1.0, np.nan], [np.inf, 3.0]], [[np.nan, np.nan], [np.nan, -np.inf]]])
    assert statistics(data, SilentReporter()) == {"min": 1.0, "max": 3.0, "mean": 2.0, "std": 1.0}
    assert set(statistics(data[1:], SilentReporter()).values()) == {None}
    assert statistics(np.array([[3 + 4j]]), SilentReporter())["max"] == 5.0


def test_statistics_can_be_stopped() -> None:
    report = RecordingReporter(stop_after=2)
    with pytest.raises(Cancelled):
        statistics(np.zeros((9, 2, 2)), report)
    assert len(report.steps) == 2


def test_error_is_ours(tmp_path: Path) -> None:
    from napari_cryonet.cli.info import describe

    (tmp_path / "x.mrc").write_bytes(b"")
    with pytest.raises(FormatError):
        describe(tmp_path / "x.mrc", SilentReporter())
