"""The awkward files of a folder outside the repository, with the verdict expected of each.

The folder holds `mrc_conformance/` and `fits_conformance/`, each with an `expected.json`.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_cryonet import ImageStack, Volume, read, read_all
from napari_cryonet.errors import FileProblem, FormatError

VARIABLE = "CRYONET_CONFORMANCE_DATA"


def cases(kind: str) -> list[Any]:
    """Return the path and the verdict of each file of a kind, or one case that is skipped."""
    folder = os.environ.get(VARIABLE)
    if folder is None:
        reason = f"{VARIABLE} does not name the folder of the conformance files"
        return [pytest.param(Path(), {}, marks=pytest.mark.skip(reason=reason), id="unset")]
    files = Path(folder) / f"{kind}_conformance"
    expected = json.loads((files / "expected.json").read_text(encoding="utf-8"))
    return [pytest.param(files / name, verdict, id=name) for name, verdict in expected.items()]


def assert_refused(path: Path) -> None:
    """Check that the error is one of ours and names the file."""
    with pytest.raises((FormatError, FileProblem)) as caught:
        read_all(path)
    assert str(path) in str(caught.value)


def assert_numbers(data: np.ndarray[Any, Any], expected: dict[str, Any]) -> None:
    """Compare shape, sum and first values; sums leave out what is not a number."""
    assert list(data.shape) == expected["shape"]
    finite = data[np.isfinite(data)].astype(complex)
    total = np.atleast_1d(expected["sum"])
    assert finite.real.sum() == pytest.approx(total[0], rel=1e-6)
    assert finite.imag.sum() == pytest.approx(total[1] if len(total) > 1 else 0.0, rel=1e-6)
    if "first8" in expected:
        first = np.array(expected["first8"], dtype=float)
        values = data.ravel()[: len(first)].real.astype(float)
        np.testing.assert_allclose(np.where(np.isfinite(values), values, np.nan), first)


@pytest.mark.parametrize(("path", "expected"), cases("mrc"))
def test_mrc(path: Path, expected: dict[str, Any]) -> None:
    if expected["verdict"] == "reject":
        assert_refused(path)
        return
    thing = read(path)
    assert isinstance(thing, Volume | ImageStack)
    assert bool(thing.notes) == (expected["verdict"] == "warn"), thing.notes
    assert thing.data.dtype.name == expected["dtype"]
    assert_numbers(thing.data, expected)
    voxel_size = expected["voxel_A"]
    if isinstance(thing, Volume):
        size: tuple[float, ...] | None = thing.voxel_size
        assert thing.origin == pytest.approx(expected["origin_A"], abs=1e-4)
    else:
        size = thing.pixel_size
        voxel_size = voxel_size[-2:]
    assert size == (voxel_size and pytest.approx(tuple(voxel_size)))


@pytest.mark.parametrize(("path", "expected"), cases("fits"))
def test_fits(path: Path, expected: dict[str, Any]) -> None:
    if expected["verdict"] == "reject":
        assert_refused(path)
        return
    things = read_all(path)
    assert len(things) == expected["layers"]
    assert bool(things[0].notes) == (expected["verdict"] == "warn"), things[0].notes
    for thing in things:
        assert isinstance(thing, ImageStack)
        if "shape" in expected:
            assert_numbers(thing.data, expected)
            assert np.count_nonzero(~np.isfinite(thing.data)) == expected["nonfinite"]
