"""Downloads over a real socket: what goes wrong on the way has the right end."""

from __future__ import annotations

import errno
import gzip
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from emdb_server import Server, cut, offered, path_of, stall, status
from helpers import mrc_bytes
from napari_cryonet.errors import FileProblem
from napari_cryonet.io import read_volume
from napari_cryonet.library import (
    DownloadSettings,
    Entry,
    Library,
    RemoteFile,
    SourceSettings,
    space,
    transfer,
)
from napari_cryonet.library import (
    unpack as unpacking,
)
from napari_cryonet.library.download import Fetched, download
from napari_cryonet.reporting import Cancelled, RecordingReporter

PATH = path_of("0552", 1)


def fetched(
    entries: Entry | list[Entry], library: Library, source: SourceSettings, **more: Any
) -> tuple[Fetched, RecordingReporter]:
    """Download entries, and return what was said."""
    report = more.pop("report", None) or RecordingReporter()
    wanted = [entries] if isinstance(entries, Entry) else entries
    return download(wanted, library, DownloadSettings(**more), source, report), report


def files(library: Library) -> list[str]:
    """Return all files of a library but its index, hidden ones too."""
    found = (path for path in library.folder.rglob("*") if path.is_file())
    names = sorted(path.relative_to(library.folder).as_posix() for path in found)
    return [name for name in names if name != "library.csv"]


def content(library: Library, number: int) -> bytes:
    """Return a half map of EMD-0552 that has arrived."""
    return (library.folder / f"train/emd_0552_half_map_{number}.map").read_bytes()


def test_a_pair_arrives_unzipped_and_is_in_the_index(
    server: Server, source: SourceSettings, library: Library
) -> None:
    entry, maps = offered(server)
    outcome, report = fetched(entry, library, source)
    assert outcome == Fetched(arrived=["EMD-0552"])
    assert files(library) == ["train/emd_0552_half_map_1.map", "train/emd_0552_half_map_2.map"]
    assert [content(library, 1), content(library, 2)] == maps
    (pair,) = Library(library.folder).pairs
    assert (pair.entry, pair.title, pair.resolution) == ("EMD-0552", "Thing 0552", 3.5)
    assert (pair.state, pair.source) == ("train", "EMDB")
    assert report.steps[-1]["done"] == report.steps[-1]["total"] == entry.size
    assert report.steps[-1]["file_done"] == entry.halves[1].size


def test_maps_stay_zipped_if_wanted(
    server: Server, source: SourceSettings, library: Library
) -> None:
    entry, maps = offered(server)
    fetched(entry, library, source, unzip=False, state="validation")
    (pair,) = library.pairs
    assert pair.half1 == "validation/emd_0552_half_map_1.map.gz"
    assert pair.state == "validation"
    assert gzip.decompress((library.folder / pair.half1).read_bytes()) == maps[0]
    assert read_volume(library.folder / pair.half2).shape == (16, 16, 16)


@pytest.mark.parametrize(
    "places",
    [
        ("bad/train/emd_0552_half_map_1.map", "bad/train/emd_0552_half_map_2.map"),
        ("validation/emd_0552_half_map_1.map.gz", "validation/emd_0552_half_map_2.map"),
        ("1.5/0552.map", "2.5/0552.map.gz"),
        ("1.0badMaps/0552.map", "2.0badMaps/0552.map"),
        ("mine/emd_0552_half_map_1.map", "other/EMD_0552_half_map_2.MAP"),
    ],
)
def test_what_is_anywhere_in_the_library_is_not_fetched(
    places: tuple[str, str], server: Server, source: SourceSettings, library: Library
) -> None:
    entry, _ = offered(server)
    for place in places:
        (library.folder / place).parent.mkdir(parents=True, exist_ok=True)
        (library.folder / place).write_bytes(b"")
    outcome, _ = fetched(entry, Library(library.folder), source)
    assert outcome == Fetched(present=["EMD-0552"])
    assert server.log == []


def test_only_the_missing_half_is_fetched(
    server: Server, source: SourceSettings, library: Library
) -> None:
    entry, maps = offered(server)
    (library.folder / "train").mkdir()
    (library.folder / "train/emd_0552_half_map_1.map").write_bytes(maps[0])
    outcome, _ = fetched(entry, Library(library.folder), source)
    assert outcome.arrived == ["EMD-0552"]
    assert [path for path, _ in server.log] == [path_of("0552", 2)]


