"""The base of all settings: one class makes the form, the command line and the TOML file.

A settings class is a frozen pydantic model. Every field is declared with `setting`, which
keeps the help text, the unit and the limits in one place. Unknown keys are errors.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_cryonet.errors import SettingsError


def setting(
    default: Any, text: str, *, unit: str = "", advanced: bool = False, **limits: Any
) -> Any:
    """Declare a field of a settings class.

    Parameters
    ----------
    default
        The value of an untouched form. It also has to be inside the limits.
    text
        The help text: tooltip, command-line help and documentation.
    unit
        The unit, shown in the label: ``"Å"``, ``"voxels"``, ``"min"``.
    advanced
        True to keep the field under *Advanced* in the form.
    **limits
        Limits as pydantic knows them: ``ge``, ``gt``, ``le``, ``lt``.
    """
    extra: dict[str, Any] = {"unit": unit, "advanced": advanced}
    description = f"{text} ({unit})" if unit else text
    return Field(default, description=description, json_schema_extra=extra, **limits)


class Settings(BaseModel):
    """Base class: frozen, complete, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @classmethod
    def load(cls, values: dict[str, Any]) -> Self:
        """Build the settings from plain values.

        Raises
        ------
        SettingsError
            If a key is unknown or a value is outside its limits.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError(explain(error)) from None

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read the settings from a TOML file; missing keys keep their defaults."""
        return cls.load(read_toml(path))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values without the unset ones, ready for TOML or JSON."""
        return self.model_dump(mode="json", exclude_none=True)

    def explicit(self) -> dict[str, Any]:
        """Return only what was set on purpose, at every depth."""
        values: dict[str, Any] = {}
        for name in type(self).model_fields:
            if name not in self.model_fields_set:
                continue
            value = getattr(self, name)
            values[name] = value.explicit() if isinstance(value, Settings) else value
        return values

    def updated(self, values: dict[str, Any]) -> Self:
        """Return a copy in which `values` (possibly nested) replace the present ones."""
        return type(self).load(_merged(self.explicit(), values))


def explain(error: ValidationError) -> str:
    """Return one sentence for the first thing that is wrong with some settings."""
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or "settings"
    if first["type"] == "extra_forbidden":
        return f"Setting {name!r} is unknown; see --help or the documentation for the names."
    return f"Setting {name!r} is {first['input']!r}: {_lowered(first['msg'])}."


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    SettingsError
        If the file cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"Cannot read {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not a TOML file: {error}.") from error


def toml_text(values: dict[str, Any]) -> str:
    """Return `values` as TOML."""
    return tomli_w.dumps(values)


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `over` in their places, at every depth."""
    both = dict(base)
    for name, value in over.items():
        inner = base.get(name)
        deep = isinstance(value, dict) and isinstance(inner, dict)
        both[name] = _merged(inner, value) if deep else value  # type: ignore[arg-type]
    return both


def _lowered(message: str) -> str:
    """Return a pydantic message as the second half of a sentence."""
    return message[:1].lower() + message[1:].rstrip(".")
