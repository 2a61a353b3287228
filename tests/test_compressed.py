"""Compressed files: known by their first bytes, read in blocks, checked to their end."""

import bz2
import errno
import gzip
import io
from pathlib import Path

import pytest

from napari_cryonet.errors import FileProblem, FormatError
from napari_cryonet.io import compressed
from napari_cryonet.io.compressed import compression, open_stream, read_bytes
from napari_cryonet.reporting import Cancelled, RecordingReporter

TEXT = bytes(range(256)) * 40
PACKED = {"": TEXT, "gzip": gzip.compress(TEXT), "bzip2": bz2.compress(TEXT)}


def file(folder: Path, content: bytes, name: str = "a.mrc") -> Path:
    """Make a file."""
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", list(PACKED))
@pytest.mark.parametrize("name", ["a.mrc", "a.mrc.gz", "a.bz2"])
def test_content_and_not_the_name_tells_the_compression(
    kind: str, name: str, tmp_path: Path
) -> None:
    path = file(tmp_path, PACKED[kind], name)
    assert compression(path) == kind
    with open_stream(path) as stream:
        assert stream.read() == TEXT


@pytest.mark.parametrize("start", [b"", b"\x1f", b"BZ", b"\x1f\x8b\x00\x00", b"bzh"])
def test_a_beginning_that_is_nearly_right_is_not_compressed(start: bytes, tmp_path: Path) -> None:
    assert compression(file(tmp_path, start)) == ""


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for call in (compression, open_stream):
        with pytest.raises(FileProblem, match=r"Cannot read .*missing: No such file"):
            call(tmp_path / "missing")
        with pytest.raises(FileProblem, match="Cannot read"):
            call(tmp_path)


@pytest.mark.parametrize("kind", list(PACKED))
@pytest.mark.parametrize("count", [0, 1, 100, len(TEXT), len(TEXT) + 1, 10**12])
def test_as_many_bytes_are_read_as_there_are(kind: str, count: int, tmp_path: Path) -> None:
    path = file(tmp_path, PACKED[kind])
    with open_stream(path) as stream:
        assert read_bytes(stream, count, path) == TEXT[:count]


def test_reading_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = file(tmp_path, PACKED["gzip"])
    with open_stream(path) as stream:
        parts = [bytes(read_bytes(stream, count, path)) for count in (10, 20, 10**6)]
    assert parts == [TEXT[:10], TEXT[10:30], TEXT[30:]]


def test_every_block_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "_BLOCK", 4)
    report = RecordingReporter()
    read_bytes(io.BytesIO(TEXT), 10, Path("a"), report)
    assert report.steps == [{"done": done, "total": 10} for done in (4, 8, 10)]


def test_reading_stops_between_two_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "_BLOCK", 4)
    stream, report = io.BytesIO(TEXT), RecordingReporter(stop_after=2, keep=False)
    with pytest.raises(Cancelled) as caught:
        read_bytes(stream, 1000, Path("a"), report)
    assert not caught.value.keep
    assert stream.tell() == 8


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PACKED["gzip"][:5], id="gzip_cut_in_its_header"),
        pytest.param(PACKED["gzip"][:-20], id="gzip_cut"),
        pytest.param(PACKED["gzip"][:-3], id="gzip_cut_in_its_checksum"),
        pytest.param(PACKED["gzip"][:-8] + bytes(8), id="gzip_checksum_wrong"),
        pytest.param(PACKED["gzip"][:12] + b"\xff" * 900, id="gzip_damaged"),
        pytest.param(PACKED["bzip2"][:-20], id="bzip2_cut"),
        pytest.param(PACKED["bzip2"][:40] + b"\xff" * 900, id="bzip2_damaged"),
    ],
)
def test_damaged_data_are_refused_by_name(content: bytes, tmp_path: Path) -> None:
    path = file(tmp_path, content)
    with (
        open_stream(path) as stream,
        pytest.raises(FormatError, match=r"a\.mrc is damaged: .* Fetch the file again"),
    ):
        read_bytes(stream, len(TEXT) + 1, path)


def test_a_reading_error_of_the_disk_is_not_hidden() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(FileProblem, match=r"a\.mrc.*Input/output error"):
        read_bytes(Broken(), 10, Path("a.mrc"))
