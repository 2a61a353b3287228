"""Sorting pairs by correlation: what is put aside, what comes back, and what an abort leaves."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_cryonet import Volume, write
from napari_cryonet.errors import DataError, FileProblem, FormatError, SettingsError
from napari_cryonet.io import read_volume
from napari_cryonet.library import Library, Pair, SortSettings, moves, places
from napari_cryonet.library.detail import detail
from napari_cryonet.library.likeness import likeness
from napari_cryonet.library.sort import is_bad, measure, restore, sort
from napari_cryonet.reporting import Cancelled, RecordingReporter
from napari_cryonet.simulate import half_map_pair

GOOD = ("a", "b", "c", "d")
_VOXEL = 2.0

_DATA = os.environ.get("CRYONET_CONFORMANCE_DATA", "")

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


@pytest.mark.skipif(not _DATA, reason="CRYONET_CONFORMANCE_DATA names no folder")
def test_noisy_and_real_pairs_are_good_and_spoilt_ones_are_not(tmp_path: Path) -> None:
    data = Path(_DATA)
    pairs = {
        name: tuple(data / f"sim_halfmaps/{name}_half_map_{half}.mrc" for half in (1, 2))
        for name in ("simA", "simB")
    }
    patch = sorted((data / "halfmap_patch").glob("*.map"))
    for name, (one, two) in {**pairs, "patch": patch}.items():
        first, second = read_volume(one), read_volume(two)
        copies = {"good": second.data, "turned": np.rot90(second.data, axes=(0, 2)),
                  "mirrored": second.data[::-1], "shifted": np.roll(second.data, 3, (0, 1, 2)),
                  "inverted": -second.data}  # fmt: skip
        for what, values in copies.items():
            write(tmp_path / f"{what}-{name}_half1.mrc", first)
            made = second.changed(np.ascontiguousarray(values), "Spoilt.")
            write(tmp_path / f"{what}-{name}_half2.mrc", made)
    library, measures = measured(tmp_path)
    done = sort(library, measures, SortSettings().limit)
    assert len(done.aside) == 12
    assert not [name for name in names(done.aside) if name.startswith("good")]


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
    assert SortSettings().limit == 0.65
    assert SortSettings(by="whole-box").limit == 0.73


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


def test_the_whole_box_is_compared_as_protein_denoiser_does(folder: Path) -> None:
    library, pairs = measured(folder, by="whole-box")
    one, two = (np.asarray(values_of(folder / path), float) for path in pairs[0].paths)
    expected = (one * two).sum() / np.sqrt((one**2).sum() * (two**2).sum())
    assert pairs[0].correlation == pytest.approx(expected)
    assert {pair.measure for pair in pairs} == {"whole-box"}
    assert names(sort(library, pairs, 0.73).aside) == {"mismatched", "rotated"}


def test_a_mask_from_a_file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    mask = tmp_path_factory.mktemp("mask") / "mask.mrc"
    values = np.zeros((40, 40, 40), np.float32)
    values[10:30, 10:30, 10:30] = 1
    put(mask, values)
    library = Library(folder)
    pair = measure(library, SortSettings(), RecordingReporter(), mask)[0]
    assert pair.measure == "detail, mask mask"
    one, two = (values_of(folder / path) for path in pair.paths)
    assert pair.correlation == pytest.approx(detail(one, two, (_VOXEL,) * 3, values))
    with pytest.raises(SettingsError, match="without a mask"):
        measure(library, SortSettings(by="whole-box"), RecordingReporter(), mask)


@pytest.mark.parametrize("by", ["detail", "whole-box"])
def test_copies_are_no_halves(by: str, folder: Path) -> None:
    one = values_of(folder / "a/a_half_map_1.mrc")
    for name, copy in (("same", one), ("scaled", 3 * one + 5), ("flat", one * 0 + 1)):
        put(folder / f"{name}_half1.mrc", one * 0 + 1 if name == "flat" else one)
        put(folder / f"{name}_half2.mrc", copy)
    library, pairs = measured(folder, by=by)
    by_name = {pair.half1: pair for pair in pairs}
    for name in ("same", "scaled", "flat"):
        assert by_name[f"{name}_half1.mrc"].correlation is None
        assert "copies of each other" in by_name[f"{name}_half1.mrc"].note
    assert names(sort(library, pairs, 0.1).aside) >= {"same", "scaled", "flat"}


def values_of(path: Path) -> np.ndarray:
    """Return the values of a map."""
    return np.frombuffer(path.read_bytes()[1024:], "<f4").reshape(40, 40, 40)


def spoilt(half: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return what is no half of the same thing any more."""
    return {
        "turned": np.rot90(half, axes=(0, 2)),
        "upside down": np.rot90(half, 2, axes=(0, 1)),
        "mirrored": half[::-1, ::-1, ::-1],
        "shifted": np.roll(half, (3, 3, 3), (0, 1, 2)),
        "inverted": -half,
        "noise": rng.standard_normal(half.shape).astype(np.float32),
    }


