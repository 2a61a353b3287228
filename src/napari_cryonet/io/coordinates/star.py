"""STAR files, read and written by starfile; checked here, line by line, where it is lenient.

References
----------
S. R. Hall, J. Chem. Inf. Comput. Sci. 31 (1991), doi:10.1021/ci00002a020;
https://github.com/teamtomo/starfile.
"""

from __future__ import annotations

import linecache
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import FormatError
from napari_cryonet.io.coordinates.lines import column, text

_NAMES = (
    *("rlnTomoName", "rlnMicrographName", "rlnTomoParticleName", "rlnImageName"),
    *("rlnGroupName", "rlnOpticsGroupName"),
)
_MISSING = "<NA>"


@dataclass(frozen=True)
class Block:
    """One block of a STAR file.

    Parameters
    ----------
    columns
        The values by name; a block without a loop has one of each.
    lines
        The line of each row; empty for a block without a loop.
    loop
        Whether it has rows at all.
    """

    columns: dict[str, NDArray[Any]]
    lines: tuple[int, ...]
    loop: bool = True

    def plain(self) -> dict[str, Any]:
        """Return the values ready for JSON: lists, or single values without a loop."""
        values = {name: one.tolist() for name, one in self.columns.items()}
        return values if self.loop else {name: one[0] for name, one in values.items()}


def read_blocks(path: Path) -> dict[str, Block]:
    """Read all blocks of a STAR file.

    Parameters
    ----------
    path
        The file, possibly compressed.

    Returns
    -------
    dict of str to Block
        By name, without ``data_``.

    Raises
    ------
    FileProblem
        If it cannot be read.
    FormatError
        If it is not a STAR file or a line has the wrong number of values.
    """
    content = text(path)
    lines, empty = _checked(path, content)
    parsed = _parsed(path, content, empty)
    return {
        name: Block(_columns(block), lines.get(name, ()), loop=not isinstance(block, dict))
        for name, block in parsed.items()
        if block is not None
    }


def star_text(blocks: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Return a STAR file.

    Parameters
    ----------
    blocks
        By name, columns by name; lists and arrays make a loop, single values a plain block.
    """
    import pandas
    import starfile

    def made(block: Mapping[str, Any]) -> Any:
        loop = any(isinstance(value, list | np.ndarray) for value in block.values())
        return pandas.DataFrame(dict(block)) if loop else dict(block)

    ready = {name: made(block) for name, block in blocks.items()}
    written: str = starfile.to_string(ready, float_format="%.9g")
    return written.encode()


def _checked(path: Path, content: str) -> tuple[dict[str, tuple[int, ...]], set[int]]:
    """Return the lines of the rows of each block, and those that begin an empty block.

    Rows with missing or further values are refused: starfile would fill them up.
    """
    found: dict[str, list[int]] = {}
    empty: set[int] = set()
    block, start, width, looping = "", 0, 0, False
    for line, raw in enumerate(content.splitlines(), 1):
        words = _words(path, line, raw)
        if not words:
            continue
        if words[0].startswith("data_"):
            block, start, width, looping = words[0][5:], line, 0, False
            found[block] = []
            empty.add(line)
        elif words[0] == "loop_":
            width, looping = 0, True
        elif start and words[0].startswith("_") and not found[block]:
            width += 1
            empty.discard(start)
        elif not (start and looping):
            raise FormatError(
                f"{path}, line {line}: {raw.strip()[:40]!r} belongs to no block and no loop; a "
                f"STAR file has data_, loop_ and lines that begin with _. Choose another file."
            )
        elif len(words) != width:
            raise FormatError(
                f"{path}, line {line}: {len(words)} values for {width} columns; every line of a "
                f"loop has one for each. Correct or delete it."
            )
        else:
            found[block].append(line)
    if not found:
        raise FormatError(f"{path} is no STAR file: it has no line that begins with data_.")
    return {name: tuple(rows) for name, rows in found.items()}, empty


def _words(path: Path, line: int, raw: str) -> list[str]:
    """Return the values of a line, with quoted ones in one piece and without its comment."""
    if "'" not in raw and '"' not in raw:
        return raw.partition("#")[0].split()
    try:
        return shlex.split(raw, comments=True)
    except ValueError:
        raise FormatError(
            f"{path}, line {line}: a quotation mark is opened and not closed. Correct the line."
        ) from None


def _parsed(path: Path, content: str, empty: set[int]) -> dict[str, Any]:
    """Return the blocks as starfile has them; an empty one would take the name of the next."""
    import starfile

    kept = ["" if line in empty else raw for line, raw in enumerate(content.splitlines(), 1)]
    with TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.star"  # starfile reads from disk, and not through gzip
        plain.write_text("\n".join(kept) + "\n", encoding="utf-8")
        try:
            parsed: dict[str, Any] = starfile.read(
                plain, always_dict=True, parse_as_string=list(_NAMES)
            )
        except Exception as error:  # of whatever kind its parsers raise
            linecache.clearcache()
            raise FormatError(
                f"{path} cannot be read as STAR: {' '.join(str(error).split())[:200]}. It is "
                f"damaged; export it anew."
            ) from error
    return parsed


def _columns(block: Any) -> dict[str, NDArray[Any]]:
    """Return a block of starfile as arrays of numbers or text."""
    if isinstance(block, dict):
        return {name: np.array([value]) for name, value in block.items()}
    columns = {}
    for name in block.columns:
        values = np.asarray(block[name])
        if values.dtype.kind not in "biuf":
            words = [_MISSING if one != one else str(one) for one in block[name].tolist()]
            values = column(words) if name not in _NAMES else np.array(words, dtype=str)
        columns[str(name)] = values
    return columns
