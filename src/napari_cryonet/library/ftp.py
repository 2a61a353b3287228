"""Asking an FTP server for a file, or for the rest of it.

``ftp://`` is not encrypted; ``ftps://`` is, after the server has shown its certificate.

References
----------
RFC 959 (REST and RETR), RFC 3659 (SIZE and MDTM), RFC 4217 (AUTH TLS).
"""

from __future__ import annotations

import ftplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import SplitResult, urlsplit

from napari_cryonet.errors import FileProblem, SettingsError
from napari_cryonet.library.answer import Answer, RangeRefused, untrusted
from napari_cryonet.library.patience import Interrupted
from napari_cryonet.library.settings import SourceSettings

SCHEMES = ("ftp", "ftps")

_PASSING = (
    ftplib.error_temp,
    ftplib.error_reply,
    ftplib.error_proto,
    EOFError,
    ConnectionError,
    TimeoutError,
    ssl.SSLError,
)
_UNKNOWN = "50"  # how the replies begin to a command that the server does not have


@contextmanager
def asked(url: str, source: SourceSettings, start: int = 0, tag: str = "") -> Iterator[Answer]:
    """Ask a server for a file, or for the rest of it.

    Parameters
    ----------
    url
        Its address, ftp or ftps; without a name in it, the user is anonymous.
    source, start, tag
        As in `napari_cryonet.library.web.asked`.

    Raises
    ------
    Interrupted, RangeRefused, FileProblem
        As there.
    SettingsError
        If the address is none.
    """
    parts = urlsplit(url)
    name = f"{parts.scheme}://{parts.hostname}{parts.path}"  # without a password
    try:
        with closing(_connected(parts, source.timeout)) as server:
            total, version = _facts(server, parts.path)
            start = start if version == tag else 0
            if start and total is not None and start >= total:
                raise RangeRefused(total)
            data, start = _begun(server, parts.path, start)
            with data, data.makefile("rb") as stream:
                yield Answer(stream, start, total, version)
            if total is None:
                server.voidresp()  # only the server can tell whether it was all
    except ftplib.error_perm as error:
        raise FileProblem(
            f"{name} is refused: the server answers {error}. Check the entry and the address of "
            f"the files."
        ) from error
    except ssl.SSLCertVerificationError as error:
        raise untrusted(name, error) from error
    except _PASSING as error:
        raise Interrupted(f"{name}: {type(error).__name__}: {error}") from error


def _connected(parts: SplitResult, timeout: float) -> ftplib.FTP:
    """Return a connection on which files are asked for as bytes."""
    server = ftplib.FTP(timeout=timeout)  # noqa: S321 - the address asks for it
    if parts.scheme == "ftps":
        trusted = ssl.create_default_context()
        server = ftplib.FTP_TLS(timeout=timeout, context=trusted)  # noqa: S321 - encrypted
    try:
        _reach(server, parts)
        server.login(parts.username or "", parts.password or "")
        if isinstance(server, ftplib.FTP_TLS):
            server.prot_p()
        server.voidcmd("TYPE I")
    except BaseException:
        server.close()
        raise
    return server


def _reach(server: ftplib.FTP, parts: SplitResult) -> None:
    """Open the connection; a network that is not there may be back later."""
    try:
        server.connect(parts.hostname or "", parts.port or ftplib.FTP_PORT)
    except ValueError as error:
        raise SettingsError(
            f"{parts.netloc.rpartition('@')[2]} is no address of a server: {error}. One is a name, "
            f"or a name, a colon and the number of a port."
        ) from error
    except OSError as error:
        raise Interrupted(f"{parts.hostname}: {error}") from error


def _facts(server: ftplib.FTP, path: str) -> tuple[int | None, str]:
    """Return the size of a file and when it was changed, as far as the server tells."""
    told = []
    for command in ("SIZE", "MDTM"):
        try:
            told.append(server.sendcmd(f"{command} {path}").partition(" ")[2].strip())
        except ftplib.error_perm as error:
            if not str(error).startswith(_UNKNOWN):
                raise
            told.append("")
    size, changed = told
    return int(size) if size.isdigit() else None, changed


def _begun(server: ftplib.FTP, path: str, start: int) -> tuple[socket.socket, int]:
    """Return the connection on which a file comes, and where it begins."""
    command = f"RETR {path}"
    if start:
        try:
            return server.transfercmd(command, start), start
        except ftplib.error_perm as error:
            if not str(error).startswith(_UNKNOWN):
                raise
    return server.transfercmd(command), 0
