"""Stacks of images put together: one array, the size of its pixels and the width of its spots."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError
from napari_cryonet.reporting import Reporter
from napari_cryonet.types import ImageStack

_USUAL_SPOT = 1.5  # pixels


def join(
    stacks: Sequence[ImageStack], pixel_size: float | None, spot: float | None, report: Reporter
) -> tuple[NDArray[np.float32], float, float]:
    """Return all images of some stacks, the size of their pixels and the width of their spots.

    Parameters
    ----------
    stacks
        Of images of one size.
    pixel_size, spot
        What the user says, in the unit of the stacks; None takes what the stacks say.
    report
        Is told what is assumed where nobody says it.

    Returns
    -------
    images : ndarray
        ``(n, y, x)``.
    pixel, spot : float
        Size of a pixel, and standard deviation of a spot.

    Raises
    ------
    DataError
        If there is nothing, if sizes, units or spots differ, if pixels are not square, or an image
        is empty or not finite.
    """
    if not stacks or not all(isinstance(stack, ImageStack) for stack in stacks):
        raise DataError("A point cloud is reconstructed from stacks of images; give some.")
    first = stacks[0]
    for stack in stacks:
        ours, theirs = ((s.images.shape[1:], s.pixel_size, s.unit) for s in (stack, first))
        if ours != theirs or stack.data.dtype.kind == "c":
            raise DataError(
                f"All images are real and of one size; {stack.name} has {ours[0]} pixels of "
                f"{ours[1]} {ours[2]}, {first.name} {theirs[0]} of {theirs[1]} {theirs[2]}."
            )
        if spot is None and stack.spot != first.spot:
            raise DataError(
                f"The spots of {stack.name} have the width {stack.spot} {stack.unit}, those of "
                f"{first.name} {first.spot}; set the spot size if it is the same."
            )
    images = np.concatenate([np.asarray(stack.images, np.float32) for stack in stacks])
    sums = images.sum(axis=(1, 2))
    bad = ~(np.isfinite(sums) & (sums > 0))
    if bad.any():
        raise DataError(
            f"Image {int(bad.argmax())} (from 0) is empty or not finite, and so are "
            f"{int(bad.sum()) - 1} others; take them out."
        )
    if not pixel_size and not math.isclose(*first.scale, rel_tol=1e-3):
        raise DataError(
            f"The pixels of {first.name} are not square, {first.scale} {first.unit}; set the pixel "
            f"size, or resample the images."
        )
    pixel = pixel_size or first.scale[0]
    if not pixel_size and first.pixel_size is None:
        report.warn(
            f"{first.name} does not say its pixel size: 1 {first.unit} is assumed, so lengths of "
            f"the cloud are in pixels. Set the pixel size."
        )
    width = spot or (first.spot and first.spot * pixel / first.scale[0])
    if width is None:
        width = _USUAL_SPOT * pixel
        report.warn(
            f"{first.name} does not say how wide its spots are: a standard deviation of "
            f"{_USUAL_SPOT:g} pixels is assumed. Set the spot size if it is another."
        )
    return images, pixel, width
