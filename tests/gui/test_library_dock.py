"""The Library dock: search, download, sort, and on to a training."""

from __future__ import annotations

import csv
import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from npe2 import PluginManifest
from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtWidgets import QFileDialog

import napari_cryonet
from emdb_server import Server, offered, path_of, serving, stall
from napari_cryonet.cli.pairs import read_pairs
from napari_cryonet.gui.folders import data_folder
from napari_cryonet.gui.library import shelf as shelf_module
from napari_cryonet.gui.library.search_page import ABOUT, COLUMNS, Offer, box_text
from napari_cryonet.gui.library.table import TickTable
from napari_cryonet.gui.preferences import preference, remember
from napari_cryonet.gui.runner import Runner
from napari_cryonet.gui.widgets.library import LibraryWidget
from napari_cryonet.io import read_volume, write
from napari_cryonet.library import Entry, Library
from napari_cryonet.simulate import half_map_pair
from napari_cryonet.types import Volume

MANIFEST = Path(napari_cryonet.__file__).with_name("napari.yaml")
SOON = 20_000


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with serving() as state:
        yield state


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What the preferences say of half maps."""
    values: dict[str, Any] = {"folder": str(tmp_path / "library")}
    monkeypatch.setattr(
        shelf_module, "preference", lambda _group, name, default: values.get(name, default)
    )
    monkeypatch.setattr(
        shelf_module, "remember", lambda _group, name, value: values.update({name: value})
    )
    return values


@pytest.fixture
def model(qapp: Any) -> ViewerModel:
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def dock(qtbot: Any, model: ViewerModel, jobs: Runner, chosen: Any) -> Iterator[LibraryWidget]:
    made = LibraryWidget(model, jobs)
    qtbot.addWidget(made)
    made.show()
    yield made
    made.sort.view.clear()
    qtbot.waitUntil(lambda: not file_threads(), timeout=SOON)


def file_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "cryonet-files"]


def done(qtbot: Any, dock: LibraryWidget) -> str:
    """Wait for the end of what is under way, and return what the dock says then."""
    qtbot.waitUntil(lambda: not dock.task.is_busy, timeout=SOON)
    return dock.task.message.text()


def column(table: TickTable, number: int) -> list[str]:
    """Return what stands in a column, from top to bottom."""
    model = table.model()
    return [model.index(row, number).data() for row in range(model.rowCount())]


def tick(table: TickTable, *rows: int) -> None:
    """Tick rows, as a click would."""
    for row in rows:
        index = table.model().index(row, 0)
        table.model().setData(index, Qt.CheckState.Checked, Qt.ItemDataRole.CheckStateRole)


def listed(folder: Path, entries: list[Entry]) -> Path:
    """Write entries as a table to search in."""
    path = folder / "halves.csv"
    with path.open("w", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow(("Entry", "Tail", "Size", "Resolution", "Title", "Height", "Width", "Depth"))
        for entry in entries:
            for half in entry.halves:
                lines.writerow((entry.id, half.name, half.size, entry.resolution, entry.title,
                                *(entry.shape or ())))  # fmt: skip
    return path


def searched(qtbot: Any, dock: LibraryWidget) -> str:
    """Press Search and wait."""
    dock.search.search_button.click()
    return done(qtbot, dock)


def half_maps(folder: Path) -> Path:
    """Make a folder of a good pair and a bad one."""
    (folder / "train").mkdir(parents=True)
    good = half_map_pair(36, 2.0, seed=0, resolution=6.0)
    noise = np.random.default_rng(3).normal(size=(2, 36, 36, 36)).astype("f4")
    bad = [Volume(half, (2.0, 2.0, 2.0)) for half in noise]
    for name, halves in {"one": (good.first, good.second), "two": bad}.items():
        for number, half in enumerate(halves, 1):
            write(folder / f"train/{name}_half{number}.mrc", half)
    return folder


# ------------------------------------------------------------------ search and download


def test_search_marks_what_is_here_and_fetches_only_the_rest(
    qtbot: Any, dock: LibraryWidget, server: Server, chosen: dict[str, Any], tmp_path: Path
) -> None:
    entries = [offered(server, digits)[0] for digits in ("0001", "0552", "1234")]
    coarse, _ = offered(server, "2000", resolution=9.0)
    chosen |= {"index": str(listed(tmp_path, [*entries, coarse])),
               "files": f"{server.address}/files"}  # fmt: skip
    page = dock.search
    assert searched(qtbot, dock) == "3 entries found."
    assert column(page.table, 0) == ["EMD-0001", "EMD-0552", "EMD-1234"]
    assert column(page.table, 2) == ["16³"] * 3
    page.download_button.click()
    assert dock.task.message.text() == "Tick the entries to download first."
    tick(page.table, 1)
    assert page.words.text().startswith("1 entry ticked, 0 MB")
    page.download_button.click()
    assert not page.search_button.isEnabled()
    assert done(qtbot, dock) == "1 entry fetched."
    assert column(page.table, 4) == ["", "here", ""]
    page.tick_button.click()
    assert [offer.entry.id for offer in page.table.items.ticked()] == ["EMD-0001", "EMD-1234"]
    asked = len(server.log)
    del server.files[path_of("0001", 2)]
    page.download_button.click()
    assert "1 entry could not be fetched" in done(qtbot, dock)
    assert column(page.table, 4) == ["failed", "here", "here"]
    why = page.table.model().index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert "404" in why
    assert not [path for path, _ in server.log[asked:] if "0552" in path]
    pairs = Library(Path(chosen["folder"])).pairs
    assert [pair.entry for pair in pairs] == ["EMD-0552", "EMD-1234"]


def test_a_download_is_stopped_and_goes_on(
    qtbot: Any, dock: LibraryWidget, server: Server, chosen: dict[str, Any], tmp_path: Path
) -> None:
    entry, _ = offered(server)
    chosen |= {"index": str(listed(tmp_path, [entry])), "files": f"{server.address}/files"}
    assert searched(qtbot, dock) == "1 entry found."
    server.faults[path_of("0552", 1)] = [stall(3000, 0.5)]
    dock.search.table.items.tick_all(True)
    dock.search.download_button.click()
    qtbot.waitUntil(dock.task.file.isVisible, timeout=SOON)
    assert dock.task.whole.format().endswith("MB")
    dock.task.stop.click()
    assert done(qtbot, dock) == "Stopped."
    assert column(dock.search.table, 4) == [""]
    dock.search.download_button.click()
    assert done(qtbot, dock) == "1 entry fetched."
    assert server.ranges(path_of("0552", 1))[-1] == "bytes=3000-"


def test_errors_are_sentences(
    qtbot: Any, dock: LibraryWidget, chosen: dict[str, Any], tmp_path: Path
) -> None:
    chosen["index"] = str(tmp_path / "no.csv")
    assert "Cannot read" in searched(qtbot, dock)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "library.csv").write_text("a,b\n1,2\n")
    dock.choose(tmp_path / "broken")
    assert "the column half1 is missing" in dock.task.message.text()
    assert dock.sort.table.items.rows == []
    dock.choose(tmp_path)
    assert dock.task.message.text() == ""
    assert chosen["folder"] == str(tmp_path)


def test_the_folder_is_the_usual_one_until_another_is_chosen(
    qtbot: Any, dock: LibraryWidget, model: ViewerModel, jobs: Runner, chosen: dict[str, Any]
) -> None:
    del chosen["folder"]
    other = LibraryWidget(model, jobs)
    qtbot.addWidget(other)
    assert other.folder.text() == str(data_folder() / "half maps")
    assert not Path(other.folder.text()).exists()


def test_the_folder_is_remembered(plugin_settings: Any, npe2pm: Any) -> None:
    remember("half_maps", "folder", "/before/the/plugin/is/there")
    npe2pm.register(PluginManifest.from_file(MANIFEST))
    assert preference("half_maps", "folder", None) == ""
    remember("half_maps", "folder", "/some/where")
    assert preference("half_maps", "folder", None) == "/some/where"


def test_a_thousand_entries_stay_fluid(qtbot: Any) -> None:
    table = TickTable(COLUMNS, ABOUT)
    qtbot.addWidget(table)
    table.show()
    entries = [Entry(f"EMD-{n:05d}", resolution=3 + n % 7 / 10, title=f"thing {n}")
               for n in range(1000)]  # fmt: skip
    started = time.perf_counter()
    table.items.show_rows(Offer(entry) for entry in entries)
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    table.items.tick_all(True)
    table.choose("EMD-00500")
    assert time.perf_counter() - started < 1.0
    assert column(table, 1) == sorted(column(table, 1), reverse=True)
    assert len(table.items.ticked()) == 1000
    assert table.chosen().entry.id == "EMD-00500"
    table.items.show_rows(Offer(entry, "here") for entry in entries[400:])
    assert table.chosen().entry.id == "EMD-00500", "the selection is kept"
    assert table.items.ticked() == [], "what is here cannot be fetched again"
    assert table.items.rowCount(QModelIndex()) == 600


def test_boxes_are_short() -> None:
    assert [box_text(shape) for shape in (None, (8, 8, 8), (8, 9, 10))] == ["–", "8³", "8 × 9 × 10"]


def test_a_closed_dock_is_gone(qtbot: Any, model: ViewerModel, jobs: Runner, chosen: Any) -> None:
    dock = LibraryWidget(model, jobs)
    dock.choose(half_maps(Path(chosen["folder"])))
    dock.sort.table.choose(dock.sort.table.items.rows[0].key)
    qtbot.waitUntil(lambda: not file_threads(), timeout=SOON)
    qtbot.wait(20)
    gone = weakref.ref(dock)
    dock.deleteLater()
    del dock
    qtbot.wait(20)
    gc.collect()
    assert gone() is None


# ------------------------------------------------------------------ sort


def test_bad_pairs_are_put_aside_and_come_back(
    qtbot: Any, dock: LibraryWidget, tmp_path: Path
) -> None:
    page = dock.sort
    dock.choose(half_maps(tmp_path / "library"))
    assert page.words.text() == "2 pairs, none compared yet"
    assert page.slider.value() == 0.65
    assert not page.buttons["aside"].isEnabled()
    page.buttons["compare"].click()
    assert done(qtbot, dock) == "2 pairs compared."
    assert page.words.text() == "2 pairs, 1 bad by the threshold"
    page.table.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    assert column(page.table, 0) == ["two_half1.mrc", "one_half1.mrc"]
    page.slider.setValue(1)
    assert page.buttons["aside"].text() == "Put 2 aside"
    page.form.widgets["by"].value = "whole-box"
    assert page.slider.value() == 0.73
    assert not page.form.widgets["mask"].enabled
    page.buttons["aside"].click()
    assert done(qtbot, dock) == "1 pair put aside, 0 pairs put back."
    assert column(page.table, 3) == ["bad", "train"]
    assert (tmp_path / "library/bad/train/two_half1.mrc").is_file()
    assert not page.buttons["aside"].isEnabled()
    page.buttons["restore"].click()
    assert done(qtbot, dock) == "1 pair put back."
    assert column(page.table, 3) == ["train", "train"]


def test_the_newest_selected_pair_is_shown(qtbot: Any, dock: LibraryWidget, tmp_path: Path) -> None:
    page = dock.sort
    dock.choose(half_maps(tmp_path / "library"))
    dock.tabs.setCurrentIndex(1)
    page.table.choose(page.table.items.rows[0].key)
    page.table.choose(page.table.items.rows[1].key)
    qtbot.waitUntil(page.view.isVisible, timeout=SOON)
    _, curve = page.view.plot.curves["unmasked"].getData()
    assert np.mean(curve[1:]) < 0.5, "the second pair is noise"
    assert not any(label.pixmap().isNull() for label in page.view.pictures)
    page.view.clear()
    assert not page.view.isVisible()


def old_folders(folder: Path) -> Path:
    """Make folders in which both halves of a pair have one name."""
    for digits in ("0552", "3650"):
        pair = half_map_pair(36, 2.0, seed=int(digits), resolution=6.0)
        for place, half in (("1.0", pair.first), ("2.0", pair.second)):
            (folder / place).mkdir(parents=True, exist_ok=True)
            write(folder / f"{place}/{digits}.map", half)
    return folder


@pytest.mark.viewer
@pytest.mark.parametrize("where", ["denoise", "resolution"])
def test_ticked_pairs_go_into_a_dock_that_trains(
    where: str,
    make_napari_viewer: Callable[[], Any],
    npe2pm: Any,
    jobs: Runner,
    chosen: Any,
    tmp_path: Path,
) -> None:
    old_folders(tmp_path / "library")
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        viewer = make_napari_viewer()
        _, dock = viewer.window.add_plugin_dock_widget("napari-cryonet", "Library")
        page = dock.sort
        page.buttons[where].click()
        assert dock.task.message.text() == "Tick the pairs first."
        page.table.items.tick_all(True)
        page.buttons[where].click()
        one, two = (viewer.layers[n].name for n in (0, 1))
        _, other = viewer.window.add_plugin_dock_widget("napari-cryonet", where.capitalize())
        rows, given = other.halves.rows(training=True)
        further = tuple(str(tmp_path / f"library/{place}/3650.map") for place in ("1.0", "2.0"))
        assert rows == ((f"layer: {one}", f"layer: {two}"), further)
        assert other.halves.more.rows() == (further,)
        assert other.halves.more.list.item(0).text() == "1.0/3650.map + 2.0/3650.map"
        halves = [volume.data for volume in given.values()]
        for half, place in zip(halves, ("1.0", "2.0"), strict=True):
            np.testing.assert_array_equal(
                half, read_volume(tmp_path / f"library/{place}/0552.map").data
            )


def test_ticked_pairs_become_a_table(
    dock: LibraryWidget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock.choose(old_folders(tmp_path / "library"))
    page, table = dock.sort, tmp_path / "pairs.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "pairs"), ""))
    page.buttons["table"].click()
    assert dock.task.message.text() == "Tick the pairs first."
    page.table.items.tick_all(True)
    page.buttons["table"].click()
    assert "noise2noise train --pairs" in dock.task.message.text()
    library = (tmp_path / "library").resolve()
    assert read_pairs(table, ("half1", "half2")) == [
        [str(library / f"{place}/{digits}.map") for place in ("1.0", "2.0")]
        for digits in ("0552", "3650")
    ]
