"""What a user says of picks: accepted, rejected, added, moved or deleted, all of it undoable.

What was said is a table of its own. Candidates of a model that lie within half a diameter of it
are the same particles and are not shown beside it; so what was said outlasts another threshold,
and another model.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from napari_cryonet.gui.picking.table import (
    ACCEPTED,
    MANUAL,
    UNREVIEWED,
    full,
    joined,
    marked,
)
from napari_cryonet.signal.curation import in_angstrom
from napari_cryonet.types import Points

Mask = NDArray[np.bool_]
Indices = NDArray[np.integer[Any]]
Places = NDArray[np.floating[Any]]

_DELETED = "deleted"


class Review:
    """Picks under review.

    Parameters
    ----------
    candidates
        All that a model offers, with the columns of a pick.
    diameter
        Of a particle in Å.

    Attributes
    ----------
    shown
        What is in view: what was said first, then the candidates that are kept.
    """

    def __init__(self, candidates: Points, diameter: float) -> None:
        self.diameter = diameter
        self._past: list[Points] = []
        self._future: list[Points] = []
        self._said = candidates.kept(np.empty(0, dtype=np.intp))
        self.take(candidates)

    @property
    def decided(self) -> Points:
        """What was accepted or rejected, added and moved ones among them."""
        return self._said.kept(self._said.features["status"] != _DELETED)

    @property
    def waiting(self) -> Mask:
        """``(n,)`` which of those in view nobody has looked at."""
        return np.asarray(self.shown.features["status"] == UNREVIEWED)

    def take(self, candidates: Points) -> None:
        """Take the candidates of another model; what was said stays."""
        self._candidates = candidates
        self._kept = np.ones(len(candidates), dtype=bool)
        self._match()

    def keep(self, kept: Mask) -> None:
        """Show only some of the candidates.

        Parameters
        ----------
        kept
            ``(n,)`` over the candidates.
        """
        self._kept = kept
        self._show()

    def decide(self, index: int, status: str) -> None:
        """Accept or reject one of those in view."""
        said = self._with(np.array([index]))
        self._say(marked(said, self._rows_of(np.array([index]), said), status=status))

    def add(self, positions: Places, kind: str) -> None:
        """Add what a person has found.

        Parameters
        ----------
        positions
            ``(n, 3)`` in voxels, z, y, x.
        kind
            Their class.
        """
        new = replace(self._said, positions=positions, features={})
        found = full(new, self.diameter / 2, kind=kind, status=ACCEPTED, source=MANUAL)
        self._say(joined([self._said, found]))

    def remove(self, indices: Indices) -> None:
        """Take some of those in view away; candidates do not come back in their places."""
        said = self._with(indices)
        self._say(marked(said, self._rows_of(indices, said), status=_DELETED))

    def move(self, indices: Indices, positions: Places) -> None:
        """Move some of those in view, and thereby accept them.

        Parameters
        ----------
        indices
            Which.
        positions
            ``(n, 3)`` where to, in voxels.
        """
        said = self._with(indices)
        rows = self._rows_of(indices, said)
        places = said.positions.copy()
        places[rows] = positions
        moved = marked(said, rows, status=ACCEPTED, source=MANUAL)
        old = marked(self.shown.kept(indices), slice(None), status=_DELETED)
        self._say(joined([replace(moved, positions=places), old]))

    def undo(self) -> bool:
        """Take the last word back; return whether there was one."""
        return self._turn(self._past, self._future)

    def redo(self) -> bool:
        """Say again what was taken back; return whether there was anything."""
        return self._turn(self._future, self._past)

    def row(self, place: Places) -> int | None:
        """Return which of those in view is at a place in voxels, None if none is."""
        found = np.flatnonzero((self.shown.positions == place).all(axis=1))
        return int(found[0]) if len(found) else None

    def _with(self, indices: Indices) -> Points:
        """Return what was said, and those in view that it did not yet speak of."""
        new = indices[indices >= len(self._rows)]
        return joined([self._said, self.shown.kept(new)])

    def _rows_of(self, indices: Indices, said: Points) -> Indices:
        """Return where some of those in view are in what `_with` has made of them."""
        old = indices < len(self._rows)
        rows = np.empty(len(indices), dtype=np.intp)
        rows[old] = self._rows[indices[old]]
        rows[~old] = np.arange(len(self._said), len(said))
        return rows

    def _say(self, said: Points) -> None:
        """Say something new."""
        self._past.append(self._said)
        self._future.clear()
        self._said = said
        self._match()

    def _turn(self, from_: list[Points], to: list[Points]) -> bool:
        """Go to what was said at another time."""
        if not from_:
            return False
        to.append(self._said)
        self._said = from_.pop()
        self._match()
        return True

    def _match(self) -> None:
        """Find the candidates that something was said of."""
        self._free = far_from(self._candidates, self._said, self.diameter / 2)
        self._show()

    def _show(self) -> None:
        """Put together what is in view."""
        self._rows = np.flatnonzero(self._said.features["status"] != _DELETED)
        free = self._candidates.kept(self._kept & self._free)
        self.shown = joined([self.decided, free])


class Walk:
    """A way through picks, one after the other.

    Parameters
    ----------
    picks
        In the order in which they are to be looked at.
    """

    def __init__(self, picks: Points) -> None:
        self._places = picks.positions
        self._at = -1

    def step(self, review: Review, way: int) -> int | None:
        """Return the next of those in view that nobody has looked at, None if there is none.

        Parameters
        ----------
        review
            What is in view.
        way
            1 for the next, -1 for the one before.
        """
        waiting = review.waiting
        at = self._at + way
        while 0 <= at < len(self._places):
            index = review.row(self._places[at])
            if index is not None and waiting[index]:
                self._at = at
                return index
            at += way
        return None


def far_from(points: Points, others: Points, distance: float) -> Mask:
    """Return ``(n,)`` which points have no other within a distance in Å; of one volume."""
    if not len(others) or not len(points):
        return np.ones(len(points), dtype=bool)
    gaps, _ = KDTree(in_angstrom(others)).query(in_angstrom(points))
    return np.asarray(gaps) >= distance
