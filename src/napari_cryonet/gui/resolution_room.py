"""The tab of the Resolution dock for a single map: the network, shipped or trained on halves."""

from __future__ import annotations

from dataclasses import replace

import napari
from qtpy.QtWidgets import QWidget

from napari_cryonet.errors import DataError
from napari_cryonet.gui.folders import free_name, models_folder
from napari_cryonet.gui.layer_box import LayerBox
from napari_cryonet.gui.layout import empty_form, text_label
from napari_cryonet.gui.plots import TrainingPlot
from napari_cryonet.gui.resolution_layer import dress
from napari_cryonet.gui.resolution_plots import ResolutionHistogram
from napari_cryonet.gui.room import Room
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.widgets.halves import HalvesPicker
from napari_cryonet.gui.work import Work
from napari_cryonet.io.chimerax import colour_limits
from napari_cryonet.jobs import Job
from napari_cryonet.methods import table
from napari_cryonet.types import ModelCard

_APPLYING = "Resolution of "
_QUALITY = "Skill: 1 − error / error of the best constant"
_UNCERTAIN = {"colormap": "inferno", "visible": False}  # on top: a click on its eye shows it
_TAB_HEIGHT = 300
_GAP = 8  # beside the scroll bar


class ResolutionRoom(Room):
    """Estimates the local resolution of one map, and trains on two half maps.

    Parameters
    ----------
    viewer
        The viewer it belongs to.
    halves
        The choice of the half maps to train on.
    mask
        The choice of the mask, for both.
    jobs
        The runner of the jobs; None for the application's own.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        halves: HalvesPicker,
        mask: LayerBox,
        jobs: Runner | None = None,
    ) -> None:
        self.halves, self.mask = halves, mask
        self.map = LayerBox(viewer)
        self.map.setToolTip("The map to look at, before it was masked")
        data = QWidget()
        form = empty_form(data)
        form.addRow("Map", self.map)
        verbs = ("Train on the halves", "Estimate")
        super().__init__(viewer, [table.find("resolution")], data, verbs, jobs)
        self.tabs.setCurrentIndex(1)
        self.tabs.setMinimumHeight(_TAB_HEIGHT)
        self.setMinimumWidth(0)  # the dock around it has one
        self.layout().setContentsMargins(0, 0, _GAP, 0)
        self.training_plot, self.histogram = TrainingPlot(_QUALITY), ResolutionHistogram()
        self.figures = text_label()
        for part in (self.training_plot, self.histogram, self.figures):
            part.setVisible(False)
            self.live.addWidget(part)
        self.look_at_model()

    def train(self) -> Work:
        """Put a training on the half maps into the queue, and show its curves.

        The mask is that of the chosen layers; further pairs have one made for each.

        Raises
        ------
        CryonetError
            If data or settings do not suit.
        """
        _, given = self.halves.rows(training=False)
        if len(given) < 2:
            raise DataError("The network learns from two half maps; choose half 2 as well.")
        mask = self.mask.volume_or_none()
        things = dict(given) if mask is None else {**given, f"mask: {mask.name}": mask}
        name = f"{self.halves.first.currentText()} resolution"
        output = free_name(models_folder(), name)
        rows = (tuple(things), *self.halves.more.rows())
        job = Job(method=self.method.name, action="train", inputs=rows, output=str(output))
        work = self.submit(f"Train on {name}", job, things)
        self._show(self.training_plot)
        self.training_plot.follow(work)
        return work

    def apply(self) -> Work:
        """Put the estimate of the chosen model into the queue.

        Raises
        ------
        CryonetError
            If data, settings or model do not suit.
        """
        volume, mask = self.map.volume(), self.mask.volume_or_none()
        things = {f"layer: {volume.name}": volume}
        if mask is not None:
            things[f"mask: {mask.name}"] = mask
        model = str(self.models.chosen())
        inputs = (tuple(things),)
        job = Job(method=self.method.name, action="apply", inputs=inputs, model=model)
        return self.submit(f"{_APPLYING}{volume.name}", job, things)

    def finished(self, work: Work) -> None:
        """Show the resolution in its colours, how far it is uncertain, and its histogram."""
        outcome = work.outcome
        if outcome is None or outcome.volume is None:
            return
        found, name = outcome.measures, work.title.removeprefix(_APPLYING)
        self.show_result(replace(outcome.volume, name=f"{name} resolution"))
        dress(self.result, colour_limits(found["finest"], found["coarsest"]))
        for what, other in outcome.others.items():
            self.add(replace(other, name=f"{name} {what}"), **_UNCERTAIN)
        self.viewer.layers.selection.active = self.result
        self.histogram.show_values(outcome.volume.data, None)
        self.figures.setText(
            f"Median {found['median']:.2f} Å; 96 % of the mask lie between {found['finest']:.2f} "
            f"and {found['coarsest']:.2f} Å."
        )
        self._show(self.histogram, self.figures)

    def doubts(self, card: ModelCard) -> str:  # noqa: ARG002 - a model suits every voxel size
        """Return nothing: what does not suit is only seen in the map."""
        return ""

    def _show(self, *shown: QWidget) -> None:
        """Show some of the plots and figures, and hide the others."""
        for part in (self.training_plot, self.histogram, self.figures):
            part.setVisible(part in shown)
