"""A layer of candidates: what its columns say, and its colours, which the plot shares."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.gui.layer_box import is_picks
from napari_cryonet.gui.picking.layers import SPHERES

COLOURS = (
    (240, 200, 60),
    (76, 201, 240),
    (241, 91, 181),
    (122, 229, 130),
    (245, 130, 48),
    (155, 140, 255),
    (255, 85, 85),
    (46, 196, 182),
    (200, 170, 130),
    (92, 141, 255),
)
"""Of clusters, red, green and blue; the eleventh has the colour of the first again."""

_AXES = (("umap1", "umap2"), ("pc1", "pc2"))
_WIDTH, _SELECTED_WIDTH = 0.06, 0.16  # of the border, as a share of the size


def is_explored(layer: Any) -> bool:
    """Whether a layer holds candidates in clusters with places in a map."""
    if not is_picks(layer) or not len(layer.data):
        return False
    return "cluster" in layer.features and bool(axes(layer))


def axes(layer: Any) -> tuple[str, ...]:
    """Return the two columns with the places in the map, no columns if it has none."""
    return next((names for names in _AXES if set(names) <= set(layer.features)), ())


def places(layer: Any) -> NDArray[np.float64]:
    """Return ``(n, 2)`` where the candidates are in the map; not a number for those not shown."""
    found = layer.features[list(axes(layer))].to_numpy(dtype=float)
    return np.where(layer.shown[:, None], found, np.nan)


def clusters(layer: Any) -> NDArray[np.int64]:
    """Return ``(n,)`` the cluster of each candidate; 0 for those that are in none."""
    numbers = np.asarray(layer.features["cluster"], dtype=float)
    groups: NDArray[np.int64] = np.nan_to_num(numbers).astype(np.int64)
    return groups


def colours(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return ``(n, 3)`` the colours of clusters, red, green and blue up to 255."""
    return np.array(COLOURS)[(groups - 1) % len(COLOURS)]


def dress(layer: Any) -> None:
    """Give the candidates of a layer the colours of their clusters."""
    layer.projection_mode = SPHERES
    layer.border_color = colours(clusters(layer)) / 255


def select(layer: Any, chosen: NDArray[np.bool_]) -> None:
    """Select some candidates, of those that are shown."""
    layer.selected_data = set(np.flatnonzero(chosen & layer.shown).tolist())


def selected(layer: Any) -> NDArray[np.bool_]:
    """Return ``(n,)`` which candidates are selected."""
    chosen = np.zeros(len(layer.data), dtype=bool)
    chosen[[index for index in layer.selected_data if index < len(chosen)]] = True
    return chosen


def mark(layer: Any) -> None:
    """Draw the borders of selected candidates thick, and of all others thin."""
    layer.border_width = np.where(selected(layer), _SELECTED_WIDTH, _WIDTH)
