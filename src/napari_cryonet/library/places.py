"""Where a file of a library is says what it is for, and where it belongs.

Paths are relative to the library, with ``/``. Three folders are ours: ``train``,
``validation`` and ``bad``, below which a bad pair keeps the path that it had. Folders of
the kind of Protein-Denoiser are understood as they are: ``1.0`` and ``2.0`` hold the halves
to train on, ``1.5`` and ``2.5`` those to validate with, ``1.0badMaps`` the bad ones of
``1.0``, and a file has the same name in both.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

BAD, VALIDATION, TRAIN = "bad", "validation", "train"
STATES = (TRAIN, VALIDATION, BAD)

_ASIDE = "badMaps"
_TRAINING, _VALIDATING = ("1.0", "2.0"), ("1.5", "2.5")
_NUMBERED = (*_TRAINING, *_VALIDATING)
_DIGITS = re.compile(r"(?:emd[-_])?(\d{4,6})", re.IGNORECASE)


def home(path: str) -> str:
    """Return where a file is when it is not put aside."""
    first, *rest = parts = PurePosixPath(path).parts
    if first == BAD and rest:
        parts = tuple(rest)
    folders = [part.removesuffix(_ASIDE) if _is_aside(part) else part for part in parts[:-1]]
    return "/".join((*folders, parts[-1]))


def aside(path: str) -> str:
    """Return where a file is when it is put aside."""
    *folders, name = PurePosixPath(home(path)).parts
    if folders and folders[-1] in _NUMBERED:
        return "/".join((*folders[:-1], folders[-1] + _ASIDE, name))
    return "/".join((BAD, *folders, name))


def state(path: str) -> str:
    """Return ``train``, ``validation`` or ``bad``."""
    if home(path) != path:
        return BAD
    folders = PurePosixPath(path).parts[:-1]
    return VALIDATION if {VALIDATION, *_VALIDATING} & set(folders) else TRAIN


def pairing_name(path: str) -> str:
    """Return a name by which the halves of a pair are recognised, wherever they are.

    The folders of Protein-Denoiser become ``half1`` and ``half2``; a file is the same
    compressed or not.
    """
    *folders, name = PurePosixPath(home(path)).parts
    if folders and folders[-1] in _NUMBERED:
        which, kind = folders[-1].split(".")
        folders[-1] = f"half{which}.{kind}"
    return "/".join((*folders, plain(name)))


def plain(name: str) -> str:
    """Return the name of a file without what says that it is compressed."""
    lowered = name.lower()
    return name[:-3] if lowered.endswith(".gz") else name[:-4] if lowered.endswith(".bz2") else name


def known_as(path: str) -> str:
    """Return the name under which the EMDB has a file, as far as that can be told.

    ``1.0badMaps/0552.map`` is ``emd_0552_half_map_1.map`` there.
    """
    *folders, name = PurePosixPath(home(path)).parts
    stem, _, suffix = plain(name).rpartition(".")
    number = _DIGITS.fullmatch(stem)
    if folders and folders[-1] in _NUMBERED and number:
        return f"emd_{number[1]}_half_map_{folders[-1][0]}.{suffix}".lower()
    return plain(name).lower()


def _is_aside(folder: str) -> bool:
    """Whether a folder is one of Protein-Denoiser's for bad maps."""
    return folder.removesuffix(_ASIDE) in _NUMBERED and folder.endswith(_ASIDE)
