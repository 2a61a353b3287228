"""Sorting pairs by correlation: what is put aside, what comes back, and what an abort leaves."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_cryonet import Volume, write
from napari_cryonet.errors import DataError, FileProblem, FormatError
from napari_cryonet.library import Library, Pair, SortSettings, moves, places
from napari_cryonet.library.likeness import banded, likeness
from napari_cryonet.library.sort import is_bad, measure, restore, sort
from napari_cryonet.reporting import Cancelled, RecordingReporter
from napari_cryonet.simulate import half_map_pair

GOOD = ("a", "b", "c", "d")
_VOXEL = 2.0

Tree = dict[str, tuple[str, int]]


@pytest.fixture(scope="module")
def halves() -> list[tuple[np.ndarray, np.ndarray]]:
    """The half maps of four proteins, 40 voxels of 2 Å along each edge."""
    made = (half_map_pair(40, _VOXEL, seed=seed, resolution=6.0) for seed in range(4))
    return [(pair.first.data, pair.second.data) for pair in made]


def put(path: Path, data: np.ndarray) -> None:
    """Write a map."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, Volume(np.ascontiguousarray(data, dtype=np.float32), (_VOXEL,) * 3))  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path, halves: list[tuple[np.ndarray, np.ndarray]]) -> Path:
    """Four good pairs, one of two different proteins, one of which a half is turned."""
    for name, (one, two) in zip(GOOD, halves, strict=True):
        put(tmp_path / f"{name}/{name}_half_map_1.mrc", one)
        put(tmp_path / f"{name}/{name}_half_map_2.mrc", two)
    put(tmp_path / "mismatched_half_map_1.mrc", halves[0][0])
    put(tmp_path / "mismatched_half_map_2.mrc", halves[1][1])
    put(tmp_path / "validation/rotated_half1.mrc", halves[2][0])
    put(tmp_path / "validation/rotated_half2.mrc", np.rot90(halves[2][1], axes=(0, 2)))
    return tmp_path


def tree(folder: Path) -> Tree:
    """Return the content and the time of every file but the index; folders have none."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            found[name] = "", 0
        elif name != "library.csv":
            found[name] = hashlib.md5(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns
    return found


def measured(folder: Path, **settings: object) -> tuple[Library, list[Pair]]:
    """Return a library and its pairs with their correlations."""
    library = Library(folder)
    return library, measure(library, SortSettings.load(settings), RecordingReporter())


def names(pairs: list[Pair] | tuple[Pair, ...]) -> set[str]:
    """Return the names of the first halves."""
    return {Path(pair.half1).name.partition("_half")[0] for pair in pairs}


def test_the_default_threshold_separates_and_restore_brings_back(folder: Path) -> None:
    before = tree(folder)
    library, pairs = measured(folder)
    done = sort(library, pairs, SortSettings().limit)
    assert names(done.aside) == {"mismatched", "rotated"}
    assert done.back == ()
    assert names([pair for pair in library.pairs if pair.state == "train"]) == set(GOOD)
    assert (folder / "bad/mismatched_half_map_1.mrc").is_file()
    assert (folder / "bad/validation/rotated_half2.mrc").is_file()
    assert len(tree(folder)) == len(before) + 2  # bad, bad/validation

    again = Library(folder)
    assert names([pair for pair in again.pairs if pair.state == "bad"]) == names(done.aside)
    assert all(pair.correlation is not None for pair in again.pairs)
    assert names(restore(again)) == names(done.aside)
    assert tree(folder) == before
    assert restore(Library(folder)) == []
    states = {pair.half1: pair.state for pair in Library(folder).pairs}
    assert states["validation/rotated_half1.mrc"] == "validation"
    assert states["mismatched_half_map_1.mrc"] == "train"


def test_another_threshold_moves_both_ways(folder: Path) -> None:
    library, pairs = measured(folder)
    every = sort(library, pairs, 1.0)
    assert len(every.aside) == 6
    done = sort(library, library.pairs, 0.73)
    assert names(done.back) == set(GOOD)
    assert done.aside == ()


def test_at_the_threshold_is_bad() -> None:
    pair = Pair("a1", "a2", correlation=0.73)
    assert is_bad(pair, 0.73)
    assert not is_bad(pair, 0.7299)
    assert is_bad(Pair("a1", "a2"), -1.0)
    assert SortSettings().limit == 0.73
    assert SortSettings(measure="pearson").limit == 0.5


def test_folders_of_protein_denoiser(
    tmp_path: Path, halves: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    for first, second, name, (one, two) in (
        ("1.0", "2.0", "0552", halves[0]),
        ("1.0", "2.0", "3650", (halves[0][0], halves[1][1])),
        ("1.5", "2.5", "4432", halves[1]),
        ("1.0badMaps", "2.0badMaps", "6714", halves[2]),
    ):
        put(tmp_path / f"data/{first}/{name}.map", one)
        put(tmp_path / f"data/{second}/{name}.map", two)
    (tmp_path / "data/1.0badMaps/.gitkeep").touch()
    before = tree(tmp_path)
    library, pairs = measured(tmp_path)
    assert {(pair.entry, pair.state) for pair in library.pairs} == {
        ("EMD-0552", "train"),
        ("EMD-3650", "train"),
        ("EMD-4432", "validation"),
        ("EMD-6714", "bad"),
    }
    assert library.singles == []
    done = sort(library, pairs, 0.73)
    assert [pair.entry for pair in done.aside] == ["EMD-3650"]
    assert [pair.entry for pair in done.back] == ["EMD-6714"]
    assert (tmp_path / "data/1.0badMaps/3650.map").is_file()
    assert (tmp_path / "data/2.0/6714.map").is_file()
    assert not (tmp_path / "bad").exists()
    restore(library)
    moved = tree(tmp_path)
    assert sorted(moved.values()) == sorted(before.values())
    assert moved["data/1.0/3650.map"] == before["data/1.0/3650.map"]
    assert library.holds("emd_6714_half_map_2.map.gz")
    assert not library.holds("emd_6714_half_map_3.map.gz")


_KILLED = """
import os, signal, sys
from pathlib import Path
from napari_cryonet.library import Library
folder, calls = Path(sys.argv[1]), int(sys.argv[2])
library, real, after = Library(folder), Path.rename, len(sys.argv) > 3

