"""``cryonet picking``: learn from a few particles, find all of them, and score what was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from napari_cryonet.cli import curating
from napari_cryonet.cli.applying import ApplyFiles, Applying
from napari_cryonet.cli.methods import Family
from napari_cryonet.cli.options import FILES, Flag, options_of
from napari_cryonet.cli.output import number, say_json, say_table
from napari_cryonet.cli.picks import known_picks
from napari_cryonet.cli.work import DONE
from napari_cryonet.io import write
from napari_cryonet.io.atomic import check_output
from napari_cryonet.jobs import Outcome
from napari_cryonet.methods import table

if TYPE_CHECKING:
    from napari_cryonet.signal.score import Score

_MODEL = Annotated[Path, Parameter(name="MODEL", group=FILES)]
_TOMOGRAM = Annotated[Path, Parameter(name="TOMOGRAM", group=FILES)]
_MASK = Annotated[Path | None, Parameter(name="MASK", group=FILES)]


@Parameter(name="*", group=FILES)
@dataclass(frozen=True, kw_only=True)
class PickFiles(ApplyFiles):
    """Where the scores and the picks go.

    Parameters
    ----------
    picks
        A further file for the picks, in the format that its name says; they are always written
        beside the scores as STEM_picks.star.
    """

    picks: Path | None = None


@dataclass(frozen=True)
class PickingFamily(Family):
    """The commands of picking: those of every method, and those that score and clean up."""

    def app(self) -> App:
        """Return the commands."""
        app = super().app()
        usage = "Usage: cryonet picking score PICKS TRUTH --distance Å [OPTIONS]\n"
        app.command(score_picks, name="score", usage=usage)
        app.command(curating.fibres, usage=curating.FIBRES_USAGE)
        app.command(curating.spikes, usage=curating.SPIKES_USAGE)
        return app

    def _apply(self) -> Callable[..., int]:
        """Return the command that applies a model."""

        def apply(
            model: _MODEL,
            tomogram: _TOMOGRAM,
            mask: _MASK = None,
            /,
            *,
            files: PickFiles,
            options: Any = None,
        ) -> int:
            """Score a tomogram and pick its particles.

            Parameters
            ----------
            model
                The model file.
            tomogram
                The tomogram.
            mask
                A volume that is positive where particles are to be picked.
            files
                Where everything goes.
            options
                How to apply the model.
            """
            if files.picks is not None:
                check_output(files.picks, overwrite=files.overwrite)
            inputs = [tomogram] if mask is None else [tomogram, mask]
            asked = Applying(self.method, self.inputs, model, inputs, files, options)

            def results(outcome: Outcome) -> tuple[dict[str, Any], dict[str, str]]:
                return _picked(outcome, files)

            return asked.run(results)

        apply.__annotations__["options"] = options_of(table.find(self.method).settings("apply"))
        return apply


def score_picks(
    picks: Annotated[Path, Parameter(name="PICKS", group=FILES)],
    truth: Annotated[Path, Parameter(name="TRUTH", group=FILES)],
    /,
    *,
    distance: float,
    tomogram: Path | None = None,
    voxel_size: float | None = None,
    classes: Flag = False,
    json: Flag = False,
) -> int:
    """Score picks against true positions, matched one to one.

    Parameters
    ----------
    picks
        The file of picks; without scores all count alike.
    truth
        The file of true positions.
    distance
        How far a pick may be from what it has found, in Å; half a diameter is usual.
    tomogram
        The tomogram or the map of scores, for files that count from its middle.
    voxel_size
        Å per voxel, where neither a file nor the tomogram says it.
    classes
        Score each class by itself.
    json
        Print the figures as JSON.
    """
    from napari_cryonet.signal.score import score, score_classes

    ours, theirs = (known_picks(path, tomogram, voxel_size) for path in (picks, truth))
    if classes:
        made = dict(score_classes(ours, theirs, distance))
    else:
        made = {"all": score(ours, theirs, distance)}
    if json:
        values = {name: one.to_dict() for name, one in made.items()}
        say_json({"distance": distance, **(values if classes else values["all"])})
        return DONE
    for name, one in made.items():
        say_table({"class": name if classes else None, **_figures(one)})
    return DONE


def _figures(made: Score) -> dict[str, object]:
    """Return the figures of a score as a person reads them."""
    best = f"{number(made.best_f1)} for scores of {number(made.best_threshold)} and above"
    return {
        "picks": f"{made.picks}, of which {made.hits} hit one of {made.truths} particles",
        "duplicates": made.duplicates,
        "precision": number(made.precision),
        "recall": number(made.recall),
        "F1": number(made.f1),
        "F4": number(made.f4),
        "average precision": number(made.average_precision),
        "best F1": best if made.best_threshold is not None else None,
        "error": f"{number(made.median_error)} Å, median" if made.hits else None,
    }


def _picked(outcome: Outcome, files: PickFiles) -> tuple[dict[str, Any], dict[str, str]]:
    """Write the picks where they are wanted as well, and return what is worth telling."""
    measures = dict(outcome.measures)
    picks = outcome.others["picks"]
    if files.picks is not None:
        write(files.picks, picks, overwrite=files.overwrite)
        measures["picks_file"] = str(files.picks)
    lines = {}
    for name, count in measures["classes"].items():
        known = measures["estimates"][name]
        limit = number(measures["thresholds"][name])
        line = f"{count} with scores of {limit} and above"
        if "precision" in known and measures["thresholds"][name] == known["threshold"]:
            line += (
                f"; expected precision {number(known['precision'])}, "
                f"recall {number(known['recall'])}"
            )
        lines[name] = line
    return measures, lines


def _nothing(outcome: Outcome) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the measures of an application."""
    return dict(outcome.measures), {}


FAMILY = PickingFamily(
    "picking", ("tomogram", "picks"), ("tomogram", "mask"), _nothing, ("regions",)
)
