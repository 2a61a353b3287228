"""``cryonet convert``: values, header and history survive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from helpers import mrc_bytes, numbers
from napari_cryonet import ImageStack, Points, Volume, read, write
from napari_cryonet.cli.convert import resized
from napari_cryonet.errors import FormatError
from napari_cryonet.io.mrc_header import MrcHeader


def test_round_trip_of_a_volume(cryonet: Any, tmp_path: Path) -> None:
    start, zipped, back = (tmp_path / name for name in ("a.mrc", "b.map.gz", "c.rec"))
    start.write_bytes(
        mrc_bytes(1, numbers("i2"), labels=(b"aligned by hand",), nxstart=-4, extended=bytes(80))
    )
    for source, target in ((start, zipped), (zipped, back)):
        result = cryonet("convert", source, target)
        assert (result.code, result.out) == (0, f"written  {target}\n")
    assert_array_equal(read(back).data, numbers("i2"))
    first, last = read(start), read(back)
    assert isinstance(first, Volume)
    assert isinstance(last, Volume)
    assert isinstance(last.header, MrcHeader)
    assert (last.voxel_size, last.origin) == (first.voxel_size, first.origin)
    assert last.header.labels() == ("aligned by hand",) or list(last.header.labels()) == [
        "aligned by hand"
    ]
    assert last.header.extended == bytes(80)


def test_images_from_mrc_to_fits_and_back(cryonet: Any, tmp_path: Path) -> None:
    images = ImageStack(numbers("f4", (4, 5, 6)), (30.0, 20.0))
    write(tmp_path / "a.mrcs", images)
    assert cryonet("convert", tmp_path / "a.mrcs", tmp_path / "b.fits").code == 0
    assert cryonet("convert", tmp_path / "b.fits", tmp_path / "c.mrcs").code == 0
    between, back = read(tmp_path / "b.fits"), read(tmp_path / "c.mrcs")
    assert isinstance(between, ImageStack)
    assert isinstance(back, ImageStack)
    assert between.pixel_size == pytest.approx((3.0, 2.0))  # nm
    assert back.pixel_size == pytest.approx((30.0, 20.0))
    assert_array_equal(back.data, images.data)


def test_voxel_size(cryonet: Any, tmp_path: Path) -> None:
    (tmp_path / "a.map").write_bytes(mrc_bytes(mx=0, nxstart=-4, nystart=7))
    assert cryonet("convert", tmp_path / "a.map", tmp_path / "b.mrc", "--voxel-size", 2.5).code == 0
    made = read(tmp_path / "b.mrc")
    assert isinstance(made, Volume)
    assert made.voxel_size == (2.5, 2.5, 2.5)
    assert made.origin == (0.0, 17.5, -10.0), "an origin that counts voxels moves along"
    assert "Voxel size set to 2.5 A." in made.header.labels()


def test_voxel_size_of_images_keeps_their_unit() -> None:
    for unit, size in (("Å", 15.0), ("nm", 1.5)):
        changed = resized(ImageStack(np.zeros((2, 2)), unit=unit), 15.0)  # type: ignore[arg-type]
        assert isinstance(changed, ImageStack)
        assert changed.pixel_size == pytest.approx((size, size))
    with pytest.raises(FormatError, match="no voxels"):
        resized(Points(np.zeros((1, 3))), 1.0)


def test_fixed_origin_stays() -> None:
    volume = Volume(np.zeros((2, 2, 2)), (1.0, 1.0, 1.0), (5.0, 6.0, 7.0))
    changed = resized(volume, 2.0)
    assert isinstance(changed, Volume)
    assert changed.origin == (5.0, 6.0, 7.0)


def test_refused(cryonet: Any, tmp_path: Path) -> None:
    source = tmp_path / "a.mrc"
    source.write_bytes(mrc_bytes())
    (tmp_path / "there.mrc").touch()
    for target, found in (
        ("there.mrc", "already exists"),
        ("a.fits", "Cannot write Volume"),
        ("a.xyz", "Cannot write Volume"),
        ("a", "a file without a suffix"),
    ):
        result = cryonet("convert", source, tmp_path / target)
        assert (result.code, result.out) == (2, "")
        assert found in result.err
    itself = cryonet("convert", source, source, "--overwrite")
    assert (itself.code, "into itself" in itself.err) == (2, True)
    assert source.read_bytes() == mrc_bytes()
    assert cryonet("convert", source, tmp_path / "there.mrc", "--overwrite").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mrc", "there.mrc"]
