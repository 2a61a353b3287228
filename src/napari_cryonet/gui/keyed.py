"""Buttons that keys press as well, for reviews in which one thing after the other is decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import napari
from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtWidgets import QPushButton, QWidget

STEPS = (  # name of the action, what the button says, key
    ("accept", "Accept", "A"),
    ("reject", "Reject", "R"),
    ("following", "Next", "N"),
    ("before", "Back", "B"),
)
"""What every review has."""

_SHORT = {"Control-Z": "Ctrl+Z", "Control-Shift-Z": "Ctrl+Shift+Z"}


class KeyedBox(QWidget):
    """A widget with buttons that have keys; it has a slot ``_on_NAME`` for each of them.

    Parameters
    ----------
    viewer
        The keys are pressed in it.
    steps
        The name of each action, what its button says, and its key.

    Attributes
    ----------
    buttons
        The buttons by the names of their actions.
    """

    def __init__(
        self,
        viewer: napari.viewer.ViewerModel,
        steps: Sequence[tuple[str, str, str]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._keys = {name: key for name, _, key in steps}
        self._bound: list[Any] = []
        self.buttons = {
            name: QPushButton(f"{says} ({_SHORT.get(key, key)})") for name, says, key in steps
        }
        for name, action in self._actions().items():
            self.buttons[name].clicked.connect(action)

    def reviewed_layer(self) -> Any:
        """Return the layer under review, None if there is none; each widget says which."""
        raise NotImplementedError

    def bind(self) -> None:
        """Let the keys act in the viewer, also where the layer has them already."""
        self.release()
        self._bound = [one for one in (self._viewer, self.reviewed_layer()) if one is not None]
        actions = self._actions()
        for target in self._bound:
            for name, key in self._keys.items():
                target.bind_key(key, actions[name], overwrite=True)

    def rebind(self) -> None:
        """Take the keys along to another layer, if they act at all."""
        if self._bound and self.reviewed_layer() not in self._bound:
            self.bind()

    def release(self) -> None:
        """Give the keys back that nobody else has taken meanwhile."""
        actions = self._actions()
        for target in self._bound:
            for name, key in self._keys.items():
                if target.keymap.get(coerce_keybinding(key)) == actions[name]:
                    target.bind_key(key, None)
        self._bound = []

    def _actions(self) -> Mapping[str, Callable[..., None]]:
        """Return what each button does."""
        return {name: getattr(self, f"_on_{name}") for name in self._keys}