def rename(self, target):
    global calls
    calls -= 1
    if calls == 0 and not after:
        os.kill(os.getpid(), signal.SIGKILL)
    real(self, target)
    if calls == 0:
        os.kill(os.getpid(), signal.SIGKILL)

Path.rename = rename
library.move(library.pairs, bad=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
@pytest.mark.parametrize("after", [(), ("after",)], ids=["before", "after"])
@pytest.mark.parametrize("call", range(1, 6))
def test_a_kill_at_any_move_loses_nothing(
    call: int, after: tuple[str, ...], tmp_path: Path
) -> None:
    for name in ("a_half1.mrc", "a_half2.mrc", "sub/b_half1.mrc", "sub/b_half2.mrc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode() * 100)
    before = {key: value for key, value in tree(tmp_path).items() if value[0]}
    command = [sys.executable, "-c", _KILLED, str(tmp_path), str(call), *after]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    found = {key: value for key, value in tree(tmp_path).items() if key.endswith(".mrc")}
    assert sorted(found.values()) == sorted(before.values())

    report = RecordingReporter()
    library = Library(tmp_path, report)
    begun = call > 1 or bool(after)  # the first rename is that of the journal
    assert {pair.state for pair in library.pairs} == {"bad" if begun else "train"}
    assert len(library.pairs) == 2
    assert not (tmp_path / moves.JOURNAL).exists()
    assert bool(report.said) == begun
    restore(library)
    found = {key: value for key, value in tree(tmp_path).items() if key.endswith(".mrc")}
    assert found == before


def test_nothing_is_ever_replaced(folder: Path) -> None:
    library, pairs = measured(folder)
    (folder / "bad").mkdir()
    (folder / "bad/mismatched_half_map_2.mrc").write_bytes(b"in the way")
    before = tree(folder)
    with pytest.raises(FileProblem, match="is in the way"):
        sort(library, pairs, 0.73)
    assert tree(folder) == before


def test_a_journal_that_no_longer_fits(tmp_path: Path) -> None:
    for name in ("both.mrc", "bad/both.mrc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / moves.JOURNAL).write_text('[["both.mrc", "bad/both.mrc"], ["no", "bad/no"]]')
    report = RecordingReporter()
    Library(tmp_path, report)
    assert report.said[0] == "both.mrc and bad/both.mrc are both there; neither was touched."
    assert report.said[1] == "Neither no nor bad/no is there."
    assert (tmp_path / "bad/both.mrc").read_text() == "bad/both.mrc"
    assert not (tmp_path / moves.JOURNAL).exists()


@pytest.mark.parametrize("text", ["[", "[1]", '[["../a", "b"]]', '[["/a", "b"]]', '[["a", ""]]'])
def test_a_journal_that_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / moves.JOURNAL).write_text(text)
    with pytest.raises(FormatError, match=r"\.moves\.json"):
        Library(tmp_path)


def test_pairs_that_cannot_be_compared_say_why(folder: Path) -> None:
    put(folder / "other_half1.mrc", np.ones((8, 8, 8)))
    put(folder / "other_half2.mrc", np.ones((8, 8, 9)))
    (folder / "broken_half1.mrc").write_bytes(b"MAP" * 10)
    (folder / "broken_half2.mrc").write_bytes(b"MAP" * 10)
    library, pairs = measured(folder)
    notes = {pair.half1: pair.note for pair in pairs}
    assert "same shape" in notes["other_half1.mrc"]
    assert "broken_half1.mrc" in notes["broken_half1.mrc"]
    assert names(sort(library, pairs, -1.0).aside) == {"other", "broken"}


def test_a_pair_that_cannot_be_opened_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(folder)
    (folder / "mismatched_half_map_2.mrc").unlink()
    report = RecordingReporter()
    pairs = measure(library, SortSettings(), report)
    assert len(pairs) == 5
    assert "mismatched_half_map_1.mrc stays where it is" in report.said[0]
    assert library.singles == ["mismatched_half_map_1.mrc"]


def test_stop_notes_nothing(folder: Path) -> None:
    with pytest.raises(Cancelled):
        measure(Library(folder), SortSettings(), RecordingReporter(stop_after=3))
    assert not (folder / "library.csv").exists()


def test_mask_and_band(folder: Path) -> None:
    _, whole = measured(folder)
    _, inside = measured(folder, mask="automatic", measure="pearson")
    _, fine = measured(folder, coarsest=10.0, finest=7.0)
    assert [pair.measure for pair in (whole[0], inside[0], fine[0])] == [
        "uncentred",
        "pearson, mask automatic",
        "uncentred, 10.0 to 7.0 Å",
    ]
    for one, two, three in zip(whole, inside, fine, strict=True):
        assert one.correlation != two.correlation != three.correlation
    by_name = {pair.half1: pair.correlation for pair in fine}
    good = min(by_name[f"{name}/{name}_half_map_1.mrc"] or 0 for name in GOOD)
    assert good > 5 * abs(by_name["mismatched_half_map_1.mrc"] or 0)


def test_a_mask_from_a_file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    mask = tmp_path_factory.mktemp("mask") / "mask.mrc"
    values = np.zeros((40, 40, 40))
    values[10:30, 10:30, 10:30] = 1
    put(mask, values)
    library = Library(folder)
    pair = measure(library, SortSettings(), RecordingReporter(), mask)[0]
    one, two = (np.asarray(values_of(folder / path), float) for path in pair.paths)
    box = (slice(10, 30),) * 3
    expected = (one[box] * two[box]).sum() / np.sqrt((one[box] ** 2).sum() * (two[box] ** 2).sum())
    assert pair.correlation == pytest.approx(expected)


def values_of(path: Path) -> np.ndarray:
    """Return the values of a map."""
    return np.frombuffer(path.read_bytes()[1024:], "<f4").reshape(40, 40, 40)


def test_likeness_is_what_its_formula_says(rng: np.random.Generator) -> None:
    one, two = rng.normal(5, 1, (4, 5, 6)), rng.normal(5, 1, (4, 5, 6))
    expected = (one * two).sum() / np.sqrt((one**2).sum() * (two**2).sum())
    assert likeness(one, two) == pytest.approx(expected)
    pearson = np.corrcoef(one.ravel(), two.ravel())[0, 1]
    assert likeness(one, two, "pearson") == pytest.approx(pearson)
    assert likeness(one + 1e6, two - 1e6, "pearson") == pytest.approx(pearson, rel=1e-6)
    mask = rng.random((4, 5, 6)) > 0.5
    inside = np.corrcoef(one[mask], two[mask])[0, 1]
    assert likeness(one, two, "pearson", mask) == pytest.approx(inside)


def test_likeness_at_its_limits(rng: np.random.Generator) -> None:
    one = rng.normal(size=(3, 4, 5))
    for kind in ("uncentred", "pearson"):
        assert likeness(one, one * 3, kind) == pytest.approx(1.0)  # type: ignore[arg-type]
        assert likeness(one, -one, kind) == pytest.approx(-1.0)  # type: ignore[arg-type]
        assert likeness(one, one * 0, kind) == 0.0  # type: ignore[arg-type]
        assert likeness(one, one, kind, one * 0) == 0.0  # type: ignore[arg-type]
    with pytest.raises(DataError, match="one shape"):
        likeness(one, one[:2])
    with pytest.raises(DataError, match="not numbers"):
        likeness(one, np.full_like(one, np.nan))


def test_a_band_is_what_lies_between() -> None:
    x = np.arange(32)
    coarse, fine = np.cos(2 * np.pi * x * 2 / 32), np.cos(2 * np.pi * x * 10 / 32)
    both = np.broadcast_to(coarse + fine, (8, 8, 32))
    voxel = (1.0, 1.0, 1.0)
    np.testing.assert_allclose(banded(both, voxel, 8.0, None)[0, 0], fine, atol=1e-5)
    np.testing.assert_allclose(banded(both, voxel, None, 8.0)[0, 0], coarse, atol=1e-5)
    assert banded(both, voxel, None, None) is both
    with pytest.raises(DataError, match="No Fourier coefficient"):
        banded(both, voxel, 1.0, 0.9)


@pytest.mark.parametrize(
    ("path", "home", "aside", "state"),
    [
        ("x.map", "x.map", "bad/x.map", "train"),
        ("bad/x.map", "x.map", "bad/x.map", "bad"),
        ("train/x.map", "train/x.map", "bad/train/x.map", "train"),
        ("bad/train/x.map", "train/x.map", "bad/train/x.map", "bad"),
        ("validation/a/x.map", "validation/a/x.map", "bad/validation/a/x.map", "validation"),
        ("1.0/0552.map", "1.0/0552.map", "1.0badMaps/0552.map", "train"),
        ("d/2.5/1.map", "d/2.5/1.map", "d/2.5badMaps/1.map", "validation"),
        ("d/2.5badMaps/1.map", "d/2.5/1.map", "d/2.5badMaps/1.map", "bad"),
    ],
)
def test_places(path: str, home: str, aside: str, state: str) -> None:
    assert (places.home(path), places.aside(path), places.state(path)) == (home, aside, state)
    assert places.home(places.aside(path)) == home


def test_the_index_keeps_what_people_add(folder: Path) -> None:
    library, _ = measured(folder)
    index = folder / "library.csv"
    first, *lines = index.read_text(encoding="utf-8").splitlines()
    text = "\n".join((f"{first},remark", *(f'{line},"good, seen"' for line in lines)))
    index.write_text(text, encoding="utf-8")
    library = Library(folder)
    assert library.pairs[0].others == {"remark": "good, seen"}
    library.move(library.pairs[:1], bad=True)
    kept = Library(folder)
    assert {pair.others["remark"] for pair in kept.pairs} == {"good, seen"}
    assert [pair.correlation for pair in kept.pairs if pair.correlation is None] == []
    assert index.read_text(encoding="utf-8").splitlines()[0] == f"{first},remark"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("half1\n", "line 1: the column half2 is missing; found was half1"),
        ("", "found was nothing"),
        ("half1,half2,correlation\na,b,x\n", "line 2, column correlation: 'x' is no number"),
        ("half1,half2\na,\n", "line 2: a line names half1 and half2"),
        ("half1,half2\na,b,c\n", "line 2: a line names half1 and half2"),
    ],
)
def test_an_index_that_is_none(text: str, found: str, tmp_path: Path) -> None:
    (tmp_path / "library.csv").write_text(text)
    with pytest.raises(FormatError) as caught:
        Library(tmp_path)
    assert found in str(caught.value)
    (tmp_path / "library.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="not a text file"):
        Library(tmp_path)


def test_hidden_and_unfinished_files_are_no_maps(tmp_path: Path) -> None:
    for name in (".a_half1.map.part", ".a_half1.map", "notes.txt", ".git/a_half2.map"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    library = Library(tmp_path)
    assert (library.pairs, library.singles) == ([], [])
