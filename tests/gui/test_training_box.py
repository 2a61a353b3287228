"""A rectangle in the viewer is a box in voxels, in whichever plane it is drawn."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from magicgui.widgets import LineEdit
from napari.components import ViewerModel
from napari.layers import Shapes

from napari_cryonet.gui.widgets.training_box import NAME, TrainingBox, box_around
from napari_cryonet.types import Volume

SHAPE = (40, 60, 80)
ORIGIN, VOXEL = (100.0, -50.0, 20.0), (4.0, 2.0, 2.5)


@pytest.fixture
def viewer(qapp: Any) -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def layer(viewer: ViewerModel, shown: Any) -> Any:
    return viewer.add_layer(shown(Volume(np.zeros(SHAPE, "u1"), VOXEL, ORIGIN, name="tomogram")))


@pytest.fixture
def line(qapp: Any) -> LineEdit:
    return LineEdit()


@pytest.fixture
def box(qtbot: Any, viewer: ViewerModel, layer: Any, line: LineEdit) -> TrainingBox:
    made = TrainingBox(viewer, line)
    qtbot.addWidget(made)
    made.follow(layer)
    made.show()
    return made


def corners(low: tuple[float, ...], high: tuple[float, ...], across: int = 0) -> Any:
    """Return the corners of a rectangle in voxels, in the plane across an axis."""
    one, two = (axis for axis in range(3) if axis != across)
    made = np.tile(np.asarray(low, float), (4, 1))
    made[1:3, one] = high[one]
    made[2:, two] = high[two]
    return made


def rectangle(viewer: ViewerModel, *drawn: Any) -> Shapes:
    """Draw a rectangle on the layer of the box."""
    shapes = viewer.layers[NAME]
    assert isinstance(shapes, Shapes)
    shapes.add(corners(*drawn), shape_type="rectangle")
    return shapes


# ------------------------------------------------------------------ from corners to voxels


@pytest.mark.parametrize(
    ("across", "expected"),
    [
        (0, (slice(0, 40), slice(20, 31), slice(30, 51))),
        (1, (slice(10, 13), slice(0, 60), slice(30, 51))),
        (2, (slice(10, 13), slice(20, 31), slice(0, 80))),
    ],
)
def test_a_rectangle_gives_the_two_axes_of_its_plane(across, expected):
    assert box_around(corners((10, 20, 30), (12, 30, 50), across), SHAPE) == expected


def test_the_third_axis_is_what_was_written_by_hand():
    edited = {0: slice(5, 25), 1: slice(1, 2)}
    found = box_around(corners((7, 20, 30), (7, 30, 50)), SHAPE, edited)
    assert found == (slice(5, 25), slice(20, 31), slice(30, 51))


def test_voxels_whose_centres_lie_inside_are_in():
    found = box_around(corners((7, 19.6, 29.4), (7, 30.4, 50.6)), SHAPE)
    assert found[1:] == (slice(20, 31), slice(30, 51))
    rounded = box_around(corners((7, 20 + 1e-9, 30 - 1e-9), (7, 30 - 1e-9, 50 + 1e-9)), SHAPE)
    assert rounded == found, "what rounding does on the way harms nothing"


def test_what_is_outside_the_volume_is_cut_off():
    found = box_around(corners((7, -20, 70), (7, 10, 999)), SHAPE)
    assert found == (slice(0, 40), slice(0, 11), slice(70, 80))
    beside = box_around(corners((7, -20, 90), (7, -10, 999)), SHAPE)
    assert beside == (slice(0, 40), slice(0, 0), slice(80, 80)), "nothing is left"


def test_other_shapes_count_by_their_bounding_box():
    turned = np.array([[7, 20, 30], [7, 30, 40], [7, 20, 50], [7, 10, 40]])
    assert box_around(turned, SHAPE) == (slice(0, 40), slice(10, 31), slice(30, 51))


# ------------------------------------------------------------------ drawing


def test_nothing_can_be_drawn_without_a_volume(qtbot, viewer, line):
    made = TrainingBox(viewer, line)
    qtbot.addWidget(made)
    assert not made.button.isEnabled()
    made.draw()
    assert len(viewer.layers) == 0


def test_the_button_gives_a_layer_to_draw_on(box, viewer, layer):
    viewer.dims.ndisplay = 3
    box.button.click()
    shapes = viewer.layers[NAME]
    assert viewer.layers.selection.active is shapes
    assert (shapes.mode, viewer.dims.ndisplay) == ("add_rectangle", 2)
    for name in ("scale", "translate", "units", "axis_labels"):
        assert tuple(getattr(shapes, name)) == tuple(getattr(layer, name)), name
    assert len({str(unit) for unit in viewer.layers.units}) == 1
    box.button.click()
    assert len(viewer.layers) == 2, "one layer is enough"


def test_a_drawn_rectangle_is_written_into_the_line_and_said_in_words(box, viewer, line, qtbot):
    assert (box.box, box.words.isVisible()) == (None, False)
    box.draw()
    shapes = rectangle(viewer, (7, 20, 30), (7, 30, 50))
    assert line.value == "0 40 20 31 30 51"
    assert box.box == (slice(0, 40), slice(20, 31), slice(30, 51))
    assert box.words.text().startswith("Training box: z 0–40, y 20–31, x 30–51. Remove the layer")
    assert box.words.isVisible()
    qtbot.waitUntil(lambda: shapes.mode == "pan_zoom")
    shapes.data = [corners((7, 21, 30), (7, 30, 50))]
    assert line.value == "0 40 21 31 30 51", "a rectangle that is moved is followed"


def test_the_newest_rectangle_counts_and_stays_alone(box, viewer, line, qtbot):
    box.draw()
    shapes = rectangle(viewer, (7, 20, 30), (7, 30, 50))
    rectangle(viewer, (7, 2, 3), (7, 11, 15))
    assert line.value == "0 40 2 12 3 16"
    qtbot.waitUntil(lambda: shapes.nshapes == 1)
    assert line.value == "0 40 2 12 3 16"


def test_a_rectangle_in_another_plane_leaves_that_axis_whole(box, viewer, line):
    box.draw()
    rectangle(viewer, (7, 20, 30), (7, 30, 50))
    rectangle(viewer, (2, 20, 30), (30, 20, 50), 1)
    assert line.value == "2 31 0 60 30 51"


def test_an_extent_that_was_written_by_hand_stays(box, viewer, line):
    box.draw()
    rectangle(viewer, (7, 20, 30), (7, 30, 50))
    line.value = "5 25 20 31 30 51"
    assert "z 5–25" in box.words.text()
    rectangle(viewer, (7, 2, 3), (7, 11, 15))
    assert line.value == "5 25 2 12 3 16"
    viewer.layers[NAME].data = [corners((7, 4, 3), (7, 11, 15))]
    assert line.value == "5 25 4 12 3 16"
    rectangle(viewer, (2, 20, 30), (30, 20, 50), 1)
    assert line.value == "2 31 0 60 30 51", "what was drawn was not written by hand"
    line.value = ""
    rectangle(viewer, (7, 2, 3), (7, 11, 15))
    assert line.value == "0 40 2 12 3 16"


def test_a_line_that_cannot_be_read_says_what_it_takes(box, line):
    for text in ("1 2 3", "a b c d e f"):
        line.value = text
        assert box.box is None
        assert "takes six numbers" in box.words.text()


def test_all_is_trained_on_again_when_the_layer_is_removed(box, viewer, line):
    box.draw()
    rectangle(viewer, (7, 20, 30), (7, 30, 50))
    viewer.layers.remove(NAME)
    assert (line.value, box.box, box.words.isVisible()) == ("", None, False)
    box.draw()
    assert rectangle(viewer, (7, 2, 3), (7, 11, 15)).nshapes == 1
    assert line.value == "0 40 2 12 3 16"


def test_all_is_trained_on_again_when_the_rectangle_is_deleted(box, viewer, line):
    box.draw()
    shapes = rectangle(viewer, (7, 20, 30), (7, 30, 50))
    shapes.selected_data = {0}
    shapes.remove_selected()
    assert (line.value, box.words.isVisible()) == ("", False)


def test_another_volume_gets_its_own_box(box, viewer, line, shown):
    box.draw()
    rectangle(viewer, (7, 20, 30), (7, 30, 50))
    other = Volume(np.zeros((10, 25, 200), "u1"), VOXEL, ORIGIN, name="other")
    box.follow(viewer.add_layer(shown(other)))
    assert line.value == "0 10 20 25 30 51"


def test_a_rectangle_that_a_closed_dock_left_counts_again(box, viewer, layer, line, qtbot):
    box.draw()
    rectangle(viewer, (7, 20, 30), (7, 30, 50))
    again = TrainingBox(viewer, LineEdit())
    qtbot.addWidget(again)
    again.follow(layer)
    assert again.box == box.box


def test_a_box_that_is_gone_hears_nothing(viewer, layer, qapp):
    line = LineEdit()
    made = TrainingBox(viewer, line)
    made.follow(layer)
    made.draw()
    gone = weakref.ref(made)
    made.deleteLater()
    del made
    gc.collect()
    qapp.processEvents()
    assert gone() is None
    rectangle(viewer, (7, 20, 30), (7, 30, 50))
    assert line.value == ""
