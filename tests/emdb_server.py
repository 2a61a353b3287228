"""A web server that misbehaves when it is told to, and entries of the EMDB to put on it."""

from __future__ import annotations

import gzip
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import numpy as np

from helpers import mrc_bytes
from napari_cryonet.library import Entry, RemoteFile

Fault = Callable[["Handler", bytes], None]


@dataclass
class Server:
    """Files by path, faults to answer with before them, and what was asked for."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)

    def ranges(self, path: str) -> list[str]:
        """Return the ranges that a file was asked for, one for each request."""
        return [span for asked, span in self.log if asked == path]


class Handler(BaseHTTPRequestHandler):
    """Answers with a file or a part of it."""

    state: Server

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.state.log.append((path, self.headers.get("Range", "")))
        content = self.state.files.get(path)
        faults = self.state.faults.get(path)
        if faults:
            faults.pop(0)(self, content or b"")
        elif content is None:
            self.send_error(404)
        else:
            self.give(content, len(content))

    def give(self, content: bytes, count: int, pause: float = 0.0) -> None:
        """Send `count` bytes, from where the request wants them, and then wait."""
        tag = self.state.tags.get(unquote(urlsplit(self.path).path), '"one"')
        span = self.headers.get("Range", "")
        start = int(span.removeprefix("bytes=").removesuffix("-") or 0)
        if self.headers.get("If-Range", tag) != tag:
            start = 0
        if start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", tag)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        self.wfile.write(content[start : start + count])
        self.wfile.flush()
        time.sleep(pause)

    def log_message(self, *args: object) -> None:
        """Stay quiet."""


@contextmanager
def serving(certificate: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run a server on this machine, on a real socket; with a certificate, an https server."""
    state = Server()
    handler = type("Handler", (Handler,), {"state": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        state.address = f"http://127.0.0.1:{http.server_port}"
        if certificate is not None:
            http.socket = certificate.wrap_socket(http.socket, server_side=True)
            state.address = f"https://localhost:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        yield state
        http.shutdown()
        thread.join()


def cut(count: int) -> Fault:
    """Send so many bytes and close the connection."""
    return lambda handler, content: handler.give(content, count)


def stall(count: int, seconds: float) -> Fault:
    """Send so many bytes and then nothing for a while."""
    return lambda handler, content: handler.give(content, count, seconds)


def status(code: int, **headers: str) -> Fault:
    """Answer with a code."""

    def answer(handler: Handler, content: bytes) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def map_bytes(seed: int, side: int = 16) -> bytes:
    """Return a map of noise, which gzip cannot make much smaller."""
    noise = np.random.default_rng(seed).normal(size=(side, side, side)).astype("f4")
    return mrc_bytes(2, noise)


def offered(server: Server, digits: str = "0552", **more: object) -> tuple[Entry, list[bytes]]:
    """Put an entry on the server; also return its two maps, uncompressed."""
    maps = [map_bytes(int(digits) + half) for half in (1, 2)]
    halves = []
    for number, content in enumerate(maps, start=1):
        name = f"emd_{digits}_half_map_{number}.map.gz"
        packed = gzip.compress(content, mtime=0)
        server.files[path_of(digits, number)] = packed
        halves.append(RemoteFile(name, len(packed)))
    values = {"title": f"Thing {digits}", "resolution": 3.5, "shape": (16, 16, 16), **more}
    return Entry(f"EMD-{digits}", tuple(halves), **values), maps  # type: ignore[arg-type]


def path_of(digits: str, number: int) -> str:
    """Return the path of a half map on the server."""
    return f"/files/EMD-{digits}/other/emd_{digits}_half_map_{number}.map.gz"


def described(digits: str, side: int, *names: str) -> bytes:
    """Return what the EMDB tells of an entry."""
    dimensions = {"col": side, "row": side, "sec": side}
    spacing = {"x": {"valueOf_": "1.25", "units": "Å"}}
    halves = [{"file": name, "dimensions": dimensions, "pixel_spacing": spacing} for name in names]
    return json.dumps(
        {
            "emdb_id": f"EMD-{digits}",
            "admin": {"title": "A thing, seen", "key_dates": {"map_release": "2020-02-02"}},
            "map": {"dimensions": dimensions, "pixel_spacing": spacing},
            "interpretation": {"half_map_list": {"half_map": halves}},
            "structure_determination_list": {
                "structure_determination": [
                    {
                        "method": "singleParticle",
                        "image_processing": [
                            {"final_reconstruction": {"resolution": {"valueOf_": "3.4"}}}
                        ],
                    }
                ]
            },
        }
    ).encode()
