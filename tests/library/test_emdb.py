"""Searching: what the EMDB is asked, what is made of its answers, and tables in its place."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

import pytest

from emdb_server import Server, cut, described, status
from napari_cryonet.errors import CryonetError, FileProblem, FormatError, SettingsError
from napari_cryonet.library import SearchSettings, SourceSettings
from napari_cryonet.library.emdb import address, details, search
from napari_cryonet.library.entry import entry_id, safe_name
from napari_cryonet.reporting import Cancelled, RecordingReporter

REAL_LIST = "metadata/Protein-Denoiser__halfMaps.csv"

LIST = """Entry, Tail, Size, Date,Resolution,Height,Width,Depth
EMD-0001,emd_0001_half_map_1.map.gz,1000,2019-01-08,3.0,128.0,128.0,128.0
EMD-0001,emd_0001_half_map_2.map.gz,1001,2019-01-08,3.0,128.0,128.0,128.0
EMD-0002,emd_0002_half_map_1.map.gz,1000,2019-01-08,4.0,64.0,64.0,64.0
EMD-0002,emd_0002_half_map_2.map.gz,1000,2019-01-08,4.0,64.0,64.0,64.0
EMD-0002,emd_0002_half_map_3.map.gz,1000,2019-01-08,4.0,64.0,64.0,64.0
EMD-0002,emd_0002_half_map_4.map.gz,1000,2019-01-08,4.0,64.0,64.0,64.0
EMD-0003,emd_0003_half_map_1.map.gz,1000,2019-01-08,2.99,64.0,64.0,64.0
EMD-0003,emd_0003_half_map_2.map.gz,1000,2019-01-08,2.99,64.0,64.0,64.0
EMD-0004,emd_0004_half_map_1.map.gz,1000,2019-01-08,4.01,64.0,64.0,64.0
EMD-0004,emd_0004_half_map_2.map.gz,1000,2019-01-08,4.01,64.0,64.0,64.0
EMD-0005,emd_0005_half_map_1.map.gz,1000,2019-01-08,3.5,129.0,129.0,129.0
EMD-0005,emd_0005_half_map_2.map.gz,1000,2019-01-08,3.5,129.0,129.0,129.0
EMD-0006,emd_0006_half_map_1.map.gz,1000,2019-01-08,3.5,100.0,100.0,90.0
EMD-0006,emd_0006_half_map_2.map.gz,1000,2019-01-08,3.5,100.0,100.0,90.0
EMD-0007,emd_0007_half_map_1.map.gz,1000,2019-01-08,3.5,100.0,100.0,100.0
EMD-0008,emd_0008_half_map_1.map.gz,1000,2019-01-08,,100.0,100.0,100.0
EMD-0008,emd_0008_half_map_2.map.gz,1000,2019-01-08,,100.0,100.0,100.0
EMD-0009,../../emd_0009_half_map_1.map.gz,1000,2019-01-08,3.5,100.0,100.0,100.0
EMD-0009,emd_0009_half_map_2.map.gz,1000,2019-01-08,3.5,100.0,100.0,100.0
EMD-X,emd_0010_half_map_1.map.gz,1000,2019-01-08,3.5,100.0,100.0,100.0
"""


def index(folder: Path, text: str = LIST) -> SourceSettings:
    """Return a source that is a table."""
    path = folder / "halves.csv"
    path.write_text(text, encoding="utf-8")
    return SourceSettings(index=path)


def answer(*lines: str) -> bytes:
    """Return the EMDB's answer to a search."""
    head = "emdb_id,title,resolution,half_map_filename,map_pixel_spacing_x"
    return "\n".join((head, *lines)).encode()


def test_default_criteria_select_what_meets_them(tmp_path: Path) -> None:
    report = RecordingReporter()
    found = search(SearchSettings(), index(tmp_path), report)
    assert [entry.id for entry in found] == ["EMD-0001", "EMD-0002"]
    assert [half.name for half in found[1].halves] == [
        "emd_0002_half_map_1.map.gz",
        "emd_0002_half_map_2.map.gz",
    ]
    assert found[0].size == 2001
    assert found[0].shape == (128, 128, 128)
    assert len(report.said) == 2
    assert "line 19 is left out" in report.said[0]
    assert "line 21 is left out" in report.said[1]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({"max_side": 0}, ["0001", "0002", "0005"]),
        ({"cubic": False}, ["0001", "0002", "0006"]),
        ({"min_side": 65}, ["0001"]),
        ({"min_resolution": 2.5, "max_resolution": 2.99}, ["0003"]),
        ({"text": "0002"}, ["0002"]),
        ({"text": "virus"}, []),
        ({"method": "helical"}, []),
        ({"limit": 1}, ["0001"]),
    ],
)
def test_criteria(wanted: dict[str, object], ids: list[str], tmp_path: Path) -> None:
    found = search(SearchSettings.load(wanted), index(tmp_path), RecordingReporter())
    assert [entry.id for entry in found] == [f"EMD-{each}" for each in ids]


