"""What a server gives when it is asked for a file, whichever way it is asked."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import BinaryIO

from napari_cryonet.errors import FileProblem


class RangeRefused(Exception):  # noqa: N818 - caught by whoever asked for a range
    """The server has nothing from there on.

    Parameters
    ----------
    total
        Bytes of the whole file; None if the server does not tell.
    """

    def __init__(self, total: int | None) -> None:
        super().__init__(f"the file ends after {total} bytes")
        self.total = total


@dataclass(frozen=True)
class Answer:
    """What a server gives.

    Parameters
    ----------
    stream
        The bytes.
    start
        Where in the file they begin.
    total
        Bytes of the whole file; None if the server does not tell.
    tag
        Names this version of the file; empty if the server does not tell.
    """

    stream: BinaryIO
    start: int
    total: int | None
    tag: str


def untrusted(name: str, error: ssl.SSLCertVerificationError) -> FileProblem:
    """Return the error for a server whose certificate does not vouch for it.

    Parameters
    ----------
    name
        The address.
    error
        What is wrong with the certificate.
    """
    return FileProblem(
        f"{name} cannot be trusted, its certificate is refused: {error.verify_message}. Nothing "
        f"was fetched. Check the address; if your institution signs certificates of its own, name "
        f"its file in the environment variable SSL_CERT_FILE."
    )
