"""The live preview of the slab in view: denoised and right beside it, or scores over it."""

from __future__ import annotations

from typing import Any

import napari
import numpy as np
from napari.layers import Image

from napari_cryonet.errors import DataError
from napari_cryonet.gui.arrays import contrast_limits
from napari_cryonet.gui.layers import layer_data, to_thing
from napari_cryonet.gui.things import KEY
from napari_cryonet.gui.work import Work
from napari_cryonet.reporting import Box
from napari_cryonet.types import Volume

NAME = "preview"
SCORES = {
    "colormap": "inferno",
    "blending": "additive",
    "contrast_limits": (0.0, 1.0),
    "opacity": 0.6,
    "projection_mode": "max",
}
"""How scores look that lie over a volume: what scores nothing is transparent."""

_MOST_VOXELS = 300 * 300
_GAP = 1.04


class Preview:
    """Shows what a training makes of the slab in view.

    Parameters
    ----------
    viewer
        The window's viewer.
    layer
        What is being denoised.
    work
        The training.
    part
        The part of the volume that is trained on; None for all of it.
    scores
        Whether previews are scores from 0 to 1, which are shown over the volume.
    after
        The preview of the training before, which gives way to the first of this one; None if there
        is none. Where that training has ended, it gives way at once.
    """

    def __init__(
        self,
        viewer: napari.viewer.ViewerModel,
        layer: Any,
        work: Work,
        part: Box | None = None,
        *,
        scores: bool = False,
        after: Preview | None = None,
    ) -> None:
        self._viewer = viewer
        self._layer = layer
        self._part = part
        self._scores = scores
        self._before = to_thing(layer)
        self._work: Work = work
        self._after = after
        if after is not None and after._work.has_ended:
            self._turn()
        self._shown: Image | None = None
        viewer.dims.events.current_step.connect(self.look)
        viewer.scene.camera.events.center.connect(self.look)
        work.previewed.connect(self.show)
        work.ended.connect(self.release)
        self.look()

    def look(self) -> None:
        """Tell the training which region is in view."""
        if self._layer in self._viewer.layers:
            region = visible_region(self._viewer, self._layer)
            self._work.region = region if self._part is None else within(region, self._part)

    def show(self, volume: Volume) -> None:
        """Show a preview, at the height of the slab and beside it."""
        layer, before = self._layer, self._before
        if layer not in self._viewer.layers or not isinstance(before, Volume):
            return
        ((data, attributes, _),) = layer_data(volume)
        for name in ("units", "axis_labels"):
            attributes[name] = getattr(layer, name)
        coarser = np.divide(volume.voxel_size or before.scale, before.scale)  # if resampled
        scale = layer.scale * coarser
        start = np.subtract(volume.origin, before.origin) / before.scale  # in voxels
        width = layer.extent.world[1] - layer.extent.world[0]
        gap = 0.0 if self._scores else _GAP * width[-1]
        place = layer.translate + start * layer.scale + [0, 0, gap]
        self._turn()
        if self._shown is None or self._shown not in self._viewer.layers:
            attributes |= {"name": NAME, "scale": scale, "translate": place}
            attributes |= SCORES if self._scores else {}
            attributes["metadata"][KEY][NAME] = True
            self._shown = self._viewer.add_image(data, **attributes)
            self._viewer.layers.selection = [layer]
            return
        self._shown.data = data
        self._shown.scale, self._shown.translate = scale, place
        if not self._scores:
            self._shown.contrast_limits = contrast_limits(data)

    def _turn(self) -> None:
        """Take the preview of the training before away."""
        if self._after is not None:
            self._after.remove()
            self._after = None

    def release(self) -> None:
        """Follow the window no more; the last preview stays."""
        self._viewer.dims.events.current_step.disconnect(self.look)
        self._viewer.scene.camera.events.center.disconnect(self.look)

    def remove(self) -> None:
        """Take the preview away."""
        self._turn()
        if self._shown is not None and self._shown in self._viewer.layers:
            self._viewer.layers.remove(self._shown)
        self._shown = None


def within(region: Box, part: Box) -> Box:
    """Return what of a region lies in a part of a volume, counted from where the part begins.

    Parameters
    ----------
    region
        In voxels of the volume; beside the part, the plane of the part that is nearest counts.
    part
        In voxels of the volume.
    """
    found = []
    for wanted, limits in zip(region, part, strict=True):
        start = min(max(wanted.start, limits.start), limits.stop - 1)
        stop = max(min(wanted.stop, limits.stop), start + 1)
        found.append(slice(start - limits.start, stop - limits.start))
    return found[0], found[1], found[2]


def visible_region(viewer: napari.viewer.ViewerModel, layer: Any) -> Box:
    """Return the plane of a layer that is in view, in voxels, cut to a size that is quick.

    Parameters
    ----------
    viewer
        Gives the position of the sliders and the centre of the view.
    layer
        A three-dimensional image layer.
    """
    shape = layer.data.shape if not layer.multiscale else layer.data[0].shape
    if len(shape) != 3:
        raise DataError(f"{layer.name} has {len(shape)} axes; a volume z, y, x is needed here.")
    others = viewer.dims.ndim - 3  # axes of other layers come first
    centre = list(viewer.dims.point[-3:])
    for axis, position in zip(
        viewer.dims.displayed[-2:], viewer.scene.camera.center[-2:], strict=True
    ):
        if axis >= others:
            centre[axis - others] = position
    place = [round(float(n)) for n in layer.world_to_data(centre)[-3:]]
    across = next(axis - others for axis in viewer.dims.order if axis >= others)
    side = round(_MOST_VOXELS**0.5)
    region = []
    for axis, (length, voxel) in enumerate(zip(shape, place, strict=True)):
        size = 1 if axis == across else min(length, side)
        start = min(max(voxel - size // 2, 0), length - size)
        region.append(slice(start, start + size))
    return region[0], region[1], region[2]
