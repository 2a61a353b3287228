"""What a dock that works on layers has: jobs in the queue, results as layers, errors as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import napari
from napari.layers import Layer
from qtpy.QtWidgets import (
    QDockWidget,
    QFileDialog,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_cryonet.errors import CryonetError, DataError
from napari_cryonet.gui.folders import release, runs_folder
from napari_cryonet.gui.jobs_panel import JobView
from napari_cryonet.gui.layers import layer_data, to_thing
from napari_cryonet.gui.layout import text_label
from napari_cryonet.gui.preferences import preference
from napari_cryonet.gui.runner import Order, Runner, runner
from napari_cryonet.gui.work import Work
from napari_cryonet.gui.writers import save
from napari_cryonet.jobs import Job, Outcome
from napari_cryonet.types import Thing

_ERROR = "#ff7b72"


class Dock(QWidget):
    """A dock that starts jobs and shows what they make; lays nothing out.

    Parameters
    ----------
    viewer
        The viewer it belongs to.
    jobs
        The runner of the jobs; None for the application's own.

    Attributes
    ----------
    work
        The newest job.
    result
        The layer of the newest result.
    """

    def __init__(self, viewer: napari.viewer.Viewer, jobs: Runner | None = None) -> None:
        super().__init__()
        self.viewer = viewer
        self._runner = jobs or runner()
        self.work: Work | None = None
        self._followed: list[Work] = []
        self._frame: QDockWidget | None = None
        self.result: Layer | None = None
        self.message = text_label(_ERROR)
        self.job_view = QVBoxLayout()
        self.save_button = QPushButton("Save result…")
        self.save_button.setToolTip("Write the result as MRC; the header is kept")
        self.save_button.setEnabled(False)
        self.save_button.clicked.connect(self._on_save)

    def finished(self, work: Work) -> None:
        """Show the result of a job that has ended with one; each dock says how."""
        raise NotImplementedError

    def listen(self) -> None:
        """Take keys and clicks, now that the dock is in view; docks that have any say which."""

    def leave(self) -> None:
        """Leave keys and clicks to others."""

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Follow whether the dock is in view: Qt sends no event when a tab hides it."""
        super().showEvent(event)
        frame = self.parent()
        while frame is not None and not isinstance(frame, QDockWidget):
            frame = frame.parent()
        if frame is not None and frame is not self._frame:
            frame.visibilityChanged.connect(self._on_visible)
            self._frame = frame
        self.listen()

    def hideEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Leave keys and clicks to others."""
        super().hideEvent(event)
        self.leave()

    def submit(self, title: str, job: Job, given: Mapping[str, Thing]) -> Work:
        """Put a job into the queue and follow it.

        Parameters
        ----------
        title
            What to call it.
        job
            What to do.
        given
            Volumes and points that inputs of the job name.
        """
        work = self._runner.submit(Order(title, job, runs_folder(), given))
        work.ended.connect(partial(release, Path(job.output)))
        return self.follow(work)

    def follow(self, work: Work) -> Work:
        """Show a work that is in the queue, and what comes of it when it has ended."""
        self.work = work
        self._followed.append(work)
        self.message.setText("")
        while (item := self.job_view.takeAt(0)) is not None:
            item.widget().hide()
            item.widget().deleteLater()
        self.job_view.addWidget(JobView(work))
        work.ended.connect(self._on_ended)
        return work

    def show_result(self, thing: Thing, **look: Any) -> None:
        """Add a result as a layer, as `add` does, ready to be saved."""
        self.result = self.add(thing, **look)
        self.save_button.setEnabled(True)

    def add(self, thing: Thing, **look: Any) -> Layer:
        """Add a thing as a layer.

        Parameters
        ----------
        thing
            What to show.
        **look
            Attributes of the layer that are to differ from the usual ones.
        """
        limit = preference("display", "max_3d_mb", 1024)
        ((data, attributes, kind),) = layer_data(thing, max_3d_mb=limit)
        return self.viewer.add_layer(Layer.create(data, attributes | look, kind))

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
            raise DataError("There is no result yet.")
        save(path, to_thing(self.result))
        self.message.setText("")

    def guard(self, action: Callable[[], object]) -> None:
        """Do something; an error of CryoNet becomes a sentence in the dock."""
        guarded(action, self.message.setText)

    # Slots are methods: napari drops a closed dock, and a closure would keep it half alive.

    def _on_visible(self, visible: bool) -> None:
        """Listen while the dock is in view, on top of others that share its place."""
        if visible:
            self.listen()
        else:
            self.leave()

    def _on_save(self) -> None:
        """Save."""
        self.guard(self._ask_and_save)

    def _on_ended(self) -> None:
        """Show what came of the jobs that have ended."""
        for work in [work for work in self._followed if work.has_ended]:
            self._followed.remove(work)
            if work.outcome is not None:
                self._take(work, work.outcome)

    def _take(self, work: Work, outcome: Outcome) -> None:  # noqa: ARG002 - for docks that train
        """Take what a job has made."""
        self.finished(work)

    def _ask_and_save(self) -> None:
        """Ask for a file and save the result."""
        name = f"{self.result.name}.mrc" if self.result is not None else ""
        chosen, _ = QFileDialog.getSaveFileName(self, "Save the result", name, "MRC (*.mrc *.map)")
        if chosen:
            self.save(Path(chosen))


def guarded(action: Callable[[], object], tell: Callable[[str], object]) -> None:
    """Do something; an error of CryoNet becomes a sentence that is told."""
    try:
        action()
    except CryonetError as error:
        tell(str(error))
