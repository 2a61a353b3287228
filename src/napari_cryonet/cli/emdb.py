"""``cryonet emdb``: searching the EMDB for half maps, and fetching them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from napari_cryonet.cli.console import working
from napari_cryonet.cli.options import FILES, Flag, chosen, options_of
from napari_cryonet.cli.output import complain, number, say, say_json, say_table
from napari_cryonet.cli.work import CANCELLED, DONE, FAILED
from napari_cryonet.errors import FileProblem, SettingsError
from napari_cryonet.library.emdb import details, search
from napari_cryonet.library.entry import Entry, entry_id
from napari_cryonet.library.settings import DownloadSettings, SearchSettings, SourceSettings
from napari_cryonet.reporting import Cancelled, Reporter

_MEGA = 1e6
_START = "Usage: cryonet emdb"


@Parameter(name="*", group=FILES)
@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a command says.

    Parameters
    ----------
    settings
        A TOML file of settings of the search; options win over it.
    quiet
        Show no progress.
    json
        Print the result as JSON.
    """

    settings: Path | None = None
    quiet: Flag = False
    json: Flag = False


def app() -> App:
    """Return the commands."""
    made = App(name="emdb", help="Find half maps in the EMDB and fetch them.", sort_key=11)
    made.command(find, name="search", usage=f"{_START} search [OPTIONS]\n")
    made.command(fetch, name="download", usage=f"{_START} download LIBRARY [EMD-ID...] [OPTIONS]\n")
    return made


def find(*, asked: Asked | None = None, options: Any = None, source: Any = None) -> int:
    """List the entries of the EMDB with two half maps that are wanted.

    Parameters
    ----------
    asked
        What is said.
    options
        Which entries.
    source
        Where they are searched.
    """
    files = asked or Asked()
    wanted = SearchSettings.load(chosen(SearchSettings, files.settings, options))
    with working(quiet=files.quiet) as report:
        found = search(wanted, source or SourceSettings(), report)
    if files.json:
        say_json([as_json(entry) for entry in found])
        return DONE
    _show(found)
    return DONE


def fetch(
    library: Annotated[Path, Parameter(name="LIBRARY", group=FILES)],
    *entries: Annotated[str, Parameter(name="EMD-ID", group=FILES)],
    asked: Asked | None = None,
    options: Any = None,
    how: Any = None,
    source: Any = None,
    yes: Annotated[Flag, Parameter(group=FILES)] = False,
) -> int:
    """Fetch half maps into a library; what is there, also among bad pairs, is not fetched again.

    What was interrupted goes on where it ended. Without entries, those that the search finds are
    listed, and with --yes fetched.

    Parameters
    ----------
    library
        A folder; it is made if it is not there.
    *entries
        Entries of the EMDB, for example EMD-0552.
    asked
        What is said.
    options
        Which entries, if none is given.
    how
        How they arrive.
    source
        Where they come from.
    yes
        Fetch all that the search finds.
    """
    from napari_cryonet.library.download import Fetched, download
    from napari_cryonet.library.index import Library

    files, place = asked or Asked(), source or SourceSettings()
    if entries and (options is not None or files.settings is not None):
        raise SettingsError("Give either entries or what to search for, not both.")
    wanted = SearchSettings.load(chosen(SearchSettings, files.settings, options))
    names = [entry_id(each) for each in entries]
    outcome = Fetched()
    with working(quiet=files.quiet) as report:
        found = _known(names, place, report) if names else search(wanted, place, report)
        if names or yes:
            _make(library)
            opened = Library(library, report)
            try:
                outcome = download(found, opened, how or DownloadSettings(), place, report)
            except Cancelled:
                complain("Stopped; what has arrived is kept, and the same command goes on with it.")
                return CANCELLED
    if files.json:
        say_json({"library": str(library), "found": [as_json(each) for each in found],
                  "fetched": outcome.arrived, "present": outcome.present,
                  "failed": outcome.failed})  # fmt: skip
    elif not names and not yes:
        _show(found)
    else:
        say_table(
            {
                "library": library,
                "fetched": ", ".join(outcome.arrived) or "nothing",
                "there before": ", ".join(outcome.present),
                "failed": "\n".join(outcome.failed),
            }
        )
    if not names and not yes and found:
        complain("Nothing was fetched; add --yes to fetch these, or name entries.")
    return FAILED if outcome.failed else DONE


def as_json(entry: Entry) -> dict[str, Any]:
    """Return an entry as plain values.

    Parameters
    ----------
    entry
        The entry.
    """
    return {
        "entry": entry.id,
        "title": entry.title,
        "resolution": entry.resolution,
        "method": entry.method,
        "shape": entry.shape and list(entry.shape),
        "voxel_size": entry.voxel_size,
        "released": entry.released,
        "bytes": entry.size,
        "files": [half.name for half in entry.halves],
    }


def _show(found: Sequence[Entry]) -> None:
    """Print entries as a person reads them."""
    for entry in found:
        shape = " × ".join(str(side) for side in entry.shape or ()) or "–"
        size = "–" if entry.size is None else f"{entry.size / _MEGA:.0f} MB"
        resolution = f"{number(entry.resolution):>6} Å"
        say(f"{entry.id:<10} {resolution}  {shape:<17} {size:>8}  {entry.title}".rstrip())
    known = [entry.size for entry in found if entry.size is not None]
    files = 2 * len(found)
    unknown = f", {len(found) - len(known)} of unknown size" if len(known) < len(found) else ""
    say(f"{len(found)} entries, {files} files, {sum(known) / _MEGA:.0f} MB{unknown}")


def _known(names: Sequence[str], source: SourceSettings, report: Reporter) -> list[Entry]:
    """Return entries that were named, each once."""
    return [details(name, source, report) for name in dict.fromkeys(names)]


def _make(library: Path) -> None:
    """Make the folder of a library if it is not there."""
    try:
        library.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileProblem(
            f"Cannot make the folder {library}: {error.strerror}; choose another."
        ) from error


for _command in (find, fetch):
    _command.__annotations__["options"] = options_of(SearchSettings)
    _command.__annotations__["source"] = options_of(SourceSettings)
fetch.__annotations__["how"] = options_of(DownloadSettings)
