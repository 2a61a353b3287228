"""``cryonet picking fibres`` and ``spikes``: picks along filaments, and in groups, cleaned up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from napari_cryonet.cli.options import FILES, CommonFiles, chosen, options_of
from napari_cryonet.cli.output import say_json, say_table
from napari_cryonet.cli.picks import known_picks
from napari_cryonet.cli.work import DONE
from napari_cryonet.io import write
from napari_cryonet.io.atomic import check_output
from napari_cryonet.settings import Settings
from napari_cryonet.signal.curating_settings import FibreSettings, SpikeSettings
from napari_cryonet.types import Points

FIBRES_USAGE = "Usage: cryonet picking fibres PICKS --output FILE [OPTIONS]\n"
SPIKES_USAGE = "Usage: cryonet picking spikes PICKS --output FILE [OPTIONS]\n"

_PICKS = Annotated[Path, Parameter(name="PICKS", group=FILES)]


@dataclass(frozen=True, kw_only=True)
class _Curated:
    """Where picks go, and what is known of their tomogram.

    Parameters
    ----------
    output
        The file to write, in the format that its name says.
    tomogram
        The tomogram, for files that count from its middle.
    voxel_size
        Å per voxel, where neither the file nor the tomogram says it.
    """

    output: Path
    tomogram: Path | None = None
    voxel_size: float | None = None


@Parameter(name="*", group=FILES)
@dataclass(frozen=True, kw_only=True)
class CurateFiles(CommonFiles, _Curated):
    """Where picks come from and go.

    Parameters
    ----------
    json
        Print the counts as JSON.
    """


def fibres(picks: _PICKS, /, *, files: CurateFiles, options: Any = None) -> int:
    """Chain picks to fibres, drop the others, and put positions at even distances along each.

    Parameters
    ----------
    picks
        The file of picks.
    files
        Where everything goes.
    options
        What a fibre is.
    """
    from napari_cryonet.signal.fibres import trace_fibres

    made = _curated(picks, files, options, FibreSettings, trace_fibres)
    counts = {"fibres": len(set(made.features["fibre"])), "positions": len(made)}
    return _said(files, counts)


def spikes(picks: _PICKS, /, *, files: CurateFiles, options: Any = None) -> int:
    """Merge groups of picks to one each, and drop those that are alone.

    Parameters
    ----------
    picks
        The file of picks.
    files
        Where everything goes.
    options
        What a group is.
    """
    from napari_cryonet.signal.spikes import merge_spikes

    made = _curated(picks, files, options, SpikeSettings, merge_spikes)
    return _said(files, {"positions": len(made)})


def _curated(
    picks: Path,
    files: CurateFiles,
    options: Any,
    kind: type[Settings],
    clean: Callable[[Points, Any], Points],
) -> Points:
    """Read picks, clean them up and write them."""
    check_output(files.output, overwrite=files.overwrite)
    settings = kind.load(chosen(kind, files.settings, options))
    made = clean(known_picks(picks, files.tomogram, files.voxel_size), settings)
    write(files.output, made, overwrite=files.overwrite)
    return made


def _said(files: CurateFiles, counts: dict[str, int]) -> int:
    """Say what was made."""
    if files.json:
        say_json({"output": str(files.output), **counts})
    else:
        say_table({"output": files.output, **counts})
    return DONE


fibres.__annotations__["options"] = options_of(FibreSettings)
spikes.__annotations__["options"] = options_of(SpikeSettings)
