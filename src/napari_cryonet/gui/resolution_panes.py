"""What the Resolution dock shows of its two results: curves with crossings, and a histogram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_cryonet.errors import DataError
from napari_cryonet.gui.layout import text_label
from napari_cryonet.gui.resolution_plots import COLOURS, ResolutionHistogram, ResolutionPlot
from napari_cryonet.io.fsc import write_fsc
from napari_cryonet.types import Volume
from napari_cryonet.types.fsc import LABELS, THRESHOLDS, Fsc

_NOTE = "#e3b341"
_NOTED = 0.02  # share of the mask above which it is said that no resolution was found


class CurvesPane(QWidget):
    """The FSC curves of two halves, where they cross, and what is odd about them.

    Attributes
    ----------
    fsc
        The newest curves, None before the first.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fsc: Fsc | None = None
        self.plot = ResolutionPlot()
        self.figures, self.notes = text_label(), text_label(_NOTE)
        _stack(self, self.plot, self.figures, self.notes)

    def show_fsc(self, fsc: Fsc, said: Sequence[str] = ()) -> None:
        """Show curves.

        Parameters
        ----------
        fsc
            What was measured.
        said
            What is odd about it.
        """
        self.fsc = fsc
        self.plot.show_curves(fsc)
        heads = "".join(f"<td>FSC {threshold:g}&nbsp;&nbsp;</td>" for threshold in THRESHOLDS)
        rows = [f"<tr><td></td>{heads}</tr>"]
        for name in fsc.curves:
            cells = (f"<td>{_told(fsc, name, each)}&nbsp;&nbsp;</td>" for each in THRESHOLDS)
            rows.append(f"<tr><td>{_coloured(name)}&nbsp;&nbsp;</td>{''.join(cells)}</tr>")
        self.figures.setText(f"<table>{''.join(rows)}</table>")
        self.notes.setText(" ".join(said))
        self.notes.setVisible(bool(said))

    def save(self, path: Path) -> None:
        """Write the newest curves; the suffix of the file chooses the format.

        Parameters
        ----------
        path
            The file; replaced if it is there.

        Raises
        ------
        DataError
            If there are none.
        FormatError, FileProblem
            If they cannot be written.
        """
        if self.fsc is None:
            raise DataError("There are no curves yet; press Resolution first.")
        write_fsc(path, self.fsc, overwrite=True)


class SpreadPane(QWidget):
    """How local resolution is spread inside the mask, against that of the whole."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.histogram = ResolutionHistogram()
        self.figures, self.notes = text_label(), text_label(_NOTE)
        _stack(self, self.histogram, self.figures, self.notes)

    def show_spread(self, resolution: Volume, found: Mapping[str, Any]) -> None:
        """Show the histogram of a map.

        Parameters
        ----------
        resolution
            ``(z, y, x)`` Å.
        found
            What was measured with it.
        """
        self.histogram.show_values(resolution.data, found["global"])
        self.figures.setText(
            f"Median {found['median']:.2f} Å; 96 % of the mask lie between {found['finest']:.2f} "
            f"and {found['coarsest']:.2f} Å. Window of {found['radius']:g} Å radius."
        )
        said = []
        if found["nyquist"] > _NOTED:
            said.append(
                f"In {found['nyquist']:.0%} of the mask the correlation never falls below "
                f"{found['threshold']:g}: there it is finer than two voxels."
            )
        if found["unresolved"] > _NOTED:
            said.append(
                f"In {found['unresolved']:.0%} of the mask it is below it from the start: nothing "
                f"is resolved there, or the mask is too wide."
            )
        self.notes.setText(" ".join(said))
        self.notes.setVisible(bool(said))


def _told(fsc: Fsc, name: str, threshold: float) -> str:
    """Return where a curve crosses; that of random phases is no resolution."""
    return "" if name == "randomised" else str(fsc.crossing(threshold, name))


def _coloured(name: str) -> str:
    """Return the label of a curve in its colour."""
    colour = "#{:02x}{:02x}{:02x}".format(*COLOURS[name])
    return f'<b style="color: {colour}">{LABELS[name]}</b>'


def _stack(pane: QWidget, *parts: QWidget) -> None:
    """Put parts below each other."""
    layout = QVBoxLayout(pane)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        layout.addWidget(part)
