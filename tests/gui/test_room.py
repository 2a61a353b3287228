"""A room serves a task with one method, or with several that take turns."""

from __future__ import annotations

from typing import Any

import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QComboBox, QLabel, QWidget

from napari_cryonet.gui.room import Room
from napari_cryonet.gui.runner import Runner
from napari_cryonet.methods import table
from napari_cryonet.types import ModelCard


class Plain(Room):
    """A room that never doubts a model but of one name."""

    def doubts(self, card: ModelCard) -> str:
        """Doubt models of coarse data."""
        return "Too coarse." if (card.voxel_size or (0,))[0] > 5 else ""


@pytest.fixture
def room(qtbot: Any, jobs: Runner) -> Any:
    """Make a room with some methods."""

    def make(*names: str) -> Plain:
        methods = [table.find(name) for name in names]
        made = Plain(ViewerModel(), methods, QComboBox(), ("Train", "Apply"), jobs)
        qtbot.addWidget(made)
        made.show()
        return made

    return make


def said(room: QWidget) -> list[str]:
    """Return what the labels say."""
    return [label.text() for label in room.findChildren(QLabel)]


def test_one_method_says_what_it_does(room):
    one = room("noise2noise")
    assert one.method.summary in said(one)
    assert one.train_form.isVisible()
    assert one.train_button.text() == "Train"


def test_several_methods_take_turns(room, add_model):
    add_model("coarse", method="self2self", voxel_size=(8.0, 8.0, 8.0))
    both = room("exploration", "self2self")
    assert both.method.summary not in said(both), "the data have to say which is in force"
    first = both.train_form
    both.look_at_model()
    assert not both.apply_button.isEnabled()
    both.use("self2self")
    assert both.method.name == "self2self"
    assert both.train_form is not first
    assert (first.isVisible(), both.train_form.isVisible()) == (False, True)
    assert both.apply_button.isEnabled()
    assert both.warning.text() == "Too coarse."
    both.use("exploration")
    assert both.train_form is first
    assert first.isVisible()
    assert both.warning.text() == ""


def test_a_damaged_model_is_a_warning(room, add_model):
    path = add_model("good")
    one = room("noise2noise")
    assert one.warning.text() == ""
    path.write_bytes(b"bad")
    one.look_at_model()
    assert "good.safetensors" in one.warning.text()
