"""Downloads by FTP over a real socket: what goes wrong has the same end as by HTTPS."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from emdb_server import Server, offered, path_of
from ftp_server import Fault, FtpServer, ftp_serving
from napari_cryonet.errors import SettingsError
from napari_cryonet.library import DownloadSettings, Entry, Library, SourceSettings, space
from napari_cryonet.library.download import Fetched, download
from napari_cryonet.reporting import Cancelled, RecordingReporter

PATH = path_of("0552", 1)


@pytest.fixture
def ftp() -> Iterator[FtpServer]:
    """An FTP server on this machine."""
    with ftp_serving() as state:
        yield state


@pytest.fixture
def source(ftp: FtpServer) -> SourceSettings:
    """The server in the place of the EMDB's, without pauses."""
    return SourceSettings(files=f"{ftp.address}/files", wait=0.0, timeout=5.0)


@pytest.fixture
def entry(ftp: FtpServer) -> Entry:
    """An entry whose two half maps are on the server."""
    web = Server()
    found, _ = offered(web)
    ftp.files = web.files
    return found


def fetched(entry: Entry, library: Library, source: SourceSettings) -> Fetched:
    """Download an entry as it is stored."""
    how = DownloadSettings(unzip=False)
    return download([entry], library, how, source, RecordingReporter())


def arrived(library: Library) -> bytes:
    """Return the first half as it was stored."""
    return (library.folder / "train/emd_0552_half_map_1.map.gz").read_bytes()


def hidden(library: Library) -> list[Path]:
    """Return what has not arrived as a whole."""
    return [path for path in library.folder.rglob(".*") if path.is_file()]


def test_a_pair_arrives(
    ftp: FtpServer, source: SourceSettings, entry: Entry, library: Library
) -> None:
    assert fetched(entry, library, source) == Fetched(arrived=["EMD-0552"])
    assert arrived(library) == ftp.files[PATH]
    assert hidden(library) == []
    assert ftp.users == ["anonymous"] * 2
    assert fetched(entry, library, source) == Fetched(present=["EMD-0552"])


def test_what_was_cut_goes_on_where_it_ended(
    ftp: FtpServer, source: SourceSettings, entry: Entry, library: Library
) -> None:
    ftp.faults[PATH] = [Fault(count=1000), Fault(count=500)]
    assert fetched(entry, library, source).arrived == ["EMD-0552"]
    assert ftp.starts(PATH) == [0, 1000, 1500]
    assert arrived(library) == ftp.files[PATH]


def test_a_silent_connection_is_given_up_and_resumed(
    ftp: FtpServer, source: SourceSettings, entry: Entry, library: Library
) -> None:
    ftp.faults[PATH] = [Fault(count=2000, pause=1.5)]
    started = time.monotonic()
    assert fetched(entry, library, source.updated({"timeout": 0.3})).arrived == ["EMD-0552"]
    assert time.monotonic() - started < 1.4
    assert ftp.starts(PATH) == [0, 2000]
    assert arrived(library) == ftp.files[PATH]


def test_a_later_run_goes_on_but_never_joins_two_versions(
    ftp: FtpServer, source: SourceSettings, entry: Entry, library: Library
) -> None:
    once = source.updated({"tries": 1})
    ftp.faults[PATH] = [Fault(count=1000), Fault(count=0)]
    assert "Given up after 1 try" in fetched(entry, library, once).failed["EMD-0552"]
    assert [path.suffix for path in sorted(hidden(library))] == [".part", ".tag"]
    ftp.changed = "20210101000000"
    assert fetched(entry, library, source).arrived == ["EMD-0552"]
    assert ftp.starts(PATH) == [0, 0, 0]
    assert arrived(library) == ftp.files[PATH]


