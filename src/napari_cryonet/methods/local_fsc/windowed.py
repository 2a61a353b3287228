"""The precise way: a window around each place, and the shells of its own transform."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from napari_cryonet.nn.bands import Band, Bands, Falling, Shape
from napari_cryonet.nn.filtering import standardised
from napari_cryonet.reporting import Tick
from napari_cryonet.types.volume import ZYX

BOX = 3.07
"""Side of a box with a Hann window over the radius of the sphere that it stands for."""

_WIDTH = 0.25
"""Half width of a shell in units of 1 / radius. The window widens it; shells as wide as those of
the fast way would take in so much of the stronger signal below that the answer came out too fine.
"""

_VALUES = 1 << 21  # that are transformed at a time


def by_windows(
    halves: tuple[torch.Tensor, torch.Tensor],
    size: ZYX,
    radius: float,
    bands: Bands,
    where: torch.Tensor,
    threshold: float,
    tick: Tick,
) -> torch.Tensor:
    """Return where the correlation of windows falls below a threshold.

    Parameters
    ----------
    halves
        ``(z, y, x)`` each, on the device to compute on.
    size
        Å per voxel along z, y, x.
    radius
        Of the sphere that the window stands for, in Å.
    bands
        The shells.
    where
        ``(n, 3)`` the voxels in the middle of the windows, z, y, x.
    threshold
        For example 0.143.
    tick
        Is told how far it is; may raise to stop.

    Returns
    -------
    tensor
        ``(n,)`` in 1/Å.
    """
    box = tuple(max(4, 2 * round(BOX * radius / step / 2)) for step in size)
    padding = [side // 2 for side in reversed(box) for _ in range(2)]
    padded = [torch.nn.functional.pad(standardised(half), padding) for half in halves]
    taper = _hann(box).to(padded[0])
    shells = _shells(box, size, bands.centres, _WIDTH / radius).to(padded[0])
    cells = [torch.arange(side, device=where.device) for side in box]
    batch = max(1, _VALUES // taper.numel())
    found = []
    for start in range(0, len(where), batch):
        corners = where[start : start + batch]
        z, y, x = (
            corners[:, axis, None] + along for axis, along in zip(range(3), cells, strict=True)
        )
        at = (z[:, :, None, None], y[:, None, :, None], x[:, None, None, :])
        one, two = (torch.fft.rfftn(half[at] * taper, dim=(1, 2, 3)).flatten(1) for half in padded)
        cross, first, second = (
            values @ shells
            for values in (
                one.real * two.real + one.imag * two.imag,
                one.real.square() + one.imag.square(),
                two.real.square() + two.imag.square(),
            )
        )
        correlation = cross / (first * second).clamp_min(torch.finfo(cross.dtype).tiny).sqrt()
        falling = Falling(threshold, correlation[:, 0])
        for centre, column in zip(bands.centres, correlation.unbind(1), strict=True):
            falling.add(centre, column)
        found.append(falling.frequency())
        tick(min(1.0, (start + batch) / len(where)))
    return torch.cat(found)


def _hann(box: Shape) -> torch.Tensor:
    """Return the window, ``(z, y, x)``: 1 in the middle, 0 beyond its faces."""
    z, y, x = (torch.hann_window(side, periodic=True) for side in box)
    return z[:, None, None] * y[:, None] * x


def _shells(box: Shape, size: ZYX, centres: Sequence[float], half_width: float) -> torch.Tensor:
    """Return the weight of each coefficient of a window in each shell, ``(terms, shells)``."""
    z, y = (torch.fft.fftfreq(side, step) for side, step in zip(box[:2], size, strict=False))
    x = torch.fft.rfftfreq(box[2], size[2])
    frequency = (z.square()[:, None, None] + y.square()[:, None] + x.square()).sqrt()
    often = torch.full_like(x, 2.0)
    often[0] = often[-1] = 1.0
    profiles = [Band(centre, half_width).profile(frequency).square() * often for centre in centres]
    return torch.stack([profile.flatten() for profile in profiles], 1)
