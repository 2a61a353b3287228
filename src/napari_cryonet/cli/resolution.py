"""``cryonet resolution``: the FSC of two half maps, and their local resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from napari_cryonet.cli import resolution_network
from napari_cryonet.cli.applying import ApplyFiles
from napari_cryonet.cli.console import working
from napari_cryonet.cli.options import FILES, CommonFiles, chosen, options_of
from napari_cryonet.cli.output import number, say_json, say_table
from napari_cryonet.cli.work import DONE, do, inputs
from napari_cryonet.errors import FileProblem, SettingsError
from napari_cryonet.io import read_volume
from napari_cryonet.io.atomic import check_output
from napari_cryonet.io.chimerax import colour_limits, script_files, write_coloured
from napari_cryonet.io.fsc import check_suffix, write_fsc
from napari_cryonet.io.halves import other_half
from napari_cryonet.jobs import Job
from napari_cryonet.methods import table
from napari_cryonet.reporting import Reporter
from napari_cryonet.signal.resolution_settings import FscSettings
from napari_cryonet.types import Volume
from napari_cryonet.types.fsc import LABELS, THRESHOLDS, Fsc

_METHOD = table.find("local_fsc")
_HALVES = "HALF1 [HALF2]"
_FIRST = Annotated[Path, Parameter(name="HALF1", group=FILES)]
_SECOND = Annotated[Path | None, Parameter(name="HALF2", group=FILES)]


@Parameter(name="*", group=FILES)
@dataclass(frozen=True, kw_only=True)
class FscFiles(CommonFiles):
    """Where the curves go.

    Parameters
    ----------
    mask_file
        A mask; without it one is made as the settings say.
    output
        Files for the curves: .xml for the EMDB, .star, .csv, .png, .pdf or .svg; may be repeated.
    """

    mask_file: Path | None = None
    output: tuple[Path, ...] = ()


@Parameter(name="*", group=FILES)
@dataclass(frozen=True, kw_only=True)
class LocalFiles(ApplyFiles):
    """Where local resolution goes.

    Parameters
    ----------
    mask_file
        A mask; without it one is made as the settings say.
    chimerax
        A ChimeraX script (.cxc) that colours the density; the maps it needs are put beside it.
    density
        The map that the script colours; without it the average of the halves.
    """

    mask_file: Path | None = None
    chimerax: Path | None = None
    density: Path | None = None


def app() -> App:
    """Return the commands."""
    made = App(name="resolution", help="Resolution of half maps, and of a single map.", sort_key=10)
    start = "Usage: cryonet resolution"
    made.command(fsc, usage=f"{start} fsc {_HALVES} [--output FILE]... [OPTIONS]\n")
    made.command(local, usage=f"{start} local {_HALVES} --output FILE [OPTIONS]\n")
    resolution_network.add_to(made)
    return made


def fsc(
    first: _FIRST,
    second: _SECOND = None,
    /,
    *,
    files: FscFiles | None = None,
    options: Any = None,
) -> int:
    """Measure the Fourier shell correlation of two half maps, without a mask and with one.

    Parameters
    ----------
    first
        The first half map.
    second
        The second; without it the file beside the first whose name says so.
    files
        Where everything goes.
    options
        How it is measured.
    """
    asked = files or FscFiles()
    for path in asked.output:
        check_suffix(path)
        check_output(path, overwrite=asked.overwrite)
    settings = FscSettings.load(chosen(FscSettings, asked.settings, options))
    with working(quiet=asked.quiet) as report:
        one, two = (read_volume(path, report) for path in _pair(first, second))
        curves = _curves(one, two, asked.mask_file, settings, report)
    for path in asked.output:
        write_fsc(path, curves, overwrite=asked.overwrite)
    if asked.json:
        say_json({"output": [str(path) for path in asked.output], **curves.to_dict()})
        return DONE
    rows: list[tuple[str, object]] = [("output", path) for path in asked.output]
    for threshold in THRESHOLDS:
        for name in curves.curves:
            if name != "randomised":
                found = curves.crossing(threshold, name)
                rows.append((f"FSC {threshold:g}, {LABELS[name]}", found))
    say_table(rows)
    return DONE


def local(
    first: _FIRST,
    second: _SECOND = None,
    /,
    *,
    files: LocalFiles,
    options: Any = None,
) -> int:
    """Measure the resolution around each voxel of two half maps.

    Parameters
    ----------
    first
        The first half map.
    second
        The second; without it the file beside the first whose name says so.
    files
        Where everything goes.
    options
        How it is measured.
    """
    check_output(files.output, overwrite=files.overwrite)
    if files.chimerax is not None:
        for file in script_files(files.chimerax):
            check_output(file, overwrite=files.overwrite)
    elif files.density is not None:
        raise SettingsError("--density is the map of the script; give --chimerax FILE.cxc as well.")
    row = [*_pair(first, second), *([files.mask_file] if files.mask_file else [])]
    job = Job.load(
        {
            "method": _METHOD.name,
            "action": "apply",
            "inputs": [[str(path) for path in row]],
            "output": str(files.output),
            "overwrite": files.overwrite,
            "settings": chosen(_METHOD.settings("apply"), files.settings, options),
        }
    )
    with working(quiet=files.quiet) as report:
        given = inputs(job, report)
        measures = dict(do(job, report, given=given).measures)
        if files.chimerax is not None:
            _script(files, [given[str(path)] for path in row[:2]], measures)
    if files.json:
        say_json({"output": str(files.output), **measures})
        return DONE
    say_table(
        {
            "output": files.output,
            "script": files.chimerax,
            "median": f"{number(measures['median'])} Å",
            "range": f"{number(measures['finest'])} – {number(measures['coarsest'])} Å",
            "of the whole": f"{number(measures['global'])} Å" if measures["global"] else None,
            "window": f"{number(measures['radius'])} Å radius",
        }
    )
    return DONE


def _curves(
    one: Volume, two: Volume, mask_file: Path | None, settings: FscSettings, report: Reporter
) -> Fsc:
    """Return the curves of two halves, and say what is odd about them."""
    from napari_cryonet.signal.fsc import measure, remarks
    from napari_cryonet.signal.halves import check_halves, mask_of

    check_halves(one, two)
    given = None if mask_file is None else read_volume(mask_file, report)
    mask = mask_of((one, two), given, settings)

    def tick(share: float) -> None:
        report.step(share, 1.0)
        report.check()

    curves = measure((one, two), mask, settings, tick)
    for sentence in remarks(curves, (one, two)):
        report.warn(sentence)
    return curves


def _script(files: LocalFiles, halves: Sequence[Volume], measures: dict[str, Any]) -> None:
    """Write a ChimeraX script, and beside it the maps that it needs."""
    from napari_cryonet.signal.halves import average
    from napari_cryonet.signal.mask import filled

    script, found = files.chimerax, read_volume(files.output)
    assert script is not None  # noqa: S101 - who calls has looked
    if files.density is None:
        density = halves[0].changed(average(halves), "Average of two half maps.")
    else:
        density = read_volume(files.density)
    coloured = found.changed(filled(found.data), "Extended beyond the mask.")
    limits = colour_limits(measures["finest"], measures["coarsest"])
    write_coloured(script, density, coloured, limits, overwrite=files.overwrite)


def _pair(first: Path, second: Path | None) -> tuple[Path, Path]:
    """Return two half maps, the second found by its name if it is not given."""
    if second is not None:
        return first, second
    beside = {path.name.lower(): path for path in sorted(first.parent.glob("*")) if path != first}
    for name in other_half(first.name):
        if name in beside:
            return first, beside[name]
    raise FileProblem(
        f"No file beside {first} has the name of its other half; give it as the second one."
    )


fsc.__annotations__["options"] = options_of(FscSettings)
local.__annotations__["options"] = options_of(_METHOD.settings("apply"))
