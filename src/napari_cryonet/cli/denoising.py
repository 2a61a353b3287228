"""What a denoising is worth, as its command tells it: the resolution before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_cryonet.cli.applying import Results
from napari_cryonet.cli.output import number
from napari_cryonet.jobs import Outcome

_THRESHOLD = 0.5


def results(how: str) -> Results:
    """Return the function that tells what a denoising measured.

    Parameters
    ----------
    how
        How the FSC with the truth was estimated, for example ``"across the halves"``.
    """

    def told(outcome: Outcome) -> tuple[dict[str, Any], dict[str, str]]:
        return _resolutions(outcome, how)

    return told


def _resolutions(outcome: Outcome, how: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the measures of a denoising, with the resolution before and after it."""
    measures = dict(outcome.measures)
    if "fsc_raw" not in measures:
        return measures, {}
    volume = outcome.volume
    size = volume.voxel_size[0] if volume is not None and volume.voxel_size else None
    denoised = measures["fsc_denoised"]
    # a shell without any estimate is empty, or holds nothing that the halves share
    shells = zip(measures["fsc_raw"], denoised, strict=True)
    raw = [None if after is None else before for before, after in shells]
    crossings = {
        "raw": crossing(raw, size, _THRESHOLD),
        "denoised": crossing(denoised, size, _THRESHOLD),
    }
    values = measures | {"voxel_size": size, f"resolution_{_THRESHOLD}": crossings}
    before, after = (_text(crossings[when], size) for when in ("raw", "denoised"))
    where = f"where the FSC with the truth, estimated {how}, falls to {_THRESHOLD}"
    return values, {"resolution before": before, "resolution after": after, "": where}


def crossing(curve: Sequence[float | None], voxel_size: float | None, level: float) -> float | None:
    """Return where a curve first falls below a level.

    Parameters
    ----------
    curve
        Values in shells of equal width from 0 to Nyquist; None where nothing is known.
    voxel_size
        Å per voxel; None if not known.
    level
        The level.

    Returns
    -------
    float or None
        The resolution in Å, interpolated between the shells; None if the curve never falls
        below the level or the voxel size is not known.
    """
    if voxel_size is None or not curve:
        return None
    width = 0.5 / len(curve)
    before = (0.0, 1.0)
    for shell, value in enumerate(curve):
        if value is None:
            continue
        here = ((shell + 0.5) * width, value)
        if value < level:
            share = (before[1] - level) / (before[1] - value) if before[1] > value else 0.0
            return voxel_size / (before[0] + share * (here[0] - before[0]))
        before = here
    return None


def _text(resolution: float | None, voxel_size: float | None) -> str:
    """Return a resolution as a person reads it."""
    if voxel_size is None:
        return "not known without a voxel size"
    return f"{number(resolution)} Å" if resolution else f"{number(2 * voxel_size)} Å or finer"
