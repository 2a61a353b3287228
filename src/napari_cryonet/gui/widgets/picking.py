"""The Picking dock: label a few, train and pick, filter, review, train again, save."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import napari
import numpy as np

from napari_cryonet.gui.folders import free_name, models_folder
from napari_cryonet.gui.layout import page
from napari_cryonet.gui.picking.curating import CuratingPage, Found
from napari_cryonet.gui.picking.data import DataBox
from napari_cryonet.gui.picking.labelled import Labelled, inputs
from napari_cryonet.gui.picking.labelling import Labelling
from napari_cryonet.gui.plots import TrainingPlot
from napari_cryonet.gui.positions import save_positions
from napari_cryonet.gui.preview import SCORES, Preview
from napari_cryonet.gui.room import Room
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.work import Work
from napari_cryonet.io import CoordinateSettings
from napari_cryonet.jobs import Job, Outcome
from napari_cryonet.methods import table
from napari_cryonet.methods.picking.settings import APART
from napari_cryonet.signal.curation import Cut
from napari_cryonet.types import ModelCard, Points, Volume

_VERBS = ("Train and pick", "Pick")
_TAB_HEIGHT = 200  # leaves room for the curves of a training


class PickingWidget(Room):
    """The dock.

    Parameters
    ----------
    napari_viewer
        The viewer it belongs to.
    jobs
        The runner of the jobs; None for the application's own.

    Attributes
    ----------
    data
        What is learnt from and picked in.
    labelling
        Makes labels of what the user does in the viewer.
    curating
        The page with the picks that were found.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, jobs: Runner | None = None) -> None:
        self.data = DataBox(napari_viewer)
        super().__init__(napari_viewer, [table.find("picking")], self.data, _VERBS, jobs)
        self.data.form.insertRow(1, *self.train_form.take("diameter"))
        self.labelling = Labelling(napari_viewer, self.data, self.train_form)
        self.curating = CuratingPage(napari_viewer, self.data)
        self.tabs.addTab(page(self.curating), "Review")
        self.tabs.setMinimumHeight(_TAB_HEIGHT)
        self.save_button.setText("Save scores…")
        self.plot = TrainingPlot("Quality at held-out labels")
        self.plot.setVisible(False)
        self.live.addWidget(self.plot)
        self._rows: dict[Work, Labelled] = {}
        self._preview: Preview | None = None
        for part in (self.labelling, self.curating):
            part.wrong.connect(self.message.setText)
        self.data.add_button.clicked.connect(self._on_add)
        self.data.changed.connect(self.look_at_model)
        self.curating.retrain_button.clicked.connect(self._on_retrain)

    def train(self) -> Work:
        """Train from scratch on what is labelled, then pick.

        Raises
        ------
        CryonetError
            If data or settings do not suit.
        """
        return self._train("")

    def retrain(self) -> Work:
        """Train the chosen model on, with what the review has brought, then pick.

        Raises
        ------
        CryonetError
            If data, settings or model do not suit.
        """
        return self._train(str(self.models.chosen()))

    def apply(self) -> Work:
        """Pick in the chosen tomogram with the chosen model.

        Raises
        ------
        CryonetError
            If data, settings or model do not suit.
        """
        chosen = self.data.chosen()
        labels = self.data.known(chosen.volume, 1.0) if self.data.ticked() else None
        return self._pick(replace(chosen, labels=labels))

    def labelled(self) -> Labelled:
        """Return the chosen tomogram with its labels and what its review has brought.

        Raises
        ------
        CryonetError
            If data or settings do not suit.
        """
        return self.data.labelled(self.curating.decided(), self.labelling.diameter())

    def finished(self, work: Work) -> None:
        """Show the scores and the picks, ready to be filtered and reviewed."""
        row, outcome = self._rows.pop(work, None), work.outcome
        if row is None or outcome is None or outcome.volume is None:
            return
        self._drop_preview()
        self.plot.setVisible(False)
        self._show_scores(row.volume.name, outcome.volume)
        self.guard(lambda: self._show_picks(row, outcome))

    def save_picks(self, path: Path, settings: CoordinateSettings) -> None:
        """Write the picks that are in view and not rejected.

        Parameters
        ----------
        path
            The file; replaced if it is there.
        settings
            The format and its conventions.

        Raises
        ------
        DataError
            If there are none.
        FormatError, FileProblem, SettingsError
            If the format cannot hold them, or the file cannot be written.
        """
        save_positions(path, *self.curating.saved(), settings)

    def doubts(self, card: ModelCard) -> str:
        """Return a sentence if the tomogram is coarser than what a model has learnt from."""
        return self.data.tomogram.too_coarse(card)

    def listen(self) -> None:
        """Take the keys of the review, and clicks on planes."""
        self.curating.review.bind()
        self.labelling.listen()

    def leave(self) -> None:
        """Leave them to others."""
        self.curating.review.release()
        self.labelling.leave()

    def _train(self, model: str) -> Work:
        """Train, and remember to pick in the same tomogram then."""
        row = self.labelled()
        names, given = inputs(self.data.rows(row))
        name = row.volume.name
        job = Job(
            method=self.method.name,
            action="train",
            inputs=names,
            model=model,
            output=str(free_name(models_folder(), name)),
        )
        work = self.submit(f"Train on {name}", job, given)
        self._rows[work] = row
        layer = self.data.tomogram.layer()
        self._preview = Preview(self.viewer, layer, work, scores=True, after=self._preview)
        self.plot.follow(work)
        return work

    def _pick(self, row: Labelled) -> Work:
        """Pick in a tomogram with the chosen model."""
        names, given = inputs([replace(row, labels=None, regions=None)])
        model = str(self.models.chosen())
        job = Job(method=self.method.name, action="apply", inputs=names, model=model)
        work = self.submit(f"Pick in {row.volume.name}", job, given)
        self._rows[work] = row
        return work

    def _take(self, work: Work, outcome: Outcome) -> None:
        """Pick with a model that was trained for it; show what was picked."""
        super()._take(work, outcome)
        if outcome.model is not None and work in self._rows:
            row = self._rows.pop(work)
            self.guard(lambda: self._pick(row))

    def _show_picks(self, row: Labelled, outcome: Outcome) -> None:
        """Show what a job has found, cut as its settings say, on the page of the review."""
        candidates, measures = outcome.others["candidates"], outcome.measures
        assert isinstance(candidates, Points)  # noqa: S101 - so picking makes them
        asked, radii = self.apply_form.value(), candidates.features["radius"]
        diameter = 2 * float(np.median(radii)) if len(radii) else self.labelling.diameter()
        distance = asked.distance or APART * diameter
        cut = Cut(measures["thresholds"], distance, asked.border)
        found = Found(row, candidates, diameter, cut, measures["estimates"])
        self.curating.begin(found)
        self.viewer.layers.selection.active = self.curating.view.layer
        self.tabs.setCurrentIndex(self.tabs.count() - 1)

    def _show_scores(self, tomogram: str, scores: Volume) -> None:
        """Show scores over their tomogram and below its picks, in the place of older ones."""
        layers, name = self.viewer.layers, f"{tomogram} scores"
        if name in layers:
            layers.remove(name)
        self.show_result(replace(scores, name=name))
        for what, value in SCORES.items():
            setattr(self.result, what, value)
        if tomogram in layers:
            layers.move(layers.index(self.result), layers.index(tomogram) + 1)

    def _drop_preview(self) -> None:
        """Take the preview of an earlier training away."""
        if self._preview is not None:
            self._preview.remove()
            self._preview = None

    # Slots are methods: napari drops a closed dock, and a closure would keep it half alive.

    def _on_add(self) -> None:
        """Keep the chosen tomogram to train on."""
        self.guard(lambda: self.data.add(self.labelled()))

    def _on_retrain(self) -> None:
        """Train on."""
        self.guard(self.retrain)
