"""``cryonet simulate``: data whose truth is known, to try methods out and to measure them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from napari_cryonet.cli.folder import write_into
from napari_cryonet.cli.options import FILES, Flag, chosen, options_of
from napari_cryonet.cli.output import say_table
from napari_cryonet.cli.pointcloud_images import simulate as molecules
from napari_cryonet.cli.work import DONE
from napari_cryonet.settings import Settings
from napari_cryonet.signal.simulation_settings import (
    HalfMapSettings,
    ParticlesSettings,
    StructureSettings,
    TomogramSettings,
)
from napari_cryonet.types import Points, Thing

_START = "Usage: cryonet simulate"
_NAMES = {"first": "half1", "second": "half2", "density": "truth"}


@Parameter(name="*", group=FILES)
@dataclass(frozen=True, kw_only=True)
class SimulatedFiles:
    """Where simulated data go.

    Parameters
    ----------
    output
        The folder to write to; it is made if it is not there.
    settings
        A TOML file of settings; options win over it.
    overwrite
        Replace files that are there.
    """

    output: Path
    settings: Path | None = None
    overwrite: Flag = False


def app() -> App:
    """Return the commands."""
    made = App(name="simulate", help="Make data whose truth is known.", sort_key=13)
    made.command(structure, usage=f"{_START} structure FILE --output DIR [OPTIONS]\n")
    others = {"halfmaps": half_maps, "tomogram": tomogram, "particles": particles}
    for name, command in others.items():
        made.command(command, name=name, usage=f"{_START} {name} --output DIR [OPTIONS]\n")
    made.command(molecules, name="molecules", usage=f"{_START} molecules [OBJECT] --output DIR\n")
    return made


def structure(
    file: Annotated[Path, Parameter(name="FILE", group=FILES)],
    /,
    *,
    files: SimulatedFiles,
    graded: Annotated[tuple[float, float] | None, Parameter(group=FILES)] = None,
    options: Any = None,
) -> int:
    """Make the map and the half maps of a molecule whose atoms are known.

    Parameters
    ----------
    file
        A PDB or mmCIF file.
    files
        Where they go.
    graded
        Temperature factors in Å² at the two ends along x: the half maps are of uneven resolution
        then, and its truth is written as well.
    options
        What is simulated.
    """
    from napari_cryonet.simulate.graded import GradedHalfMaps
    from napari_cryonet.simulate.halfmaps import HalfMaps
    from napari_cryonet.simulate.structure import (
        graded_structure,
        read_structure,
        structure_half_maps,
        structure_map,
    )

    settings = _settings(StructureSettings, files, options)
    molecule = read_structure(file)
    made: HalfMaps | GradedHalfMaps
    if graded is None:
        made = structure_half_maps(molecule, settings)
    else:
        made = graded_structure(molecule, settings, graded)
    return _written(files, {"map": structure_map(molecule, settings), **vars(made)})


def half_maps(*, files: SimulatedFiles, options: Any = None) -> int:
    """Make the half maps of a protein that does not exist, their truth and its mask.

    Parameters
    ----------
    files
        Where they go.
    options
        What is simulated.
    """
    from napari_cryonet.simulate.halfmaps import half_map_pair

    made = half_map_pair(**_settings(HalfMapSettings, files, options).model_dump())
    return _written(files, vars(made))


def tomogram(*, files: SimulatedFiles, options: Any = None) -> int:
    """Make the even and the odd tomogram of a cell that does not exist, and what is in it.

    Parameters
    ----------
    files
        Where they go.
    options
        What is simulated.
    """
    from napari_cryonet.simulate.tomogram import even_odd_tomogram

    made = even_odd_tomogram(**_settings(TomogramSettings, files, options).model_dump())
    return _written(files, vars(made))


def particles(*, files: SimulatedFiles, options: Any = None) -> int:
    """Make a tomogram of particles whose places are known.

    Parameters
    ----------
    files
        Where it goes.
    options
        What is simulated.
    """
    from napari_cryonet.simulate.particles import picking_sample

    made = picking_sample(**_settings(ParticlesSettings, files, options).model_dump())
    return _written(files, vars(made))


def _settings(kind: type[Settings], files: SimulatedFiles, options: Settings | None) -> Any:
    """Return what is to be simulated."""
    return kind.load(chosen(kind, files.settings, options))


def _written(files: SimulatedFiles, made: Mapping[str, Thing]) -> int:
    """Write everything into the folder, and say what is there."""
    parts = [(_file(name, thing), thing) for name, thing in made.items()]
    write_into(files.output, parts, overwrite=files.overwrite)
    say_table({"output": files.output, "files": ", ".join(name for name, _ in parts)})
    return DONE


def _file(name: str, thing: Thing) -> str:
    """Return what the file of a thing is called."""
    return f"{_NAMES.get(name, name)}{'.csv' if isinstance(thing, Points) else '.mrc'}"


_OPTIONS: tuple[tuple[Callable[..., int], type[Settings]], ...] = (
    (structure, StructureSettings),
    (half_maps, HalfMapSettings),
    (tomogram, TomogramSettings),
    (particles, ParticlesSettings),
)
for _command, _kind in _OPTIONS:
    _command.__annotations__["options"] = options_of(_kind)
