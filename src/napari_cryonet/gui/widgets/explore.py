"""The Explore dock: learn what a tomogram holds, map it, select in the map, label."""

from __future__ import annotations

from dataclasses import replace

import napari
from qtpy.QtWidgets import QWidget

from napari_cryonet.errors import SettingsError
from napari_cryonet.gui.exploring.map_page import MapPage
from napari_cryonet.gui.folders import free_name, models_folder
from napari_cryonet.gui.layer_box import LayerBox
from napari_cryonet.gui.layout import empty_form, page
from napari_cryonet.gui.room import Room
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.work import Work
from napari_cryonet.jobs import Job
from napari_cryonet.methods import table
from napari_cryonet.methods.table import Action
from napari_cryonet.types import ModelCard, Points

_VERBS = ("Learn", "Explore")


class ExploreWidget(Room):
    """The dock.

    Parameters
    ----------
    napari_viewer
        The viewer it belongs to.
    jobs
        The runner of the jobs; None for the application's own.

    Attributes
    ----------
    tomogram
        The choice of the tomogram.
    map
        The page with the map of what was found.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, jobs: Runner | None = None) -> None:
        self.tomogram = LayerBox(napari_viewer)
        self.tomogram.setToolTip("The tomogram to explore")
        data = QWidget()
        form = empty_form(data)
        form.addRow("Tomogram", self.tomogram)
        super().__init__(napari_viewer, [table.find("exploration")], data, _VERBS, jobs)
        form.addRow(*self.train_form.take("diameter"))
        self.map = MapPage(napari_viewer)
        self.tabs.addTab(page(self.map), "Map")
        self.save_button.setText("Save strength…")
        self.map.wrong.connect(self.message.setText)
        self.tomogram.changed.connect(self.look_at_model)
        self.train_form.edited.connect(self.look_at_model)
        self.look_at_model()

    def train(self) -> Work:
        """Put a training into the queue.

        Raises
        ------
        CryonetError
            If data or settings do not suit.
        """
        if self._diameter() is None:
            raise SettingsError("Give the diameter of the particles in Å first.")
        name = self.tomogram.volume().name
        return self._start("train", "Learn", output=str(free_name(models_folder(), name)))

    def apply(self) -> Work:
        """Put the exploration of the tomogram with the chosen model into the queue.

        Raises
        ------
        CryonetError
            If data, settings or model do not suit.
        """
        return self._start("apply", "Explore", model=str(self.models.chosen()))

    def finished(self, work: Work) -> None:
        """Show the candidates and their map; how strong blobs are is a layer to be switched on."""
        outcome = work.outcome
        if outcome is None or outcome.volume is None:
            return
        found = outcome.others["candidates"]
        assert isinstance(found, Points)  # noqa: S101 - so exploration makes them
        strength = replace(outcome.volume, name=f"{found.volume} strength")
        for thing in (strength, found):
            if thing.name in self.viewer.layers:
                self.viewer.layers.remove(thing.name)
        self.show_result(strength, visible=False)
        layer = self.add(found, translate=strength.origin)
        self.map.box.choose(layer)
        self.viewer.layers.selection.active = layer
        self.tabs.setCurrentIndex(self.tabs.count() - 1)

    def doubts(self, card: ModelCard) -> str:
        """Return a sentence if a model has learnt particles of another size, or finer data."""
        asked, learnt = self._diameter(), card.extra.get("diameter")
        if asked is not None and learnt is not None and asked != learnt:
            return f"The model looks for particles of {learnt:g} Å. Learn again for {asked:g} Å."
        return self.tomogram.too_coarse(card)

    def _start(self, action: Action, title: str, *, model: str = "", output: str = "") -> Work:
        """Put a job on the chosen tomogram into the queue."""
        volume = self.tomogram.volume()
        key = f"layer: {volume.name}"
        job = Job(
            method=self.method.name,
            action=action,
            inputs=((key,),),
            model=model,
            output=output,
        )
        return self.submit(f"{title} {volume.name}", job, {key: volume})

    def _diameter(self) -> float | None:
        """Return the diameter that is asked for in Å, None if there is none."""
        diameter: float | None = self.train_form.value().diameter
        return diameter