def test_a_cut_connection_goes_on_where_it_ended(
    server: Server, source: SourceSettings, library: Library
) -> None:
    entry, maps = offered(server)
    server.faults[PATH] = [cut(1000), cut(500)]
    outcome, _ = fetched(entry, library, source, report=None)
    assert outcome.arrived == ["EMD-0552"]
    assert server.ranges(PATH) == ["", "bytes=1000-", "bytes=1500-"]
    assert content(library, 1) == maps[0]


def test_a_later_run_goes_on_where_the_last_was_given_up(
    server: Server, source: SourceSettings, library: Library
) -> None:
    entry, maps = offered(server)
    server.faults[PATH] = [cut(1000), cut(0)]
    once = source.updated({"tries": 1})
    outcome, _ = fetched(entry, library, once)
    assert "Given up after 1 try" in outcome.failed["EMD-0552"]
    assert library.folder / f"train/.{entry.halves[0].name}.part" in library.folder.rglob("*.part")
    outcome, _ = fetched(entry, library, source)
    assert outcome.arrived == ["EMD-0552"]
    assert server.ranges(PATH)[-1] == "bytes=1000-"
    assert content(library, 1) == maps[0]
    assert not [name for name in files(library) if "/." in name]


def test_versions_are_never_joined(
    server: Server, source: SourceSettings, library: Library
) -> None:
    entry, _ = offered(server)
    server.faults[PATH] = [cut(1000)]
    server.tags[PATH] = '"one"'
    fetched(entry, library, source.updated({"tries": 1}))
    newer = mrc_bytes(2, np.ones((16, 16, 16), "f4"))
    server.files[PATH], server.tags[PATH] = gzip.compress(newer), '"two"'
    outcome, _ = fetched(entry, library, source, check_size=False)
    assert outcome.arrived == ["EMD-0552"]
    assert content(library, 1) == newer


def test_a_file_that_was_whole_is_not_fetched_again(
    server: Server, source: SourceSettings, library: Library
) -> None:
    entry, maps = offered(server)
    part = library.folder / f"train/.{entry.halves[0].name}.part"
    part.parent.mkdir()
    part.write_bytes(server.files[PATH])
    part.with_suffix(".tag").write_text('"one"')
    outcome, _ = fetched(entry, library, source)
    assert outcome.arrived == ["EMD-0552"]
    assert server.ranges(PATH) == [f"bytes={entry.halves[0].size}-"]
    assert content(library, 1) == maps[0]


def test_a_silent_connection_is_given_up_and_resumed(
    server: Server, source: SourceSettings, library: Library
) -> None:
    entry, maps = offered(server)
    server.faults[PATH] = [stall(2000, 1.0)]
    started = time.monotonic()
    outcome, _ = fetched(entry, library, source.updated({"timeout": 0.2}))
    assert outcome.arrived == ["EMD-0552"]
    assert time.monotonic() - started < 0.9
    assert server.ranges(PATH) == ["", "bytes=2000-"]
    assert content(library, 1) == maps[0]


def test_stop_keeps_what_has_arrived(
    server: Server, source: SourceSettings, library: Library
) -> None:
    entry, maps = offered(server)
    server.faults[PATH] = [stall(3000, 0.3)]
    with pytest.raises(Cancelled):
        fetched(entry, library, source, report=RecordingReporter(stop_after=1))
    (part,) = library.folder.rglob("*.part")
    assert part.stat().st_size > 0
    assert library.pairs == []
    outcome, _ = fetched(entry, library, source)
    assert outcome.arrived == ["EMD-0552"]
    assert server.ranges(PATH)[-1] == f"bytes={3000}-"
    assert content(library, 1) == maps[0]


def test_stop_ends_a_pause_at_once(
    server: Server, source: SourceSettings, library: Library
) -> None:
    entry, _ = offered(server)
    server.faults[PATH] = [status(429, Retry_After="60")]

    class Impatient(RecordingReporter):
        def check(self) -> None:
            if self.said:
                raise Cancelled

    started = time.monotonic()
    with pytest.raises(Cancelled):
        fetched(entry, library, source, report=Impatient())
    assert time.monotonic() - started < 5


def test_wrong_size_is_refused_before_a_byte_is_written(
    server: Server, source: SourceSettings, library: Library
) -> None:
    entry, _ = offered(server)
    wrong = replace(entry, halves=(replace(entry.halves[0], size=77), entry.halves[1]))
    outcome, _ = fetched(wrong, library, source)
    assert "bytes on the server and 77 in the list" in outcome.failed["EMD-0552"]
    assert files(library) == []
    assert fetched(wrong, library, source, check_size=False)[0].arrived == ["EMD-0552"]


