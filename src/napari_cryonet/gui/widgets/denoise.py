"""The Denoise dock: choose two halves, train and watch, denoise, save."""

from __future__ import annotations

from dataclasses import replace

import napari

from napari_cryonet.gui.folders import free_name, models_folder
from napari_cryonet.gui.layers import to_thing
from napari_cryonet.gui.plots import FscPlot, TrainingPlot
from napari_cryonet.gui.preview import Preview
from napari_cryonet.gui.room import Room
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.widgets.halves import HalvesPicker
from napari_cryonet.gui.work import Work
from napari_cryonet.jobs import Job
from napari_cryonet.methods import table
from napari_cryonet.types import ModelCard, Volume
from napari_cryonet.types.model import voxel_size_warning

_APPLYING = "Denoise "


class DenoiseWidget(Room):
    """The dock.

    Parameters
    ----------
    napari_viewer
        The viewer it belongs to.
    jobs
        The runner of the jobs; None for the application's own.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, jobs: Runner | None = None) -> None:
        self.halves = HalvesPicker(napari_viewer)
        method = table.find("noise2noise")
        super().__init__(napari_viewer, method, self.halves, ("Train", "Denoise"), jobs)
        self._preview: Preview | None = None
        self.training_plot, self.fsc_plot = TrainingPlot(), FscPlot()
        for plot in (self.training_plot, self.fsc_plot):
            plot.setVisible(False)
            self.live.addWidget(plot)
        self.halves.changed.connect(self.look_at_model)
        self.look_at_model()

    def train(self) -> Work:
        """Put a training into the queue, and show its curves and a live preview.

        Raises
        ------
        CryonetError
            If data or settings do not suit.
        """
        rows, given = self.halves.rows(training=True)
        name = self.halves.first.currentText()
        output = free_name(models_folder(), name)
        job = Job(method=self.method.name, action="train", inputs=rows, output=str(output))
        work = self.submit(f"Train on {name}", job, given)
        self._drop_preview()
        self._preview = Preview(self.viewer, self.halves.layers()[0], work)
        self.training_plot.clear()
        self._show_plot(self.training_plot)
        work.stepped.connect(self._on_step)
        return work

    def apply(self) -> Work:
        """Put the application of the chosen model into the queue.

        Raises
        ------
        CryonetError
            If data, settings or model do not suit.
        """
        model = self.models.chosen()
        rows, given = self.halves.rows(training=False)
        job = Job(method=self.method.name, action="apply", inputs=rows, model=str(model))
        return self.submit(f"{_APPLYING}{self.halves.first.currentText()}", job, given)

    def finished(self, work: Work) -> None:
        """Show the denoised volume, and what it is worth."""
        outcome = work.outcome
        if outcome is None or outcome.volume is None:
            return
        self._drop_preview()
        name = f"{work.title.removeprefix(_APPLYING)} denoised"
        self.show_result(replace(outcome.volume, name=name))
        if "fsc_raw" in outcome.measures:
            self.fsc_plot.show_measures(outcome.measures, outcome.volume.scale[0])
            self._show_plot(self.fsc_plot)

    def doubts(self, card: ModelCard) -> str:
        """Return a sentence if the voxel size of a model differs from that of the data."""
        chosen = self.halves.first_layer()
        thing = None if chosen is None else to_thing(chosen)
        return voxel_size_warning(card, thing.voxel_size) if isinstance(thing, Volume) else ""

    def _on_step(self, done: float, total: float, metrics: dict[str, float]) -> None:  # noqa: ARG002
        """Draw the curves on."""
        self.training_plot.add(metrics)

    def _show_plot(self, shown: TrainingPlot | FscPlot) -> None:
        """Show one of the plots and hide the other."""
        for plot in (self.training_plot, self.fsc_plot):
            plot.setVisible(plot is shown)

    def _drop_preview(self) -> None:
        """Take the preview of an earlier training away."""
        if self._preview is not None:
            self._preview.remove()
            self._preview = None