def test_what_was_whole_is_not_fetched_again(
    ftp: FtpServer, source: SourceSettings, entry: Entry, library: Library
) -> None:
    part = library.folder / f"train/.{entry.halves[0].name}.part"
    part.parent.mkdir()
    part.write_bytes(ftp.files[PATH])
    part.with_suffix(".tag").write_text(ftp.changed)
    assert fetched(entry, library, source).arrived == ["EMD-0552"]
    assert ftp.starts(PATH) == []


@pytest.mark.parametrize("lacks", [{"REST"}, {"MDTM"}, {"SIZE"}, {"SIZE", "MDTM", "REST"}])
def test_a_server_that_knows_little(
    lacks: set[str], ftp: FtpServer, source: SourceSettings, entry: Entry, library: Library
) -> None:
    ftp.lacks = lacks
    ftp.faults[PATH] = [Fault(count=1000)]
    assert fetched(entry, library, source).arrived == ["EMD-0552"]
    assert ftp.starts(PATH) == [0, 1000 if lacks == {"SIZE"} else 0]
    assert arrived(library) == ftp.files[PATH]


def test_wrong_size_is_refused_before_a_byte_is_written(
    source: SourceSettings, entry: Entry, library: Library
) -> None:
    wrong = replace(entry, halves=(replace(entry.halves[0], size=77), entry.halves[1]))
    failed = fetched(wrong, library, source).failed["EMD-0552"]
    assert "bytes on the server and 77 in the list" in failed
    assert hidden(library) == []


def test_a_missing_file_is_not_tried_again(
    ftp: FtpServer, source: SourceSettings, entry: Entry, library: Library
) -> None:
    del ftp.files[PATH]
    assert "550 No such file" in fetched(entry, library, source).failed["EMD-0552"]
    assert len(ftp.users) == 1
    assert hidden(library) == []


def test_a_busy_server_is_asked_again(
    ftp: FtpServer, source: SourceSettings, entry: Entry, library: Library
) -> None:
    ftp.faults[PATH] = [Fault("450 Try again later."), Fault("426 Cut."), Fault("421 Too many.")]
    assert fetched(entry, library, source).arrived == ["EMD-0552"]
    assert ftp.starts(PATH) == [0] * 4
    ftp.faults[path_of("0552", 2)] = [Fault("530 Not for you.")]
    (library.folder / "train/emd_0552_half_map_2.map.gz").unlink()
    refused = fetched(entry, Library(library.folder), source).failed["EMD-0552"]
    assert "530 Not for you" in refused


def test_no_server_at_all(entry: Entry, library: Library) -> None:
    nowhere = SourceSettings(files="ftp://me:secret@127.0.0.1:9/files", tries=2, wait=0.0)
    failed = fetched(entry, library, nowhere).failed["EMD-0552"]
    assert "Given up after 2 tries" in failed
    assert "secret" not in failed
    with pytest.raises(SettingsError, match="localhost:port is no address"):
        fetched(entry, library, nowhere.updated({"files": "ftp://me:secret@localhost:port/files"}))


def test_a_disk_without_room(
    ftp: FtpServer,
    source: SourceSettings,
    entry: Entry,
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = space.shutil.disk_usage(library.folder)._replace(free=1000)
    monkeypatch.setattr(space.shutil, "disk_usage", lambda folder: free)
    monkeypatch.setattr(space, "_RESERVE", 0)
    unknown = replace(entry, halves=tuple(replace(half, size=None) for half in entry.halves))
    assert "0 MB free" in fetched(unknown, library, source).failed["EMD-0552"]
    assert hidden(library) == []
    assert len(ftp.log) == 1


def test_stop_keeps_what_has_arrived(
    ftp: FtpServer, source: SourceSettings, entry: Entry, library: Library
) -> None:
    ftp.faults[PATH] = [Fault(count=3000, pause=0.3)]
    started = time.monotonic()
    with pytest.raises(Cancelled):
        download([entry], library, DownloadSettings(), source, RecordingReporter(stop_after=1))
    assert time.monotonic() - started < 2
    assert fetched(entry, library, source).arrived == ["EMD-0552"]
    assert ftp.starts(PATH) == [0, 3000]
