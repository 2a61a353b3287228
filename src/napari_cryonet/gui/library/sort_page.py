"""Sort: how well the halves of each pair correlate, which are bad, and what to train on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from pathlib import Path, PurePosixPath

import napari
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from superqt import QCollapsible, QLabeledDoubleSlider

from napari_cryonet.errors import DataError
from napari_cryonet.gui.dock import guarded
from napari_cryonet.gui.form import SettingsForm
from napari_cryonet.gui.library.actions import compare, put_aside, put_back
from napari_cryonet.gui.library.handover import hand_over, open_pair, save_table
from napari_cryonet.gui.library.pair_view import PairView
from napari_cryonet.gui.library.shelf import Shelf
from napari_cryonet.gui.library.table import Column, Rows, TickTable
from napari_cryonet.gui.library.task import TaskBox
from napari_cryonet.library import Pair, SortSettings
from napari_cryonet.library.places import BAD
from napari_cryonet.library.settings import THRESHOLDS
from napari_cryonet.library.sort import is_bad
from napari_cryonet.signal.resolution_settings import Masking

_TABLE_HEIGHT = 150
_BAD = "#e3b341"
_TIPS = {
    "compare": "Measure how the two halves of each pair correlate; nothing is moved",
    "aside": "Put pairs aside that are bad by the threshold, and better ones back",
    "restore": "Put all pairs back that were put aside",
    "open": "Open the selected pair as two layers",
    "denoise": "Hand the ticked pairs to the Denoise dock, to train Noise2Noise on them",
    "resolution": "Hand the ticked pairs to the Resolution dock, to train its network on them",
    "table": "Write the ticked pairs as a table, which cryonet … train --pairs takes",
}


class SortPage(QWidget):
    """The page.

    Parameters
    ----------
    viewer
        Shows the pairs that are opened.
    shelf
        The library.
    task
        Where pairs are compared and moved.
    """

    def __init__(self, viewer: napari.viewer.Viewer, shelf: Shelf, task: TaskBox) -> None:
        super().__init__()
        self._viewer, self._shelf, self._task = viewer, shelf, task
        self.form = SettingsForm(SortSettings, hidden=("threshold",))
        columns = (
            Column("Pair", 106, pair_name),
            Column("Å", 42, lambda pair: _number(pair.resolution),
                   lambda pair: pair.resolution or inf),
            Column("Correlation", 84, lambda pair: _number(pair.correlation),
                   lambda pair: -inf if pair.correlation is None else pair.correlation),
            Column("State", 66, lambda pair: pair.state),
            Column("Title", 60, lambda pair: pair.title),
        )  # fmt: skip
        about = Rows(
            key=lambda pair: pair.key,
            colour=self._colour,
            tip=lambda pair: pair.note or f"{pair.half1}\n{pair.half2}",
        )
        self.table = TickTable(columns, about)
        self.view, self.words = PairView(), QLabel()
        self.slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 1)
        self.slider.setDecimals(2)
        self.slider.setValue(SortSettings().limit)
        self.slider.setToolTip("A pair whose halves correlate by this or less is bad")
        self.buttons: dict[str, QPushButton] = {}
        for name, text, slot in (
            ("open", "Open", self._on_open),
            ("compare", "Compare", self._on_compare),
            ("aside", "Put aside", self._on_aside),
            ("restore", "Restore", self._on_restore),
            ("denoise", "Train denoising", self._on_denoise),
            ("resolution", "Train resolution", self._on_resolution),
            ("table", "Save table…", self._on_table),
        ):
            self.buttons[name] = QPushButton(text)
            self.buttons[name].setToolTip(_TIPS[name])
            self.buttons[name].clicked.connect(slot)
        self._lay_out()
        self.form.widgets["by"].changed.connect(self._on_by)
        self.slider.valueChanged.connect(self._on_threshold)
        self.table.chosen_changed.connect(self._on_chosen)
        shelf.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the pairs as they are now."""
        library = self._shelf.library
        self.table.items.show_rows(library.pairs if library is not None else ())
        self._on_threshold()
        if self.table.chosen() is None:
            self.view.clear()

    @property
    def actions(self) -> list[QPushButton]:
        """The buttons of what takes time."""
        return [self.buttons[name] for name in ("compare", "aside", "restore")]

    def _ticked(self) -> list[Pair]:
        """Return the pairs that are ticked."""
        ticked = self.table.items.ticked()
        if not ticked:
            raise DataError("Tick the pairs first.")
        return ticked

    def _colour(self, pair: Pair) -> str:
        """Return a colour of its own for what is bad by the threshold."""
        return _BAD if pair.measure and is_bad(pair, self.slider.value()) else ""

    # Slots are methods: napari drops a closed dock, and a closure would keep it half alive.

    def _on_threshold(self) -> None:
        """Say what is bad by the threshold."""
        self.table.items.redraw()
        pairs = self.table.items.rows
        known = [pair for pair in pairs if pair.measure]
        bad = [pair for pair in known if is_bad(pair, self.slider.value())]
        new = sum(pair.state != BAD for pair in bad)
        back = sum(pair.state == BAD for pair in known) - (len(bad) - new)
        said = f"{len(pairs)} pairs, {len(bad)} bad by the threshold" if known else ""
        self.words.setText(said or f"{len(pairs)} pairs, none compared yet")
        self.buttons["aside"].setText(f"Put {new} aside" + (f", {back} back" if back else ""))
        self.buttons["aside"].setEnabled(bool(new or back))
        self.buttons["restore"].setEnabled(any(pair.state == BAD for pair in pairs))

    def _on_by(self, by: str) -> None:
        """Take the usual threshold of a way to compare; the whole box has no mask."""
        self.slider.setValue(THRESHOLDS[by])
        for name in Masking.model_fields:
            self.form.widgets[name].enabled = by == "detail"

    def _on_chosen(self) -> None:
        """Show the selected pair."""
        pair = self.table.chosen()
        self.buttons["open"].setEnabled(pair is not None)
        if pair is None:
            self.view.clear()
        else:
            self.view.show_pair(self._shelf.folder, pair)

    def _on_compare(self) -> None:
        """Measure all pairs."""
        guarded(
            lambda: self._start("Comparing halves", compare, self.form.value()), self._task.fail
        )

    def _on_aside(self) -> None:
        """Put bad pairs aside."""
        self.view.clear()  # a file that is being read cannot be moved everywhere
        guarded(
            lambda: self._start("Moving pairs", put_aside, self.slider.value()), self._task.fail
        )

    def _on_restore(self) -> None:
        """Put all back."""
        self.view.clear()
        guarded(lambda: self._start("Moving pairs", put_back), self._task.fail)

    def _start(self, title: str, action: Callable[..., str], *how: object) -> None:
        """Begin what takes time; it says in a sentence what it has done."""
        self._task.start(title, partial(action, self._shelf.folder, *how), self._task.say)

    def _on_open(self) -> None:
        """Open the selected pair."""
        place = self._shelf.folder, self.table.chosen()
        guarded(lambda: open_pair(self._viewer, *place), self._task.fail)

    def _on_denoise(self) -> None:
        """Train to denoise on the ticked pairs."""
        self._hand_over("Denoise")

    def _on_resolution(self) -> None:
        """Train to tell the resolution on the ticked pairs."""
        self._hand_over("Resolution")

    def _hand_over(self, where: str) -> None:
        """Have another dock train on the ticked pairs."""
        guarded(
            lambda: hand_over(self._viewer, where, self._shelf.folder, self._ticked()),
            self._task.fail,
        )

    def _on_table(self) -> None:
        """Ask for a file and write the ticked pairs."""
        guarded(self._save_table, self._task.fail)

    def _save_table(self) -> None:
        """Write the ticked pairs into a file that is asked for."""
        pairs = self._ticked()
        chosen, _ = QFileDialog.getSaveFileName(self, "Save a table", "pairs.csv", "*.csv")
        if chosen:
            path = Path(chosen).with_suffix(".csv")
            self._task.say(save_table(path, self._shelf.folder, pairs))

    def _lay_out(self) -> None:
        """Put everything in its place."""
        how = QCollapsible("How to compare")
        how.setDuration(0)
        how.addWidget(self.form)
        self.table.setMinimumHeight(_TABLE_HEIGHT)
        grid = QGridLayout()
        grid.addWidget(QLabel("Threshold"), 0, 0)
        grid.addWidget(self.slider, 0, 1, 1, 2)
        grid.addWidget(self.words, 1, 0, 1, 2)
        opening, *others = self.buttons.values()
        grid.addWidget(opening, 1, 2)
        for place, button in enumerate(others):
            grid.addWidget(button, 2 + place // 3, place % 3)
        layout = QVBoxLayout(self)
        layout.addWidget(how)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.view)
        layout.addLayout(grid)


def pair_name(pair: Pair) -> str:
    """Return what a pair is called: its entry, or its file.

    Parameters
    ----------
    pair
        The pair.
    """
    return pair.entry or PurePosixPath(pair.half1).name


def _number(value: float | None) -> str:
    """Return a figure."""
    return "–" if value is None else f"{value:.2f}"
