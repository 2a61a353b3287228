"""A form made from a settings class: basic fields in view, the rest under *Advanced*.

The single widgets come from magicgui. Its float box would turn 1e-4 into 0.0, so floats get a
step and decimals that suit their default, and small ones such as learning rates a line to
write in. A test holds that the untouched form gives back the default settings.

What may be left out is a line to write in, too. Emptied it is None, or infinite if a number is
the default: a time limit that is taken away has to survive TOML, which knows no None.
"""

from __future__ import annotations

import math
import types
from typing import Any, Literal, Union, get_args, get_origin

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, LineEdit, SpinBox
from pydantic.fields import FieldInfo
from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_cryonet.errors import SettingsError
from napari_cryonet.settings import Settings

_LARGEST = 2**31 - 1
_DECIMALS = 4
_SMALL = 0.01
_LOWER, _UPPER = ("ge", "gt"), ("le", "lt")


class SettingsForm(QWidget):
    """The form of one settings class.

    Parameters
    ----------
    settings
        The class; every field is shown, with its help as tooltip and its unit in the label.
    hidden
        Names of fields that are set elsewhere.

    Attributes
    ----------
    edited
        Emitted when the user changes a value.
    """

    edited = Signal()

    def __init__(
        self,
        settings: type[Settings],
        *,
        hidden: tuple[str, ...] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._class = settings
        self._wheel = _Unwheeled(self)
        self.widgets: dict[str, Any] = {}
        basic, rest = _layout(), _layout()
        for name, field in settings.model_fields.items():
            if name in hidden:
                continue
            widget = field_widget(name, field)
            widget.changed.connect(self._on_changed)
            widget.native.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            widget.native.installEventFilter(self._wheel)
            self.widgets[name] = widget
            extra = _extra(field)
            unit = extra.get("unit")
            label = name.replace("_", " ").capitalize() + (f" ({unit})" if unit else "")
            (rest if extra.get("advanced") else basic).addRow(label, widget.native)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(basic)
        if rest.rowCount():
            layout.addWidget(_collapsible("Advanced", rest))

    def value(self) -> Any:
        """Return the settings as the form shows them.

        Raises
        ------
        SettingsError
            If a value cannot be read or is outside its limits.
        """
        return self._class.load(
            {name: self._read(name, widget) for name, widget in self.widgets.items()}
        )

    def show_settings(self, settings: Settings) -> None:
        """Show other settings."""
        for name, widget in self.widgets.items():
            value = getattr(settings, name)
            if isinstance(widget, LineEdit):
                value = "" if value in (None, math.inf) else str(value)
            elif isinstance(widget, FloatSpinBox):
                _make_room(widget, value)
            widget.value = value

    def _read(self, name: str, widget: Any) -> Any:
        """Return the value of one widget as its field wants it."""
        if not isinstance(widget, LineEdit):
            return widget.value
        field = self._class.model_fields[name]
        text, kind = widget.value.strip(), _inner(field.annotation)
        if not text and kind is not str:
            return math.inf if kind is float and field.default is not None else None
        try:
            return kind(text) if kind in (int, float) else text
        except ValueError:
            raise SettingsError(
                f"{name.replace('_', ' ').capitalize()} is {text!r}; a number is needed, or "
                f"nothing at all."
            ) from None

    def _on_changed(self) -> None:
        """Tell that a value was changed."""
        self.edited.emit()


class _Unwheeled(QObject):
    """Lets a page scroll past a box instead of changing its value, unless it was clicked on."""

    def eventFilter(self, watched: Any, event: Any) -> bool:  # noqa: N802
        """Leave the wheel over a box without focus to the page."""
        if event.type() != QEvent.Type.Wheel or watched.hasFocus():
            return False
        event.ignore()
        return True


def field_widget(name: str, field: FieldInfo) -> Any:
    """Return the magicgui widget for one field of a settings class.

    Parameters
    ----------
    name
        The field's name.
    field
        Its type, default, limits and help.
    """
    kind, default = field.annotation, field.default
    common: dict[str, Any] = {"name": name, "tooltip": field.description or ""}
    if kind is bool:
        check = CheckBox(value=default, **common)
        check.text = ""  # the label says it
        return check
    if get_origin(kind) is Literal:
        return ComboBox(choices=list(get_args(kind)), value=default, **common)
    low, high = _limit(field, _LOWER, -_LARGEST), _limit(field, _UPPER, _LARGEST)
    if kind is int:
        return SpinBox(value=default, min=int(low), max=int(high), **common)
    if kind is float and not 0 < default < _SMALL:
        box = FloatSpinBox(value=default, min=low, max=high, step=_step(default), **common)
        _make_room(box, default)
        return box
    return LineEdit(value="" if default is None else str(default), **common)


def _make_room(box: FloatSpinBox, value: float) -> None:
    """Let a box show a number in full, and further ones a little smaller."""
    digits = len(np.format_float_positional(value, trim="-").partition(".")[2])
    box.native.setDecimals(max(_DECIMALS, digits))


def _step(default: float) -> float:
    """Return a step with which a default can be shown in full: a tenth of its last digit's."""
    if default == 0:
        return 0.1
    digits = len(repr(default).rstrip("0").partition(".")[2]) if "e" not in repr(default) else 0
    coarse = 10.0 ** (math.floor(math.log10(abs(default))) - 1)
    return min(coarse, 10.0**-digits)


def _inner(kind: Any) -> Any:
    """Return the type inside ``X | None``."""
    if get_origin(kind) in (Union, types.UnionType):
        return next(part for part in get_args(kind) if part is not type(None))
    return kind


def _limit(field: FieldInfo, names: tuple[str, str], default: float) -> float:
    """Return a limit of a field from its metadata, or a default."""
    for constraint in field.metadata:
        for name in names:
            if (value := getattr(constraint, name, None)) is not None:
                return float(value)
    return default


def _extra(field: FieldInfo) -> dict[str, Any]:
    """Return unit and place of a field."""
    extra = field.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


def _layout() -> QFormLayout:
    """Return an empty form."""
    layout = QFormLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return layout


def _collapsible(title: str, layout: QFormLayout) -> QCollapsible:
    """Return a form that opens at a click on its title."""
    inside = QWidget()
    inside.setLayout(layout)
    collapsible = QCollapsible(title)
    collapsible.setDuration(0)
    collapsible.addWidget(inside)
    return collapsible
