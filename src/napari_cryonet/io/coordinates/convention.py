"""From the numbers of a file to voxels, z, y, x, and back.

The numbers of a file are three for each position, in the order x, y, z once its columns are
sorted. With n a number, ``p`` the size of what it counts and ``b`` the binning::

    from a corner    voxel = (n − first) · p / b
    from the centre  voxel = (n · p + c) / b,  c = W / 2 or W / 2 − 1

where all is in unbinned pixels and W is the unbinned size. Where nothing is binned, b is 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import SettingsError
from napari_cryonet.io.coordinates.frame import Frame
from napari_cryonet.io.coordinates.settings import CoordinateSettings

Numbers = NDArray[np.float64]
"""``(n, 3)`` numbers as a file has them, x, y, z unless said otherwise."""

_HALVES = {"none": (0.0, 0.0, 0.0), "xy": (0.5, 0.5, 0.0), "xyz": (0.5, 0.5, 0.5)}


@dataclass(frozen=True)
class Convention:
    """What the numbers of a format mean.

    Parameters
    ----------
    unit
        What they count: voxels of the volume, unbinned pixels, or Å.
    origin
        Where they count from: the corner, half the size W/2, or W/2 − 1 unbinned pixels.
    count_from
        The number of the first voxel.
    half_voxel
        The axes along which the centre of a voxel lies at a half.
    axes
        The order of the three numbers.
    """

    unit: Literal["voxels", "unbinned", "angstrom"] = "voxels"
    origin: Literal["corner", "centre", "centre-1"] = "corner"
    count_from: int = 0
    half_voxel: Literal["none", "xy", "xyz"] = "none"
    axes: str = "xyz"

    def chosen(self, settings: CoordinateSettings) -> Convention:
        """Return this convention with what settings say otherwise."""
        given = {
            name: getattr(settings, name)
            for name in self.__dataclass_fields__
            if getattr(settings, name) != "default"
        }
        if "count_from" in given:
            given["count_from"] = int(given["count_from"])
        return replace(self, **given)

    @property
    def first(self) -> Numbers:
        """What the file has for the centre of the first voxel, x, y, z."""
        return np.array(_HALVES[self.half_voxel]) + self.count_from

    def sentence(self) -> str:
        """The convention in words."""
        unit = {"voxels": "voxels", "unbinned": "unbinned pixels", "angstrom": "Å"}[self.unit]
        if self.origin == "corner":
            first = " ".join(f"{value:g}" for value in self.first)
            start = f"the centre of the first voxel is {first}"
        else:
            start = f"from the centre, W/2{' − 1' if self.origin == 'centre-1' else ''}"
        return f"{' '.join(self.axes)} in {unit}, {start}"


def to_voxels(numbers: Numbers, how: Convention, frame: Frame) -> Numbers:
    """Return positions in voxels, z, y, x.

    Parameters
    ----------
    numbers
        ``(n, 3)`` numbers in the order of the file.
    how
        What they mean.
    frame
        The volume.

    Returns
    -------
    ndarray
        ``(n, 3)`` z, y, x.

    Raises
    ------
    SettingsError
        If something has to be known of the volume and is not.
    """
    xyz = numbers[:, [how.axes.index(axis) for axis in "xyz"]]
    pixels, binning, shift = _terms(how, frame)
    return ((xyz * pixels + shift) / binning)[:, ::-1]


def from_voxels(positions: NDArray[Any], how: Convention, frame: Frame) -> Numbers:
    """Return what a file has for positions in voxels: the inverse of `to_voxels`.

    Parameters
    ----------
    positions
        ``(n, 3)`` z, y, x.
    how
        What the numbers of the file mean.
    frame
        The volume.

    Returns
    -------
    ndarray
        ``(n, 3)`` numbers in the order of the file.

    Raises
    ------
    SettingsError
        As `to_voxels`.
    """
    pixels, binning, shift = _terms(how, frame)
    xyz = (np.asarray(positions, dtype=float)[:, ::-1] * binning - shift) / pixels
    return xyz[:, ["xyz".index(axis) for axis in how.axes]]


def _terms(how: Convention, frame: Frame) -> tuple[Numbers, float, Numbers]:
    """Return unbinned pixels per unit of the file, binning, and shift in unbinned pixels."""
    unbinned = frame.shape if frame.binning is None else frame.unbinned
    _check(how, frame, centred=unbinned is not None)
    binning = frame.binning or 1.0
    pixels = np.full(3, 1.0 if how.unit == "unbinned" else binning)
    if how.unit == "angstrom" and frame.voxel_size is not None:
        pixels = binning / np.array(frame.voxel_size[::-1])
    if how.origin == "corner" or unbinned is None:
        return pixels, binning, -how.first * (binning if how.unit == "angstrom" else pixels)
    size = np.array(unbinned[::-1], dtype=float)
    return pixels, binning, size / 2 - (how.origin == "centre-1")


def _check(how: Convention, frame: Frame, *, centred: bool) -> None:
    """Raise one error that names all that has to be known and is not."""
    missing = {}
    if how.unit == "angstrom" and frame.voxel_size is None:
        missing["the voxel size"] = "--voxel-size 10"
    if how.origin != "corner" and not centred:
        missing["the shape of the volume, z y x,"] = "--volume-shape 300 960 928"
    if how.origin == "centre-1" and frame.binning is None:
        missing["the binning"] = "--binning 4, or 1 for a volume that is not binned"
    if not missing:
        return
    start = "the corner" if how.origin == "corner" else "the centre"
    unit = {"voxels": "voxels", "unbinned": "unbinned pixels", "angstrom": "Å"}[how.unit]
    raise SettingsError(
        f"Positions are counted in {unit} from {start} of the volume, and {' and '.join(missing)} "
        f"must be known for that; give {' '.join(missing.values())}, or the tomograms.star that "
        f"describes the volume (--tomograms)."
    )
