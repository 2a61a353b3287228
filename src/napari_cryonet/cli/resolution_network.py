"""``cryonet resolution``: the commands of the network that sees resolution in a single map."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import App, Parameter

from napari_cryonet.cli.applying import ApplyFiles, Applying
from napari_cryonet.cli.methods import model_command
from napari_cryonet.cli.options import FILES, Flag, options_of
from napari_cryonet.cli.output import number, say_json, say_table
from napari_cryonet.cli.pairs import Rows
from napari_cryonet.cli.training import TrainFiles, Training
from napari_cryonet.cli.work import DONE
from napari_cryonet.errors import SettingsError
from napari_cryonet.io import read_volume
from napari_cryonet.io.atomic import check_output
from napari_cryonet.io.fragments import NAMES, is_set, write_fragments
from napari_cryonet.jobs import Outcome
from napari_cryonet.methods import table

_METHOD = table.find("resolution")
_COLUMNS = NAMES
_SETS = ("train", "valid", "test")
_SHARE, _SEED = 0.7, 10101

_INPUTS = Annotated[Path, Parameter(group=FILES)]


@Parameter(name="*", group=FILES)
@dataclass(frozen=True, kw_only=True)
class NetworkFiles(ApplyFiles):
    """Where an estimate goes, and the model that makes it.

    Parameters
    ----------
    model
        A model of your own; without it the one that comes with CryoNet.
    """

    model: Path | None = None


class _Training(Training):
    """A training whose validation may be a set of fragments."""

    def _validation(self) -> Rows:
        """Return the data that the quality is measured with."""
        path = self.files.validation
        if path is not None and is_set(path):
            return [[str(name) for name in _arrays(path)]]
        return super()._validation()


def add_to(made: App) -> None:
    """Add the commands of the network to those of resolution."""
    start = "Usage: cryonet resolution"
    made.command(apply, usage=f"{start} apply MAP [MASK] --output FILE [OPTIONS]\n")
    made.command(train, usage=f"{start} train MAP TARGET … --output MODEL [OPTIONS]\n")
    usage = f"{start} model MODEL [--json]\n"
    made.command(model_command(_METHOD), name="model", usage=usage)
    made.command(prepare, usage=f"{start} prepare MAP RESOLUTION … --output FOLDER\n")
    made.command(score, usage=f"{start} score RESOLUTION TRUTH [MASK] [--json]\n")


def apply(
    map_: Annotated[Path, Parameter(name="MAP", group=FILES)],
    mask: Annotated[Path | None, Parameter(name="MASK", group=FILES)] = None,
    /,
    *,
    files: NetworkFiles,
    options: Any = None,
) -> int:
    """Estimate the local resolution of a single map.

    Parameters
    ----------
    map_
        The map, before it was masked.
    mask
        A mask; without it one is made as the settings say.
    files
        Where everything is.
    options
        How it is estimated.
    """
    model = _METHOD.model_file(str(files.model or ""))
    given = [map_, *([mask] if mask else [])]
    return Applying(_METHOD.name, ("map", "mask"), model, given, files, options).run(_told)


def train(*inputs: _INPUTS, files: TrainFiles | None = None, options: Any = None) -> int:
    """Train a network on maps with their local resolution, or on pairs of half maps.

    Parameters
    ----------
    *inputs
        Maps, each followed by its local resolution in Å or by its other half map; or sets of
        fragments (.hdf5), for the original network.
    files
        Where everything is; the validation may be a set of fragments as well.
    options
        How to train.
    """
    given = [name for path in inputs for name in _arrays(path)]
    return _Training(_METHOD.name, _COLUMNS, given, files or TrainFiles(), options).run()


def prepare(*inputs: _INPUTS, output: Annotated[Path, Parameter(group=FILES)]) -> int:
    """Cut maps into the fragments that the original network was trained on, as HDF5 files.

    The sets for training, validation and test are made of different maps, never of fragments of
    one.

    Parameters
    ----------
    *inputs
        Maps, each followed by its local resolution in Å.
    output
        The folder for the files.
    """
    if not inputs or len(inputs) % 2:
        raise SettingsError(
            f"{len(inputs)} files were given; give maps, each followed by its local resolution."
        )
    output.mkdir(parents=True, exist_ok=True)
    paths = list(zip(inputs[::2], inputs[1::2], strict=True))
    order = np.random.default_rng(_SEED).permutation(len(paths))
    first = max(1, round(_SHARE * len(paths)))
    second = first + (len(paths) - first + 1) // 2
    files = {name: output / f"{name}_repository.hdf5" for name in _SETS}
    for path in files.values():
        check_output(path)
    rows: list[tuple[str, object]] = []
    for name, chosen in zip(_SETS, np.split(order, [first, second]), strict=True):
        if len(chosen):
            pairs = [tuple(read_volume(path) for path in paths[number]) for number in chosen]
            count = write_fragments(files[name], pairs)  # type: ignore[arg-type]
            rows.append((name, f"{files[name]}, {count} fragments of {len(chosen)} maps"))
    say_table(rows)
    return DONE


def score(
    found: Annotated[Path, Parameter(name="RESOLUTION", group=FILES)],
    truth: Annotated[Path, Parameter(name="TRUTH", group=FILES)],
    mask: Annotated[Path | None, Parameter(name="MASK", group=FILES)] = None,
    /,
    *,
    json: Flag = False,
) -> int:
    """Compare a map of local resolution with a known one, beside the best constant.

    Parameters
    ----------
    found
        The map to judge, in Å.
    truth
        What is known, in Å.
    mask
        Where to compare; without it wherever both maps hold a resolution.
    json
        Print the figures as JSON.
    """
    from napari_cryonet.signal.mask import given_mask
    from napari_cryonet.signal.resolution_score import score_resolution

    ours, theirs = (read_volume(path) for path in (found, truth))
    inside = None
    if mask is not None:
        volume = read_volume(mask)
        inside = given_mask(volume.data, theirs.shape, volume.name) > 0.5
    figures = score_resolution(np.asarray(ours.data), np.asarray(theirs.data), inside)
    if json:
        say_json(figures)
        return DONE
    say_table(
        {
            "mean error": f"{number(figures['mae'])} Å",
            "of the best constant": f"{number(figures['constant'])} Å",
            "skill": number(figures["skill"]),
            "bias": f"{number(figures['bias'])} Å",
            "correlation": number(figures["correlation"]),
            "voxels": figures["voxels"],
        }
    )
    return DONE


def _arrays(path: Path) -> list[Path]:
    """Return the arrays of a set of fragments by their names; any other file as it is."""
    return [path / name for name in _COLUMNS] if is_set(path) else [path]


def _told(outcome: Outcome) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what an estimate measured."""
    measures = dict(outcome.measures)
    return measures, {
        "median": f"{number(measures['median'])} Å",
        "range": f"{number(measures['finest'])} – {number(measures['coarsest'])} Å",
    }


apply.__annotations__["options"] = options_of(_METHOD.settings("apply"))
train.__annotations__["options"] = options_of(_METHOD.settings("train"))
