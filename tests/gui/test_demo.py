"""The window of ``cryonet demo``, and its pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
from qtpy.QtGui import QImage

import napari_cryonet
from napari_cryonet import write
from napari_cryonet.errors import DataError, FileProblem
from napari_cryonet.gui import demo

MANIFEST = Path(napari_cryonet.__file__).with_name("napari.yaml")


@pytest.fixture
def folder(tmp_path: Path, halves: Any) -> Path:
    """The folder that a demo leaves."""
    first, _ = halves
    write(tmp_path / "half1.mrc", first)
    write(tmp_path / "denoised.mrc", replace(first, data=np.tanh(first.data)))
    return tmp_path


@pytest.mark.viewer
def test_pictures_are_taken_and_the_window_closes(
    folder, npe2pm, make_napari_viewer, jobs, monkeypatch, qtbot
):
    viewers: list[Any] = []
    seen: list[tuple[int, list[str]]] = []

    def make(title: str) -> Any:
        viewer = make_napari_viewer(show=True, title=title)
        take, close = viewer.screenshot, viewer.close

        def screenshot(*arguments: Any, **more: Any) -> Any:
            seen.append((viewer.dims.ndisplay, [layer.name for layer in viewer.layers]))
            return take(*arguments, **more)

        def closing() -> None:
            close()
            viewers.clear()

        monkeypatch.setattr(type(viewer), "screenshot", lambda self, *a, **m: screenshot(*a, **m))
        monkeypatch.setattr(type(viewer), "close", lambda self: closing())
        viewers.append(viewer)
        return viewer

    monkeypatch.setattr(napari, "Viewer", make)
    monkeypatch.setattr(napari, "run", lambda: qtbot.waitUntil(lambda: not viewers, timeout=30_000))
    monkeypatch.setattr(demo, "_SETTLE_MS", 100)
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        demo.main([str(folder), "--pictures"])
    assert seen == [(2, ["half1", "denoised"]), (3, ["half1", "denoised"])]
    for name in ("slices.png", "volumes.png"):
        picture = QImage(str(folder / name))
        assert picture.width() > 1000, name
        colours = {picture.pixel(x, y) for x in range(0, 1000, 9) for y in range(0, 700, 9)}
        assert len(colours) > 50, name


@pytest.mark.parametrize("arguments", [[], ["--pictures"], ["one", "two"]])
def test_one_folder_has_to_be_named(arguments):
    with pytest.raises(DataError, match="Name one folder"):
        demo.main(arguments)


def test_a_folder_without_maps_is_refused_before_a_window_opens(tmp_path, monkeypatch):
    monkeypatch.setattr(napari, "Viewer", lambda **more: pytest.fail("a window was opened"))
    with pytest.raises(FileProblem, match="half1"):
        demo.main([str(tmp_path)])
