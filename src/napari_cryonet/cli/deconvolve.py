"""``cryonet deconvolve``: one volume through a Wiener filter against its CTF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from napari_cryonet.cli.applying import ApplyFiles
from napari_cryonet.cli.console import working
from napari_cryonet.cli.options import FILES, chosen, options_of
from napari_cryonet.cli.output import number, say_json, say_table
from napari_cryonet.cli.work import DONE, inputs
from napari_cryonet.io.atomic import check_output
from napari_cryonet.jobs import Job, run
from napari_cryonet.methods import table

USAGE = "Usage: cryonet deconvolve INPUT --output FILE [OPTIONS]\n"

_METHOD = table.find("deconvolution")


def deconvolve(
    volume: Annotated[Path, Parameter(name="INPUT", group=FILES)],
    /,
    *,
    files: ApplyFiles,
    options: Any = None,
) -> int:
    """Undo the contrast transfer function of a map or tomogram as far as its noise allows.

    Parameters
    ----------
    volume
        The map or tomogram.
    files
        Where everything goes.
    options
        The microscope, and how strong the filter is.
    """
    check_output(files.output, overwrite=files.overwrite)
    settings = chosen(_METHOD.settings("apply"), files.settings, options)
    job = Job.load(
        {
            "method": _METHOD.name,
            "action": "apply",
            "inputs": [[str(volume)]],
            "output": str(files.output),
            "overwrite": files.overwrite,
            "settings": settings,
        }
    )
    with working(quiet=files.quiet) as report:  # not by cli.work.do, which would load torch
        measures = dict(run(job, report, given=inputs(job, report)).measures)
    if files.json:
        say_json({"output": str(files.output), **measures})
        return DONE
    zero = measures["first_zero"]
    say_table(
        {
            "output": files.output,
            "first zero of the CTF": f"{number(zero)} Å" if zero else "beyond Nyquist",
            "filter passes to": f"{number(measures['cut_off'])} Å",
        }
    )
    return DONE


deconvolve.__annotations__["options"] = options_of(_METHOD.settings("apply"))