@pytest.mark.parametrize("right", [True, False])
def test_checksum(right: bool, server: Server, source: SourceSettings, library: Library) -> None:
    entry, _ = offered(server)
    digest = hashlib.sha256(server.files[PATH] if right else b"").hexdigest()
    first = replace(entry.halves[0], checksum=f"sha256:{digest}")
    outcome, _ = fetched(replace(entry, halves=(first, entry.halves[1])), library, source)
    if right:
        assert outcome.arrived == ["EMD-0552"]
    else:
        assert "is damaged: its sha256 is" in outcome.failed["EMD-0552"]
        assert files(library) == []


def test_redirects_are_followed_but_not_to_everything(
    server: Server, source: SourceSettings, library: Library
) -> None:
    entry, maps = offered(server)
    server.files["/elsewhere"] = server.files[PATH]
    server.faults[PATH] = [
        status(302, Location="ftp://127.0.0.1/emd.map.gz"),
        status(302, Location=f"{server.address}/elsewhere"),
    ]
    outcome, _ = fetched(entry, library, source)
    assert "only https is followed, and http from http" in outcome.failed["EMD-0552"]
    outcome, _ = fetched(entry, library, source)
    assert outcome.arrived == ["EMD-0552"]
    assert content(library, 1) == maps[0]


def test_a_missing_entry_does_not_stop_the_others(
    server: Server, source: SourceSettings, library: Library
) -> None:
    missing, _ = offered(server, "0001")
    del server.files[path_of("0001", 2)]
    entry, _ = offered(server)
    empty = Entry("EMD-0002")
    outcome, report = fetched([missing, empty, entry], library, source)
    assert outcome.arrived == ["EMD-0552"]
    assert "the server answers 404" in outcome.failed["EMD-0001"]
    assert "no pair" in outcome.failed["EMD-0002"]
    assert any("404" in sentence for sentence in report.said)
    assert library.singles == ["train/emd_0001_half_map_1.map"]


def test_a_busy_server_is_asked_again_when_it_says(
    server: Server, source: SourceSettings, library: Library
) -> None:
    entry, _ = offered(server)
    server.faults[PATH] = [status(429, Retry_After="1"), status(503)]
    started = time.monotonic()
    outcome, report = fetched(entry, library, source)
    assert outcome.arrived == ["EMD-0552"]
    assert time.monotonic() - started >= 1
    assert "answers 429" in report.said[0]
    assert report.said[0].endswith("Next try in 1 s.")


def test_pauses_grow_and_have_an_end(
    server: Server, source: SourceSettings, library: Library
) -> None:
    entry, _ = offered(server)
    server.faults[PATH] = [status(503, Retry_After="9999"), *[status(500)] * 9]
    eager = source.updated({"tries": 4, "wait": 0.01, "longest_wait": 0.05})
    outcome, report = fetched(entry, library, eager)
    assert "Given up after 4 tries" in outcome.failed["EMD-0552"]
    assert len(server.log) == 4
    assert files(library) == []
    assert len(report.said) == 4


