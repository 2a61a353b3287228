"""The dock of a task: data on top, a tab to train, a tab to apply, the work below.

Every dock that trains is a `Room` with its own choice of data; sameness is the point. Where
several methods do the same task, the room shows the forms and models of one at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import napari
from qtpy.QtWidgets import (
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_cryonet.errors import CryonetError
from napari_cryonet.gui.dock import Dock
from napari_cryonet.gui.form import SettingsForm
from napari_cryonet.gui.layout import page, row, text_label
from napari_cryonet.gui.model_picker import ModelPicker
from napari_cryonet.gui.preferences import preference
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.work import Work
from napari_cryonet.io import read_card
from napari_cryonet.jobs import Job, Outcome
from napari_cryonet.methods.table import Method
from napari_cryonet.types import ModelCard, Thing

_WIDTH, _TAB_HEIGHT = 390, 230
_HIDDEN = ("device", "seed")
_WARNING = "#e3b341"


class MethodParts:
    """What a method brings into a room.

    Parameters
    ----------
    method
        The method.

    Attributes
    ----------
    train_form, apply_form
        The forms of its settings.
    models
        The choice among its models.
    """

    def __init__(self, method: Method) -> None:
        self.method = method
        self.train_form = SettingsForm(method.settings("train"), hidden=_HIDDEN[:1])
        self.apply_form = SettingsForm(method.settings("apply"), hidden=_HIDDEN)
        self.models = ModelPicker(method)

    def show(self, visible: bool) -> None:
        """Show all of it, or hide it."""
        for part in (self.train_form, self.apply_form, self.models):
            part.setVisible(visible)


class Room(Dock):
    """The dock of one task.

    Parameters
    ----------
    viewer
        The viewer it belongs to.
    methods
        Those that do the task; the first is in force until `use` takes another.
    data
        The widget in which the data are chosen.
    verbs
        What the two buttons say: train and apply.
    jobs
        The runner of the jobs; None for the application's own.

    Attributes
    ----------
    parts
        Forms and models of each method, by its name.
    method
        The method in force.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        methods: Sequence[Method],
        data: QWidget,
        verbs: tuple[str, str],
        jobs: Runner | None = None,
    ) -> None:
        super().__init__(viewer, jobs)
        self.parts = {method.name: MethodParts(method) for method in methods}
        self.method = methods[0]
        self.train_button, self.apply_button = (QPushButton(verb) for verb in verbs)
        self.warning = text_label(_WARNING)
        self.tabs, self.live = QTabWidget(), QVBoxLayout()
        self._lay_out(data, verbs)
        self.train_button.clicked.connect(self._on_train)
        self.apply_button.clicked.connect(self._on_apply)
        for parts in self.parts.values():
            parts.show(parts.method is self.method)
            parts.models.changed.connect(self.look_at_model)

    @property
    def train_form(self) -> SettingsForm:
        """The form to train with the method in force."""
        return self.parts[self.method.name].train_form

    @property
    def apply_form(self) -> SettingsForm:
        """The form to apply the method in force."""
        return self.parts[self.method.name].apply_form

    @property
    def models(self) -> ModelPicker:
        """The choice among the models of the method in force."""
        return self.parts[self.method.name].models

    def use(self, name: str) -> None:
        """Take another of the methods; the forms of all keep their values."""
        self.parts[self.method.name].show(False)
        self.parts[name].show(True)
        self.method = self.parts[name].method
        self.look_at_model()

    def train(self) -> Work:
        """Put a training into the queue and follow it; each room says how."""
        raise NotImplementedError

    def apply(self) -> Work:
        """Put an application into the queue and follow it; each room says how."""
        raise NotImplementedError

    def doubts(self, card: ModelCard) -> str:
        """Return why a model may not suit the chosen data, or nothing."""
        raise NotImplementedError

    def submit(self, title: str, job: Job, given: Mapping[str, Thing]) -> Work:
        """Put a job into the queue with the settings of its form, and follow it.

        Parameters
        ----------
        title
            What to call it.
        job
            What to do; its settings are taken from the form of its method.
        given
            Volumes and points that inputs of the job name.

        Raises
        ------
        SettingsError
            If a value of the form does not suit.
        """
        parts = self.parts[job.method]
        form = parts.train_form if job.action == "train" else parts.apply_form
        settings = form.value().updated({"device": preference("compute", "device", "auto")})
        board = job.action == "train" and preference("compute", "tensorboard", False)
        job = job.updated({"settings": settings.to_dict(), "tensorboard": board})
        return super().submit(title, job, given)

    def look_at_model(self) -> None:
        """Warn if the chosen model does not suit the chosen data."""
        path = self.models.path
        self.apply_button.setEnabled(path is not None)
        text = ""
        if path is not None:
            try:
                text = self.doubts(read_card(path))
            except CryonetError as error:
                text = str(error)
        self.warning.setText(text)
        self.warning.setVisible(bool(text))

    # Slots are methods: napari drops a closed dock, and a closure would keep it half alive.

    def _on_train(self) -> None:
        """Train."""
        self.guard(self.train)

    def _on_apply(self) -> None:
        """Apply."""
        self.guard(self.apply)

    def _take(self, work: Work, outcome: Outcome) -> None:
        """Offer the model that a training has made; show the result of an application."""
        if outcome.model is None:
            super()._take(work, outcome)
            return
        name = outcome.model.card.method
        self.parts[name].models.refresh(outcome.files[0])
        if work is self.work and name == self.method.name:
            self.tabs.setCurrentIndex(1)

    def _lay_out(self, data: QWidget, verbs: tuple[str, str]) -> None:
        """Put everything in its place."""
        every = tuple(self.parts.values())
        training = (*(parts.train_form for parts in every), self.train_button)
        applying = (
            *(parts.models for parts in every),
            self.warning,
            *(parts.apply_form for parts in every),
            row(self.apply_button, self.save_button),
        )
        for parts, verb in zip((training, applying), verbs, strict=True):
            self.tabs.addTab(page(*parts), verb)
        layout = QVBoxLayout(self)
        if len(every) == 1:  # with several, the data say which is in force and what it can do
            summary = text_label()
            summary.setText(self.method.summary)
            layout.addWidget(summary)
        for part in (data, self.tabs, self.message):
            layout.addWidget(part)
        layout.setStretchFactor(self.tabs, 1)
        self.tabs.setMinimumHeight(_TAB_HEIGHT)
        layout.addLayout(self.job_view)
        layout.addLayout(self.live)
        self.setMinimumWidth(_WIDTH)
