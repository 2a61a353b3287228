"""What the tests of the library share: a server on this machine and an empty library."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from emdb_server import Handler, Server
from napari_cryonet.library import Library, SourceSettings


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on this machine, on a real socket."""
    monkeypatch.setenv("no_proxy", "*")
    state = Server()
    handler = type("Handler", (Handler,), {"state": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        state.address = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        yield state
        http.shutdown()
        thread.join()


@pytest.fixture
def source(server: Server) -> SourceSettings:
    """The server in the place of the EMDB, without pauses."""
    return SourceSettings(
        api=f"{server.address}/api", files=f"{server.address}/files", wait=0.0, timeout=5.0
    )


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """An empty library."""
    folder = tmp_path / "library"
    folder.mkdir()
    return Library(folder)
