"""What the user chose for CryoNet in napari's preferences."""

from __future__ import annotations

from typing import TypeVar

from napari.settings import get_plugin_settings

Value = TypeVar("Value")

PLUGIN = "napari-cryonet"


def preference(group: str, name: str, default: Value) -> Value:
    """Return a value from the preferences, as declared in napari.yaml.

    Parameters
    ----------
    group
        Key of the group: ``"compute"``, ``"display"``, ``"folders"``.
    name
        Key of the value.
    default
        What to return where the plugin is not installed, as in a checkout.
    """
    try:
        settings = get_plugin_settings(PLUGIN)
    except KeyError:
        return default
    value: Value = getattr(getattr(settings, group, None), name, default)
    return value


def remember(group: str, name: str, value: object) -> None:
    """Keep a value in the preferences, for the next session too.

    Parameters
    ----------
    group, name
        As for `preference`.
    value
        What to keep; nothing happens where the plugin is not installed.
    """
    try:
        settings = get_plugin_settings(PLUGIN)
    except KeyError:
        return
    setattr(getattr(settings, group), name, value)
