"""Fibres: picks along filaments, chained by direction and redrawn at even distances.

A chain starts from the pick that lies straightest between two neighbours, and grows at both
ends to the neighbour that is nearest and straight ahead, so that crossing fibres are told
apart. A cubic spline is then fitted to each chain. Its pieces are as long as the smallest
radius of curvature that is allowed: it follows any such bend, and not the errors of the picks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, make_lsq_spline
from scipy.spatial import KDTree

from napari_cryonet.signal.curating_settings import FibreSettings
from napari_cryonet.signal.curation import in_angstrom
from napari_cryonet.signal.spikes import check_scale
from napari_cryonet.types import Points

Floats = NDArray[np.floating[Any]]

_USUAL = 2.5
_DEGREE = 3
_LOOKS_BACK = 3
_FINE = 20
_MOST_OF_IT = 0.9


def trace_fibres(picks: Points, settings: FibreSettings) -> Points:
    """Chain picks to fibres, and put positions at even distances along each.

    Parameters
    ----------
    picks
        With a voxel size.
    settings
        What a fibre is, and how densely it is filled.

    Returns
    -------
    Points
        Along all fibres. The feature ``fibre`` counts them from 0; ``tangent_z``, ``tangent_y``
        and ``tangent_x`` are the direction, of length 1; the others are those of the nearest
        pick of the fibre.

    Raises
    ------
    DataError
        If the voxel size is not known.
    """
    check_scale(picks)
    places = in_angstrom(picks)
    made = [_Stretch.empty()]
    if len(picks) >= settings.least:
        reach = settings.distance or _USUAL * _neighbour_distance(places)
        tracer = _Tracer(places, reach, settings)
        made += [_redrawn(curve, chain, places, settings) for curve, chain in tracer.fibres()]
    nearest = np.concatenate([part.nearest for part in made])
    kept = picks.kept(nearest)
    tangents = np.concatenate([part.tangents for part in made])
    columns = {f"tangent_{axis}": tangents[:, number] for number, axis in enumerate("zyx")}
    numbers = np.repeat(np.arange(len(made) - 1), [len(part.places) for part in made[1:]])
    sentence = f"{len(made) - 1} fibres traced through {len(picks)} picks."
    return replace(
        kept,
        positions=np.concatenate([part.places for part in made]) / np.array(picks.voxel_size),
        features={**kept.features, "fibre": numbers, **columns},
        history=(*picks.history, sentence),
    )


def fitted(places: Floats, radius: float) -> BSpline | None:
    """Fit a smooth curve through places in their order.

    Parameters
    ----------
    places
        ``(n, 3)`` in Å.
    radius
        Length of its cubic pieces in Å.

    Returns
    -------
    BSpline or None
        From the length along the chain in Å to a place in Å; None if there are too few places.
    """
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(places, axis=0), axis=1))])
    if len(places) <= _DEGREE or np.any(np.diff(along) <= 0):
        return None
    pieces = int(min(max(1, round(along[-1] / radius)), len(places) - _DEGREE))
    inner = np.quantile(along, np.arange(1, pieces) / pieces)
    ends = np.repeat(along[[0, -1]], _DEGREE + 1)
    knots = np.sort(np.concatenate([ends, inner]))
    curve: BSpline = make_lsq_spline(along, places, knots, _DEGREE)
    return curve


def curvature(curve: BSpline, along: Floats) -> Floats:
    """Return the curvature ``(n,)`` of a curve in 1/Å at some parameters."""
    first, second = curve(along, 1), curve(along, 2)
    speed = np.linalg.norm(first, axis=1)
    bent: Floats = np.linalg.norm(np.cross(first, second), axis=1) / np.maximum(speed, 1e-9) ** 3
    return bent


@dataclass(frozen=True)
class _Stretch:
    """A fibre that was redrawn: places in Å and directions ``(n, 3)``, and the nearest picks."""

    places: Floats
    tangents: Floats
    nearest: NDArray[np.intp]

    @classmethod
    def empty(cls) -> _Stretch:
        """Return no fibre."""
        return cls(np.empty((0, 3)), np.empty((0, 3)), np.empty(0, dtype=np.intp))


class _Tracer:
    """Picks, of which fewer and fewer are free."""

    def __init__(self, places: Floats, reach: float, settings: FibreSettings) -> None:
        self.places, self.reach, self.settings = places, reach, settings
        self.tree = KDTree(places)
        self.around = [
            np.setdiff1d(near, [number])
            for number, near in enumerate(self.tree.query_ball_point(places, reach))
        ]
        self.free = np.ones(len(places), dtype=bool)

    def fibres(self) -> list[tuple[BSpline, list[int]]]:
        """Return all fibres, the straightest starts first, each with its picks in order."""
        found = []
        for middle, before, after in self._starts():
            if not self.free[[middle, before, after]].all():
                continue
            chain = self._grown(self._grown([before, middle, after])[::-1])
            curve = self._fibre(chain)
            if curve is not None:
                found.append((curve, chain))
                self.free[chain] = False
                self._take_what_lies_on(curve)
        return found

    def _starts(self) -> list[tuple[int, int, int]]:
        """Return for each pick the two neighbours it lies straightest between."""
        ranked = []
        for middle, near in enumerate(self.around):
            if len(near) < 2:
                continue
            ways = self.places[near] - self.places[middle]
            ways /= np.maximum(np.linalg.norm(ways, axis=1), 1e-9)[:, None]
            cosines = ways @ ways.T
            first, second = np.unravel_index(cosines.argmin(), cosines.shape)
            ranked.append((cosines[first, second], middle, int(near[first]), int(near[second])))
        return [(middle, before, after) for _, middle, before, after in sorted(ranked)]

    def _grown(self, chain: list[int]) -> list[int]:
        """Let a chain grow at its end as far as there are free picks ahead."""
        own = set(chain)
        while True:
            end = chain[-1]
            near = self.around[end]
            near = near[self.free[near] & ~np.isin(near, list(own))]
            ways = self.places[near] - self.places[end]
            lengths = np.maximum(np.linalg.norm(ways, axis=1), 1e-9)
            behind = self.places[end] - self.places[chain[-min(_LOOKS_BACK, len(chain))]]
            cosines = ways @ behind / (lengths * max(float(np.linalg.norm(behind)), 1e-9))
            angles = np.degrees(np.arccos(np.clip(cosines, -1, 1))) / self.settings.bend
            if not np.any(angles <= 1):
                return chain
            cost = np.where(angles <= 1, lengths / self.reach + angles, np.inf)
            chain.append(int(near[cost.argmin()]))
            own.add(chain[-1])

    def _fibre(self, chain: list[int]) -> BSpline | None:
        """Return the curve through a chain, or None if it is no fibre."""
        if len(chain) < self.settings.least:
            return None
        places = self.places[chain]
        curve = fitted(places, self.settings.curvature_radius)
        if curve is None:
            return None
        along = curve.t[0] + (curve.t[-1] - curve.t[0]) * np.linspace(0, 1, _FINE * len(chain))
        gaps = KDTree(curve(along)).query(places)[0]
        limit = self.settings.residual or self.reach / 4
        bent = np.quantile(curvature(curve, along), _MOST_OF_IT)
        good = np.sqrt(np.mean(gaps**2)) <= limit and bent * self.settings.curvature_radius <= 1
        return curve if good else None

    def _take_what_lies_on(self, curve: BSpline) -> None:
        """Take the picks beside a fibre that belong to none, so that they start no second one."""
        along = np.arange(curve.t[0], curve.t[-1], self.reach / 4)
        limit = self.settings.residual or self.reach / 4
        for near in self.tree.query_ball_point(curve(along), limit):
            self.free[near] = False


def _redrawn(curve: BSpline, chain: list[int], places: Floats, settings: FibreSettings) -> _Stretch:
    """Return a fibre at even distances, as far from both of its ends."""
    fine = np.linspace(curve.t[0], curve.t[-1], _FINE * len(chain))
    line = curve(fine)
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    spacing = settings.spacing or lengths[-1] / (len(chain) - 1)
    count = int(lengths[-1] / spacing + 1e-6) + 1
    wanted = (lengths[-1] - (count - 1) * spacing) / 2 + spacing * np.arange(count)
    along = np.interp(wanted, lengths, fine)
    directions = curve(along, 1)
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    here = curve(along)
    nearest = np.array(chain, dtype=np.intp)[KDTree(places[chain]).query(here)[1]]
    return _Stretch(here, directions, nearest)


def _neighbour_distance(places: Floats) -> float:
    """Return the median distance in Å of each place to the nearest other one."""
    gaps = np.asarray(KDTree(places).query(places, k=2)[0])
    return float(np.median(gaps[:, 1]))
