"""A form made from a settings class: basic fields in view, the rest under *Advanced*.

The single widgets are made by `napari_cryonet.gui.fields`. Settings within the settings that
may be left out are a box to tick, with their fields below. A test holds that the untouched
form gives back the default settings.
"""

from __future__ import annotations

from typing import Any

from magicgui.widgets import FloatSpinBox, LineEdit
from pydantic.fields import FieldInfo
from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import QCheckBox, QFormLayout, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_cryonet.gui.fields import as_text, field_widget, from_text, inner, make_room
from napari_cryonet.gui.layout import empty_form
from napari_cryonet.settings import Settings

_INDENT = 12


class SettingsForm(QWidget):
    """The form of one settings class.

    Parameters
    ----------
    settings
        The class; every field is shown, with its help as tooltip and its unit in the label.
    hidden
        Names of fields that are set elsewhere.
    flat
        Whether all fields are in view.

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
        flat: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._class = settings
        self._wheel = _Unwheeled(self)
        self.widgets: dict[str, Any] = {}
        self._basic, rest = empty_form(), empty_form()
        for name, field in settings.model_fields.items():
            if name not in hidden:
                advanced = _extra(field).get("advanced") and not flat
                self._add(name, field, rest if advanced else self._basic)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addLayout(self._basic)
        if rest.rowCount():
            self._layout.addWidget(_collapsible("Advanced", rest))

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
                value = as_text(value)
            elif isinstance(widget, FloatSpinBox):
                make_room(widget, value)
            widget.value = value

    def insert(self, widget: QWidget) -> None:
        """Put a widget of the dock's own below the basic fields."""
        self._layout.insertWidget(1, widget)

    def take(self, name: str) -> tuple[QWidget, QWidget]:
        """Return label and widget of a basic field, to be shown elsewhere; it stays a field."""
        row = self._basic.takeRow(self.widgets[name].native)
        return row.labelItem.widget(), row.fieldItem.widget()

    def _add(self, name: str, field: FieldInfo, layout: QFormLayout) -> None:
        """Add the row of one field."""
        kind = inner(field.annotation)
        nested = isinstance(kind, type) and issubclass(kind, Settings)
        widget: Any = OptionalSettings(kind, field) if nested else field_widget(name, field)
        widget.changed.connect(self._on_changed)
        widget.native.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        widget.native.installEventFilter(self._wheel)
        self.widgets[name] = widget
        unit = _extra(field).get("unit")
        label = name.replace("_", " ").capitalize() + (f" ({unit})" if unit else "")
        layout.addRow(label, widget.native)
        if isinstance(widget, OptionalSettings):
            layout.addRow(widget.form)

    def _read(self, name: str, widget: Any) -> Any:
        """Return the value of one widget as its field wants it."""
        if not isinstance(widget, LineEdit):
            return widget.value
        return from_text(name, self._class.model_fields[name], widget.value)

    def _on_changed(self) -> None:
        """Tell that a value was changed."""
        self.edited.emit()


class OptionalSettings(QObject):
    """Settings that may be left out: a box to tick, and their form while it is ticked.

    Parameters
    ----------
    settings
        Their class.
    field
        The field that holds them, None at first.

    Attributes
    ----------
    changed
        Emitted when the box is ticked or not, or a value is changed.
    native
        The box.
    form
        The form.
    """

    changed = Signal()

    def __init__(self, settings: type[Settings], field: FieldInfo) -> None:
        super().__init__()
        self.native = QCheckBox()
        self.native.setToolTip(field.description or "")
        self.form = SettingsForm(settings, flat=True)
        self.form.setContentsMargins(_INDENT, 0, 0, 0)
        self.form.setVisible(False)
        self.native.toggled.connect(self.form.setVisible)
        self.native.toggled.connect(self._on_changed)
        self.form.edited.connect(self._on_changed)

    @property
    def value(self) -> Settings | None:
        """The settings, None if they are left out."""
        value: Settings | None = self.form.value() if self.native.isChecked() else None
        return value

    @value.setter
    def value(self, settings: Settings | None) -> None:
        """Show settings, or leave them out."""
        if settings is not None:
            self.form.show_settings(settings)
        self.native.setChecked(settings is not None)

    def _on_changed(self) -> None:
        """Tell."""
        self.changed.emit()


class _Unwheeled(QObject):
    """Lets a page scroll past a box instead of changing its value, unless it was clicked on."""

    def eventFilter(self, watched: Any, event: Any) -> bool:  # noqa: N802 - Qt's name
        """Give the wheel over an unfocused box to the page."""
        if event.type() != QEvent.Type.Wheel or watched.hasFocus():
            return False
        event.ignore()
        return True


def _extra(field: FieldInfo) -> dict[str, Any]:
    """Return unit and place of a field."""
    extra = field.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


def _collapsible(title: str, layout: QFormLayout) -> QCollapsible:
    """Return a form that opens at a click on its title."""
    inside = QWidget()
    inside.setLayout(layout)
    collapsible = QCollapsible(title)
    collapsible.setDuration(0)
    collapsible.addWidget(inside)
    return collapsible
