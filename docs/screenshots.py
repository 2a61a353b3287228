"""The pictures of the documentation, taken by walking through the real window.

    python docs/screenshots.py [--minutes 3] [--only picking]

(under Xvfb where there is no screen). Opens the simulated tomograms, trains, watches the
preview, stops, denoises, deconvolves, picks and saves. Nothing of the user's own folders is
touched.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

IMAGES = Path(__file__).parent / "images"
SIZE = (1480, 900)
GAP = 1.04
BOX = ((23.5, 23.5), (135.5, 135.5))  # y, x of its corners, in voxels


def main() -> None:
    """Take all pictures, or those of one walk."""
    walks = {
        "pair": pair,
        "single": single,
        "deconvolve": deconvolve,
        "resolution": resolution,
        "one-map": one_map,
        "picking": picking,
        "explore": explore,
        "pointcloud": pointcloud,
        "library": library,
    }
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=3.0)
    options.add_argument("--only", choices=walks)
    chosen = options.parse_args()
    IMAGES.mkdir(exist_ok=True)
    for name, walk in walks.items():
        if chosen.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                for kind in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
                    os.environ[kind] = folder
                walk(chosen.minutes, Path(folder))


def pair(minutes: float, folder: Path) -> None:
    """Walk from an even and an odd tomogram to the saved result."""
    viewer, dock = opened("tomograms", "Denoise")
    picture(viewer, "open")
    train(viewer, dock, minutes)
    picture(viewer, "train")
    stop(dock)
    apply(viewer, dock)
    picture(viewer, "denoise")
    dock.save(folder / "denoised.mrc")
    viewer.close()


def single(minutes: float, folder: Path) -> None:
    """Walk from one tomogram, with a box drawn on it, to the result and its uncertainty."""
    viewer, dock = opened("tomogram", "Denoise")
    dock.box.button.click()
    draw(viewer)
    train(viewer, dock, minutes)
    picture(viewer, "self2self-train")
    stop(dock)
    dock.apply_form.widgets["uncertainty"].value = True
    apply(viewer, dock)
    unsure = viewer.layers["simulated tomogram uncertainty"]
    unsure.visible = True
    for place, layer in enumerate((dock.result, unsure), 1):
        beside(layer, place)
    settle(viewer)
    picture(viewer, "self2self")
    dock.save(folder / "denoised.mrc")
    viewer.close()


def deconvolve(minutes: float, folder: Path) -> None:  # noqa: ARG001 - nothing is trained
    """Show a tomogram beside itself with the contrast transfer function undone."""
    viewer, dock = opened("tomogram", "Deconvolve")
    dock.form.widgets["defocus"].value = 5.0
    dock.form.widgets["snr_falloff"].value = 0.7
    dock.button.click()
    wait_for(lambda: dock.work.has_ended)
    pause(0.2)
    beside(dock.result, 1)
    settle(viewer)
    picture(viewer, "deconvolve")
    dock.save(folder / "deconvolved.mrc")
    viewer.close()


def resolution(minutes: float, folder: Path) -> None:  # noqa: ARG001 - nothing is trained
    """Walk from two half maps of uneven resolution to its map and its surface."""
    from napari.layers import Layer

    from napari_cryonet.gui.layers import layer_data
    from napari_cryonet.simulate.graded import graded_half_maps

    viewer, dock = opened("half_maps", "Resolution")
    viewer.layers.clear()
    case = graded_half_maps(128, 1.2)
    for half in (case.first, case.second):
        viewer.add_layer(Layer.create(*layer_data(half)[0]))
    viewer.dims.set_point(0, sum(viewer.dims.range[0][:2]) / 2)
    for button in (dock.fsc_button, dock.local_button):
        button.click()
        wait_for(lambda: dock.work.has_ended)
    settle(viewer)
    picture(viewer, "resolution")
    dock.surface_button.click()
    viewer.scene.camera.angles = (0, -30, 60)
    settle(viewer)
    picture(viewer, "resolution-surface")
    dock.save(folder / "local.mrc")
    viewer.close()


def one_map(minutes: float, folder: Path) -> None:  # noqa: ARG001 - the network is shipped
    """Walk from a single map to its local resolution, estimated by the shipped network."""
    from napari.layers import Layer

    from napari_cryonet.gui.layers import layer_data
    from napari_cryonet.simulate.graded import graded_half_maps

    viewer, dock = opened("half_maps", "Resolution")
    viewer.layers.clear()
    case = graded_half_maps(128, 1.2)
    mean = (case.first.data + case.second.data) / 2
    whole = case.first.changed(mean, "Mean of two halves.", name="simulated map")
    viewer.add_layer(Layer.create(*layer_data(whole)[0]))
    viewer.dims.set_point(0, sum(viewer.dims.range[0][:2]) / 2)
    dock.tabs.setCurrentIndex(1)
    room = dock.single
    room.apply_button.click()
    wait_for(lambda: room.work.has_ended)
    settle(viewer)
    picture(viewer, "resolution-one-map")
    viewer.close()


def picking(minutes: float, folder: Path) -> None:
    """Walk from twenty labels to picks that were reviewed, learnt from again and saved."""
    from napari_cryonet.io import CoordinateSettings

    viewer, dock = opened("particles", "Picking")
    label(viewer, dock)
    picture(viewer, "picking-label")
    train(viewer, dock, minutes)
    picture(viewer, "picking-train")
    wait_for_picks(viewer, dock)
    picture(viewer, "picking-filter")
    page = dock.curating
    page.filter.histogram.line.setValue(page.filter.histogram.line.value() - 0.5)
    pause(0.2)
    review(page, viewer.layers["true particles, simulated"].data)
    picture(viewer, "picking-review")
    page.retrain_button.click()
    wait_for_picks(viewer, dock)
    page.compare.truth.setCurrentText("true particles, simulated")
    pause(0.2)
    dock.tabs.currentWidget().ensureWidgetVisible(page.compare)
    picture(viewer, "picking-retrain")
    dock.save_picks(folder / "picks.star", CoordinateSettings(format="relion5"))
    viewer.close()


def library(minutes: float, folder: Path) -> None:  # noqa: ARG001 - nothing is trained
    """Search a table of simulated entries, fetch them, and sort the bad ones out."""
    from qtpy.QtCore import Qt

    from napari_cryonet.gui.preferences import remember

    os.chdir(folder)
    for name, value in mirror(Path("mirror")).items():
        remember("half_maps", name, value)
    viewer, dock = opened("half_maps", "Library")
    dock.choose(Path("half maps"))
    page = dock.search
    page.search_button.click()
    wait_for(lambda: not dock.task.is_busy)
    for row in range(3):
        page.table.items.setData(page.table.items.index(row, 0), 2, Qt.ItemDataRole.CheckStateRole)
    page.download_button.click()
    wait_for(lambda: not dock.task.is_busy)
    page.table.items.tick_all(True)
    picture(viewer, "library")
    page.download_button.click()
    wait_for(lambda: not dock.task.is_busy)
    dock.tabs.setCurrentIndex(1)
    page = dock.sort
    page.buttons["compare"].click()
    wait_for(lambda: not dock.task.is_busy)
    page.table.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    page.table.selectRow(0)
    settle(viewer)
    picture(viewer, "library-sort")
    viewer.close()
    os.chdir(IMAGES)  # the folder of this walk goes with it


def mirror(folder: Path) -> dict[str, str]:
    """Make a folder of simulated entries and their table; two of the pairs are bad."""
    import csv

    from napari_cryonet.io import write
    from napari_cryonet.simulate import half_map_pair
    from napari_cryonet.simulate.noise import filtered, frequencies, gaussian

    folder.mkdir()
    rows, smooth = [], gaussian(frequencies((64,) * 3), 0.8)
    for seed in range(8):
        best = 3.3 + 0.08 * seed
        pair = half_map_pair(64, 1.4, seed, best)
        second = half_map_pair(64, 1.4, 53, best).second.data if seed == 3 else pair.second.data
        second = np.ascontiguousarray(second[:, ::-1]) if seed == 2 else second
        for half, data in ((1, pair.first.data), (2, second)):
            path = folder / f"emd_{90001 + seed}_half_map_{half}.map.gz"
            write(path, pair.first.changed(filtered(data, smooth), "Smoothed."))
            rows.append((f"EMD-{90001 + seed}", path.name, path.stat().st_size, f"{best:.2f}",
                         f"Simulated protein {seed + 1}", 64, 64, 64))  # fmt: skip
    with (folder / "halves.csv").open("w", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow(("Entry", "Tail", "Size", "Resolution", "Title", "Height", "Width", "Depth"))
        lines.writerows(rows)
    return {"files": str(folder), "index": str(folder / "halves.csv")}


def pointcloud(minutes: float, folder: Path) -> None:  # noqa: ARG001 - it ends by itself
    """Walk from reviewed images to a cloud that grows, is mirrored and saved."""
    viewer, dock = opened("molecules", "Point cloud")
    for name in ("following", "following", "reject", "before"):
        dock.data.buttons[name].click()
    dock.train_button.click()
    wait_for(lambda: dock.work.progress[0] > 0.55 * dock.work.progress[1] or dock.work.has_ended)
    picture(viewer, "pointcloud-grow")
    wait_for(lambda: dock.work.has_ended)
    dock.page.mirror_button.click()
    dock.page.particle.setValue(7)
    viewer.scene.camera.angles = (0, -30, 60)
    picture(viewer, "pointcloud")
    dock.save_cloud(folder / "cloud.ply")
    viewer.close()


def explore(minutes: float, folder: Path) -> None:  # noqa: ARG001 - nothing is saved
    """Walk from a tomogram to candidates in clusters, and to labels of those drawn around."""
    from napari_cryonet.gui.exploring.candidates import clusters, places

    viewer, dock = opened("particles", "Explore")
    viewer.layers.remove("simulated particles")
    dock.train_form.widgets["diameter"].value = "216"
    dock.train_form.widgets["max_minutes"].value = str(minutes)
    for button in (dock.train_button, dock.apply_button):
        button.click()
        wait_for(lambda: dock.work.has_ended)
        pause(0.2)
    layer, view = dock.map.box.layer(), dock.map.plot.view
    groups, angle = clusters(layer), np.linspace(0, 2 * np.pi, 60)
    middle = places(layer)[groups == np.bincount(groups).argmax()]
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    corners = middle.mean(axis=0) + 1.8 * middle.std(axis=0) * circle
    view.drawn.emit(corners, False)
    view.line.setData(*corners.T)
    settle(viewer)
    picture(viewer, "explore")
    dock.map.labels_button.click()
    viewer.close()


def opened(sample: str, name: str) -> tuple[Any, Any]:
    """Return a window with a sample in its middle plane, and a dock."""
    import napari

    viewer = napari.Viewer(title="napari-cryonet")
    viewer.window.resize(*SIZE)
    viewer.open_sample("napari-cryonet", sample)
    viewer.canvas.overlays.scale_bar.visible = True
    _, dock = viewer.window.add_plugin_dock_widget("napari-cryonet", name)
    viewer.dims.set_point(0, sum(viewer.dims.range[0][:2]) / 2)
    settle(viewer)
    return viewer, dock


def draw(viewer: Any) -> None:
    """Draw the box in the plane in view, as the mouse would."""
    shapes = viewer.layers["training box"]
    plane = viewer.dims.point[0] / shapes.scale[0]
    (top, left), (bottom, right) = BOX
    corners = ((top, left), (top, right), (bottom, right), (bottom, left))
    shapes.add(np.array([(plane, y, x) for y, x in corners]), shape_type="rectangle")
    pause(0.2)


def label(viewer: Any, dock: Any) -> None:
    """Click on the particles that the sample has labelled, on a layer of the dock's own."""
    places = viewer.layers["simulated particles"].data
    viewer.layers.remove("simulated particles")
    dock.train_form.widgets["diameter"].value = "216"
    dock.data.labels_button.click()
    for place in places:
        viewer.layers["particle"].add(place)
    viewer.layers["particle"].selected_data = set()
    settle(viewer)


