"""The dock of a method: data on top, a tab to train, a tab to apply, the work below.

Every method's dock is a `Room` with its own choice of data; sameness is the point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import napari
from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_cryonet.errors import CryonetError, DataError
from napari_cryonet.gui.folders import runs_folder
from napari_cryonet.gui.form import SettingsForm
from napari_cryonet.gui.jobs_panel import JobView
from napari_cryonet.gui.layers import layer_data, to_thing
from napari_cryonet.gui.model_picker import ModelPicker
from napari_cryonet.gui.preferences import preference
from napari_cryonet.gui.runner import Order, Runner, runner
from napari_cryonet.gui.work import Work
from napari_cryonet.gui.writers import save
from napari_cryonet.io import read_card
from napari_cryonet.jobs import Job
from napari_cryonet.methods.table import Method
from napari_cryonet.types import ModelCard, Thing

_WIDTH, _TAB_HEIGHT = 390, 230
_HIDDEN = ("device", "seed")


class Room(QWidget):
    """The dock of one method.

    Parameters
    ----------
    viewer
        The viewer it belongs to.
    method
        The method.
    data
        The widget in which the data are chosen.
    verbs
        What the two buttons say: train and apply.
    jobs
        The runner of the jobs; None for the application's own.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        method: Method,
        data: QWidget,
        verbs: tuple[str, str],
        jobs: Runner | None = None,
    ) -> None:
        super().__init__()
        self.viewer = viewer
        self.method = method
        self._runner = jobs or runner()
        self.work: Work | None = None
        self._followed: list[Work] = []
        self.result: Layer | None = None
        self.train_form = SettingsForm(method.settings("train"), hidden=_HIDDEN[:1])
        self.apply_form = SettingsForm(method.settings("apply"), hidden=_HIDDEN)
        self.train_button, self.apply_button = (QPushButton(verb) for verb in verbs)
        self.save_button = QPushButton("Save result…")
        self.save_button.setToolTip("Write the result as MRC; the header is kept")
        self.save_button.setEnabled(False)
        self.models = ModelPicker(method)
        self.warning, self.message = _text("#e3b341"), _text("#ff7b72")
        self.tabs, self.live = QTabWidget(), QVBoxLayout()
        self._lay_out(data, verbs)
        self.train_button.clicked.connect(self._on_train)
        self.apply_button.clicked.connect(self._on_apply)
        self.save_button.clicked.connect(self._on_save)
        self.models.changed.connect(self.look_at_model)

    def train(self) -> Work:
        """Put a training into the queue and follow it; each method says how."""
        raise NotImplementedError

    def apply(self) -> Work:
        """Put an application into the queue and follow it; each method says how."""
        raise NotImplementedError

    def finished(self, work: Work) -> None:
        """Show the result of an application that has ended; each method says how."""
        raise NotImplementedError

    def doubts(self, card: ModelCard) -> str:
        """Return why a model may not suit the chosen data, or nothing."""
        raise NotImplementedError

    def submit(self, title: str, job: Job, given: Mapping[str, Any]) -> Work:
        """Put a job into the queue with the settings of its form, and follow it.

        Parameters
        ----------
        title
            What to call it.
        job
            What to do; its settings are taken from the form.
        given
            Things that inputs of the job name.

        Raises
        ------
        SettingsError
            If a value of the form does not suit.
        """
        form = self.train_form if job.action == "train" else self.apply_form
        settings = form.value().updated({"device": preference("compute", "device", "auto")})
        job = job.updated({"settings": settings.to_dict()})
        work = self._runner.submit(Order(title, job, runs_folder(), given))
        self.work = work
        self._followed.append(work)
        self.message.setText("")
        while (item := self._job.takeAt(0)) is not None:
            item.widget().hide()
            item.widget().deleteLater()
        self._job.addWidget(JobView(work))
        work.ended.connect(self._on_ended)
        return work

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

    def show_result(self, thing: Thing) -> None:
        """Add the result as a layer, ready to be saved."""
        limit = preference("display", "max_3d_mb", 1024)
        (data,) = layer_data(thing, max_3d_mb=limit)
        self.result = self.viewer.add_layer(Layer.create(*data))
        self.save_button.setEnabled(True)

    def save(self, path: Path) -> None:
        """Write the newest result with its header.

        Parameters
        ----------
        path
            The file; replaced if it is there.

        Raises
        ------
        DataError
            If there is no result.
        FileProblem
            If the file cannot be written.
        """
        if self.result is None:
            raise DataError("There is no result yet; apply a model first.")
        save(path, to_thing(self.result))
        self.message.setText("")

    def guard(self, action: Callable[[], object]) -> None:
        """Do something; an error of CryoNet becomes a sentence in the dock."""
        try:
            action()
        except CryonetError as error:
            self.message.setText(str(error))

    # Slots are methods: napari drops a closed dock, and a closure would keep it half alive.

    def _on_train(self) -> None:
        """Train."""
        self.guard(self.train)

    def _on_apply(self) -> None:
        """Apply."""
        self.guard(self.apply)

    def _on_save(self) -> None:
        """Save."""
        self.guard(self._ask_and_save)

    def _on_ended(self) -> None:
        """Show what came of the jobs that have ended."""
        for work in [work for work in self._followed if work.has_ended]:
            self._followed.remove(work)
            if work.outcome is None:
                continue
            if work.outcome.model is None:
                self.finished(work)
                continue
            self.models.refresh(work.outcome.files[0])
            if work is self.work:
                self.tabs.setCurrentIndex(1)

    def _ask_and_save(self) -> None:
        """Ask for a file and save the result."""
        name = f"{self.result.name}.mrc" if self.result is not None else ""
        chosen, _ = QFileDialog.getSaveFileName(self, "Save the result", name, "MRC (*.mrc *.map)")
        if chosen:
            self.save(Path(chosen))

    def _lay_out(self, data: QWidget, verbs: tuple[str, str]) -> None:
        """Put everything in its place."""
        self.tabs.addTab(_page(self.train_form, self.train_button), verbs[0])
        self.tabs.addTab(
            _page(self.models, self.warning, self.apply_form, self.apply_button, self.save_button),
            verbs[1],
        )
        self._job = QVBoxLayout()
        summary = _text()
        summary.setText(self.method.summary)
        layout = QVBoxLayout(self)
        for part in (summary, data, self.tabs, self.message):
            layout.addWidget(part)
        layout.setStretchFactor(self.tabs, 1)
        self.tabs.setMinimumHeight(_TAB_HEIGHT)
        layout.addLayout(self._job)
        layout.addLayout(self.live)
        self.setMinimumWidth(_WIDTH)


def _page(*parts: QWidget) -> QScrollArea:
    """Return a page of a tab, whose parts scroll if they do not fit."""
    inside = QWidget()
    layout = QVBoxLayout(inside)
    for part in parts:
        layout.addWidget(part)
    layout.addStretch()
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(inside)
    return area


def _text(colour: str = "") -> QLabel:
    """Return an empty label that wraps its text."""
    label = QLabel()
    label.setWordWrap(True)
    if colour:
        label.setStyleSheet(f"color: {colour};")
    return label