@pytest.mark.skipif(
    "CRYONET_CONFORMANCE_DATA" not in os.environ, reason="CRYONET_CONFORMANCE_DATA is not set"
)
def test_default_criteria_on_the_real_list() -> None:
    source = SourceSettings(index=Path(os.environ["CRYONET_CONFORMANCE_DATA"]) / REAL_LIST)
    found = search(SearchSettings(), source, RecordingReporter())
    wanted = ["0552", "10161", "11828", "20753", "3650", "3651", "4432", "6714"]
    assert [entry.id for entry in found] == [f"EMD-{each}" for each in wanted]
    assert sum(entry.size or 0 for entry in found) == 169_462_259
    every = SearchSettings(
        min_resolution=0, max_resolution=1000, max_side=0, cubic=True, limit=9999
    )
    assert len(search(every, source, RecordingReporter())) > 1000


def test_the_emdb_is_asked_for_what_is_wanted(server: Server, source: SourceSettings) -> None:
    wanted = SearchSettings(text="GroEL AND chaperonin", method="singleParticle", max_side=64)
    path = unquote(address(wanted, source).partition("?")[0].removeprefix(server.address))
    assert path == (
        '/api/search/half_map_filename:[* TO *] AND current_status:"REL" AND resolution:[3 TO 4] '
        'AND structure_determination_method:"singleParticle" AND (GroEL AND chaperonin)'
    )
    server.files[path] = answer(
        'EMD-0001,"Small, and\nwanted",3.4,'
        '"emd_0001_half_map_1.map.gz,emd_0001_half_map_2.map.gz",1',
        "EMD-0002,Too large,3.4,emd_0002_half_map_1.map.gz|emd_0002_half_map_2.map.gz,1",
        "EMD-0003,Not asked for,9,emd_0003_half_map_1.map.gz;emd_0003_half_map_2.map.gz,1",
        "EMD-0004,One half,3.4,emd_0004_half_map_1.map.gz,1",
        "EMD-0005,Not there,3.4,emd_0005_half_map_1.map.gz;emd_0005_half_map_2.map.gz,1",
    )
    for digits, side in (("0001", 64), ("0002", 65)):
        halves = (f"emd_{digits}_half_map_{number}.map.gz" for number in (1, 2))
        server.files[f"/api/entry/EMD-{digits}"] = described(digits, side, *halves)
    report = RecordingReporter()
    (found,) = search(wanted, source, report)
    assert (found.id, found.shape, found.voxel_size) == ("EMD-0001", (64, 64, 64), 1.0)
    assert found.title == "Small, and\nwanted"
    asked = [path for path, _ in server.log[1:]]
    assert asked == [f"/api/entry/EMD-{digits}" for digits in ("0001", "0002", "0005")]
    assert "EMD-0005 is left out" in report.said[0]


def test_without_a_box_no_entry_is_looked_up(server: Server, source: SourceSettings) -> None:
    wanted = SearchSettings(cubic=False, max_side=0)
    path = unquote(address(wanted, source).partition("?")[0].removeprefix(server.address))
    server.files[path] = answer("EMD-0001,A,3.4,a_half_map_1.map;a_half_map_2.map,1")
    assert len(search(wanted, source, RecordingReporter())) == 1
    assert len(server.log) == 1


def test_stop_returns_what_was_found(server: Server, source: SourceSettings) -> None:
    path = unquote(address(SearchSettings(), source).partition("?")[0])
    path = path.removeprefix(server.address)
    names = [f"emd_000{number}_half_map_" for number in (1, 2)]
    server.files[path] = answer(
        *(f"EMD-000{n + 1},A,3.4,{each}1.map;{each}2.map,1" for n, each in enumerate(names))
    )
    server.files["/api/entry/EMD-0001"] = described("0001", 64)

    class Stopping(RecordingReporter):
        def check(self) -> None:
            if self.steps and self.steps[-1]["done"] == 1:
                raise Cancelled

    report = Stopping()
    assert [entry.id for entry in search(SearchSettings(), source, report)] == ["EMD-0001"]
    assert report.said == ["Stopped: not all entries have been looked at."]


