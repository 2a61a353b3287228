"""FSC curves as files: XML for a deposition, STAR as RELION writes it, CSV, and figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from napari_cryonet.errors import FileProblem, FormatError
from napari_cryonet.io.atomic import replacing
from napari_cryonet.io.coordinates.star import star_text
from napari_cryonet.types.fsc import LABELS, THRESHOLDS, Fsc

FIGURES = (".pdf", ".png", ".svg")
SUFFIXES = (".xml", ".star", ".csv", *FIGURES)

_RELION = {
    "corrected": "rlnFourierShellCorrelationCorrected",
    "unmasked": "rlnFourierShellCorrelationUnmaskedMaps",
    "masked": "rlnFourierShellCorrelationMaskedMaps",
    "randomised": "rlnCorrectedFourierShellCorrelationPhaseRandomizedMaskedMaps",
}
_FAR = 999.0  # Å, what RELION writes for the shell at the origin
_COLOURS = {"corrected": "C0", "masked": "C2", "unmasked": "C1", "randomised": "C3"}


def write_fsc(path: Path, curves: Fsc, *, overwrite: bool = False) -> None:
    """Write curves in the format that the file name asks for.

    XML holds one curve, the corrected one if there is one, and its title says which; the other
    formats hold all.

    Parameters
    ----------
    path
        The file; ``.xml`` is that of the EMDB, ``.star`` that of RELION; ``.csv``, or a figure.
    curves
        What to write.
    overwrite
        Whether to replace a file that is there.

    Raises
    ------
    FormatError
        If no format has that suffix, or a figure needs a package that is missing.
    OutputExists, FileProblem
        If the file is there, or cannot be written.
    """
    check_suffix(path)
    content = _WRITERS.get(path.suffix.lower(), _figure)(curves, path.suffix.lower()[1:])
    with replacing(path, overwrite=overwrite) as part:
        part.write_bytes(content)


def check_suffix(path: Path) -> None:
    """Check that curves can be written under a name.

    Raises
    ------
    FormatError
        If no format has that suffix, or if it is a figure and matplotlib is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise FormatError(
            f"FSC curves are written as {' '.join(SUFFIXES)}; {path.name} is none of these."
        )
    if suffix in FIGURES and find_spec("matplotlib") is None:
        raise FormatError(
            f"A figure needs matplotlib, which is not installed: pip install matplotlib. Curves "
            f"are written without it as {' '.join(SUFFIXES[: -len(FIGURES)])}."
        )


def _xml(curves: Fsc, _: str) -> bytes:
    """Return the best curve as the EMDB takes it; the origin has no resolution and is left out."""
    title = quoteattr(f"FSC of half maps, {LABELS[curves.best]}")
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<fsc title={title} xaxis="Resolution (A-1)" yaxis="Correlation Coefficient">',
    ]
    for x, y in zip(curves.frequency[1:], curves.curves[curves.best][1:], strict=True):
        lines += ["  <coordinate>", f"    <x>{x:.6f}</x>", f"    <y>{y:.6f}</y>", "  </coordinate>"]
    return ("\n".join([*lines, "</fsc>"]) + "\n").encode()


def _star(curves: Fsc, _: str) -> bytes:
    """Return all curves under the names of RELION, and the resolution."""
    frequency = np.asarray(curves.frequency, dtype=float)
    found = curves.crossing(THRESHOLDS[0])
    columns = {
        "rlnSpectralIndex": np.arange(len(frequency)),
        "rlnResolution": frequency,
        "rlnAngstromResolution": np.divide(
            1, frequency, out=np.full_like(frequency, _FAR), where=frequency > 0
        ),
        **{_RELION[name]: np.asarray(curve, float) for name, curve in curves.curves.items()},
    }
    general = {"rlnFinalResolution": round(found.resolution or found.limit, 6)}
    if curves.randomised_from is not None:
        general["rlnRandomiseFrom"] = curves.randomised_from
    return star_text({"general": general, "fsc": columns})


def _csv(curves: Fsc, _: str) -> bytes:
    """Return a table with a column for each curve."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("frequency_1/A", "resolution_A", *curves.curves))
    for index, frequency in enumerate(curves.frequency):
        values = (f"{curve[index]:.6f}" for curve in curves.curves.values())
        far = "inf" if frequency == 0 else f"{1 / frequency:.4f}"
        rows.writerow((f"{frequency:.6f}", far, *values))
    return text.getvalue().encode()


def _figure(curves: Fsc, kind: str) -> bytes:
    """Return a figure of all curves, with their crossings."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for name, values in curves.curves.items():
        label = LABELS[name]
        if name != "randomised":
            label += f": {curves.crossing(THRESHOLDS[0], name)}"
        axes.plot(curves.frequency, values, color=_COLOURS[name], label=label)
    for threshold in THRESHOLDS:
        axes.axhline(threshold, color="0.6", linewidth=0.8)
        axes.annotate(f"{threshold:g}", (0, threshold), xytext=(3, 2), textcoords="offset points",
                      color="0.4", fontsize=8)  # fmt: skip
        found = curves.crossing(threshold).resolution
        if found is not None:
            axes.plot(1 / found, threshold, "o", color=_COLOURS[curves.best], markersize=5)
    axes.axhline(0, color="0.8", linewidth=0.8)
    axes.set(
        xlim=(0, curves.frequency[-1]),
        ylim=(min(-0.05, *(float(v.min()) for v in curves.curves.values())), 1.03),
        xlabel="Spatial frequency (1/Å)",
        ylabel="Fourier shell correlation",
    )
    axes.legend(title=f"Resolution at FSC {THRESHOLDS[0]:g}", fontsize=9)
    above = axes.secondary_xaxis("top")
    ticks = [tick for tick in axes.get_xticks() if 0 < tick <= curves.frequency[-1]]
    above.set_xticks(ticks, [f"{1 / tick:.3g}" for tick in ticks])
    above.set_xlabel("Resolution (Å)")
    content = io.BytesIO()
    try:
        figure.savefig(content, format=kind, dpi=200)
    except OSError as error:
        raise FileProblem(f"The figure cannot be drawn: {error}.") from error
    return content.getvalue()


_WRITERS: dict[str, Callable[[Fsc, str], bytes]] = {".xml": _xml, ".star": _star, ".csv": _csv}