def review(page: Any, truth: Any) -> None:
    """Look at ten picks, and know which of them are particles."""
    buttons = page.review.buttons
    buttons["following"].click()
    for _ in range(10):
        place = page.view.review.shown.positions[page.view.current]
        right = np.linalg.norm(truth - place, axis=1).min() < 4
        buttons["accept" if right else "reject"].click()
        pause(0.1)


def wait_for_picks(viewer: Any, dock: Any) -> None:
    """Wait until picks have come from a training."""
    wait_for(lambda: dock.work.title.startswith("Pick") and dock.work.has_ended)
    settle(viewer)


def train(viewer: Any, dock: Any, minutes: float) -> None:
    """Train until the picture is worth taking."""
    dock.train_form.widgets["max_minutes"].value = str(minutes)
    dock.train_button.click()
    wait_for(lambda: "preview" in viewer.layers or dock.work.has_ended)
    viewer.reset_view()
    wait_for(lambda: dock.work.progress[0] > 0.7 * dock.work.progress[1] or dock.work.has_ended)


def stop(dock: Any) -> None:
    """Stop a training and keep what it has learnt."""
    dock.work.stop(keep=True)
    wait_for(lambda: dock.work.has_ended)
    pause(0.2)


def apply(viewer: Any, dock: Any) -> None:
    """Denoise, and fit the view."""
    dock.apply_button.click()
    wait_for(lambda: dock.work.has_ended)
    settle(viewer)


def beside(layer: Any, place: int) -> None:
    """Put a layer to the right of where it belongs."""
    first, last = layer.extent.world[:, 2]
    layer.translate = (*layer.translate[:2], layer.translate[2] + place * GAP * (last - first))


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
    from qtpy.QtCore import QEvent
    from qtpy.QtWidgets import QApplication

    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
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
