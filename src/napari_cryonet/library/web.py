"""Asking a server: redirects, ranges, and what each of its refusals means."""

from __future__ import annotations

import email.utils
import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from typing import IO, NoReturn
from urllib.parse import urlsplit

from napari_cryonet.errors import FileProblem, SettingsError
from napari_cryonet.library.answer import Answer, RangeRefused, untrusted
from napari_cryonet.library.patience import Interrupted, persistently
from napari_cryonet.library.settings import SourceSettings
from napari_cryonet.reporting import Reporter

_BUSY = (408, 425, 429, 500, 502, 503, 504)
_PASSING = (
    urllib.error.URLError,
    http.client.HTTPException,
    ConnectionError,
    TimeoutError,
    ssl.SSLError,
)
_NOT_SATISFIABLE = 416
_LONGEST_ANSWER = 1 << 28


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not from an encrypted address to one that is not."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the next request."""
        before, after = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if after not in ("http", "https") or (before == "https" and after == "http"):
            raise FileProblem(
                f"The server sends {req.full_url} on to {newurl}; only https is followed, and "
                f"http from http, lest others can read along or change it. Check the address."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


@contextmanager
def asked(url: str, source: SourceSettings, start: int = 0, tag: str = "") -> Iterator[Answer]:
    """Ask a server for a file, or for the rest of it.

    Parameters
    ----------
    url
        Its address, http or https.
    source
        How long to wait.
    start
        Bytes that are there already.
    tag
        The version that these are of; if the server has another one, it starts at 0.

    Raises
    ------
    Interrupted
        If it may work later.
    RangeRefused
        If the file is not longer than `start`.
    FileProblem
        If it never will, or the server's certificate is not trusted.
    SettingsError
        If the address is not one of a web server.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise SettingsError(
            f"{url} is no address of a web server; one begins with https://, that of files also "
            f"with ftp:// or ftps://."
        )
    headers = {"User-Agent": "napari-cryonet", "Accept": "*/*"}
    if start:
        headers |= {"Range": f"bytes={start}-"} | ({"If-Range": tag} if tag else {})
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme is checked
    try:
        with urllib.request.build_opener(_Redirects).open(request, timeout=source.timeout) as found:
            yield _answer(found)
    except urllib.error.HTTPError as error:
        error.close()
        _refused(error, url)
    except _PASSING as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise untrusted(url, reason) from error
        raise Interrupted(f"{type(reason).__name__}: {reason}") from error


def fetch_text(url: str, source: SourceSettings, report: Reporter) -> str:
    """Return what a server answers, as text.

    Parameters
    ----------
    url
        The address.
    source
        How long to wait.
    report
        Is asked whether to stop.

    Raises
    ------
    FileProblem
        If there is no answer, or one of more than 256 MB.
    """

    def once() -> str:
        with asked(url, source) as answer:
            data = bytearray()
            while block := answer.stream.read(1 << 20):
                report.check()
                data += block
                if len(data) > _LONGEST_ANSWER:
                    raise FileProblem(f"{url} answers with more than 256 MB; check the address.")
            if answer.total is not None and len(data) < answer.total:
                raise Interrupted(f"{url}: the connection was cut")
            return data.decode("utf-8", errors="replace")

    return persistently(once, source, report)


def _answer(found: http.client.HTTPResponse) -> Answer:
    """Return what the header of an answer says."""
    length = found.headers.get("Content-Length", "")
    total = int(length) if length.isdigit() else None
    start = 0
    if found.status == http.HTTPStatus.PARTIAL_CONTENT:
        span, _, whole = found.headers.get("Content-Range", "").partition("/")
        first = span.removeprefix("bytes ").partition("-")[0].strip()
        if not first.isdigit():
            raise FileProblem(f"{found.url}: the server sends a part and does not say which.")
        start = int(first)
        total = int(whole) if whole.isdigit() else None
    tag = found.headers.get("ETag", "")
    tag = found.headers.get("Last-Modified", "") if tag.startswith("W/") or not tag else tag
    return Answer(found, start, total, tag)


def _refused(error: urllib.error.HTTPError, url: str) -> NoReturn:
    """Raise what an answer means that is not the file."""
    if error.code == _NOT_SATISFIABLE:
        whole = error.headers.get("Content-Range", "").rpartition("/")[2]
        raise RangeRefused(int(whole) if whole.isdigit() else None) from error
    if error.code in _BUSY:
        why = f"{url}: the server answers {error.code} {error.reason}"
        raise Interrupted(why, _retry_after(error.headers.get("Retry-After", ""))) from error
    there = "is not there" if error.code in (404, 410) else "is refused"
    raise FileProblem(
        f"{url} {there}: the server answers {error.code} {error.reason}. Check the entry and the "
        f"address of the files."
    ) from error


def _retry_after(text: str) -> float | None:
    """Return the seconds that a server asks to wait, given as a number or as a date."""
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
