"""The menu *File > New Layer > New simulated*: data whose truth is known, made as a form says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import napari.viewer
from napari.layers import Layer
from napari.utils.notifications import show_error
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QVBoxLayout

from napari_cryonet.gui.dock import guarded
from napari_cryonet.gui.form import SettingsForm
from napari_cryonet.gui.layers import layer_data
from napari_cryonet.gui.layout import text_label
from napari_cryonet.gui.waiting import waited
from napari_cryonet.settings import Settings
from napari_cryonet.signal.simulation_settings import (
    HalfMapSettings,
    ParticlesSettings,
    StructureSettings,
    TomogramSettings,
)
from napari_cryonet.signal.smlm_settings import SmlmSettings
from napari_cryonet.types import Thing

Things = Mapping[str, Thing]

_ATOMS = "Molecules (*.pdb *.ent *.cif *.mmcif *.pdb.gz *.ent.gz *.cif.gz)"
_SHOWN = ("tomogram", "map", "images", "second", "first", "odd", "even")
"""What is in view, from bottom to top; everything else is below it and hidden."""


class SimulationDialog(QDialog):
    """The form of a simulation; it closes when its values suit.

    Parameters
    ----------
    title
        What is to be simulated.
    settings
        The class of its settings.

    Attributes
    ----------
    chosen
        What was said; None until OK is pressed.
    """

    def __init__(self, title: str, settings: type[Settings]) -> None:
        super().__init__()
        self.setWindowTitle(title)
        self.chosen: Settings | None = None
        self.form, self.message = SettingsForm(settings), text_label()
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        layout = QVBoxLayout(self)
        for part in (self.form, self.message, self.buttons):
            layout.addWidget(part)
        self.buttons.accepted.connect(self._on_ok)
        self.buttons.rejected.connect(self.reject)

    def _on_ok(self) -> None:
        """Take the values, or say which of them does not suit."""
        guarded(self._take, self.message.setText)

    def _take(self) -> None:
        """Take the values."""
        self.chosen = self.form.value()
        self.accept()


def new_half_maps(viewer: napari.viewer.Viewer) -> None:
    """Ask how half maps are to be, and add them.

    Parameters
    ----------
    viewer
        The viewer that gets the layers; so for all below.
    """
    from napari_cryonet.simulate import half_map_pair

    _new(viewer, "Half maps", HalfMapSettings, lambda how: vars(half_map_pair(**dict(how))))


def new_tomograms(viewer: napari.viewer.Viewer) -> None:
    """Ask how an even and an odd tomogram are to be, and add them."""
    from napari_cryonet.simulate import even_odd_tomogram

    _new(viewer, "Tomograms", TomogramSettings, lambda how: vars(even_odd_tomogram(**dict(how))))


def new_particles(viewer: napari.viewer.Viewer) -> None:
    """Ask how a tomogram of particles is to be, and add it."""
    from napari_cryonet.simulate.particles import picking_sample

    _new(viewer, "Particles", ParticlesSettings, lambda how: vars(picking_sample(**dict(how))))


def new_molecules(viewer: napari.viewer.Viewer) -> None:
    """Ask how images of single molecules are to be, and add them."""
    from napari_cryonet.simulate.smlm import smlm_images

    def made(how: SmlmSettings) -> Things:
        sample = smlm_images(how)
        return {"truth": sample.truth, "images": sample.images}

    _new(viewer, "Single molecules", SmlmSettings, made)


def new_structure(viewer: napari.viewer.Viewer) -> None:
    """Ask for the atoms of a molecule and how its map is to be, and add it with half maps."""
    name, _ = QFileDialog.getOpenFileName(None, "Atoms of a molecule", "", _ATOMS)
    if not name:
        return

    def made(how: StructureSettings) -> Things:
        from napari_cryonet.simulate import structure

        molecule = structure.read_structure(Path(name))
        halves = structure.structure_half_maps(molecule, how)
        return {"map": structure.structure_map(molecule, how), **vars(halves)}

    _new(viewer, Path(name).name, StructureSettings, made)


def add(viewer: napari.viewer.Viewer, things: Things) -> None:
    """Add simulated things as layers; truths and masks are hidden below the data.

    Parameters
    ----------
    viewer
        The viewer that gets them.
    things
        By their part in the simulation.
    """
    order = sorted(things, key=lambda name: _SHOWN.index(name) if name in _SHOWN else -1)
    for name in order:
        for data, attributes, kind in layer_data(things[name]):
            look = {**attributes, "visible": name in _SHOWN}
            viewer.add_layer(Layer.create(data, look, kind))


def _new(
    viewer: napari.viewer.Viewer,
    title: str,
    settings: type[Settings],
    simulate: Callable[..., Things],
) -> None:
    """Ask for settings, simulate while the window lives on, and add what was made."""
    dialog = SimulationDialog(title, settings)
    dialog.exec()
    how = dialog.chosen
    if how is not None:
        what = f"Simulating {title.lower()}"
        guarded(lambda: add(viewer, waited(lambda _report: simulate(how), what)), show_error)
