"""Telling good pairs of half maps from bad ones by how well the halves correlate.

Half maps of one structure correlate. Those that do not were turned or shifted against each
other, are of different things, or are not half maps at all; a network that is trained on
them learns nonsense. A bad pair is put aside and can be put back; nothing is deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_cryonet.errors import DataError, FileProblem, FormatError, SettingsError
from napari_cryonet.io import read_volume
from napari_cryonet.library.detail import detail
from napari_cryonet.library.index import Library
from napari_cryonet.library.likeness import check_independent, likeness
from napari_cryonet.library.places import BAD
from napari_cryonet.library.records import Pair
from napari_cryonet.library.settings import SortSettings
from napari_cryonet.reporting import Reporter
from napari_cryonet.signal.halves import mask_of
from napari_cryonet.signal.mask import Mask
from napari_cryonet.signal.resolution_settings import Masking
from napari_cryonet.types import Volume
from napari_cryonet.types.volume import check_pair


@dataclass(frozen=True)
class Sorted:
    """What sorting has done.

    Parameters
    ----------
    aside
        Pairs that were put aside.
    back
        Pairs that were put back.
    """

    aside: tuple[Pair, ...]
    back: tuple[Pair, ...]


def measure(
    library: Library, settings: SortSettings, report: Reporter, mask_file: Path | None = None
) -> list[Pair]:
    """Measure the correlation of all pairs, also of those that were put aside.

    Parameters
    ----------
    library
        The pairs; the correlations go into its index.
    settings
        How it is measured.
    report
        Is told how many pairs are done.
    mask_file
        A mask for all pairs; None makes one for each, as the settings say.

    Returns
    -------
    list of Pair
        Without those whose files cannot be opened, of which a warning tells.

    Raises
    ------
    Cancelled
        If the user stops it; then nothing is noted.
    SettingsError
        If there is a mask and the whole box is to be compared.
    """
    if mask_file is not None and settings.by == "whole-box":
        raise SettingsError("The whole box is compared without a mask; give one of the two.")
    mask = None if mask_file is None else read_volume(mask_file, report)
    done = []
    for number, pair in enumerate(library.pairs):
        report.step(number, len(library.pairs))
        report.check()
        try:
            done.append(_measured(library, pair, settings, mask))
        except FileProblem as error:
            report.warn(f"{pair.half1} stays where it is. {error}")
    report.step(len(library.pairs), max(len(library.pairs), 1))
    library.note(done)
    return done


def sort(library: Library, measured: Sequence[Pair], threshold: float) -> Sorted:
    """Put pairs aside whose correlation is the threshold or less, and others back.

    A pair that cannot be compared is put aside as well; its note says why.

    Parameters
    ----------
    library
        Where the pairs are.
    measured
        Pairs with their correlation.
    threshold
        From -1 to 1.

    Raises
    ------
    FileProblem
        If a file is in the way, or the disk refuses; nothing is lost.
    """
    aside = tuple(pair for pair in measured if is_bad(pair, threshold) and pair.state != BAD)
    back = tuple(pair for pair in measured if not is_bad(pair, threshold) and pair.state == BAD)
    library.move(aside, bad=True)
    library.move(back, bad=False)
    return Sorted(aside, back)


def restore(library: Library) -> list[Pair]:
    """Put all pairs back to where they were, and return them.

    Parameters
    ----------
    library
        Where they are.

    Raises
    ------
    FileProblem
        If a file is in the way, or the disk refuses; nothing is lost.
    """
    aside = [pair for pair in library.pairs if pair.state == BAD]
    library.move(aside, bad=False)
    return aside


def is_bad(pair: Pair, threshold: float) -> bool:
    """Whether a pair is bad: not comparable, or correlated by the threshold or less."""
    return pair.correlation is None or pair.correlation <= threshold


def _measured(library: Library, pair: Pair, settings: SortSettings, mask: Volume | None) -> Pair:
    """Return a pair with its correlation, or with a note why it has none."""
    said: str = settings.by
    if settings.by == "detail":
        said += f", mask {settings.mask if mask is None else mask.name}"
    try:
        halves = [read_volume(library.folder / path) for path in pair.paths]
        value = _correlation(halves, settings, mask)
    except (DataError, FormatError) as error:
        return replace(pair, correlation=None, measure=said, note=str(error))
    size = pair.voxel_size or (halves[0].voxel_size or (None,))[0]
    return replace(pair, correlation=value, measure=said, note="", voxel_size=size)


def _correlation(halves: Sequence[Volume], settings: SortSettings, mask: Volume | None) -> float:
    """Return the correlation of two halves as the settings say."""
    first, second = halves
    if first.data.ndim != 3 or first.data.dtype.kind not in "buif":
        raise DataError(f"{first.name} is not a volume z, y, x of real numbers.")
    check_pair(first, second)
    check_independent(first.data, second.data)
    if settings.by == "whole-box":
        return likeness(first.data, second.data)
    return detail(first.data, second.data, first.scale, _particle(halves, settings, mask))


def _particle(halves: Sequence[Volume], how: Masking, given: Volume | None) -> Mask | None:
    """Return the mask of the particle; None if none is seen, and the whole box counts."""
    try:
        return mask_of(halves, given, how)
    except DataError:
        if given is None and how.mask == "automatic":
            return None
        raise
