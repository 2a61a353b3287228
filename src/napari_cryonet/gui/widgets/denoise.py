"""The Denoise dock: choose halves or a volume, train and watch, denoise, save."""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakSet

import napari
from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

from napari_cryonet.gui.folders import free_name, models_folder
from napari_cryonet.gui.layers import to_thing
from napari_cryonet.gui.layout import empty_form, text_label
from napari_cryonet.gui.plots import FscPlot, TrainingPlot
from napari_cryonet.gui.preview import Preview
from napari_cryonet.gui.room import Room
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.widgets.halves import HalvesPicker
from napari_cryonet.gui.widgets.training_box import TrainingBox
from napari_cryonet.gui.work import Work
from napari_cryonet.jobs import Job
from napari_cryonet.methods import table
from napari_cryonet.types import ModelCard, Volume
from napari_cryonet.types.model import voxel_size_warning

_APPLYING = "Denoise "
_PAIR, _SINGLE = "noise2noise", "self2self"
_ABOUT = {  # by the method, and whether there are two halves
    (_PAIR, True): "Two halves: the best there is, and what it is worth is measured across them.",
    (_PAIR, False): "One volume: models that were trained on halves denoise it; to train one, "
    "choose half 2.",
    (_SINGLE, False): "One volume: better than a filter, not as good as two halves. Its noise is "
    "taken to be alike everywhere; resolution cannot be measured.",
    (_SINGLE, True): "Takes half 1 alone and leaves half 2 aside; Noise2Noise does better with "
    "both.",
}
_FROM_NOISE = "FSC with the truth, estimated from the noise"
_UNCERTAIN = {"colormap": "inferno", "visible": False}  # on top: a click on its eye shows it


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
        methods = [table.find(name) for name in (_PAIR, _SINGLE)]
        self.halves = HalvesPicker(napari_viewer)
        self.choice = QComboBox()
        self.choice.setToolTip("Auto takes Noise2Noise if half 2 is chosen, else Self2Self")
        self.choice.addItem("auto", "")
        for method in methods:
            self.choice.addItem(method.title, method.name)
        self.about = text_label()
        data = _stacked(self.halves, self.choice, self.about)
        super().__init__(napari_viewer, methods, data, ("Train", "Denoise"), jobs)
        form = self.parts[_SINGLE].train_form
        self.box = TrainingBox(napari_viewer, form.widgets["box"])
        form.insert(self.box)
        self._preview: Preview | None = None
        self._alone: WeakSet[Work] = WeakSet()
        self.training_plot, self.fsc_plot = TrainingPlot(), FscPlot()
        for plot in (self.training_plot, self.fsc_plot):
            plot.setVisible(False)
            self.live.addWidget(plot)
        self.choice.currentIndexChanged.connect(self._on_choice)
        self.halves.changed.connect(self.look)
        self.look()

    def look(self) -> None:
        """Take the method that suits the data unless one is chosen, and say what it can do."""
        both = self.halves.second_layer() is not None
        name = self.choice.currentData()
        if not name and self.halves.first_layer() is not None:
            name = _PAIR if both else _SINGLE
        self.use(name or self.method.name)
        self.halves.pair(self.method.name == _PAIR)
        self.about.setText(f"{self.method.title}. {_ABOUT[self.method.name, both]}")
        self.box.follow(self.halves.first_layer())

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
        part = self.box.box if self.method.name == _SINGLE else None
        layer = self.halves.layers()[0]
        self._preview = Preview(self.viewer, layer, work, part, after=self._preview)
        self._show_plot(self.training_plot)
        self.training_plot.follow(work)
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
        work = self.submit(f"{_APPLYING}{self.halves.first.currentText()}", job, given)
        if self.method.name == _SINGLE:
            self._alone.add(work)
        return work

    def finished(self, work: Work) -> None:
        """Show the denoised volume, how far it is uncertain, and what it is worth."""
        outcome = work.outcome
        if outcome is None or outcome.volume is None:
            return
        self._drop_preview()
        name = work.title.removeprefix(_APPLYING)
        self.show_result(replace(outcome.volume, name=f"{name} denoised"))
        for what, other in outcome.others.items():
            self.add(replace(other, name=f"{name} {what}"), **_UNCERTAIN)
        self.viewer.layers.selection.active = self.result
        if "fsc_raw" in outcome.measures:
            title = (_FROM_NOISE,) if work in self._alone else ()
            self.fsc_plot.show_measures(outcome.measures, outcome.volume.scale[0], *title)
            self._show_plot(self.fsc_plot)

    def doubts(self, card: ModelCard) -> str:
        """Return a sentence if the voxel size of a model differs from that of the data."""
        chosen = self.halves.first_layer()
        thing = None if chosen is None else to_thing(chosen)
        return voxel_size_warning(card, thing.voxel_size) if isinstance(thing, Volume) else ""

    def _on_choice(self) -> None:
        """Take another method."""
        self.look()

    def _show_plot(self, shown: TrainingPlot | FscPlot) -> None:
        """Show one of the plots and hide the other."""
        for plot in (self.training_plot, self.fsc_plot):
            plot.setVisible(plot is shown)

    def _drop_preview(self) -> None:
        """Take the preview of an earlier training away."""
        if self._preview is not None:
            self._preview.remove()
            self._preview = None


def _stacked(halves: QWidget, choice: QWidget, about: QWidget) -> QWidget:
    """Return the data, the method and what it can do, one below the other."""
    data, form = QWidget(), empty_form()
    form.addRow("Method", choice)
    layout = QVBoxLayout(data)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(halves)
    layout.addLayout(form)
    layout.addWidget(about)
    return data
