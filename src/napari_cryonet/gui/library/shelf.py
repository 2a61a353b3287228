"""The folder of half maps that the window shows, and where more of them come from."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_cryonet.gui.folders import data_folder
from napari_cryonet.gui.preferences import preference, remember
from napari_cryonet.library import Entry, Library, SourceSettings

_GROUP, _FOLDER = "half_maps", "folder"
HERE, PARTLY = "here", "in part"


class Shelf(QObject):
    """A library, as the pages of the dock share it.

    Attributes
    ----------
    folder
        Of the library; the one that was used last.
    library
        What is in it; None if there is no such folder yet.
    changed
        Emitted when the folder, or what is in it, is another.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        kept = preference(_GROUP, _FOLDER, "")
        self.folder = Path(kept) if kept else data_folder() / "half maps"
        self.library: Library | None = None

    def choose(self, folder: Path) -> None:
        """Show another folder, and remember it.

        Raises
        ------
        FileProblem, FormatError
            If it cannot be read, or its index is damaged.
        """
        self.folder = folder
        remember(_GROUP, _FOLDER, str(folder))
        self.look()

    def look(self) -> None:
        """Look again what is in the folder.

        Raises
        ------
        FileProblem, FormatError
            If it cannot be read, or its index is damaged.
        """
        try:
            self.library = None
            if self.folder.is_dir():
                self.library = Library(self.folder)
        finally:
            self.changed.emit()

    def state(self, entry: Entry) -> str:
        """Return whether the half maps of an entry are here, in part, or not: ``""``."""
        held = [self.library is not None and self.library.holds(half.name) for half in entry.halves]
        if held and all(held):
            return HERE
        return PARTLY if any(held) else ""


def source() -> SourceSettings:
    """Return where the preferences say that entries and files are.

    Raises
    ------
    SettingsError
        If a preference does not suit.
    """
    said = {name: preference(_GROUP, name, "") for name in ("api", "files", "index")}
    return SourceSettings.load({name: value for name, value in said.items() if value})
