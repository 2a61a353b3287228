"""The formats of coordinates in one table: names, suffixes, conventions, readers, writers.

A format is recognised by the content of a file where the content tells, else by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_cryonet.errors import FormatError
from napari_cryonet.io.coordinates import (
    cbox,
    copick,
    dynamo,
    eman,
    imod,
    lists,
    motl,
    relion,
    relion_out,
    tables,
)
from napari_cryonet.io.coordinates.convention import Convention
from napari_cryonet.io.coordinates.lines import content, used
from napari_cryonet.io.coordinates.settings import CoordinateSettings
from napari_cryonet.io.coordinates.sheet import Output, Sheet, Written

Reader = Callable[[Path, CoordinateSettings], Sheet]
Writer = Callable[[Sequence[Output]], Written]


@dataclass(frozen=True)
class Format:
    """One format of coordinates.

    Parameters
    ----------
    name
        As in `CoordinateSettings.format`.
    title
        For people.
    suffixes
        Of its files, the usual one first.
    convention
        What its numbers mean.
    read
        Makes a sheet of a file.
    write
        Makes the content of a file; None if the format is only read.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    convention: Convention
    read: Reader
    write: Writer | None


def _alone(read: Callable[[Path], Sheet]) -> Reader:
    """Return a reader for a format that says all of itself."""
    return lambda path, _: read(path)


_STAR, _LIST = relion.CONVENTIONS, lists.CONVENTIONS

FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        Format("relion5", "RELION 5", (".star",), _STAR["relion5"],
               relion.read, relion_out.relion5),
        Format("relion4", "RELION 4", (".star",), _STAR["relion4"],
               relion.read, relion_out.relion4),
        Format("warp", "Warp", (".star",), _STAR["warp"], relion.read, relion_out.warp),
        Format("relion31", "RELION 3.1", (".star",), _STAR["relion31"], relion.read, None),
        Format("relion30", "RELION 3.0", (".star",), _STAR["relion30"], relion.read, None),
        Format("csv", "Table", (".csv",), tables.CONVENTION, _alone(tables.read), tables.write_csv),
        Format("coords", "TomoTwin", (".coords",), _LIST["coords"], lists.read, lists.coords),
        Format("imod", "IMOD model", (".mod",), imod.CONVENTION, _alone(imod.read), imod.write),
        Format("imod-points", "IMOD points", (".txt",), _LIST["imod-points"],
               lists.read, lists.imod_points),
        Format("cbox", "crYOLO", (".cbox",), cbox.CONVENTION, cbox.read, cbox.write),
        Format("eman", "EMAN2", (".json",), eman.CENTRED, _alone(eman.read_json), eman.write_json),
        Format("eman-box", "EMAN boxes", (".box",), eman.CORNER, eman.read_box, eman.write_box),
        Format("dynamo", "Dynamo", (".tbl",), dynamo.CONVENTION, _alone(dynamo.read), dynamo.write),
        Format("motl", "AV3 motive list", (".em",), motl.CONVENTION, _alone(motl.read), motl.write),
        Format("copick", "copick", (".json",), copick.CONVENTION,
               _alone(copick.read), copick.write),
        Format("cet-pick", "cet_pick training list", (".tsv", ".txt"), tables.CONVENTION,
               _alone(tables.read), tables.write_cet_pick),
        Format("cet-pick-results", "cet_pick results", (".txt",), _LIST["cet-pick-results"],
               lists.read, lists.cet_pick_results),
    )
}  # fmt: skip

SUFFIXES = (
    *(".star", ".csv", ".tsv", ".txt", ".coords", ".mod", ".cbox", ".json", ".box", ".tbl", ".em"),
    ".tloc",
)
"""Of files that may hold coordinates; a .tloc is recognised in order to say why it is refused."""

_BY_SUFFIX = {".star": "relion5", ".csv": "csv", ".coords": "coords", ".mod": "imod",
              ".cbox": "cbox", ".json": "eman", ".box": "eman-box", ".tbl": "dynamo",
              ".em": "motl", ".tsv": "cet-pick"}  # fmt: skip


def of_file(path: Path, settings: CoordinateSettings) -> Format:
    """Return the format of a file that is there.

    Parameters
    ----------
    path
        The file.
    settings
        Their `format` decides, unless it is auto.

    Raises
    ------
    FileProblem
        If it cannot be read.
    FormatError
        If neither content nor name tell what it is.
    """
    if settings.format != "auto":
        return FORMATS[settings.format]
    start = content(path)[:4096]
    suffix = plain_suffix(path)
    if start.startswith(b"IMODV"):
        return FORMATS["imod"]
    if suffix == ".json" or start.lstrip().startswith(b"{"):
        return FORMATS["copick" if copick.OBJECT in eman.parsed(path) else "eman"]
    if suffix == ".cbox" or b"data_cryolo" in start:
        return FORMATS["cbox"]
    if suffix in (".txt", ".tsv"):
        return _of_text(path)
    if suffix in _BY_SUFFIX:
        return FORMATS[_BY_SUFFIX[suffix]]
    raise FormatError(
        f"{path} has no name of a format of coordinates; the names are {' '.join(SUFFIXES[:-1])}. "
        f"Rename it or choose a format (--format)."
    )


def of_name(path: Path, settings: CoordinateSettings, earlier: str) -> Format:
    """Return the format of a file to be written.

    Parameters
    ----------
    path
        The file.
    settings
        Their `format` decides, unless it is auto.
    earlier
        The format that the positions were read from, which is taken where the name allows it.

    Raises
    ------
    FormatError
        If the name does not tell, or the format is only read.
    """
    suffix = plain_suffix(path)
    name = settings.format
    if name == "auto":
        known = FORMATS.get(earlier)
        again = known is not None and known.write is not None and suffix in known.suffixes
        name_ = earlier if again else _BY_SUFFIX.get(suffix, "")
        if not name_:
            raise FormatError(
                f"Cannot write Points as {suffix or 'a file without a suffix'}: {path.name} does "
                f"not tell the format of coordinates; the names are "
                f"{' '.join(_BY_SUFFIX)}. For another name choose a format (cryonet convert "
                f"--to.format): "
                f"{', '.join(one.name for one in FORMATS.values() if one.write)}."
            )
        return FORMATS[name_]
    if FORMATS[name].write is None:
        raise FormatError(
            f"{FORMATS[name].title} files are only read; write relion5, relion4 or warp instead."
        )
    return FORMATS[name]


def plain_suffix(path: Path) -> str:
    """Return the last suffix of a name, in lower case and without that of a compression."""
    name = path.name.lower().removesuffix(".gz").removesuffix(".bz2")
    return Path(name).suffix


def _of_text(path: Path) -> Format:
    """Return the format of a .txt or .tsv: one with a header tells, a bare list does not."""
    lines = used(path)
    words = lines[0][1].split() if lines else []
    if words and not all(_is_number(word) for word in words):
        return FORMATS["cet-pick"]
    raise FormatError(
        f"{path} is a bare list of numbers, which does not say what they are; choose a format "
        f"(--format): imod-points for x y z of model2point, cet-pick-results for x z y, coords for "
        f"x y z in voxels."
    )


def _is_number(word: str) -> bool:
    """Whether a word is a number."""
    try:
        float(word)
    except ValueError:
        return False
    return True
