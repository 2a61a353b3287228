"""Many image files as one stack: the order of rows, and folders named by the width of spots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_cryonet import ImageStack, write
from napari_cryonet.errors import FormatError
from napari_cryonet.io import image_set
from napari_cryonet.jobs.inputs import read_row
from napari_cryonet.methods.pointcloud.results import draw, mirrored
from napari_cryonet.methods.pointcloud.stacks import join
from napari_cryonet.reporting import RecordingReporter, SilentReporter
from napari_cryonet.signal.cloud_score import MIRROR
from napari_cryonet.signal.smlm_settings import SmlmSettings
from napari_cryonet.simulate.smlm import SmlmSample, smlm_images
from napari_cryonet.types import Poses


@pytest.fixture(scope="module")
def sample() -> SmlmSample:
    return smlm_images(SmlmSettings(count=6, box=32, pixel_size=15, sigma=15, seed=4))


def tree(root: Path, sample: SmlmSample, *names: str) -> Path:
    """Write a folder of three images for each width; the name of the file tells the width."""
    for name in names:
        (root / name).mkdir(parents=True)
        for number, image in enumerate(sample.images.data[:3]):
            bare = ImageStack(image * float(name), name="bare")
            write(root / name / f"{number}.fits", bare)
    return root


# ------------------------------------------------------------------ the order of rows


def test_rows_are_kept_unless_a_flip_is_asked_for(tmp_path: Path, sample: SmlmSample) -> None:
    path = tmp_path / "images.fits"
    write(path, sample.images)
    stored, flipped = image_set.read(path), image_set.read(path, "flipped")
    np.testing.assert_array_equal(stored.data, sample.images.data)
    np.testing.assert_array_equal(flipped.data, sample.images.data[:, ::-1])
    assert stored.history == ()
    assert flipped.history == (image_set.FLIPPED,)
    assert (flipped.spot, flipped.pixel_size) == (15.0, (15.0, 15.0))


def test_flipped_images_are_those_of_the_mirrored_cloud(tmp_path: Path, sample: SmlmSample) -> None:
    """Flipping turns R v into F R v = (F R M) (M v), and F R M is a rotation again."""
    path = tmp_path / "images.fits"
    write(path, sample.images)
    flipped = image_set.read(path, "flipped")
    upside_down = np.diag([1.0, -1.0, 1.0])
    rotations = upside_down @ sample.poses.rotations @ MIRROR
    np.testing.assert_allclose(np.linalg.det(rotations), 1)
    shifts = sample.poses.shifts * [-1, 1] - [15.0, 0]  # the middle is pixel side // 2
    other = mirrored(sample.truth)
    seen = draw(other, Poses(rotations, shifts), flipped, (15.0, 15.0)).data
    np.testing.assert_allclose(seen, flipped.data, atol=2e-3 * flipped.data.max())
    same = draw(sample.truth, Poses(rotations, shifts), flipped, (15.0, 15.0)).data
    assert np.abs(same - flipped.data).max() > 0.2 * flipped.data.max()


def test_what_is_flipped_may_be_flipped_back(sample: SmlmSample) -> None:
    back = image_set.flipped(image_set.flipped(sample.images))
    np.testing.assert_array_equal(back.data, sample.images.data)


# ------------------------------------------------------------------ widths of spots


def test_the_finest_of_folders_by_width_is_taken_and_said(
    tmp_path: Path, sample: SmlmSample
) -> None:
    root = tree(tmp_path / "paper", sample, "10", "08", "1.2", "2.0")
    (root / "0.9").mkdir()
    (root / "logs").mkdir()
    stack = image_set.read(root)
    np.testing.assert_allclose(stack.data, sample.images.data[:3] * 1.2, rtol=1e-6)
    assert (stack.spot, stack.name, stack.path) == (1.2, "paper", root)
    report = RecordingReporter()
    read_row([str(root)], report)
    assert "1.2 was taken, the finest" in report.said[0]
    assert "0.9, 1.2, 2.0, 08, 10" in report.said[0]


def test_the_width_is_in_pixels_whatever_these_turn_out_to_be(
    tmp_path: Path, sample: SmlmSample
) -> None:
    stack = image_set.read(tree(tmp_path / "paper", sample, "2.0"))
    _, pixel, spot = join([stack], 12.5, None, SilentReporter())
    assert (pixel, spot) == (12.5, 25.0)
    _, _, spot = join([stack], 12.5, 7.0, SilentReporter())
    assert spot == 7.0


def test_folders_without_images_are_named(tmp_path: Path) -> None:
    for name in ("10", "1.2"):
        (tmp_path / name).mkdir()
    with pytest.raises(FormatError, match=r"None of the folders 1\.2, 10 of .* holds an image"):
        image_set.read(tmp_path)


def test_images_of_two_sizes_are_refused(tmp_path: Path, sample: SmlmSample) -> None:
    root = tree(tmp_path / "paper", sample, "1.2")
    small = replace(sample.images, data=sample.images.data[0, :, :20], pixel_size=None)
    write(root / "1.2" / "other.fits", small)
    with pytest.raises(FormatError, match=r"1\.2 differ: other has \(32, 20\) pixels"):
        image_set.read(root)


def test_spots_of_two_widths_are_refused(tmp_path: Path, sample: SmlmSample) -> None:
    write(tmp_path / "a.fits", replace(sample.images, spot=7.5))
    write(tmp_path / "b.fits", replace(sample.images, spot=15.0))
    with pytest.raises(FormatError, match=r"b has spots of the width 15.0 nm, a of 7\.5"):
        image_set.read(tmp_path)
