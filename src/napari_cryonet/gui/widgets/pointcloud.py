"""The Point cloud dock: images of single molecules become a cloud in three dimensions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import napari
from qtpy.QtWidgets import QFileDialog

from napari_cryonet.gui.folders import free_name, models_folder
from napari_cryonet.gui.layout import page
from napari_cryonet.gui.pointcloud.accepting import Chosen
from napari_cryonet.gui.pointcloud.data import DataBox
from napari_cryonet.gui.pointcloud.found import Found, doubt_of, from_application, from_training
from napari_cryonet.gui.pointcloud.page import CloudPage
from napari_cryonet.gui.pointcloud.plots import GrowthPlot
from napari_cryonet.gui.room import Room
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.waiting import waited
from napari_cryonet.gui.work import Work
from napari_cryonet.io import write
from napari_cryonet.io.pictures import check_film, write_film
from napari_cryonet.jobs import Job, Outcome
from napari_cryonet.methods import table
from napari_cryonet.reporting import Reporter
from napari_cryonet.signal.animation import film
from napari_cryonet.signal.picture_settings import AnimationSettings
from napari_cryonet.types import ModelCard, PointCloud, Thing

_VERBS = ("Reconstruct", "Find poses")
_CLOUDS, _POSES = "Clouds (*.ply *.obj *.csv)", "Poses (*.csv)"
_FILMS = "Films (*.gif *.mp4)"
_TAB_HEIGHT = 200  # leaves room for the curves of a reconstruction
_EVERYTHING = (slice(0, 1),) * 3  # previews are clouds; any region asks for them


class PointCloudWidget(Room):
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
        The images, and which of them count.
    page
        What was found.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, jobs: Runner | None = None) -> None:
        self.data = DataBox(napari_viewer)
        super().__init__(napari_viewer, [table.find("pointcloud")], self.data, _VERBS, jobs)
        self.page = CloudPage(napari_viewer)
        self.tabs.addTab(page(self.page), "Cloud")
        self.tabs.setMinimumHeight(_TAB_HEIGHT)
        self.save_button.setVisible(False)  # cloud and poses have buttons of their own
        self.plot = GrowthPlot()
        self.plot.setVisible(False)
        self.live.addWidget(self.plot)
        self._given: WeakKeyDictionary[Work, Chosen] = WeakKeyDictionary()
        self.data.wrong.connect(self.message.setText)
        self.page.save_cloud_button.clicked.connect(self._on_save_cloud)
        self.page.save_poses_button.clicked.connect(self._on_save_poses)
        self.page.save_film_button.clicked.connect(self._on_save_film)

    def train(self) -> Work:
        """Reconstruct a cloud from the accepted images, and watch it grow.

        Raises
        ------
        CryonetError
            If images or settings do not suit.
        """
        chosen = self.data.chosen()
        name = chosen.images.name
        output = str(free_name(models_folder(), name))
        work = self._start(f"Reconstruct from {name}", chosen, action="train", output=output)
        work.region = _EVERYTHING
        self.plot.follow(work)
        work.changed.connect(self._on_changed)
        work.previewed.connect(self._on_preview)
        return work

    def apply(self) -> Work:
        """Find the poses of the accepted images under the chosen model.

        Raises
        ------
        CryonetError
            If images, settings or model do not suit.
        """
        chosen, model = self.data.chosen(), str(self.models.chosen())
        return self._start(
            f"Find poses of {chosen.images.name}", chosen, action="apply", model=model
        )

    def finished(self, work: Work) -> None:
        """Show the poses that were found, and the cloud that they belong to."""
        chosen, outcome = self._given.pop(work, None), work.outcome
        if chosen is None or outcome is None:
            return
        self.page.cloud.begin(_cloud_name(chosen))
        self._show(lambda: from_application(outcome.others, chosen))

    def save_cloud(self, path: Path) -> None:
        """Write the cloud of the hand in view, as it was found in the end.

        Parameters
        ----------
        path
            A .ply, .obj or .csv file; replaced if it is there.

        Raises
        ------
        DataError
            If there is none.
        FormatError, FileProblem
            If the format cannot hold it, or the file cannot be written.
        """
        self._write(path, self.page.found.cloud)

    def save_poses(self, path: Path) -> None:
        """Write the poses of the hand in view.

        Parameters
        ----------
        path
            A .csv file; replaced if it is there.

        Raises
        ------
        DataError, FormatError, FileProblem
            As `save_cloud`.
        """
        self._write(path, self.page.found.poses)

    def save_film(self, path: Path) -> None:
        """Write a film of the cloud of the hand in view, as it turns.

        Parameters
        ----------
        path
            A .gif or .mp4 file; replaced if it is there.

        Raises
        ------
        DataError, FormatError, FileProblem
            As `save_cloud`.
        """
        found, how = self.page.found, AnimationSettings()
        each = how.seconds / how.frames

        def write_it(report: Reporter) -> None:
            pictures = film(found.cloud, how, found.history, report)
            write_film(path, pictures, each, overwrite=True)

        check_film(path, overwrite=True)
        waited(write_it, f"Filming {found.cloud.name}")

    def doubts(self, card: ModelCard) -> str:
        """Return why the cloud of a model may be wrong, or nothing."""
        return doubt_of(card)

    def listen(self) -> None:
        """Take the keys of the images."""
        self.data.bind()

    def leave(self) -> None:
        """Leave them to others."""
        self.data.release()

    def _start(self, title: str, chosen: Chosen, **fields: Any) -> Work:
        """Put a job on the chosen images into the queue."""
        name = chosen.images.name
        job = Job(method=self.method.name, inputs=((name,),), **fields)
        work = self.submit(title, job, {name: chosen.images})
        self._given[work] = chosen
        return work

    def _take(self, work: Work, outcome: Outcome) -> None:
        """Show the cloud of a reconstruction that has ended, also of one that was stopped."""
        super()._take(work, outcome)
        model = outcome.model
        if model is None or work not in self._given:
            return
        chosen = self._given.pop(work)
        if self.page.cloud.name != _cloud_name(chosen):
            self.page.cloud.begin(_cloud_name(chosen))
        self._show(lambda: from_training(model, chosen))

    def _show(self, find: Callable[[], Found]) -> None:
        """Show what was found, on its page."""
        self.plot.setVisible(False)
        self.guard(lambda: self.page.begin(find()))
        self.tabs.setCurrentIndex(self.tabs.count() - 1)

    def _write(self, path: Path, thing: Thing) -> None:
        """Write a thing; what its format cannot hold is said."""
        self.message.setText(" ".join(write(path, thing, overwrite=True)))

    def _ask(self, what: str, kinds: str, thing: Thing, save: Callable[[Path], None]) -> None:
        """Ask for a file, suggesting the name of a thing, and save into it."""
        suggested = thing.name + kinds.partition("*")[2][:4]
        chosen, _ = QFileDialog.getSaveFileName(self, f"Save the {what}", suggested, kinds)
        if chosen:
            save(Path(chosen))

    # Slots are methods: napari drops a closed dock, and a closure would keep it half alive.

    def _on_changed(self) -> None:
        """Let the cloud grow on a layer of its own once its reconstruction is under way."""
        work = self.sender()
        if isinstance(work, Work) and work.state == "running" and work in self._given:
            self.page.cloud.begin(_cloud_name(self._given[work]))

    def _on_preview(self, cloud: PointCloud) -> None:
        """Show how the cloud grows."""
        self.page.cloud.show(cloud)

    def _on_save_cloud(self) -> None:
        """Save the cloud."""
        self.guard(lambda: self._ask("cloud", _CLOUDS, self.page.found.cloud, self.save_cloud))

    def _on_save_poses(self) -> None:
        """Save the poses."""
        self.guard(lambda: self._ask("poses", _POSES, self.page.found.poses, self.save_poses))

    def _on_save_film(self) -> None:
        """Save a film of the cloud."""
        self.guard(lambda: self._ask("film", _FILMS, self.page.found.cloud, self.save_film))


def _cloud_name(chosen: Chosen) -> str:
    """Return the name of the layer of a cloud."""
    return f"{chosen.images.name} cloud"
