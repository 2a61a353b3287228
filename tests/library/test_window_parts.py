"""What the Library dock has done in its thread, without a window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emdb_server import Server, offered
from napari_cryonet.errors import FileProblem
from napari_cryonet.gui.library.actions import compare, fetch, put_aside, put_back
from napari_cryonet.gui.library.look import look_at, picture
from napari_cryonet.io import write
from napari_cryonet.library import DownloadSettings, Library, SortSettings, SourceSettings
from napari_cryonet.reporting import Cancelled, RecordingReporter, SilentReporter
from napari_cryonet.simulate import half_map_pair
from napari_cryonet.types import Volume

QUIET = SilentReporter()


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A folder of a good pair, a bad one and one that cannot be compared."""
    (tmp_path / "train").mkdir()
    one, other = (half_map_pair(36, 2.0, seed=seed, resolution=5.0) for seed in (0, 1))
    halves = {
        "good_half1": one.first.data,
        "good_half2": one.second.data,
        "bad_half1": one.first.data,
        "bad_half2": other.second.data,
        "odd_half1": one.first.data,
        "odd_half2": one.second.data[:10],
    }
    for name, data in halves.items():
        write(tmp_path / f"train/{name}.mrc", Volume(data, (2.0, 2.0, 2.0)))
    return tmp_path


def state(folder: Path) -> dict[str, str]:
    """Return which state each pair has."""
    return {Path(pair.half1).stem[:3]: pair.state for pair in Library(folder).pairs}


def test_a_download_makes_its_folder(server: Server, source: SourceSettings, tmp_path) -> None:
    entry, _ = offered(server)
    folder = tmp_path / "new" / "library"
    done = fetch(folder, [entry], DownloadSettings(state="validation"), source, QUIET)
    assert done.arrived == ["EMD-0552"]
    assert [pair.state for pair in Library(folder).pairs] == ["validation"]
    (tmp_path / "file").write_text("")
    with pytest.raises(FileProblem, match="Cannot make the folder"):
        fetch(tmp_path / "file" / "library", [entry], DownloadSettings(), source, QUIET)


def test_only_what_was_compared_is_put_aside_and_all_of_it_comes_back(pairs: Path) -> None:
    before = sorted(path.relative_to(pairs) for path in pairs.rglob("*.mrc"))
    assert put_aside(pairs, 0.65, QUIET) == "0 pairs put aside, 0 pairs put back."
    assert compare(pairs, SortSettings(), QUIET) == "3 pairs compared."
    assert put_aside(pairs, 0.65, QUIET) == "2 pairs put aside, 0 pairs put back."
    assert state(pairs) == {"goo": "train", "bad": "bad", "odd": "bad"}
    assert put_aside(pairs, -1.0, QUIET) == "0 pairs put aside, 1 pair put back."
    assert put_back(pairs, QUIET) == "1 pair put back."
    assert sorted(path.relative_to(pairs) for path in pairs.rglob("*.mrc")) == before


def test_a_look_shows_both_middle_planes_and_the_fsc(pairs: Path) -> None:
    by_name = {Path(pair.half1).stem: pair for pair in Library(pairs).pairs}
    look = look_at(pairs, by_name["good_half1"], QUIET)
    assert [plane.shape for plane in look.planes] == [(36, 36)] * 2
    assert np.corrcoef(look.planes[0].ravel(), look.planes[1].ravel())[0, 1] > 0.7
    assert look.fsc is not None
    assert look.fsc.unmasked[1:4].min() > 0.9
    other = look_at(pairs, by_name["odd_half1"], QUIET)
    assert len(other.planes) == 2
    assert other.fsc is None
    assert "(36, 36, 36)" in other.said
    with pytest.raises(Cancelled):
        look_at(pairs, by_name["good_half1"], RecordingReporter(stop_after=1))


def test_a_picture_is_grey_and_small() -> None:
    ramp = np.broadcast_to(np.arange(600, dtype="f4"), (3, 500, 600)).copy()
    ramp[1, 0, 0] = np.nan
    made = picture(ramp)
    assert made.shape == (167, 200)
    assert (made[5].min(), made[5].max()) == (0, 255)
    assert (np.diff(made[5].astype(int)) >= 0).all()
    assert not picture(np.ones((4, 5, 6), "f4")).any()
