"""Downloads over TLS: certificates are checked, and nothing falls back to plain text."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from emdb_server import Server, offered, path_of, serving, status
from ftp_server import FtpServer, ftp_serving
from napari_cryonet.errors import FileProblem
from napari_cryonet.library import (
    DownloadSettings,
    Entry,
    Library,
    SearchSettings,
    SourceSettings,
)
from napari_cryonet.library.download import Fetched, download
from napari_cryonet.library.emdb import search
from napari_cryonet.reporting import RecordingReporter

PATH = path_of("0552", 1)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority that nobody knows of."""
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA) -> ssl.SSLContext:
    """A certificate of this authority for this machine."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(made)
    return made


@pytest.fixture
def server(certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An https server on this machine."""
    monkeypatch.setenv("no_proxy", "*")
    with serving(certificate) as state:
        yield state


@pytest.fixture
def ftp(certificate: ssl.SSLContext) -> Iterator[FtpServer]:
    """An FTP server on this machine that encrypts."""
    with ftp_serving(certificate) as state:
        yield state


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the authority trusted, as an institution would have its own."""
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


def fetched(entry: Entry, library: Library, address: str) -> Fetched:
    """Download an entry from a server, without pauses."""
    source = SourceSettings(files=f"{address}/files", wait=0.0, timeout=5.0)
    return download([entry], library, DownloadSettings(), source, RecordingReporter())


@pytest.mark.usefixtures("trusted")
def test_a_trusted_server(server: Server, library: Library) -> None:
    entry, maps = offered(server)
    assert fetched(entry, library, server.address).arrived == ["EMD-0552"]
    assert (library.folder / "train/emd_0552_half_map_1.map").read_bytes() == maps[0]


def test_a_server_that_nobody_vouches_for(server: Server, library: Library) -> None:
    entry, _ = offered(server)
    failed = fetched(entry, library, server.address).failed["EMD-0552"]
    assert "cannot be trusted, its certificate is refused: " in failed
    assert "SSL_CERT_FILE" in failed
    assert server.log == []
    assert [path for path in library.folder.rglob("*") if path.is_file()] == []


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_server(server: Server, library: Library) -> None:
    entry, _ = offered(server)
    elsewhere = server.address.replace("localhost", "127.0.0.1")
    assert "127.0.0.1" in fetched(entry, library, elsewhere).failed["EMD-0552"]
    assert server.log == []


def test_a_search_is_not_asked_of_a_server_that_nobody_vouches_for(server: Server) -> None:
    source = SourceSettings(api=f"{server.address}/api", wait=0.0)
    with pytest.raises(FileProblem, match="cannot be trusted"):
        search(SearchSettings(), source, RecordingReporter())


@pytest.mark.usefixtures("trusted")
def test_https_does_not_become_http(server: Server, library: Library) -> None:
    entry, _ = offered(server)
    with serving() as plain:
        plain.files = server.files
        server.faults[PATH] = [status(302, Location=f"{plain.address}{PATH}")]
        failed = fetched(entry, library, server.address).failed["EMD-0552"]
        assert "only https is followed" in failed
        assert f"{plain.address}{PATH}" in failed
        assert plain.log == []
    server.faults[PATH] = [status(302, Location=f"{server.address}/else")]
    server.files["/else"] = server.files[PATH]
    assert fetched(entry, library, server.address).arrived == ["EMD-0552"]


@pytest.mark.usefixtures("trusted")
def test_ftp_with_encryption(ftp: FtpServer, library: Library) -> None:
    web = Server()
    entry, maps = offered(web)
    ftp.files = web.files
    assert fetched(entry, library, ftp.address).arrived == ["EMD-0552"]
    assert (library.folder / "train/emd_0552_half_map_1.map").read_bytes() == maps[0]


def test_ftp_with_a_certificate_that_nobody_vouches_for(ftp: FtpServer, library: Library) -> None:
    entry, _ = offered(Server())
    failed = fetched(entry, library, ftp.address).failed["EMD-0552"]
    assert "cannot be trusted" in failed
    assert ftp.users == []
