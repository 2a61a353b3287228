"""A library of half maps to train on: found in the EMDB, fetched, sorted by correlation.

`emdb.search` finds entries, `download.download` fetches their half maps into a `Library`,
`sort.measure` and `sort.sort` put pairs aside whose halves do not correlate, and
`sort.restore` puts them back.
"""

from napari_cryonet.library.entry import Entry, RemoteFile
from napari_cryonet.library.index import Library
from napari_cryonet.library.records import Pair
from napari_cryonet.library.settings import (
    DownloadSettings,
    SearchSettings,
    SortSettings,
    SourceSettings,
)

__all__ = [
    "DownloadSettings",
    "Entry",
    "Library",
    "Pair",
    "RemoteFile",
    "SearchSettings",
    "SortSettings",
    "SourceSettings",
]
