"""What the tests of the library share: a server on this machine and an empty library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emdb_server import Server, serving
from napari_cryonet.library import Library, SourceSettings


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on this machine, on a real socket."""
    monkeypatch.setenv("no_proxy", "*")
    with serving() as state:
        yield state


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
