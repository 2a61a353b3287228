"""Shapes for simulated particles, with the mean square radius 1 and the middle at the origin."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.signal.smlm_settings import Shape

Floats = NDArray[np.floating[Any]]

_GOLDEN = np.pi * (1 + np.sqrt(5))


def shape(kind: Shape) -> Floats:
    """Return the vertices of a shape.

    Parameters
    ----------
    kind
        ``"blob"``, a body with a head and two arms, without any symmetry; ``"ring"``, nine blades
        around the axis z that are all tilted alike, so that it has a hand; ``"helix"``, two turns
        around the axis z.

    Returns
    -------
    ndarray
        ``(n, 3)`` z, y, x.
    """
    vertices = {"blob": _blob, "ring": _ring, "helix": _helix}[kind]()
    vertices = vertices - vertices.mean(axis=0)
    radius = float(np.sqrt(np.square(vertices).sum(axis=1).mean()))
    unit: Floats = vertices / radius
    return unit


def _blob() -> Floats:
    """Return 260 points on a body with a head, and on two bent arms of different length."""
    body = _ball(130) * [1.0, 0.75, 0.6]
    head = _ball(60) * 0.42 + [1.1, 0.5, 0.0]
    share = np.linspace(0, 1, 42)[:, None]
    long = [0.2, 0.5, 0.5] + share * [0.5, 0.2, 1.5] + share**2 * [0.6, 0.0, -0.4]
    share = share[:28]
    short = [-0.7, -0.4, 0.0] + share * [-0.9, -0.9, 0.3] + share**2 * [0.9, 0.0, 0.4]
    return np.concatenate([body, head, long, short])


def _ball(count: int) -> Floats:
    """Return points that cover the unit sphere evenly."""
    number = np.arange(count) + 0.5
    z, around = 1 - 2 * number / count, _GOLDEN * number
    flat = np.sqrt(1 - z * z)
    return np.stack([z, flat * np.sin(around), flat * np.cos(around)], axis=1)


def _ring() -> Floats:
    """Return nine tilted blades of three by eight points."""
    blade, along = np.meshgrid(np.linspace(-0.2, 0.2, 3), np.linspace(-0.7, 0.7, 8))
    tilted = blade.ravel()
    radius, turn, z = 1 + 0.6 * tilted, 1.1 * tilted, along.ravel()
    angle = (2 * np.pi / 9 * np.arange(9)[:, None] + turn + 0.15 * z).ravel()
    wide = np.tile(radius, 9)
    return np.stack([np.tile(z, 9), wide * np.sin(angle), wide * np.cos(angle)], axis=1)


def _helix() -> Floats:
    """Return 120 points on two turns that widen upwards."""
    share = np.linspace(0, 1, 120)
    angle, radius = 4 * np.pi * share, 0.6 + 0.4 * share
    return np.stack([2.4 * share, radius * np.sin(angle), radius * np.cos(angle)], axis=1)
