"""One file on its way from a server: it grows as a part, and goes on where it was cut.

What names the version of a part is kept beside it, so that two versions are never joined.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from napari_cryonet.errors import FileProblem
from napari_cryonet.library import ftp, web
from napari_cryonet.library.answer import Answer, RangeRefused
from napari_cryonet.library.entry import RemoteFile
from napari_cryonet.library.local import copied
from napari_cryonet.library.patience import Interrupted, persistently
from napari_cryonet.library.settings import SourceSettings
from napari_cryonet.library.space import check_room, writing
from napari_cryonet.reporting import PassingReporter, Reporter

_BLOCK = 1 << 16


class Bytes(PassingReporter):
    """Counts the bytes of all files together.

    Parameters
    ----------
    report
        Is told ``done`` and ``total`` of all files, and both of this one.
    total
        Bytes of all files as far as they are known.
    """

    def __init__(self, report: Reporter, total: float) -> None:
        super().__init__(report)
        self._before, self._total = 0.0, total
        self._done, self._size = 0.0, 0.0

    def begin(self, size: float | None) -> None:
        """Begin a file of a size that the search has told, or not."""
        self._before += self._size
        self._done, self._size = 0.0, size or 0.0

    def at(self, done: float, size: float | None) -> None:
        """Say how far the file is, and how large the server says it is."""
        size = max(done, size or self._size)
        self._total += size - self._size
        self._done, self._size = done, size
        self.step(self._before + done, max(self._total, 1.0), file_done=done, file_total=size)


def fetch(url: str, remote: RemoteFile, part: Path, source: SourceSettings, report: Bytes) -> None:
    """Fetch a file, going on with what is there of it.

    Parameters
    ----------
    url
        Its address, or its path on this machine.
    remote
        What is known of it.
    part
        Where it grows.
    source
        How often to try.
    report
        Is told the bytes.

    Raises
    ------
    FileProblem
        If it cannot be had; what has arrived stays.
    """

    def once() -> None:
        have = part.stat().st_size if part.exists() else 0
        tag = tag_of(part).read_text(encoding="utf-8") if tag_of(part).exists() else ""
        start = have if tag else 0  # without a tag another version could be there by now
        try:
            with _asked(url, source, start, tag) as answer:
                _take(answer, remote, part, report)
        except RangeRefused as refused:
            if refused.total != have:
                part.unlink(missing_ok=True)
                raise Interrupted(f"{url}: the server has another file by now") from None

    persistently(once, source, report, lambda: part.stat().st_size if part.exists() else 0)


def _asked(
    url: str, source: SourceSettings, start: int, tag: str
) -> AbstractContextManager[Answer]:
    """Ask for a file, or the rest of it, in the way that its address says."""
    scheme, given, _ = url.partition("://")
    if not given:
        return copied(Path(url))
    asked = ftp.asked if scheme in ftp.SCHEMES else web.asked
    return asked(url, source, start, tag)


def _take(answer: Answer, remote: RemoteFile, part: Path, report: Bytes) -> None:
    """Append what arrives to the part, which begins again if the answer does."""
    done, total = answer.start, answer.total
    have = part.stat().st_size if part.exists() else 0
    if done > have:
        raise Interrupted(f"{remote.name}: the server begins at {done} instead of {have}")
    if remote.size is not None and total is not None and total != remote.size:
        raise FileProblem(
            f"{remote.name} has {total} bytes on the server and {remote.size} in the list; it was "
            f"replaced since the list was made. Search again, or allow it (--no-check-size)."
        )
    if total is not None:
        check_room(part.parent, total - done)
    tag_of(part).write_text(answer.tag, encoding="utf-8")
    with writing(part, "r+b" if done else "wb") as sink:
        sink.seek(done)
        sink.truncate()
        while block := answer.stream.read1(_BLOCK):  # type: ignore[attr-defined]
            report.check()
            sink.write(block)
            done += len(block)
            report.at(done, total)
            if total is not None and done > total:
                raise FileProblem(f"{remote.name}: the server sends more than its {total} bytes.")
    if total is not None and done < total:
        raise Interrupted(f"{remote.name}: the connection was cut after {done} of {total} bytes")


def tag_of(part: Path) -> Path:
    """Return where the version of a part is kept.

    Parameters
    ----------
    part
        The file that grows.
    """
    return part.with_suffix(".tag")
