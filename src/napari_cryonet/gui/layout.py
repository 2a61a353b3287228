"""The small parts of which docks are laid out: labels, buttons, rows, forms, pages."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)


def text_label(colour: str = "") -> QLabel:
    """Return an empty label that wraps its text."""
    label = QLabel()
    label.setWordWrap(True)
    if colour:
        label.setStyleSheet(f"color: {colour};")
    return label


def tipped_button(text: str, tip: str) -> QPushButton:
    """Return a button that tells what it does when the mouse rests on it."""
    made = QPushButton(text)
    made.setToolTip(tip)
    return made


def row(*parts: QWidget) -> QWidget:
    """Return widgets side by side."""
    made = QWidget()
    layout = QHBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        layout.addWidget(part)
    return made


def empty_form(inside: QWidget | None = None) -> QFormLayout:
    """Return a form without margins whose fields take the room there is, perhaps in a widget."""
    layout = QFormLayout(inside)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return layout


def page(*parts: QWidget) -> QScrollArea:
    """Return a page of a tab, whose parts scroll if they do not fit."""
    inside = QWidget()
    layout = QVBoxLayout(inside)
    for part in parts:
        layout.addWidget(part)
    layout.addStretch()
    return scrolling(inside)


def scrolling(inside: QWidget) -> QScrollArea:
    """Return an area in which something scrolls up and down if it does not fit."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(inside)
    return area
