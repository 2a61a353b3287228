"""An entry of the EMDB with two half maps, and names that are safe to write to a disk."""

from __future__ import annotations

import re
from dataclasses import dataclass

from napari_cryonet.errors import FormatError, SettingsError
from napari_cryonet.io.halves import pairs

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_ID = re.compile(r"(?i)(?:EMD[-_])?(\d{4,6})")
_MAP = re.compile(r"(?i).*\.(map|mrc|ccp4)(\.gz|\.bz2)?")
_NUMBERED = re.compile(r"(?i)half[ _-]?(?:map)?[ _-]?[12](?!\d)")


@dataclass(frozen=True)
class RemoteFile:
    """A file of an entry.

    Parameters
    ----------
    name
        Its name, safe to use on a disk.
    size
        Bytes as it is stored; None if not known.
    checksum
        The digest that it has to have, as ``md5:…`` or ``sha256:…``; empty if not known.
    """

    name: str
    size: int | None = None
    checksum: str = ""


@dataclass(frozen=True)
class Entry:
    """An entry of the EMDB.

    Parameters
    ----------
    id
        For example ``EMD-0552``.
    halves
        The two half maps; empty if it has no pair.
    title
        What it is.
    resolution
        Å.
    method
        How it was determined, as the EMDB calls it.
    shape
        ``(z, y, x)`` of the map.
    voxel_size
        Å per voxel.
    released
        Date, ``2019-05-16``.
    """

    id: str
    halves: tuple[RemoteFile, ...] = ()
    title: str = ""
    resolution: float | None = None
    method: str = ""
    shape: tuple[int, int, int] | None = None
    voxel_size: float | None = None
    released: str = ""

    @property
    def size(self) -> int | None:
        """Bytes of both half maps as they are stored; None if not known."""
        sizes = [half.size for half in self.halves]
        return sum(size for size in sizes if size) if sizes and all(sizes) else None

    def url(self, base: str, half: RemoteFile) -> str:
        """Return the address of one of its files.

        Parameters
        ----------
        base
            The address under which the entries are.
        half
            The file.
        """
        return f"{base.rstrip('/')}/{self.id}/other/{half.name}"


def entry_id(text: str) -> str:
    """Return the identifier of an entry in its usual form.

    Parameters
    ----------
    text
        ``EMD-0552``, ``emd_0552`` or ``0552``.

    Raises
    ------
    SettingsError
        If it is none.
    """
    found = _ID.fullmatch(text.strip())
    if found is None:
        raise SettingsError(
            f"{text!r} is no entry of the EMDB; an entry is EMD- and four to six digits, for "
            f"example EMD-0552."
        )
    return f"EMD-{found[1]}"


def safe_name(name: str) -> str:
    """Return a file name that came from elsewhere, if it cannot leave its folder.

    Raises
    ------
    FormatError
        If it is not that of a map, holds a folder, or could not be written on every system.
    """
    if _NAME.fullmatch(name) and not _RESERVED.fullmatch(name) and _MAP.fullmatch(name):
        return name
    raise FormatError(
        f"{name[:80]!r} is not the name of a map: letters, digits, dots, - and _ are allowed, and "
        f"it ends on .map, .mrc or .ccp4, with or without .gz."
    )


def half_pair(files: list[RemoteFile]) -> tuple[RemoteFile, ...]:
    """Return the first two half maps among some files, half 1 first; empty if there is no pair."""
    named = {file.name: file for file in files if _NUMBERED.search(file.name)}
    found, _ = pairs(named)
    return tuple(named[name] for name in found[0]) if found else ()