def test_an_entry_is_read(server: Server, source: SourceSettings) -> None:
    names = ("emd_0552_half_map_1.map.gz", "../x_half_map_2.map", "emd_0552_half_map_2.map.gz")
    server.files["/api/entry/EMD-0552"] = described("0552", 96, *names)
    server.faults["/api/entry/EMD-0552"] = [status(503), cut(40)]
    report = RecordingReporter()
    entry = details("emd-0552", source, report)
    assert [half.name for half in entry.halves] == [names[0], names[2]]
    assert (entry.title, entry.method) == ("A thing, seen", "singleParticle")
    assert (entry.resolution, entry.voxel_size) == (3.4, 1.25)
    assert (entry.shape, entry.released) == ((96, 96, 96), "2020-02-02")
    assert any("is left out" in sentence for sentence in report.said)


@pytest.mark.parametrize(
    "tree",
    [
        b"{}",
        b"[]",
        b"null",
        b'{"interpretation": null, "map": {"dimensions": {"col": "x"}}}',
        b'{"interpretation": {"half_map_list": {"half_map": [null, {"file": 3}]}}}',
        b'{"structure_determination_list": {"structure_determination": []}}',
    ],
)
def test_whatever_is_missing_in_an_entry(
    tree: bytes, server: Server, source: SourceSettings
) -> None:
    server.files["/api/entry/EMD-0552"] = tree
    entry = details("0552", source, RecordingReporter())
    assert (entry.halves, entry.shape, entry.resolution) == ((), None, None)


def test_a_single_half_map_that_is_no_list(server: Server, source: SourceSettings) -> None:
    server.files["/api/entry/EMD-0552"] = (
        b'{"interpretation": {"half_map_list": {"half_map": {"file": "a_half_map_1.map",'
        b'"dimensions": {"col": 7, "row": 6, "sec": 5}}}}}'
    )
    entry = details("0552", source, RecordingReporter())
    assert (entry.halves, entry.shape) == ((), (5, 6, 7))


def test_answers_that_are_none(server: Server, source: SourceSettings) -> None:
    server.files["/api/entry/EMD-0552"] = b"<html></html>"
    with pytest.raises(FormatError, match="does not answer with an entry"):
        details("0552", source, RecordingReporter())
    with pytest.raises(FileProblem, match="answers 404"):
        details("0553", source, RecordingReporter())
    with pytest.raises(FileProblem, match="answers 404"):
        search(SearchSettings(), source, RecordingReporter())
    path = unquote(address(SearchSettings(), source).partition("?")[0])
    server.files[path.removeprefix(server.address)] = b"<html></html>"
    with pytest.raises(FormatError, match="no column is called entry or emdb_id"):
        search(SearchSettings(), source, RecordingReporter())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "found was nothing"),
        ("Entry;Tail\n", "found was entry;tail"),
        ("Entry,Size\n", "no column is called tail or half_map_filename"),
        ("Entry,Tail\n" + "x" * 200_000, "line 2: field larger"),
    ],
)
def test_tables_that_are_none(text: str, found: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        search(SearchSettings(), index(tmp_path, text), RecordingReporter())
    assert found in str(caught.value)


def test_tables_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="Cannot read"):
        search(SearchSettings(), SourceSettings(index=tmp_path / "no.csv"), RecordingReporter())
    (tmp_path / "map.csv").write_bytes(bytes(range(256)))
    with pytest.raises(FormatError, match="not a text file"):
        search(SearchSettings(), SourceSettings(index=tmp_path / "map.csv"), RecordingReporter())
    with pytest.raises(FormatError, match="lists no pair of half maps of EMD-9999"):
        details("9999", index(tmp_path), RecordingReporter())


@pytest.mark.parametrize("text", ["0552", "EMD-0552", "emd_0552", " Emd-0552 "])
def test_names_of_entries(text: str) -> None:
    assert entry_id(text) == "EMD-0552"


@pytest.mark.parametrize("text", ["", "EMD-", "552", "EMD-../x", "EMD-0552/..", "PDB-0552"])
def test_names_of_no_entries(text: str) -> None:
    with pytest.raises(SettingsError):
        entry_id(text)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b.map", "C:x.map", "nul.map", "x.exe", "a.map\n", "x" * 200 + ".map"]
)
def test_names_that_are_not_safe(name: str) -> None:
    with pytest.raises(CryonetError, match="is not the name of a map"):
        safe_name(name)
