"""The Deconvolve dock: choose a volume, look at the filter, deconvolve, save."""

from __future__ import annotations

from dataclasses import replace

import napari
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_cryonet.errors import CryonetError
from napari_cryonet.gui.dock import Dock
from napari_cryonet.gui.form import SettingsForm
from napari_cryonet.gui.layer_box import LayerBox
from napari_cryonet.gui.layout import empty_form, row, scrolling, text_label
from napari_cryonet.gui.plots import FilterPlot
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.work import Work
from napari_cryonet.jobs import Job
from napari_cryonet.methods import table
from napari_cryonet.signal.ctf import ctf, cut_off, first_zero, fractions, wiener
from napari_cryonet.signal.deconvolve import checked

_WORKING = "Deconvolve "
_WIDTH = 390


class DeconvolveWidget(Dock):
    """The dock.

    Parameters
    ----------
    napari_viewer
        The viewer it belongs to.
    jobs
        The runner of the jobs; None for the application's own.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, jobs: Runner | None = None) -> None:
        super().__init__(napari_viewer, jobs)
        self.method = table.find("deconvolution")
        self.volume = LayerBox(napari_viewer)
        self.volume.setToolTip("The map or tomogram to deconvolve")
        self.form = SettingsForm(self.method.settings("apply"))
        self.plot = FilterPlot()
        self.figures = text_label()
        self.button = QPushButton("Deconvolve")
        self._lay_out()
        self.button.clicked.connect(self._on_deconvolve)
        self.form.edited.connect(self.look)
        self.volume.changed.connect(self.look)
        self.look()

    def look(self) -> None:
        """Draw the filter for the chosen volume, or say why there is none."""
        try:
            settings = self.form.value()
            thing = self.volume.volume()
            size = min(checked(thing.data, thing.voxel_size))
        except CryonetError as error:
            self.plot.clear()
            self._say("", str(error) if self.volume.count() else "")
            return
        points = fractions()
        frequency = points / (2 * size)
        self.plot.show_filter(frequency, ctf(frequency, settings), wiener(points, size, settings))
        zero = first_zero(size, settings)
        where = "beyond Nyquist" if zero is None else f"at {zero:.3g} Å"
        passed = cut_off(size, settings)
        self._say(f"First CTF zero {where}; the filter passes to {passed:.3g} Å.")

    def deconvolve(self) -> Work:
        """Put the work into the queue.

        Raises
        ------
        CryonetError
            If data or settings do not suit.
        """
        thing = self.volume.volume()
        checked(thing.data, thing.voxel_size)
        name = self.volume.currentText()
        key = f"layer: {name}"
        job = Job(
            method=self.method.name,
            action="apply",
            inputs=((key,),),
            settings=self.form.value().to_dict(),
        )
        return self.submit(f"{_WORKING}{name}", job, {key: thing})

    def finished(self, work: Work) -> None:
        """Show the deconvolved volume."""
        if work.outcome is not None and work.outcome.volume is not None:
            name = f"{work.title.removeprefix(_WORKING)} deconvolved"
            self.show_result(replace(work.outcome.volume, name=name))

    def _say(self, figures: str, wrong: str = "") -> None:
        """Show what is known of the filter, or what is wrong."""
        self.figures.setText(figures)
        self.message.setText(wrong)

    def _on_deconvolve(self) -> None:
        """Deconvolve."""
        self.guard(self.deconvolve)

    def _lay_out(self) -> None:
        """Put everything in its place."""
        summary = text_label()
        summary.setText(self.method.summary)
        choice = empty_form()
        choice.addRow("Volume", self.volume)
        inside = QWidget()
        page = QVBoxLayout(inside)
        page.setContentsMargins(0, 0, 0, 0)
        for part in (self.form, self.plot, self.figures, row(self.button, self.save_button)):
            page.addWidget(part)
        page.addStretch()
        layout = QVBoxLayout(self)
        layout.addWidget(summary)
        layout.addLayout(choice)
        layout.addWidget(scrolling(inside), 1)
        layout.addWidget(self.message)
        layout.addLayout(self.job_view)
        self.setMinimumWidth(_WIDTH)
