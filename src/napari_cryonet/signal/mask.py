"""Masks: which part of a box holds the molecule, with a soft edge.

A mask is 1 inside, 0 outside and falls along a raised cosine in between: a sharp edge would
correlate two half maps by itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from napari_cryonet.errors import DataError, SettingsError
from napari_cryonet.signal.resolution_settings import Masking
from napari_cryonet.signal.shells import frequency
from napari_cryonet.types.volume import ZYX

Mask = NDArray[np.float32]

_BINS = 512
_SHARE = 0.4  # of the way from the solvent to the density, where the automatic mask begins
_CLEAR = 3.0  # standard deviations of the solvent above it
_FLAT = 1e-5
_ISLAND = 0.1  # of the largest part, below which a part is noise
_FINEST = 4  # voxels; a low-pass below that would change nothing


def make_mask(data: NDArray[Any], voxel_size: ZYX, how: Masking) -> Mask | None:
    """Return the mask of a map, None if none is wanted.

    Parameters
    ----------
    data
        ``(z, y, x)`` the map, best the average of both halves.
    voxel_size
        Å per voxel along z, y, x.
    how
        Which mask.

    Raises
    ------
    SettingsError
        If a threshold is needed and not given, or leaves nothing.
    DataError
        If there is nothing to be found in the map.
    """
    if how.mask == "none":
        return None
    if how.mask == "sphere":
        return soft_sphere(data.shape, voxel_size, how.mask_radius, how.mask_edge)
    smooth = low_passed(data, voxel_size, how.mask_lowpass)
    if how.mask == "automatic":
        inside = smooth > _level(smooth)
        if not inside.any():
            raise DataError(
                "Nothing stands out of the noise of the map that an automatic mask could be put "
                "around; choose a sphere, or give a mask."
            )
        return soft_edge(_without_islands(inside), voxel_size, how)
    if how.mask_threshold is None:
        raise SettingsError(
            "The mask is to be made with a threshold and none is given; set mask_threshold to the "
            "grey value at which a surface of the map looks right, or take the automatic mask."
        )
    inside = smooth > how.mask_threshold
    if not inside.any():
        raise SettingsError(
            f"Nothing of the map is above the threshold {how.mask_threshold:g} of the mask: its "
            f"largest value, low-passed to {how.mask_lowpass:g} Å, is {smooth.max():.4g}."
        )
    return soft_edge(inside, voxel_size, how)


def given_mask(mask: NDArray[Any], shape: tuple[int, ...], name: str) -> Mask:
    """Return a mask that was given, brought to values from 0 to 1.

    Parameters
    ----------
    mask
        ``(z, y, x)``; its largest value becomes 1, what is below 0 becomes 0.
    shape
        Of the map that it is for.
    name
        What to call it in messages.

    Raises
    ------
    DataError
        If it has another shape, holds values that are not numbers, or is empty.
    """
    if mask.shape != shape:
        raise DataError(
            f"A mask has the shape of its map, {shape}; {name} has {mask.shape}. Resample it, or "
            f"take the automatic mask."
        )
    values = np.asarray(mask, dtype=np.float32)
    if not np.isfinite(values).all():
        raise DataError(f"The mask {name} holds values that are not numbers (NaN or infinite).")
    most = float(values.max())
    if most <= 0:
        raise DataError(f"The mask {name} is 0 everywhere; choose one that is 1 in the molecule.")
    scaled: Mask = np.clip(values / np.float32(most), 0, 1)
    return scaled


def soft_sphere(shape: tuple[int, ...], voxel_size: ZYX, radius: float | None, edge: float) -> Mask:
    """Return a sphere in the middle of the box.

    Parameters
    ----------
    shape
        ``(z, y, x)`` of the box.
    voxel_size
        Å per voxel along z, y, x.
    radius
        In Å; None takes the largest whose edge still fits.
    edge
        Width of the soft edge outside of it, in voxels.
    """
    width = edge * min(voxel_size)
    half = min(count * size / 2 for count, size in zip(shape, voxel_size, strict=True))
    chosen = max(half - width, half / 2) if radius is None else radius
    axes = (
        (np.arange(count) - (count - 1) / 2) * size
        for count, size in zip(shape, voxel_size, strict=True)
    )
    squares = [np.square(axis, dtype=np.float32) for axis in axes]
    distance = np.sqrt(sum(np.ix_(*squares)), dtype=np.float32)
    return _falling(distance - np.float32(chosen), width)


def soft_edge(inside: NDArray[np.bool_], voxel_size: ZYX, how: Masking) -> Mask:
    """Return a mask that is 1 inside and around it, and then falls to 0.

    Parameters
    ----------
    inside
        ``(z, y, x)`` what is inside.
    voxel_size
        Å per voxel along z, y, x; a voxel of `how` is the smallest of them.
    how
        How far it is extended and how wide its edge is.
    """
    finest = min(voxel_size)
    extend, width = how.mask_extend * finest, how.mask_edge * finest
    (found,) = ndimage.find_objects(inside.astype(np.uint8))
    box = tuple(
        slice(max(0, part.start - reach), part.stop + reach)
        for part, reach in zip(
            found, (int((extend + width) / size) + 2 for size in voxel_size), strict=True
        )
    )
    distance = ndimage.distance_transform_edt(~inside[box], sampling=voxel_size)
    mask = np.zeros(inside.shape, dtype=np.float32)
    mask[box] = _falling(distance.astype(np.float32) - np.float32(extend), width)
    return mask


def low_passed(data: NDArray[Any], voxel_size: ZYX, resolution: float) -> Mask:
    """Return a map after a Gaussian low-pass that is 1/2 at a resolution in Å."""
    finest = max(resolution, _FINEST * max(voxel_size))
    gain = np.exp2(-np.square(frequency(data.shape, voxel_size) * np.float32(finest)))
    terms = fft.rfftn(np.asarray(data, dtype=np.float32), workers=-1)
    terms *= gain
    return np.asarray(fft.irfftn(terms, data.shape, workers=-1), dtype=np.float32)


def filled(data: NDArray[Any]) -> Mask:
    """Return values of which those that are not positive numbers became their nearest that is.

    Parameters
    ----------
    data
        ``(z, y, x)`` for example resolutions in Å, with NaN or 0 outside a mask.

    Raises
    ------
    DataError
        If there is no positive number at all.
    """
    inside = np.asarray(data) > 0
    if not inside.any():
        raise DataError("There is no value inside the mask.")
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    values: Mask = np.asarray(data, dtype=np.float32)[tuple(nearest)]
    return values


def _falling(distance: NDArray[np.floating[Any]], width: float) -> Mask:
    """Return 1 up to a distance of 0, then a raised cosine down to 0 at `width`."""
    if width <= 0:
        return (distance <= 0).astype(np.float32)
    part = np.clip(distance / np.float32(width), 0, 1)
    return np.asarray(0.5 + 0.5 * np.cos(np.float32(np.pi) * part), dtype=np.float32)


def _level(smooth: Mask) -> float:
    """Return the grey value above which a low-passed map is taken as density.

    Otsu's threshold finds the density; the level is then put closer to the solvent, since the
    threshold cuts off what is weak, but not into the noise, which is measured below the median.

    References
    ----------
    Otsu, IEEE Trans. Syst. Man Cybern. 9 (1979), doi:10.1109/TSMC.1979.4310076.
    """
    counts, edges = np.histogram(smooth, _BINS)
    centres = (edges[1:] + edges[:-1]) / 2
    below, sums = np.cumsum(counts)[:-1], np.cumsum(counts * centres)
    above = smooth.size - below
    solvent = float(np.median(smooth))
    if smooth.max() - smooth.min() <= _FLAT * abs(solvent):
        raise DataError("All voxels have the same value: there is no density to mask.")
    between = np.square(sums[-1] * below / smooth.size - sums[:-1]) / (below * above)
    density = float(smooth[smooth > centres[int(np.argmax(between))]].mean())
    noise = float(np.sqrt(np.square(smooth[smooth <= solvent] - solvent).mean()))
    return solvent + max(_SHARE * (density - solvent), _CLEAR * noise)


def _without_islands(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the large connected parts of a mask, with their holes filled."""
    labels, _ = ndimage.label(inside)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    large = (sizes > 0) & (sizes >= _ISLAND * sizes.max())
    outside, _ = ndimage.label(~large[labels])
    faces = [np.take(outside, side, axis) for axis in range(3) for side in (0, -1)]
    border = np.unique(np.concatenate([face.ravel() for face in faces]))
    filled: NDArray[np.bool_] = ~np.isin(outside, border[border > 0])
    return filled
