"""``cryonet halfmaps``: sorting the pairs of a library, and putting them back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from napari_cryonet.cli.console import working
from napari_cryonet.cli.options import FILES, Flag, chosen, options_of
from napari_cryonet.cli.output import number, say, say_json
from napari_cryonet.cli.work import DONE
from napari_cryonet.io.atomic import check_output, replacing
from napari_cryonet.library.index import Library
from napari_cryonet.library.records import Pair, training_table
from napari_cryonet.library.settings import SortSettings

_FOLDER = Annotated[Path, Parameter(name="FOLDER", group=FILES)]


@Parameter(name="*", group=FILES)
@dataclass(frozen=True, kw_only=True)
class SortFiles:
    """What sorting reads and says.

    Parameters
    ----------
    settings
        A TOML file of settings; options win over it.
    mask_file
        A mask for all pairs.
    dry_run
        Measure and move nothing.
    quiet
        Show no progress.
    json
        Print the pairs as JSON.
    """

    settings: Path | None = None
    mask_file: Path | None = None
    dry_run: Flag = False
    quiet: Flag = False
    json: Flag = False


def app() -> App:
    """Return the commands."""
    made = App(name="halfmaps", help="Sort the pairs of half maps in a folder.", sort_key=12)
    start = "Usage: cryonet halfmaps"
    made.command(sort, usage=f"{start} sort FOLDER [OPTIONS]\n")
    made.command(restore, usage=f"{start} restore FOLDER [OPTIONS]\n")
    made.command(show, name="list", usage=f"{start} list FOLDER [OPTIONS]\n")
    return made


def sort(folder: _FOLDER, /, *, files: SortFiles | None = None, options: Any = None) -> int:
    """Put pairs aside whose halves do not correlate, and others back. Nothing is deleted.

    Parameters
    ----------
    folder
        The library.
    files
        What is read and said.
    options
        What is a bad pair.
    """
    from napari_cryonet.library import sort as sorting

    asked = files or SortFiles()
    settings = SortSettings.load(chosen(SortSettings, asked.settings, options))
    with working(quiet=asked.quiet) as report:
        library = Library(folder, report)
        measured = sorting.measure(library, settings, report, asked.mask_file)
        if asked.dry_run:
            done = sorting.Sorted((), ())
        else:
            done = sorting.sort(library, measured, settings.limit)
    bad = {pair.key for pair in measured if sorting.is_bad(pair, settings.limit)}
    if asked.json:
        say_json(
            {
                "threshold": settings.limit,
                "aside": len(done.aside),
                "back": len(done.back),
                "pairs": [{**as_json(pair), "bad": pair.key in bad} for pair in library.pairs],
                "singles": library.singles,
            }
        )
        return DONE
    _table(sorted(library.pairs, key=lambda pair: -2 if pair.correlation is None
                  else pair.correlation), library)  # fmt: skip
    say(f"{len(bad)} of {len(measured)} pairs are bad (correlation {settings.limit:g} or less): "
        f"{len(done.aside)} put aside, {len(done.back)} put back")  # fmt: skip
    return DONE


def restore(folder: _FOLDER, /, *, quiet: Flag = False, json: Flag = False) -> int:
    """Put all pairs back that were put aside.

    Parameters
    ----------
    folder
        The library.
    quiet
        Show no progress.
    json
        Print the pairs as JSON.
    """
    from napari_cryonet.library import sort as sorting

    with working(quiet=quiet) as report:
        library = Library(folder, report)
        back = sorting.restore(library)
    if json:
        keys = {pair.key for pair in back}
        say_json({"back": [as_json(pair) for pair in library.pairs if pair.key in keys]})
    else:
        say(f"{len(back)} pairs put back")
    return DONE


def show(
    folder: _FOLDER,
    /,
    *,
    state: Literal["train", "validation", "bad"] | None = None,
    output: Path | None = None,
    overwrite: Flag = False,
    quiet: Flag = False,
    json: Flag = False,
) -> int:
    """List the pairs of a folder, or write them as a table to train with.

    Parameters
    ----------
    folder
        The library.
    state
        Only pairs for this.
    output
        A table (.csv) for --pairs or --validation of a training.
    overwrite
        Replace the table if it is there.
    quiet
        Show no progress.
    json
        Print the pairs as JSON.
    """
    if output is not None:
        check_output(output, overwrite=overwrite)
    with working(quiet=quiet) as report:
        library = Library(folder, report)
    pairs = [pair for pair in library.pairs if state in (None, pair.state)]
    if output is not None:
        with replacing(output, overwrite=overwrite) as part:
            part.write_text(training_table(folder, pairs), encoding="utf-8", newline="")
    if json:
        say_json({"pairs": [as_json(pair) for pair in pairs], "singles": library.singles})
    else:
        _table(pairs, library)
    return DONE


def as_json(pair: Pair) -> dict[str, Any]:
    """Return a pair as plain values.

    Parameters
    ----------
    pair
        The pair.
    """
    return {**asdict(pair), "state": pair.state}


def _table(pairs: Iterable[Pair], library: Library) -> None:
    """Print pairs as a person reads them."""
    for pair in pairs:
        say(f"{pair.state:<10}  {number(pair.correlation):>7}  {pair.half1}  {pair.half2}")
        if pair.note:
            say(f"{'':<21}{pair.note}")
    for single in library.singles:
        say(f"{'single':<10}  {'–':>7}  {single}")


sort.__annotations__["options"] = options_of(SortSettings)