@pytest.mark.parametrize(
    ("side", "voxel", "resolution"),
    [(36, 4.0, 12.0), (40, 2.0, 6.0), (64, 1.5, 3.5)],
)
def test_noise_is_forgiven_and_nothing_else(
    side: int, voxel: float, resolution: float, rng: np.random.Generator
) -> None:
    pairs = [half_map_pair(side, voxel, seed=seed, resolution=resolution) for seed in (0, 1)]
    (one, two), (_, other) = ((pair.first.data, pair.second.data) for pair in pairs)
    voxels = (voxel,) * 3
    mask = pairs[0].mask.data
    noisier = [half + 2 * half.std() * rng.standard_normal(half.shape) for half in (one, two)]
    assert likeness(noisier[0], noisier[1]) < 0.3
    assert detail(one, two, voxels, mask) > 0.9
    assert detail(noisier[0], noisier[1], voxels, mask) > 0.8
    for name, half in {**spoilt(two, rng), "mismatched": other}.items():
        assert detail(one, half, voxels, mask) < 0.5, name


def test_grey_values_and_cleared_surroundings_do_not_matter() -> None:
    pair = half_map_pair(48, 2.0, seed=3, resolution=6.0)
    one, two, mask = pair.first.data, pair.second.data, pair.mask.data
    voxels = (2.0,) * 3
    value = detail(one, two, voxels, mask)
    assert detail(3 * one - 7, two / 5, voxels, mask) == pytest.approx(value, abs=1e-3)
    radius = np.sqrt(sum(np.square(np.ogrid[tuple(slice(-1, 1, 48j) for _ in "zyx")][axis])
                         for axis in range(3)))  # fmt: skip
    cleared = [half * (radius < 0.95) for half in (one, two)]
    assert detail(*cleared, voxels, mask) == pytest.approx(value, abs=0.1)
    masked = [half * mask for half in (one, two)]
    assert detail(*masked, voxels, mask) > 0.9
    assert detail(masked[0], masked[1][::-1], voxels, mask) < 0.5
    assert detail(one, two, voxels, None) > 0.65


def test_boxes_with_unequal_sides_and_voxels() -> None:
    pair = half_map_pair(48, 2.0, seed=3, resolution=6.0)
    part = slice(4, 45), slice(2, 46), slice(1, 47)
    one, two, mask = (each.data[part] for each in (pair.first, pair.second, pair.mask))
    for voxels in ((2.0, 2.0, 2.0), (2.0, 2.1, 1.9)):
        assert detail(one, two, voxels, mask) > 0.9
        assert detail(one, two[:, ::-1], voxels, mask) < 0.5


def test_no_detail_is_no_likeness(rng: np.random.Generator) -> None:
    one, two = rng.standard_normal((2, 32, 32, 32)).astype(np.float32)
    mask = np.zeros(one.shape, np.float32)
    mask[10:22, 10:22, 10:22] = 1
    assert detail(one, two, (2.0,) * 3, mask) == 0.0
    assert detail(one * 0, two * 0, (2.0,) * 3, mask) == 0.0
    assert detail(one[:2, :2, :2], one[:2, :2, :2], (20.0,) * 3, None) == 0.0


def test_a_map_without_a_particle_is_compared_as_a_whole(tmp_path: Path) -> None:
    for number in (1, 2):
        put(tmp_path / f"flat_half{number}.mrc", np.full((8, 8, 8), number))
    _, (pair,) = measured(tmp_path)
    assert pair.correlation == 0.0


def test_likeness_is_what_its_formula_says(rng: np.random.Generator) -> None:
    one, two = rng.normal(5, 1, (4, 5, 6)), rng.normal(5, 1, (4, 5, 6))
    expected = (one * two).sum() / np.sqrt((one**2).sum() * (two**2).sum())
    assert likeness(one, two) == pytest.approx(expected)
    centred = np.corrcoef(one.ravel(), two.ravel())[0, 1]
    assert likeness(one, two, centred=True) == pytest.approx(centred)
    assert likeness(one + 1e6, two - 1e6, centred=True) == pytest.approx(centred, rel=1e-6)


def test_likeness_at_its_limits(rng: np.random.Generator) -> None:
    one = rng.normal(size=(3, 4, 5))
    for centred in (False, True):
        assert likeness(one, one * 3, centred=centred) == pytest.approx(1.0)
        assert likeness(one, -one, centred=centred) == pytest.approx(-1.0)
        assert likeness(one, one * 0, centred=centred) == 0.0
    with pytest.raises(DataError, match="one shape"):
        likeness(one, one[:2])
    with pytest.raises(DataError, match="not numbers"):
        likeness(one, np.full_like(one, np.nan))


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


def test_the_index_keeps_pairs_that_are_away(folder: Path) -> None:
    library, _ = measured(folder)
    (folder / "a").rename(folder / ".away")
    Library(folder).note(())
    (folder / ".away").rename(folder / "a")
    back = {pair.key: pair.correlation for pair in Library(folder).pairs}
    assert back == pytest.approx({pair.key: pair.correlation for pair in library.pairs}, rel=1e-5)


def test_two_open_libraries_do_not_undo_each_other(folder: Path) -> None:
    early, late = Library(folder), Library(folder)
    one, two = late.pairs[:2]
    late.note([replace(one, correlation=0.9)])
    early.note([replace(two, title="Enzyme")])
    found = {pair.key: pair for pair in Library(folder).pairs}
    assert found[one.key].correlation == 0.9
    assert found[two.key].title == "Enzyme"


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
