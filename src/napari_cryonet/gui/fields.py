"""One widget for each kind of field of a settings class, and the text of those that are a line.

The widgets come from magicgui. Its float box would turn 1e-4 into 0.0, so floats get a step
and decimals that suit their default, and small ones such as learning rates a line to write in.

What may be left out is a line to write in, too. Emptied it is None, or infinite if a number is
the default: a time limit that is taken away has to survive TOML, which knows no None. Several
numbers stand in one line, with spaces between them.
"""

from __future__ import annotations

import math
import types
from typing import Any, Literal, Union, get_args, get_origin

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, LineEdit, SpinBox
from pydantic.fields import FieldInfo

from napari_cryonet.errors import SettingsError

_LARGEST = 2**31 - 1
_DECIMALS = 4
_SMALL = 0.01
_LOWER, _UPPER = ("ge", "gt"), ("le", "lt")


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
        make_room(box, default)
        return box
    return LineEdit(value=as_text(default), **common)


def as_text(value: Any) -> str:
    """Return a value as it stands in a line: nothing for None and infinity."""
    if value in (None, math.inf):
        return ""
    return " ".join(str(each) for each in value) if isinstance(value, tuple) else str(value)


def from_text(name: str, field: FieldInfo, text: str) -> Any:
    """Return what a line says, as its field wants it.

    Parameters
    ----------
    name
        The field's name.
    field
        Its type and default.
    text
        What stands in the line.

    Raises
    ------
    SettingsError
        If it does not say the number, or the numbers, that are needed.
    """
    text, kind = text.strip(), inner(field.annotation)
    if not text and kind is not str:
        return math.inf if kind is float and field.default is not None else None
    parts = get_args(kind) if get_origin(kind) is tuple else ()
    try:
        if parts:
            return tuple(
                part(each) for part, each in zip(parts, text.replace(",", " ").split(), strict=True)
            )
        return kind(text) if kind in (int, float) else text
    except ValueError:
        needed = f"{len(parts)} numbers with spaces between them are" if parts else "a number is"
        raise SettingsError(
            f"{name.replace('_', ' ').capitalize()} is {text!r}; {needed} needed, or nothing at "
            f"all."
        ) from None


def make_room(box: FloatSpinBox, value: float) -> None:
    """Let a box show a number in full, and further ones a little smaller."""
    digits = len(np.format_float_positional(value, trim="-").partition(".")[2])
    box.native.setDecimals(max(_DECIMALS, digits))


def inner(kind: Any) -> Any:
    """Return the type inside ``X | None``."""
    if get_origin(kind) in (Union, types.UnionType):
        return next(part for part in get_args(kind) if part is not type(None))
    return kind


def _step(default: float) -> float:
    """Return a step with which a default can be shown in full: a tenth of its last digit's."""
    if default == 0:
        return 0.1
    digits = len(repr(default).rstrip("0").partition(".")[2]) if "e" not in repr(default) else 0
    coarse = 10.0 ** (math.floor(math.log10(abs(default))) - 1)
    return min(coarse, 10.0**-digits)


def _limit(field: FieldInfo, names: tuple[str, str], default: float) -> float:
    """Return a limit of a field from its metadata, or a default."""
    for constraint in field.metadata:
        for name in names:
            if (value := getattr(constraint, name, None)) is not None:
                return float(value)
    return default
