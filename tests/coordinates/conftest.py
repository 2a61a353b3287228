"""Picks that no convention leaves as they are: no two axes, lengths or values are equal."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryonet import Points

SHAPE = (40, 90, 120)
VOXEL = 8.0


@pytest.fixture
def picks() -> Points:
    """Seven picks of three classes with scores in a volume of 40 × 90 × 120 voxels of 8 Å."""
    random = np.random.default_rng(3)
    return Points(
        random.uniform(0, SHAPE, (7, 3)),
        {
            "score": np.round(np.linspace(0.95, 0.125, 7), 4),
            "class": np.array(["ring", "cage", "ring", "small", "cage", "ring", "cage"]),
            "radius": np.full(7, 60.0),
        },
        (VOXEL, VOXEL, VOXEL),
        "TS_01",
        "picks",
        volume_shape=SHAPE,
    )


@pytest.fixture
def plain() -> Points:
    """Two picks of which nothing else is known."""
    return Points(np.array([[1.0, 2.5, 3.25], [4.0, 5.0, 6.0]]))