def test_no_server_at_all(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    entry = Entry("EMD-0552", (RemoteFile("a_half_map_1.map"), RemoteFile("a_half_map_2.map")))
    nowhere = SourceSettings(files="http://127.0.0.1:9", tries=2, wait=0.0)
    outcome, _ = fetched(entry, library, nowhere)
    assert "Given up after 2 tries" in outcome.failed["EMD-0552"]


def test_a_disk_without_room_is_found_before_a_byte_is_written(
    server: Server, source: SourceSettings, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, _ = offered(server)
    free = space.shutil.disk_usage(library.folder)._replace(free=1000)
    monkeypatch.setattr(space.shutil, "disk_usage", lambda folder: free)
    with pytest.raises(FileProblem, match="0 MB free"):
        fetched(entry, library, source)
    assert server.log == []
    unknown = replace(entry, halves=tuple(replace(half, size=None) for half in entry.halves))
    monkeypatch.setattr(space, "_RESERVE", 0)
    outcome, _ = fetched(unknown, library, source)
    assert "0 MB free" in outcome.failed["EMD-0552"]
    assert files(library) == []


def test_a_disk_that_fills_up_keeps_what_has_arrived(
    server: Server, source: SourceSettings, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, maps = offered(server)
    server.faults[PATH] = [stall(3000, 0.2)]

    class Full:
        def __init__(self, stream: BinaryIO) -> None:
            self.seek, self.truncate, self._write = stream.seek, stream.truncate, stream.write

        def write(self, block: bytes) -> None:
            self._write(block[:2000])
            raise OSError(errno.ENOSPC, "No space left on device")

    @contextmanager
    def full(path: Path, mode: str) -> Iterator[Full]:
        with space.writing(path, mode) as stream:
            yield Full(stream)

    with monkeypatch.context() as patch:
        patch.setattr(transfer, "writing", full)
        outcome, _ = fetched(entry, library, source)
    assert "No space left on device" in outcome.failed["EMD-0552"]
    outcome, _ = fetched(entry, library, source)
    assert outcome.arrived == ["EMD-0552"]
    assert server.ranges(PATH)[-1] == "bytes=2000-"
    assert content(library, 1) == maps[0]


@pytest.mark.parametrize(
    ("inner", "found"),
    [
        (mrc_bytes(2, np.zeros((8, 8, 8), "f4")) + bytes(30_000_000), "holds more than the"),
        (mrc_bytes(2, nz=40_000, ny=40_000, nx=40_000) + bytes(9_000_000), "GB are allowed"),
        (mrc_bytes(2, np.zeros((8, 8, 8), "f4"))[:-1], "ends after 3071 of the 3072 bytes"),
        (b"<html>not found</html>" * 100, "is no map"),
    ],
    ids=["bomb", "huge", "short", "page"],
)
def test_what_is_no_map_is_stopped(
    inner: bytes,
    found: str,
    server: Server,
    source: SourceSettings,
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry, _ = offered(server)
    server.files[PATH] = gzip.compress(inner)
    written = [0]

    @contextmanager
    def watched(path: Path, mode: str) -> Iterator[BinaryIO]:
        with space.writing(path, mode) as stream:
            try:
                yield stream
            finally:
                written.append(stream.tell())

    monkeypatch.setattr(unpacking, "writing", watched)
    outcome, _ = fetched(entry, library, source, check_size=False)
    assert found in outcome.failed["EMD-0552"]
    assert max(written) < 4000
    assert not [name for name in files(library) if ".map.part" in name or name.endswith(".map")]


def test_damaged_and_cut_gzip(server: Server, source: SourceSettings, library: Library) -> None:
    entry, _ = offered(server)
    whole = server.files[PATH]
    for broken in (whole[:-9], whole[:5000] + bytes(200) + whole[5200:]):
        server.files[PATH] = broken
        outcome, _ = fetched(entry, library, source, check_size=False)
        assert "is damaged" in outcome.failed["EMD-0552"]
        assert files(library) == []


@pytest.mark.parametrize("name", ["../evil.map.gz", "/etc/evil.map", "a\\b.map", ".map", "con.map"])
def test_no_name_leaves_the_folder(
    name: str, server: Server, source: SourceSettings, library: Library
) -> None:
    entry, _ = offered(server)
    evil = replace(entry, halves=(RemoteFile(name), entry.halves[1]))
    server.files[f"/files/EMD-0552/other/{name}"] = server.files[PATH]
    outcome, _ = fetched(evil, library, source)
    assert "is not the name of a map" in outcome.failed["EMD-0552"]
    assert files(library) == []
    assert sorted(path.name for path in library.folder.parent.iterdir()) == ["library"]


def test_halves_that_differ_are_warned_of(
    server: Server, source: SourceSettings, library: Library
) -> None:
    entry, _ = offered(server)
    server.files[PATH] = gzip.compress(mrc_bytes(2, np.zeros((8, 8, 8), "f4")))
    _, report = fetched(entry, library, source, check_size=False)
    assert any("EMD-0552: the halves differ, (8, 8, 8) and" in said for said in report.said)


def test_a_folder_stands_for_the_server(server: Server, library: Library, tmp_path: Path) -> None:
    entry, maps = offered(server)
    mirror = tmp_path / "mirror"
    deep = mirror / "EMD-0552/other"
    deep.mkdir(parents=True)
    (deep / entry.halves[0].name).write_bytes(server.files[PATH])
    local = SourceSettings(files=str(mirror))
    outcome, _ = fetched(entry, library, local)
    assert "is neither in" in outcome.failed["EMD-0552"]
    (mirror / entry.halves[1].name).write_bytes(server.files[path_of("0552", 2)])
    outcome, _ = fetched(entry, library, local)
    assert outcome.arrived == ["EMD-0552"]
    assert [content(library, 1), content(library, 2)] == maps
    assert server.log == []


def test_an_address_that_is_none(library: Library) -> None:
    entry = Entry("EMD-0552", (RemoteFile("a_half_map_1.map"), RemoteFile("a_half_map_2.map")))
    with pytest.raises(ValueError, match="no address of a web server"):
        fetched(entry, library, SourceSettings(files="gopher://127.0.0.1/pub"))


def test_an_unknown_folder_is_no_library(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="There is no folder"):
        Library(tmp_path / "missing")
