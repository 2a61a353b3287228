"""The same picks in all formats, from a folder outside the repository.

The folder holds `coords_formats/` with a `truth.json`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_cryonet import Points, read
from napari_cryonet.errors import FormatError
from napari_cryonet.io import CoordinateSettings

VARIABLE = "CRYONET_CONFORMANCE_DATA"
CHOSEN: dict[str, dict[str, Any]] = {
    "relion4_unbinned.star": {"binning": 4},
    "relion5_centered.star": {"voxel_size": 10, "volume_shape": (64, 192, 192)},
    "model2point.txt": {"format": "imod-points"},
    "eman2_info.json": {"origin": "corner", "unit": "voxels"},
}
REFUSED = ("topaz.tsv",)
FLAT = ("eman2.box",)


def cases() -> list[Any]:
    """Return the files with their truth, or one case that is skipped."""
    folder = os.environ.get(VARIABLE)
    if folder is None:
        reason = f"{VARIABLE} does not name the folder of the files"
        return [pytest.param(Path(), {}, {}, marks=pytest.mark.skip(reason=reason), id="unset")]
    files = Path(folder) / "coords_formats"
    truth = json.loads((files / "truth.json").read_text(encoding="utf-8"))
    return [
        pytest.param(files / name, told, truth, id=name) for name, told in truth["files"].items()
    ]


@pytest.mark.parametrize(("path", "told", "truth"), cases())
def test_truth(path: Path, told: dict[str, Any], truth: dict[str, Any]) -> None:
    if path.name in REFUSED:
        with pytest.raises(FormatError):
            read(path)
        return
    chosen = CHOSEN.get(path.name, {"section": 30} if path.name in FLAT else {})
    found = read(path, settings=CoordinateSettings(**chosen))
    assert isinstance(found, Points)
    expected, classes = np.array(truth["zyx"]), np.array(truth["classes"])
    if told.get("order") == "class":
        order = np.argsort(classes, kind="stable")
        expected, classes = expected[order], classes[order]
        assert list(found.features["class"]) == list(classes)
    if path.name in FLAT:
        assert np.abs(found.positions - expected)[:, 1:].max() <= 1.0
        return
    assert np.abs(found.positions - expected).max() <= told["tolerance_voxels"]
    if path.name == "headed.csv":
        assert list(found.features["class"]) == list(classes)
    if path.name in ("warp.star", "cryolo.cbox"):
        np.testing.assert_allclose(found.features["score"], np.linspace(1, 0.04, 25), atol=1e-6)
