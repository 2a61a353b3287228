"""Search: which entries there are, which of them are here, and Download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import inf

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_cryonet.errors import DataError
from napari_cryonet.gui.dock import guarded
from napari_cryonet.gui.form import SettingsForm
from napari_cryonet.gui.layout import text_label
from napari_cryonet.gui.library.actions import fetch
from napari_cryonet.gui.library.shelf import HERE, Shelf, source
from napari_cryonet.gui.library.table import Column, Rows, TickTable
from napari_cryonet.gui.library.task import TaskBox
from napari_cryonet.library import DownloadSettings, Entry, SearchSettings, SourceSettings
from napari_cryonet.library.download import Fetched
from napari_cryonet.library.emdb import search

_MEGA = 1e6
_TABLE_HEIGHT = 200
_FADED, _WRONG = "#8b949e", "#ff7b72"


@dataclass(frozen=True)
class Offer:
    """An entry in the table.

    Parameters
    ----------
    entry
        What it is.
    state
        ``here``, ``in part``, ``failed`` or nothing.
    why
        Why it failed.
    """

    entry: Entry
    state: str = ""
    why: str = ""


COLUMNS = (
    Column("Entry", 106, lambda offer: offer.entry.id),
    Column("Å", 42, lambda offer: _number(offer.entry.resolution),
           lambda offer: offer.entry.resolution or inf),
    Column("Box", 52, lambda offer: box_text(offer.entry.shape),
           lambda offer: max(offer.entry.shape or (0,))),
    Column("MB", 44, lambda offer: size_text(offer.entry.size),
           lambda offer: float(offer.entry.size or inf)),
    Column("State", 54, lambda offer: offer.state),
    Column("Title", 60, lambda offer: offer.entry.title),
)  # fmt: skip
ABOUT = Rows(
    key=lambda offer: offer.entry.id,
    colour=lambda offer: {HERE: _FADED, "failed": _WRONG}.get(offer.state, ""),
    tip=lambda offer: offer.why or f"{offer.entry.title}\nBox {box_text(offer.entry.shape)}",
    can_tick=lambda offer: offer.state != HERE,
)


class SearchPage(QWidget):
    """The page.

    Parameters
    ----------
    shelf
        The library that entries go into.
    task
        Where searches and downloads are done and shown.
    """

    def __init__(self, shelf: Shelf, task: TaskBox) -> None:
        super().__init__()
        self._shelf, self._task = shelf, task
        self._found: list[Entry] = []
        self._failed: dict[str, str] = {}
        self.form, self.how = SettingsForm(SearchSettings), SettingsForm(DownloadSettings)
        self.where = text_label()
        self.search_button = QPushButton("Search")
        self.table = TickTable(COLUMNS, ABOUT)
        self.words = QLabel()
        self.tick_button = QPushButton("Tick all")
        self.tick_button.setToolTip("Tick all entries that are not here yet, or none")
        self.download_button = QPushButton("Download")
        self.download_button.setToolTip("Fetch the half maps of the ticked entries")
        self._lay_out()
        self.search_button.clicked.connect(self._on_search)
        self.tick_button.clicked.connect(self._on_tick)
        self.download_button.clicked.connect(self._on_download)
        self.table.items.ticks_changed.connect(self._on_ticks)
        shelf.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Mark again what is here."""
        self.table.items.show_rows(self._offer(entry) for entry in self._found)

    @property
    def actions(self) -> list[QPushButton]:
        """The buttons of what takes time."""
        return [self.search_button, self.download_button]

    def search(self) -> None:
        """Look for the entries that the form asks for.

        Raises
        ------
        CryonetError
            If a value does not suit, or something else is under way.
        """
        wanted, place = self.form.value(), source()
        self.where.setText(_place(place))
        self._task.start("Searching", partial(search, wanted, place), self._on_found)

    def download(self) -> None:
        """Fetch the half maps of the ticked entries.

        Raises
        ------
        CryonetError
            If nothing is ticked, a value does not suit, or something else is under way.
        """
        entries = [offer.entry for offer in self.table.items.ticked()]
        if not entries:
            raise DataError("Tick the entries to download first.")
        action = partial(fetch, self._shelf.folder, entries, self.how.value(), source())
        self._failed = {}
        self._task.start(f"Downloading {counted(len(entries))}", action, self._on_fetched)

    def _offer(self, entry: Entry) -> Offer:
        """Return an entry as the table shows it."""
        state = self._shelf.state(entry)
        if entry.id in self._failed and state != HERE:
            return Offer(entry, "failed", self._failed[entry.id])
        return Offer(entry, state)

    def _on_found(self, found: list[Entry]) -> None:
        """Show what was found."""
        self._found = found
        self.refresh()
        warnings = [text for text in self._said() if text.startswith("Warning")]
        end = f" {warnings[-1]}" if warnings else ""
        self._task.say(f"{counted(len(found))} found.{end}")
        if found:
            self._criteria.collapse(animate=False)

    def _on_fetched(self, outcome: Fetched) -> None:
        """Mark what has arrived and what has not."""
        self._failed = outcome.failed
        self.refresh()
        if outcome.failed:
            self._task.fail(
                f"{counted(len(outcome.failed))} could not be fetched; rest the pointer on one to "
                f"read why."
            )
        else:
            self._task.say(f"{counted(len(outcome.arrived))} fetched.")

    def _said(self) -> Sequence[str]:
        """Return what the task has said."""
        return self._task.work.log if self._task.work is not None else ()

    def _on_ticks(self) -> None:
        """Say how much is ticked."""
        ticked = [offer.entry for offer in self.table.items.ticked()]
        sizes = [entry.size for entry in ticked if entry.size is not None]
        size = f", {sum(sizes) / _MEGA:.0f} MB" if sizes else ""
        more = " and more" if sizes and len(sizes) < len(ticked) else ""
        self.words.setText(f"{counted(len(ticked))} ticked{size}{more}" if self._found else "")
        self.tick_button.setText("Tick none" if ticked else "Tick all")

    def _on_search(self) -> None:
        """Search."""
        guarded(self.search, self._task.fail)

    def _on_download(self) -> None:
        """Download."""
        guarded(self.download, self._task.fail)

    def _on_tick(self) -> None:
        """Tick all, or none."""
        self.table.items.tick_all(not self.table.items.ticked())

    def _lay_out(self) -> None:
        """Put everything in its place."""
        inside = QWidget()
        criteria = QVBoxLayout(inside)
        criteria.setContentsMargins(0, 0, 0, 0)
        criteria.addWidget(self.form)
        self._criteria = QCollapsible("What to look for")
        self._criteria.setDuration(0)
        self._criteria.addWidget(inside)
        self._criteria.expand(animate=False)
        self.table.setMinimumHeight(_TABLE_HEIGHT)
        layout, ticks = QVBoxLayout(self), QHBoxLayout()
        for part in (self._criteria, self.search_button, self.where, self.table):
            layout.addWidget(part)
        layout.setStretchFactor(self.table, 1)
        ticks.addWidget(self.words, 1)
        ticks.addWidget(self.tick_button)
        layout.addLayout(ticks)
        layout.addWidget(self.how)
        layout.addWidget(self.download_button)


def counted(count: int) -> str:
    """Return a number of entries in words."""
    return "1 entry" if count == 1 else f"{count} entries"


def box_text(shape: tuple[int, ...] | None) -> str:
    """Return a box as people write it: ``128³`` or ``100 × 128 × 128``."""
    if shape is None:
        return "–"
    return f"{shape[0]}³" if len(set(shape)) == 1 else " × ".join(map(str, shape))


def size_text(size: int | None) -> str:
    """Return bytes in MB."""
    return "–" if size is None else f"{size / _MEGA:.1f}"


def _number(value: float | None) -> str:
    """Return a resolution."""
    return "–" if value is None else f"{value:.2f}"


def _place(place: SourceSettings) -> str:
    """Return where is searched in a few words."""
    return f"In {place.index if place.index is not None else place.api}"
