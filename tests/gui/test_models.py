"""The list of models: what is there, what it is, in and out, and gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from napari_cryonet.errors import FileProblem, ModelError
from napari_cryonet.gui.folders import data_folder, free_name, models_folder, release, runs_folder
from napari_cryonet.gui.widgets.models import ModelsWidget
from napari_cryonet.io import read_card

TRAINING = {"steps": 1200, "seconds": 90.0, "quality": 0.8123, "device": "CPU", "ended": "time"}
CREATED = "2026-11-21T10:11:12+00:00"


@pytest.fixture
def widget(qtbot: Any) -> ModelsWidget:
    made = ModelsWidget()
    qtbot.addWidget(made)
    made.show()
    return made


def rows(widget: ModelsWidget) -> list[list[str]]:
    table = widget.table
    return [
        [table.item(row, column).text() for column in range(table.columnCount())]
        for row in range(table.rowCount())
    ]


def answer(monkeypatch: pytest.MonkeyPatch, name: str, path: Path | str) -> None:
    """Let the user choose a file, or none."""
    monkeypatch.setattr(QFileDialog, name, staticmethod(lambda *rest: (str(path), "")))


def agree(monkeypatch: pytest.MonkeyPatch, yes: bool) -> None:
    """Let the user answer a question."""
    button = QMessageBox.StandardButton.Yes if yes else QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", staticmethod(lambda *rest: button))


# ------------------------------------------------------------------ the list


def test_an_empty_list_says_what_to_do(widget):
    assert rows(widget) == []
    assert "Train a model" in widget.details.text()
    assert not widget.export_button.isEnabled()
    assert not widget.delete_button.isEnabled()
    assert widget.chosen() is None


def test_models_are_listed_with_what_their_cards_say(qtbot, add_model):
    add_model("b", training=TRAINING, created=CREATED)
    add_model("a", voxel_size=None, method="other")
    (models_folder() / "c.safetensors").write_bytes(b"nothing of ours")
    (models_folder() / "notes.txt").write_text("not a model")
    widget = ModelsWidget()
    qtbot.addWidget(widget)
    found = rows(widget)
    assert found[0] == ["a", "other", "", "", ""]
    assert found[1] == ["b", "Noise2Noise", "2", "0.812", "2026-11-21"]
    assert found[2][0] == "c"
    assert found[2][1].startswith("not usable: ")
    assert len(found) == 3


def test_details_of_the_selected_model_are_shown(widget, add_model):
    inputs = ({"name": "half <1>"}, {"name": "half <2>"})
    path = add_model("b & c", training=TRAINING, inputs=inputs)
    widget.refresh()
    widget.table.selectRow(0)
    assert widget.chosen() == path
    text = widget.details.text()
    for part in ("b &amp; c", "half &lt;1&gt;, half &lt;2&gt;", "2 Å", "1200 steps in 1.5 min"):
        assert part in text
    assert "0.812" in text
    assert widget.export_button.isEnabled()
    assert widget.delete_button.isEnabled()


def test_a_card_that_says_little_is_shown_too(widget, add_model):
    add_model("a", voxel_size=None)
    (models_folder() / "b.safetensors").write_bytes(b"nothing of ours")
    widget.refresh()
    widget.table.selectRow(0)
    assert "unknown data at unknown Å" in widget.details.text()
    assert "not measured" in widget.details.text()
    widget.table.selectRow(1)
    assert "not a model file" in widget.details.text()


def test_the_list_follows_the_folder(widget, add_model, qtbot):
    path = add_model("b")
    qtbot.waitUntil(lambda: widget.table.rowCount() == 1)
    widget.table.selectRow(0)
    add_model("a")
    qtbot.waitUntil(lambda: widget.table.rowCount() == 2)
    assert widget.chosen() == path, "the same model stays selected"
    path.unlink()
    qtbot.waitUntil(lambda: widget.table.rowCount() == 1)
    assert widget.chosen() is None


# ------------------------------------------------------------------ in and out


def test_a_model_is_imported_under_a_free_name(widget, add_model, tmp_path, monkeypatch):
    path = add_model("mine").rename(tmp_path / "mine.safetensors")
    answer(monkeypatch, "getOpenFileName", path)
    for _ in range(2):
        widget.import_button.click()
    assert [row[0] for row in rows(widget)] == ["mine", "mine-2"]
    assert (models_folder() / "mine-2.safetensors").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("content", "said"), [(b"bad", "is not a model file"), (None, "There is no model file")]
)
def test_a_bad_file_is_refused_with_a_sentence(widget, tmp_path, monkeypatch, content, said):
    path = tmp_path / "bad.safetensors"
    if content is not None:
        path.write_bytes(content)
    answer(monkeypatch, "getOpenFileName", path)
    widget.import_button.click()
    assert said in widget.details.text()
    assert list(models_folder().iterdir()) == []
    with pytest.raises((ModelError, FileProblem)):
        widget.import_model(path)


def test_a_model_is_exported(widget, add_model, tmp_path, monkeypatch):
    source = add_model("mine")
    widget.refresh()
    widget.table.selectRow(0)
    target = tmp_path / "theirs.safetensors"
    target.write_text("replaced")
    answer(monkeypatch, "getSaveFileName", target)
    widget.export_button.click()
    assert read_card(target) == read_card(source)
    answer(monkeypatch, "getSaveFileName", tmp_path / "no" / "folder.safetensors")
    widget.export_button.click()
    assert "does not exist" in widget.details.text()


def test_who_chooses_nothing_changes_nothing(widget, add_model, monkeypatch):
    add_model("mine")
    widget.refresh()
    widget.table.selectRow(0)
    before = widget.details.text()
    for name in ("getOpenFileName", "getSaveFileName"):
        answer(monkeypatch, name, "")
    agree(monkeypatch, False)
    for button in (widget.import_button, widget.export_button, widget.delete_button):
        button.click()
    assert widget.details.text() == before
    assert [path.name for path in models_folder().iterdir()] == ["mine.safetensors"]


def test_a_model_is_deleted(widget, add_model, monkeypatch, qtbot):
    add_model("a")
    kept = add_model("b")
    widget.refresh()
    widget.table.selectRow(0)
    agree(monkeypatch, True)
    widget.delete_button.click()
    assert widget.details.text() == "a is deleted."
    assert list(models_folder().iterdir()) == [kept]
    assert [row[0] for row in rows(widget)] == ["b"]
    assert not widget.delete_button.isEnabled(), "the next one is not selected by itself"
    widget._on_delete()
    assert kept.exists()


def test_a_model_that_cannot_be_deleted_is_a_sentence(widget, add_model, monkeypatch):
    path = add_model("a")
    widget.refresh()
    widget.table.selectRow(0)
    path.unlink()
    agree(monkeypatch, True)
    widget.delete_button.click()
    assert widget.details.text().startswith(f"Cannot delete {path}: No such file")


def test_the_list_closes_without_a_trace(qtbot, add_model):
    widget = ModelsWidget()
    widget.show()
    widget.close()
    widget.deleteLater()
    del widget
    QApplication.processEvents()
    add_model("after it")
    qtbot.wait(50)


# ------------------------------------------------------------------ folders


def test_folders_are_inside_the_users_own(tmp_path, monkeypatch):
    assert data_folder().is_relative_to(Path.home())
    assert runs_folder().parent == models_folder().parent == data_folder()
    monkeypatch.setattr(
        "napari_cryonet.gui.folders.preference", lambda *rest: str(tmp_path / "lab")
    )
    assert models_folder() == tmp_path / "lab" / "models"
    assert models_folder().is_dir()


def test_names_of_models_are_free_and_plain(tmp_path):
    assert free_name(tmp_path, "TS 01 (even) 1/2: a+b").name == "TS 01 _even_ 1_2_ a+b.safetensors"
    assert free_name(tmp_path, " ").name == "model.safetensors"
    release(tmp_path / "model.safetensors")
    assert free_name(tmp_path, " ").name == "model.safetensors", "its training made nothing"
    for number in ("", "-2", "-3"):
        path = free_name(tmp_path, "Größe")
        assert path.name == f"Größe{number}.safetensors"
        path.touch()
