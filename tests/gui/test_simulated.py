"""The menu New simulated: a form, and layers whose truth is hidden."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from napari.components import ViewerModel
from napari.layers import Image, Points
from qtpy.QtWidgets import QFileDialog

import napari_cryonet
from napari_cryonet.gui import simulated
from napari_cryonet.gui.simulated import SimulationDialog

MANIFEST = Path(napari_cryonet.__file__).with_name("napari.yaml")
ATOM = "ATOM      1  N   GLY A   1       1.000   0.000   2.000  1.00 20.00           N\nEND\n"


@pytest.fixture
def model(qapp: Any) -> ViewerModel:
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let the user write values into the form and press OK; what it says is kept."""

    def answer(**values: Any) -> list[str]:
        said: list[str] = []

        def fill(dialog: SimulationDialog) -> None:
            for name, value in values.items():
                dialog.form.widgets[name].value = value
            dialog.buttons.accepted.emit()
            said.append(dialog.message.text())

        monkeypatch.setattr(SimulationDialog, "exec", fill)
        return said

    return answer


def layers(model: ViewerModel) -> list[tuple[str, bool]]:
    """Return names from bottom to top, and what is in view."""
    return [(layer.name, layer.visible) for layer in model.layers]


def test_half_maps_are_on_top_of_their_truth(model, answered):
    answered(side=36, voxel_size=2.0, resolution=6.0)
    simulated.new_half_maps(model)
    assert layers(model) == [
        ("simulated truth", False),
        ("simulated mask", False),
        ("simulated half map 2", True),
        ("simulated half map 1", True),
    ]
    assert model.layers[-1].data.shape == (36, 36, 36)


def test_tomograms_come_with_their_particles(model, answered):
    answered(shape="32 40 48")
    simulated.new_tomograms(model)
    assert [name for name, shown in layers(model) if shown] == [
        "simulated odd tomogram",
        "simulated even tomogram",
    ]
    assert sum(isinstance(layer, Points) for layer in model.layers) == 1


def test_particles_and_molecules(model, answered):
    answered(shape="32 40 48", counts="3 1 0", vesicle=False)
    simulated.new_particles(model)
    assert layers(model)[-1] == ("simulated tomogram 0", True)
    assert len(model.layers["particles"].data) == 3
    answered(count=5, box=24)
    simulated.new_molecules(model)
    assert isinstance(model.layers[-1], Image)
    assert model.layers[-1].data.shape == (5, 24, 24)


def test_a_molecule_comes_from_a_file(model, answered, monkeypatch, tmp_path):
    (tmp_path / "a.pdb").write_text(ATOM)
    chosen = [str(tmp_path / "a.pdb"), ""]
    monkeypatch.setattr(
        QFileDialog, "getOpenFileName", staticmethod(lambda *rest: (chosen.pop(0), ""))
    )
    answered(side=24)
    simulated.new_structure(model)
    assert layers(model)[-3:] == [("a map", True), ("a half map 2", True), ("a half map 1", True)]
    simulated.new_structure(model)
    assert len(model.layers) == 5, "nothing is made without a file"


def test_what_does_not_suit_is_said(model, answered, monkeypatch):
    said = answered(shape="32 40")
    simulated.new_tomograms(model)
    assert "3 numbers" in said[0]
    errors: list[str] = []
    monkeypatch.setattr(simulated, "show_error", errors.append)
    answered(side=24, voxel_size=1.0)
    simulated.new_half_maps(model)
    assert "24 Å wide" in errors[0]
    assert layers(model) == []


@pytest.mark.viewer
def test_it_is_in_the_menu(make_napari_viewer: Callable[[], Any], npe2pm: Any) -> None:
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        viewer = make_napari_viewer()
        menu = viewer.window._qt_window.menuBar()
        (file,) = [each.menu() for each in menu.actions() if each.text().endswith("File")]
        titles = _titles(file)
        assert "New simulated" in titles
        assert "Half maps… (CryoNet)" in titles
        assert "Map of a molecule (PDB, mmCIF)… (CryoNet)" in titles


def _titles(menu: Any) -> list[str]:
    """Return what stands in a menu and in all below it."""
    menu.aboutToShow.emit()
    titles = []
    for action in menu.actions():
        titles.append(action.text())
        if action.menu() is not None:
            titles += _titles(action.menu())
    return titles
