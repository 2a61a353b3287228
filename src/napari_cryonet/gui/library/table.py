"""A table of things that can be ticked and sorted; thousands of rows cost nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    Qt,
    Signal,
)
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QTableView, QWidget

_TICKABLE, _TICKED = Qt.ItemFlag.ItemIsUserCheckable, Qt.CheckState.Checked
_NOWHERE = QModelIndex()


@dataclass(frozen=True)
class Column:
    """What stands in one column.

    Parameters
    ----------
    title
        Its head.
    width
        In pixels.
    text
        What it says of a row.
    order
        By what rows are sorted; None sorts by the text.
    """

    title: str
    width: int
    text: Callable[[Any], str]
    order: Callable[[Any], float] | None = None


@dataclass(frozen=True)
class Rows:
    """What a table has to know of its rows.

    Parameters
    ----------
    key
        What stays the same when a row is told anew.
    colour
        In which it is written; empty for the usual one.
    tip
        What is told where the pointer rests.
    can_tick
        Whether it can be ticked.
    """

    key: Callable[[Any], str]
    colour: Callable[[Any], str]
    tip: Callable[[Any], str]
    can_tick: Callable[[Any], bool] = lambda _row: True


class TickModel(QAbstractTableModel):
    """Rows, of which the first column has boxes to tick.

    Parameters
    ----------
    columns
        What is shown.
    about
        What there is to know of a row.

    Attributes
    ----------
    ticks_changed
        Emitted when other rows are ticked.
    """

    ticks_changed = Signal()

    def __init__(self, columns: Sequence[Column], about: Rows, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: list[Any] = []
        self._columns, self._about = columns, about
        self._ticked: set[str] = set()
        self._by, self._down = -1, False

    def show_rows(self, rows: Iterable[Any]) -> None:
        """Show other rows in the order that was chosen; what was ticked stays so."""
        self.beginResetModel()
        self.rows = list(rows)
        if self._by >= 0:
            column = self._columns[self._by]
            self.rows.sort(key=column.order or column.text, reverse=self._down)
        self._ticked &= {self._about.key(row) for row in self.rows if self._about.can_tick(row)}
        self.endResetModel()
        self.ticks_changed.emit()

    def ticked(self) -> list[Any]:
        """Return the rows that are ticked."""
        return [row for row in self.rows if self._about.key(row) in self._ticked]

    def tick_all(self, ticked: bool) -> None:
        """Tick all rows that can be, or none."""
        chosen = (row for row in self.rows if ticked and self._about.can_tick(row))
        self._ticked = {self._about.key(row) for row in chosen}
        self._redraw([Qt.ItemDataRole.CheckStateRole])
        self.ticks_changed.emit()

    def redraw(self) -> None:
        """Ask again for the colours of the rows."""
        self._redraw([Qt.ItemDataRole.ForegroundRole])

    def _redraw(self, roles: list[Any]) -> None:
        """Draw all rows again."""
        if self.rows:
            last = self.index(len(self.rows) - 1, len(self._columns) - 1)
            self.dataChanged.emit(self.index(0, 0), last, roles)

    # The names below are Qt's.

    def rowCount(self, parent: Any = _NOWHERE) -> int:  # noqa: N802
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Any = _NOWHERE) -> int:  # noqa: N802
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(self._columns)

    def headerData(self, section: int, way: Any, role: Any = 0) -> Any:  # noqa: N802
        """Return the head of a column."""
        if role == Qt.ItemDataRole.DisplayRole and way == Qt.Orientation.Horizontal:
            return self._columns[section].title
        return None

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; -1 leaves rows in the order in which they come."""
        self._by, self._down = column, order == Qt.SortOrder.DescendingOrder
        self.show_rows(self.rows)

    def flags(self, index: Any) -> Any:
        """Return whether a cell can be ticked."""
        flags = super().flags(index)
        if index.column() == 0 and self._about.can_tick(self.rows[index.row()]):
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    def data(self, index: Any, role: Any = 0) -> Any:
        """Return what is shown of a cell."""
        row, column = self.rows[index.row()], self._columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._about.tip(row)
        if role == Qt.ItemDataRole.ForegroundRole:
            colour = self._about.colour(row)
            return QColor(colour) if colour else None
        if role == Qt.ItemDataRole.CheckStateRole and index.flags() & _TICKABLE:
            here = self._about.key(row) in self._ticked
            return _TICKED if here else Qt.CheckState.Unchecked
        return None

    def setData(self, index: Any, value: Any, role: Any = 0) -> bool:  # noqa: N802
        """Tick a row, or take its tick away."""
        if role != Qt.ItemDataRole.CheckStateRole or not index.flags() & _TICKABLE:
            return False
        change = self._ticked.add if Qt.CheckState(value) == _TICKED else self._ticked.discard
        change(self._about.key(self.rows[index.row()]))
        self.dataChanged.emit(index, index, [role])
        self.ticks_changed.emit()
        return True


class TickTable(QTableView):
    """The table itself: sorted by a click on a head, one row selected at a time.

    Parameters
    ----------
    columns
        What is shown.
    about
        What there is to know of a row.

    Attributes
    ----------
    chosen_changed
        Emitted when another row is selected.
    """

    chosen_changed = Signal()

    def __init__(
        self, columns: Sequence[Column], about: Rows, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.items = TickModel(columns, about, self)
        self._key = about.key
        self._chosen = ""
        self.setModel(self.items)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setWordWrap(False)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        self.horizontalHeader().setStretchLastSection(True)
        for number, column in enumerate(columns):
            self.setColumnWidth(number, column.width)
        self.items.modelAboutToBeReset.connect(self._on_leaving)
        self.items.modelReset.connect(self._on_back)
        self.selectionModel().selectionChanged.connect(self._on_selected)

    def chosen(self) -> Any:
        """Return the selected row, None if there is none."""
        found = self.selectionModel().selectedRows()
        return self.items.rows[found[0].row()] if found else None

    def choose(self, key: str) -> None:
        """Select the row of a key, if there is one."""
        for number, row in enumerate(self.items.rows):
            if self._key(row) == key:
                self.selectRow(number)
                return

    def _on_leaving(self) -> None:
        """Remember which row was selected, before the rows are others."""
        row = self.chosen()
        self._chosen = "" if row is None else self._key(row)

    def _on_back(self) -> None:
        """Select it again if it is still there."""
        if self._chosen:
            self.choose(self._chosen)

    def _on_selected(self) -> None:
        """Tell."""
        self.chosen_changed.emit()
