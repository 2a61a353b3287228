"""Pictures and films of clouds: what is in them, and their files."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from napari_cryonet.errors import DataError, FileProblem, FormatError, OutputExists
from napari_cryonet.io import pictures as files
from napari_cryonet.reporting import Cancelled, RecordingReporter, SilentReporter
from napari_cryonet.signal.animation import Stage, film
from napari_cryonet.signal.montage import chosen, montage
from napari_cryonet.signal.picture_settings import AnimationSettings, MontageSettings
from napari_cryonet.signal.pictures import (
    HEAT,
    ICE,
    SIGNED,
    bar_length,
    coloured,
    with_bar,
)
from napari_cryonet.types import PointCloud

SMALL = AnimationSettings(frames=8, side=64, tilt=0)
NONE = np.empty((0, 0, 3))
QUIET = SilentReporter()
CLOUD = PointCloud(np.array([[0.0, 40, 0], [0, -40, 0], [0, 0, 60], [0, 0, -60], [10, 0, 0]]))


def brightest(seen: np.ndarray) -> tuple[int, int]:
    row, column = np.unravel_index(seen.argmax(), seen.shape)
    return int(row), int(column)


# ------------------------------------------------------------------ pictures


def test_colours_are_met_at_their_places_and_kept_beyond() -> None:
    values = np.array([[-1.0, 0.0, 0.25, 1.0, 2.0]])
    assert coloured(values, ICE)[0].tolist() == [list(ICE[n]) for n in (0, 0, 1, 4, 4)]
    assert coloured(np.array([[0.5]]), SIGNED).max() == 0


@pytest.mark.parametrize(("most", "length"), [(1, 1), (4.9, 2), (5, 5), (99, 50), (0.3, 0.2)])
def test_bars_have_round_lengths(most: float, length: float) -> None:
    assert bar_length(most) == pytest.approx(length)


def test_a_bar_is_as_long_as_it_says() -> None:
    made = with_bar(np.zeros((200, 200, 3), np.uint8), 2.5, "nm")
    rows = (made[170:] == 255).all(axis=2).sum(axis=1)
    assert rows.max() == bar_length(0.35 * 500) / 2.5


# ------------------------------------------------------------------ films


def test_a_point_goes_round_the_vertical_axis() -> None:
    vertices = np.array([[0.0, 0, 30], [0, 30, 0], [0, 0, -30]])
    stage = Stage(vertices, SMALL)
    right, top = np.array([[0.0, 0, 30]]), np.array([[0.0, -20, 0]])
    places = [brightest(stage.seen(right, angle)) for angle in np.radians([0, 90, 180])]
    ways = np.diff(places, axis=0)
    assert not ways[:, 0].any()
    assert ways[:, 1].max() < 0
    assert ways[0, 1] == pytest.approx(ways[1, 1], abs=1)
    assert brightest(stage.seen(top, 0.3))[0] < places[0][0]


def test_what_is_nearer_is_brighter() -> None:
    stage = Stage(CLOUD.vertices, SMALL)
    near, far = (stage.seen(np.array([[z, 0.0, 0.0]]), 0.0).sum() for z in (-30, 30))
    assert near > 1.5 * far


def test_a_film_turns_once_and_says_how_far_it_is() -> None:
    report = RecordingReporter()
    made = list(film(CLOUD, SMALL, NONE, report))
    assert len(made) == 8
    assert {picture.shape for picture in made} == {(64, 64, 3)}
    assert all((one != two).any() for one, two in pairwise(made))
    assert [step["done"] for step in report.steps] == [*range(1, 9)]


def test_a_film_can_be_stopped() -> None:
    pictures = film(CLOUD, SMALL, NONE, RecordingReporter(stop_after=2))
    with pytest.raises(Cancelled):
        list(pictures)


def test_the_history_begins_with_the_first_level_and_ends_with_the_last() -> None:
    levels = np.stack([CLOUD.vertices * 0.2, CLOUD.vertices * 0.6, CLOUD.vertices])
    settings = SMALL.updated({"of": "history", "frames": 5, "side": 128})
    made = list(film(CLOUD, settings, levels, QUIET))
    again = list(film(CLOUD, settings, levels[[0, 2]], QUIET))
    np.testing.assert_allclose(made[0][20:].astype(int), again[0][20:], atol=2)
    np.testing.assert_allclose(made[-1][20:].astype(int), again[-1][20:], atol=2)
    wide = [np.ptp(np.nonzero((each[20:90] > 60).any(axis=(0, 2)))[0]) for each in made]
    assert wide == sorted(wide)
    assert wide[-1] > 3 * wide[0]
    with pytest.raises(DataError, match="has no history"):
        list(film(CLOUD, settings, NONE, QUIET))


def test_a_cloud_without_extent_is_no_film() -> None:
    with pytest.raises(DataError, match="in one place"):
        list(film(PointCloud(np.ones((3, 3))), SMALL, NONE, QUIET))


# ------------------------------------------------------------------ montage


def test_particles_are_taken_evenly() -> None:
    assert chosen(100, MontageSettings(count=3)).tolist() == [0, 50, 99]
    assert chosen(2, MontageSettings(count=24)).tolist() == [0, 1]


def test_a_montage_shows_image_model_and_residual(rng: np.random.Generator) -> None:
    images = rng.random((3, 64, 64))
    drawn = images.copy()
    drawn[0, 30, 20] += images.max()
    settings = MontageSettings(columns=2, side=64)
    made = montage(images, drawn, ["7", "8", "9"], 10.0, settings)
    assert made.shape == (2 * 68 + 4, 2 * (3 * 64 + 2 * 4 + 12) + 4, 3)
    tile = made[4:68, 4:68]
    most = drawn[0].max()
    np.testing.assert_array_equal(tile[30, 20], coloured(images[0] / most, HEAT)[30, 20])
    residual = made[4:68, 4 + 136 : 4 + 136 + 64]
    assert residual[30, 20, 2] > residual[30, 20, 0]
    assert not residual[29].any()


# ------------------------------------------------------------------ files


def frames() -> list[np.ndarray]:
    return [np.full((32, 48, 3), 60 * number, np.uint8) for number in range(3)]


def test_a_gif_has_all_pictures_and_repeats_itself(tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    files.write_film(path, frames(), 0.2)
    assert iio.imread(path).shape == (3, 32, 48, 3)
    known = iio.immeta(path)
    assert (known["loop"], known["duration"]) == (0, 200)
    with pytest.raises(OutputExists):
        files.write_film(path, frames(), 0.2)


def test_a_folder_has_a_file_for_each_picture(tmp_path: Path) -> None:
    files.write_film(tmp_path / "film", frames(), 0.2)
    names = sorted(path.name for path in (tmp_path / "film").iterdir())
    assert names == ["0000.png", "0001.png", "0002.png"]
    np.testing.assert_array_equal(iio.imread(tmp_path / "film" / "0002.png"), frames()[2])
    with pytest.raises(FileProblem, match="is not empty"):
        files.write_film(tmp_path / "film", frames(), 0.2)
    files.write_film(tmp_path / "film", frames(), 0.2, overwrite=True)


def test_an_mp4_can_be_played(tmp_path: Path) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = tmp_path / "film.mp4"
    files.write_film(path, frames() * 4, 0.1)
    count, seconds = ffmpeg.count_frames_and_secs(str(path))
    assert (count, round(seconds, 1)) == (12, 1.2)


def test_what_cannot_be_written_is_said_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    with pytest.raises(FormatError, match=r"MP4 needs imageio-ffmpeg.*or write a \.gif"):
        files.check_film(tmp_path / "a.mp4")
    with pytest.raises(FormatError, match=r"films are \.gif or \.mp4"):
        files.check_film(tmp_path / "a.avi")
    with pytest.raises(FormatError, match=r"written as \.png"):
        files.write_picture(tmp_path / "a.jpg", frames()[0])
