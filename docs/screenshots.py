"""The pictures of the documentation, taken by walking through the real window.

    python docs/screenshots.py [--minutes 3]     (under Xvfb where there is no screen)

Opens the simulated tomogram, trains, watches the preview, stops, denoises and saves. Nothing
of the user's own folders is touched.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).parent / "images"
SIZE = (1480, 900)


def main() -> None:
    """Take all pictures."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=3.0)
    minutes = options.parse_args().minutes
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            os.environ[name] = folder
        walk(minutes, Path(folder))


def walk(minutes: float, folder: Path) -> None:
    """Walk through the window from the sample to the saved result."""
    import napari

    viewer = napari.Viewer(title="napari-cryonet")
    viewer.window.resize(*SIZE)
    viewer.open_sample("napari-cryonet", "tomograms")
    viewer.canvas.overlays.scale_bar.visible = True
    _, dock = viewer.window.add_plugin_dock_widget("napari-cryonet", "Denoise")
    viewer.dims.set_point(0, sum(viewer.dims.range[0][:2]) / 2)
    settle(viewer)
    picture(viewer, "open")
    dock.train_form.widgets["max_minutes"].value = str(minutes)
    dock.train_button.click()
    wait_for(lambda: "preview" in viewer.layers or dock.work.has_ended)
    viewer.reset_view()
    wait_for(lambda: dock.work.progress[0] > 0.7 * dock.work.progress[1] or dock.work.has_ended)
    picture(viewer, "train")
    dock.work.stop(keep=True)
    wait_for(lambda: dock.work.has_ended)
    dock.apply_button.click()
    wait_for(lambda: dock.work.has_ended)
    settle(viewer)
    picture(viewer, "denoise")
    dock.save(folder / "denoised.mrc")
    viewer.close()


def wait_for(condition: Any) -> None:
    """Let the window live until something is so."""
    while not condition():
        pause(0.1)


def settle(viewer: Any) -> None:
    """Fit the view and let the window draw itself."""
    viewer.reset_view()
    pause(1.5)


def pause(seconds: float) -> None:
    """Let the window live for a while."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def picture(viewer: Any, name: str) -> None:
    """Take a picture of the whole window."""
    pause(0.5)
    viewer.screenshot(str(IMAGES / f"{name}.png"), canvas_only=False, flash=False)


if __name__ == "__main__":
    main()
