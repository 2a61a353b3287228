"""Half maps whose resolution differs from place to place, with the resolution of each.

The atoms have temperature factors that change along x. Which resolution belongs to a factor is
measured without noise: the power of the molecule with that factor throughout, in its mask, over
that of the noise gives its FSC, and where that falls below the threshold is the truth.

References
----------
Rosenthal, Henderson, J. Mol. Biol. 333 (2003), doi:10.1016/j.jmb.2003.07.013 (FSC and
signal-to-noise ratio).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_cryonet.signal.mask import soft_edge
from napari_cryonet.signal.resolution_settings import Masking
from napari_cryonet.simulate.noise import Shape, filtered, frequencies, splatted
from napari_cryonet.types import Volume
from napari_cryonet.types.fsc import crossing

Floats = NDArray[np.floating[Any]]

_LEVELS, _CALIBRATED = 24, 8
_SPACING = 5.13  # Å, of residues of 135 Å³
_RESIDUE = (7.0, 6.0, 6.0, 8.0, 6.0)
_OUTLINE = 10.0  # Å, the low-pass of the mask's density
_CONTOUR = 0.1  # of its largest value


@dataclass(frozen=True, eq=False)
class GradedHalfMaps:
    """Two simulated half maps of uneven resolution.

    Parameters
    ----------
    first, second
        The half maps: the same signal, independent white noise.
    density
        The signal alone.
    resolution
        ``(z, y, x)`` the true resolution in Å, defined everywhere.
    mask
        1 inside the molecule, 0 outside, with a soft edge.
    """

    first: Volume
    second: Volume
    density: Volume
    resolution: Volume
    mask: Volume


@dataclass(frozen=True)
class Grade:
    """How the resolution changes along x.

    Parameters
    ----------
    factors
        The temperature factors in Å² at the two ends of the molecule.
    best
        The resolution in Å that the first of them gives; it sets the noise.
    threshold
        Of the FSC.
    abrupt
        Whether it jumps in the middle instead of changing evenly.
    """

    factors: tuple[float, float] = (100.0, 400.0)
    best: float = 3.0
    threshold: float = 0.143
    abrupt: bool = False


def graded_half_maps(
    side: int = 96,
    voxel_size: float = 1.2,
    seed: int = 0,
    grade: Grade | None = None,
    atoms: Floats | None = None,
) -> GradedHalfMaps:
    """Simulate half maps whose resolution changes along x.

    Parameters
    ----------
    side
        Voxels along each edge of the box.
    voxel_size
        Å per voxel.
    seed
        Chooses the noise, and the molecule if none is given.
    grade
        How the resolution changes; None takes the usual.
    atoms
        ``(n, 4)`` z, y, x in Å about the middle of the box, and how strongly each scatters;
        None makes a globular protein of 0.7 times the length of the box.
    """
    how, rng = grade or Grade(), np.random.default_rng(seed)
    molecule = _globule(0.36 * side * voxel_size, rng) if atoms is None else atoms
    shape: Shape = (side, side, side)
    points = molecule[:, :3] / voxel_size + (side - 1) / 2
    low, high = np.percentile(points[:, 2], (2, 98))
    along = _factors((np.arange(side) - low) / (high - low), how)
    own = _factors((points[:, 2] - low) / (high - low), how)
    s = frequencies(shape) / np.float32(voxel_size)
    whole = fft.rfftn(splatted(points, molecule[:, 3], shape))
    truth = _density(points, molecule[:, 3], own, s, how)
    mask = outline(truth, voxel_size)
    known = np.linspace(*how.factors, 2 if how.abrupt else _CALIBRATED)
    power = [_shells(fft.irfftn(_fallen(whole, s, b), shape) * mask, s) for b in known]
    step = 1 / (side * voxel_size)
    weight = float(np.square(mask).sum())
    first_shell = round(1 / (how.best * step))
    sigma2 = power[0][first_shell] / weight * (1 - how.threshold) / how.threshold
    found = [_resolution(one / (weight * sigma2), step, how.threshold) for one in power]
    resolution = np.interp(along, known, found).astype(np.float32)
    sizes: dict[str, Any] = {"voxel_size": (voxel_size,) * 3}
    first, second = (
        Volume(
            truth + np.float32(np.sqrt(sigma2)) * rng.standard_normal(shape, dtype=np.float32),
            name=f"graded half map {number}",
            history=(f"Simulated half map {number} of 2 of uneven resolution, seed {seed}.",),
            **sizes,
        )
        for number in (1, 2)
    )
    everywhere = np.broadcast_to(resolution, shape)
    return GradedHalfMaps(
        first,
        second,
        Volume(truth, name="graded density", **sizes),
        Volume(everywhere, name="true resolution", **sizes),
        Volume(mask, name="graded mask", **sizes),
    )


def _factors(place: Floats, how: Grade) -> Floats:
    """Return the temperature factor at a place from 0 to 1 along the molecule."""
    part = np.clip(place, 0, 1)
    part = (part > 0.5).astype(float) if how.abrupt else part
    return how.factors[0] + (how.factors[1] - how.factors[0]) * part


def _density(points: Floats, weights: Floats, own: Floats, s: Floats, how: Grade) -> Floats:
    """Return the molecule; factors in between are mixed from the two nearest of a few."""
    levels = np.linspace(*how.factors, 2 if how.abrupt else _LEVELS)
    shape: Any = (s.shape[0], s.shape[1], s.shape[0])
    place = np.interp(own, levels, np.arange(len(levels)))
    total: Any = 0
    for number, level in enumerate(levels):
        share = np.clip(1 - np.abs(place - number), 0, 1)
        total = total + _fallen(fft.rfftn(splatted(points, weights * share, shape)), s, level)
    return np.asarray(fft.irfftn(total, shape), dtype=np.float32)


def _fallen(terms: Any, s: Floats, factor: float) -> Any:
    """Return coefficients as atoms with a temperature factor have them."""
    return terms * np.exp(-np.float32(factor / 4) * s * s)


def outline(truth: Floats, voxel_size: float) -> Floats:
    """Return the mask of a molecule.

    Parameters
    ----------
    truth
        ``(z, y, x)`` its density, without noise.
    voxel_size
        Å per voxel.
    """
    gain = np.exp(-np.square(frequencies(truth.shape) * np.float32(_OUTLINE / voxel_size)))
    smooth = filtered(truth, gain)
    how = Masking(mask_extend=0, mask_edge=4)
    return soft_edge(smooth > _CONTOUR * smooth.max(), (voxel_size,) * 3, how)


def _shells(data: Floats, s: Floats) -> Floats:
    """Return the mean power in shells as wide as the box resolves."""
    side = data.shape[0]
    index = np.rint(s / s[0, 0, 1]).astype(int).ravel()
    often = np.full(s.shape[-1], 2.0)
    often[0] = often[-1] = 1.0
    weights = np.broadcast_to(often, s.shape)
    power = np.square(np.abs(fft.rfftn(data))) * weights
    sums, counts = (np.bincount(index, v.ravel())[: side // 2 + 1] for v in (power, weights))
    return np.asarray(sums / counts)


def _resolution(snr: Floats, step: float, threshold: float) -> float:
    """Return where the FSC that a signal-to-noise ratio gives falls below a threshold, in Å."""
    curve = snr / (1 + snr)
    found = crossing(np.arange(len(curve)) * step, curve, threshold)
    return found.resolution or found.limit


def _globule(radius: float, rng: np.random.Generator) -> Floats:
    """Return the atoms of residues that are packed into an ellipsoid along x, as in a protein."""
    room = np.array((0.6, 0.6, 1.0)) * radius
    axes = (np.arange(-half, half + _SPACING, _SPACING) for half in room)
    places = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    residues = places[np.square(places / room).sum(1) < 1]
    residues = residues + rng.standard_normal(residues.shape)
    atoms = residues[:, None] + 1.5 * rng.standard_normal((len(residues), len(_RESIDUE), 3))
    weights = np.broadcast_to(_RESIDUE, (len(residues), len(_RESIDUE)))
    return np.concatenate([atoms, weights[..., None]], 2).reshape(-1, 4)
