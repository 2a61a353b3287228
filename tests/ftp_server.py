"""An FTP server that misbehaves when it is told to."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Fault:
    """What goes wrong with one RETR.

    Parameters
    ----------
    reply
        Is answered in the place of the file; empty sends it.
    count
        Bytes that are sent before the connections are closed.
    pause
        Seconds of silence before that.
    """

    reply: str = ""
    count: int = 0
    pause: float = 0.0


@dataclass
class FtpServer:
    """Files by path, faults to answer with before them, and where each RETR began."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    changed: str = "20200101000000"
    lacks: set[str] = field(default_factory=set)
    log: list[tuple[str, int]] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    certificate: ssl.SSLContext | None = None

    def starts(self, path: str) -> list[int]:
        """Return where each transfer of a file began."""
        return [start for asked, start in self.log if asked == path]


class _Handler(socketserver.BaseRequestHandler):
    """Answers the commands of one connection."""

    state: FtpServer

    def handle(self) -> None:
        self.lines = self.request.makefile("rb")
        self.start, self.secret, self.closed = 0, False, False
        self.listener: socket.socket | None = None
        self.say("220 Ready.")
        while not self.closed and (line := self.lines.readline()):
            verb, _, words = line.decode().strip().partition(" ")
            answer = getattr(self, f"on_{verb.lower()}", None)
            if answer is None or verb in self.state.lacks:
                self.say("502 Not implemented.")
            else:
                answer(words)

    def say(self, reply: str) -> None:
        self.request.sendall(f"{reply}\r\n".encode())

    def on_auth(self, _words: str) -> None:
        self.say("234 Go on.")
        assert self.state.certificate is not None
        try:
            self.request = self.state.certificate.wrap_socket(self.request, server_side=True)
        except OSError:  # the client has refused the certificate
            self.closed = True
            return
        self.lines.close()
        self.lines = self.request.makefile("rb")

    def on_pbsz(self, _words: str) -> None:
        self.say("200 Fine.")

    def on_prot(self, _words: str) -> None:
        self.secret = True
        self.say("200 Fine.")

    def on_user(self, words: str) -> None:
        self.state.users.append(words)
        self.say("331 And the password?")

    def on_pass(self, _words: str) -> None:
        self.say("230 Welcome.")

    def on_type(self, _words: str) -> None:
        self.say("200 Fine.")

    def on_size(self, words: str) -> None:
        content = self.state.files.get(words)
        self.say("550 No such file." if content is None else f"213 {len(content)}")

    def on_mdtm(self, _words: str) -> None:
        self.say(f"213 {self.state.changed}")

    def on_rest(self, words: str) -> None:
        self.start = int(words)
        self.say("350 Go on.")

    def finish(self) -> None:
        """Close what was opened on the way; encryption has put other sockets in place."""
        for part in (self.lines, self.request, self.listener):
            if part is not None:
                part.close()

    def on_pasv(self, _words: str) -> None:
        if self.listener is not None:
            self.listener.close()
        self.listener = socket.create_server(("127.0.0.1", 0))
        high, low = divmod(self.listener.getsockname()[1], 256)
        self.say(f"227 Entering Passive Mode (127,0,0,1,{high},{low}).")

    def on_retr(self, path: str) -> None:
        content, start, self.start = self.state.files.get(path), self.start, 0
        self.state.log.append((path, start))
        faults = self.state.faults.get(path)
        fault = faults.pop(0) if faults else None
        assert self.listener is not None
        with self.listener.accept()[0] as data:
            if content is None or (fault and fault.reply):
                self.say(fault.reply if fault else "550 No such file.")
                return
            self.say("150 Here it comes.")
            count = len(content) if fault is None else fault.count
            self.send(data, content[start : start + count])
            if fault is not None:
                time.sleep(fault.pause)
                self.closed = True
        if fault is None:
            self.say("226 Done.")

    def send(self, data: socket.socket, content: bytes) -> None:
        """Send bytes, encrypted if that was agreed on."""
        if not self.secret:
            data.sendall(content)
            return
        assert self.state.certificate is not None
        with self.state.certificate.wrap_socket(data, server_side=True) as hidden:
            hidden.sendall(content)
            with suppress(OSError):  # the client may just hang up
                hidden.unwrap()


class _Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def ftp_serving(certificate: ssl.SSLContext | None = None) -> Iterator[FtpServer]:
    """Run a server on this machine, on a real socket."""
    state = FtpServer(certificate=certificate)
    handler = type("Handler", (_Handler,), {"state": state})
    with _Threads(("127.0.0.1", 0), handler) as server:
        scheme, host = ("ftp", "127.0.0.1") if certificate is None else ("ftps", "localhost")
        state.address = f"{scheme}://{host}:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield state
        server.shutdown()
        thread.join()
