"""Forms show settings as they are, and give them back as they were shown."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest
from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, LineEdit, SpinBox
from qtpy.QtWidgets import QFormLayout, QLabel, QPushButton
from superqt import QCollapsible

from helpers import run_python
from napari_cryonet.errors import SettingsError
from napari_cryonet.gui.form import SettingsForm
from napari_cryonet.jobs import Job
from napari_cryonet.methods.noise2noise.settings import TrainSettings
from napari_cryonet.methods.self2self.settings import TrainSettings as SingleSettings
from napari_cryonet.methods.table import METHODS
from napari_cryonet.settings import Settings, setting

CLASSES = [method.settings(action) for method in METHODS.values() for action in method.actions]


class Inside(Settings):
    """Settings within settings."""

    power: float = setting(2.0, "Power", ge=0, le=9)
    exact: bool = setting(False, "Exact", advanced=True)


class Odd(Settings):
    """Fields that are hard to show."""

    tiny: float = setting(1e-7, "Tiny", ge=0)
    small: float = setting(1.5e-3, "Small", gt=0, le=1)
    fine: float = setting(0.30625, "Many digits", ge=0, le=1)
    big: float = setting(12345.5, "Big")
    below: float = setting(-2.5, "Negative", ge=-10, le=0)
    none: float = setting(0.0, "Nothing")
    count: int = setting(7, "How many", unit="voxels", ge=2, le=9)
    negative: int = setting(-3, "Negative")
    flag: bool = setting(True, "Yes or no")
    kind: Literal["one", "two"] = setting("two", "Which")
    text: str = setting("", "Words")
    word: str = setting("auto", "A word", advanced=True)
    maybe: float | None = setting(None, "Perhaps", gt=0, advanced=True)
    number: int | None = setting(4, "A whole number", ge=1, advanced=True)
    limit: float | None = setting(3.0, "At most", unit="min", gt=0, advanced=True)
    place: tuple[int, int, int] | None = setting(None, "Three numbers", advanced=True)
    inside: Inside | None = setting(None, "Settings within", advanced=True)


@pytest.fixture
def form(qtbot: Any) -> SettingsForm:
    made = SettingsForm(Odd)
    qtbot.addWidget(made)
    return made


def label(form: SettingsForm, name: str) -> str:
    """Return what stands before a field."""
    native = form.widgets[name].native
    for layout in form.findChildren(QFormLayout):
        if (found := layout.labelForField(native)) is not None:
            assert isinstance(found, QLabel)
            return str(found.text())
    raise AssertionError(f"{name} has no label")


# ------------------------------------------------------------------ the settings of methods


@pytest.mark.parametrize("settings", CLASSES)
def test_an_untouched_form_gives_the_default_settings(qtbot, settings):
    form = SettingsForm(settings)
    qtbot.addWidget(form)
    assert form.value() == settings()
    assert set(form.widgets) == set(settings.model_fields)


@pytest.mark.parametrize("settings", CLASSES)
def test_every_field_says_what_it_is(qtbot, settings):
    form = SettingsForm(settings)
    qtbot.addWidget(form)
    rest = form.findChild(QCollapsible)
    for name, field in settings.model_fields.items():
        native = form.widgets[name].native
        assert field.description
        assert native.toolTip() == field.description
        unit = field.json_schema_extra["unit"]
        assert label(form, name).startswith(name.replace("_", " ").capitalize())
        assert label(form, name).endswith(f" ({unit})" if unit else name[-1])
        assert rest.isAncestorOf(native) == field.json_schema_extra["advanced"], name


def test_other_settings_are_shown_and_given_back(qtbot):
    form = SettingsForm(TrainSettings)
    qtbot.addWidget(form)
    other = TrainSettings(
        max_minutes=0.25,
        steps=12,
        seed=2**31 - 1,
        precision="bfloat16",
        epochs=3,
        learning_rate=4.56e-6,
        weight_decay=1.25e-5,
        average=0.99995,
        keep_epochs=True,
        rotations="flips",
        width=48,
        swap=False,
        voxel_size=1.35,
        voxel_size_max=7.125,
    )
    form.show_settings(other)
    assert form.value() == other
    form.show_settings(TrainSettings())
    assert form.value() == TrainSettings()


def test_hidden_fields_keep_their_default(qtbot):
    form = SettingsForm(TrainSettings, hidden=("device", "seed"))
    qtbot.addWidget(form)
    assert not {"device", "seed"} & set(form.widgets)
    assert form.value() == TrainSettings()


# ------------------------------------------------------------------ all kinds of fields


def test_numbers_of_every_size_survive(form):
    assert form.value() == Odd()


@pytest.mark.parametrize(
    "values",
    [
        {"tiny": 0.0, "small": 1e-9, "fine": 0.1 + 0.2, "big": -1e6, "below": -1e-5, "none": 3e-8},
        {"count": 2, "negative": -99999, "flag": False, "kind": "one", "text": "a b", "word": "c"},
        {"maybe": 2.5e-4, "number": None, "limit": 90.0},
        {"number": 1, "maybe": 1e12},
        {"place": (3, -4, 5)},
        {"inside": Inside()},
        {"inside": Inside(power=1.2345678, exact=True)},
    ],
)
def test_values_of_every_kind_survive(form, values):
    form.show_settings(Odd(**values))
    assert form.value() == Odd(**values)


def test_each_kind_has_its_widget(form):
    kinds = {name: type(widget) for name, widget in form.widgets.items()}
    assert kinds["flag"] is CheckBox
    assert kinds["kind"] is ComboBox
    assert kinds["count"] is SpinBox
    assert kinds["fine"] is FloatSpinBox
    assert {kinds[name] for name in ("tiny", "small", "text", "maybe", "number")} == {LineEdit}
    assert list(form.widgets["kind"].choices) == ["one", "two"]
    assert form.widgets["flag"].native.text() == "", "the label says it already"


def test_limits_hold_in_the_boxes(form):
    count, fine, below = (form.widgets[name] for name in ("count", "fine", "below"))
    assert (count.min, count.max) == (2, 9)
    assert (fine.min, fine.max) == (0, 1)
    assert (below.min, below.max) == (-10, 0)
    count.native.setValue(100)
    below.native.setValue(-11)
    assert (form.value().count, form.value().below) == (9, -10)


def test_numbers_smaller_than_the_default_can_be_typed(form, qtbot):
    box = form.widgets["fine"].native
    box.selectAll()
    qtbot.keyClicks(box, "0.0001")
    assert form.value().fine == 0.0001


def test_labels_have_units(form):
    assert label(form, "count") == "Count (voxels)"
    assert label(form, "limit") == "Limit (min)"
    assert label(form, "flag") == "Flag"


def test_advanced_fields_are_folded_away(form, qtbot):
    with qtbot.waitExposed(form):
        form.show()
    folded = form.findChild(QCollapsible)
    assert form.widgets["count"].native.isVisible()
    assert folded.isExpanded() is False
    folded.expand(animate=False)
    assert form.widgets["maybe"].native.isVisible()


def test_a_form_without_advanced_fields_has_nothing_to_unfold(qtbot):
    class Plain(Settings):
        """One field."""

        count: int = setting(1, "How many")

    form = SettingsForm(Plain)
    qtbot.addWidget(form)
    assert form.findChild(QCollapsible) is None


# ------------------------------------------------------------------ what cannot be read


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("maybe", "two", "Maybe is 'two'; a number is needed"),
        ("maybe", "1,5", "'1,5'; a number"),
        ("number", "2.5", "Number is '2.5'"),
        ("maybe", "-1", "'maybe' is -1.0: input should be greater than 0"),
        ("maybe", "nan", "'maybe' is nan"),
        ("number", "0", "'number' is 0: input should be greater than or equal to 1"),
        ("small", "1.5", "less than or equal to 1"),
        ("place", "1 2", "Place is '1 2'; 3 numbers with spaces between them are needed"),
        ("place", "1 2 3 4", "3 numbers"),
        ("place", "1 2 c", "3 numbers"),
    ],
)
def test_what_does_not_suit_is_a_sentence(form, name, text, said):
    form.widgets[name].value = text
    with pytest.raises(SettingsError) as caught:
        form.value()
    assert said in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("text", [" 2.5e-4 ", "0.00025", "25E-5"])
def test_numbers_are_read_as_people_write_them(form, text):
    form.widgets["maybe"].value = text
    assert form.value().maybe == 2.5e-4


def test_an_emptied_line_is_none(form):
    for name in ("maybe", "number"):
        form.widgets[name].value = " "
    assert form.value().maybe is None
    form.widgets["text"].value = ""
    assert form.value().text == ""


def test_a_limit_that_is_taken_away_stays_away_in_a_job(qtbot):
    form = SettingsForm(TrainSettings)
    qtbot.addWidget(form)
    form.widgets["max_minutes"].value = ""
    job = Job(settings=form.value().to_dict())
    assert job.checked().max_minutes == math.inf
    assert "max_minutes = inf" in job.text()
    form.show_settings(form.value())
    assert form.widgets["max_minutes"].value == ""


@pytest.mark.parametrize("text", ["1 -2 3", " 1, -2,3 ", "1,-2,3"])
def test_several_numbers_are_read_as_people_write_them(form, text):
    form.widgets["place"].value = text
    assert form.value().place == (1, -2, 3)


def test_settings_within_appear_when_they_are_ticked(form, qtbot):
    with qtbot.waitExposed(form):
        form.show()
    form.findChild(QCollapsible).expand(animate=False)
    inside = form.widgets["inside"]
    native = inside.form.widgets["power"].native
    assert not native.isVisible()
    assert form.value().inside is None
    with qtbot.waitSignal(form.edited):
        inside.native.click()
    assert native.isVisible()
    assert inside.form.widgets["exact"].native.isVisible(), "nothing is folded twice"
    assert form.value().inside == Inside()
    with qtbot.waitSignal(form.edited):
        inside.form.widgets["power"].value = 3.5
    assert form.value().inside == Inside(power=3.5)
    inside.native.click()
    assert form.value().inside is None
    inside.native.click()
    assert form.value().inside == Inside(power=3.5), "what was written is not lost"


def test_settings_within_survive_a_job(qtbot, tmp_path):
    form = SettingsForm(SingleSettings)
    qtbot.addWidget(form)
    form.widgets["box"].value = "0 32 8 40 16 56"
    form.widgets["deconvolution"].native.click()
    form.widgets["deconvolution"].form.widgets["defocus"].value = 5.5
    job = Job(method="self2self", settings=form.value().to_dict())
    (tmp_path / "job.toml").write_text(job.text(), encoding="utf-8")
    checked = Job.read(tmp_path / "job.toml").checked()
    assert checked == form.value()
    assert (checked.box, checked.deconvolution.defocus) == ((0, 32, 8, 40, 16, 56), 5.5)


def test_a_widget_of_a_dock_stands_between_the_basic_fields_and_the_rest(form, qtbot):
    button = QPushButton("Draw")
    form.insert(button)
    with qtbot.waitExposed(form):
        form.show()
    lowest = form.widgets["text"].native
    assert lowest.geometry().top() < button.geometry().top()
    assert button.geometry().top() < form.findChild(QCollapsible).geometry().top()


def test_an_edit_is_told(form, qtbot):
    for name, value in {
        "count": 5,
        "flag": False,
        "kind": "one",
        "maybe": "3",
        "fine": 0.5,
    }.items():
        with qtbot.waitSignal(form.edited, timeout=1000):
            form.widgets[name].value = value


# ------------------------------------------------------------------ torch


@pytest.mark.parametrize("module", ["gui.form", "gui.widgets.denoise", "gui.runner"])
def test_forms_docks_and_queue_load_no_torch(module):
    done = run_python(
        f"""
import sys, warnings
from pydantic import PydanticDeprecatedSince20
warnings.simplefilter("ignore", PydanticDeprecatedSince20)
import napari_cryonet.{module}
assert "torch" not in sys.modules, "torch is loaded"
"""
    )
    assert done.returncode == 0, done.stderr
