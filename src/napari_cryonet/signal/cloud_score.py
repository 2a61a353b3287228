"""How alike two clouds are, whatever their place, turn, scale and hand; and how alike poses.

Projections do not tell the hand of a structure, so both are tried and the better one is reported.

References
----------
Umeyama, IEEE Trans. Pattern Anal. Mach. Intell. 13 (1991), doi:10.1109/34.88573 (similarity
transform); Besl, McKay, ibid. 14 (1992), doi:10.1109/34.121791 (iterated closest points).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from napari_cryonet.errors import DataError
from napari_cryonet.types import PointCloud, Poses

Floats = NDArray[np.floating[Any]]
Hand = Literal["same", "mirrored"]

MIRROR = np.diag([-1.0, 1.0, 1.0])
"""Turns a cloud into that of the other hand, and poses R into M R M: the images stay the same."""

_TRIED, _FOLLOWED, _ROUNDS, _SUBSET = 3000, 12, 40, 150


@dataclass(frozen=True, eq=False)
class Alignment:
    """A similarity transform ``scale * matrix @ v + shift`` and what it leaves.

    Parameters
    ----------
    matrix
        ``(3, 3)`` orthogonal; of negative determinant if the hand was changed.
    scale, shift
        Factor, and ``(3,)`` in the unit of the cloud that was aligned to.
    rmse
        Root mean square distance to the nearest neighbour, of both clouds in the other.
    chamfer
        The mean distance, likewise.
    """

    matrix: Floats
    scale: float
    shift: Floats
    rmse: float
    chamfer: float

    @property
    def hand(self) -> Hand:
        """Whether the hand was kept."""
        return "same" if np.linalg.det(self.matrix) > 0 else "mirrored"

    def moved(self, vertices: Floats) -> Floats:
        """Return ``(n, 3)`` vertices on the place of the other cloud."""
        there: Floats = self.scale * vertices @ self.matrix.T + self.shift
        return there


@dataclass(frozen=True)
class CloudScore:
    """Figures of a cloud against the truth, after alignment over both hands.

    Parameters
    ----------
    rmse, chamfer
        As in `Alignment`.
    rms_radius
        Root mean square radius of the truth.
    hand
        Which hand fits better.
    other_rmse
        What is left with the other hand.
    scale
        By which the cloud was multiplied.
    unit
        Of all lengths: that of the truth.
    """

    rmse: float
    chamfer: float
    rms_radius: float
    hand: Hand
    other_rmse: float
    scale: float
    unit: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)


def score(cloud: PointCloud, truth: PointCloud) -> CloudScore:
    """Score a cloud against the truth.

    Parameters
    ----------
    cloud, truth
        Two clouds of at least four vertices.

    Raises
    ------
    DataError
        If one of them is too small.
    """
    best, other = sorted(align_hands(cloud.vertices, truth.vertices), key=lambda each: each.rmse)
    return CloudScore(
        best.rmse, best.chamfer, rms_radius(truth.vertices), best.hand, other.rmse, best.scale,
        truth.unit,
    )  # fmt: skip


def rms_radius(vertices: Floats) -> float:
    """Return the root mean square distance of ``(n, 3)`` vertices from their mean."""
    return float(np.sqrt(np.square(vertices - vertices.mean(axis=0)).sum(axis=1).mean()))


def align_hands(vertices: Floats, onto: Floats) -> tuple[Alignment, Alignment]:
    """Align a cloud to another as it is, and mirrored.

    Many turns are tried on some of the vertices; from the best, nearest neighbours in both
    directions are matched and moved onto each other until they stay.

    Parameters
    ----------
    vertices, onto
        ``(n, 3)`` and ``(m, 3)``.

    Raises
    ------
    DataError
        If one of them has fewer than four vertices, or no extent.
    """
    for each in (vertices, onto):
        if len(each) < 4 or rms_radius(each) == 0:
            raise DataError(
                f"A cloud of {len(each)} vertices cannot be aligned; at least four in different "
                f"places are needed."
            )
    same, mirrored = (_align(vertices, onto, hand) for hand in (np.eye(3), MIRROR))
    return same, mirrored


def _align(vertices: Floats, onto: Floats, hand: Floats) -> Alignment:
    """Align a cloud that is first brought to a hand."""
    middles = vertices.mean(axis=0), onto.mean(axis=0)
    scale = rms_radius(onto) / rms_radius(vertices)
    ours, theirs = (vertices - middles[0]) @ hand * scale, onto - middles[1]
    tree, random = KDTree(theirs), np.random.default_rng(0)
    some = ours[random.permutation(len(ours))[:_SUBSET]]
    turns = Rotation.random(_TRIED, rng=random).as_matrix()
    gaps, _ = tree.query(some @ turns.transpose(0, 2, 1))
    followed = turns[np.argsort(np.square(gaps).sum(axis=1))[:_FOLLOWED]]
    found = [_closest(ours, theirs, tree, turn) for turn in followed]
    factor, turn, shift, rmse, chamfer = min(found, key=lambda each: each[3])
    matrix, total = turn @ hand, factor * scale
    return Alignment(matrix, total, shift + middles[1] - total * matrix @ middles[0], rmse, chamfer)


def _closest(
    ours: Floats, theirs: Floats, tree: KDTree, turn: Floats
) -> tuple[float, Floats, Floats, float, float]:
    """Return factor, rotation and shift from a first turn on, with what they leave."""
    factor: float = 1.0
    shift: Floats = np.zeros(3)
    for _ in range(_ROUNDS):
        moved = factor * ours @ turn.T + shift
        near, forth = tree.query(moved)
        back_near, back = KDTree(moved).query(theirs)
        new = _similarity(
            np.concatenate([ours, ours[back]]), np.concatenate([theirs[forth], theirs])
        )
        still = np.allclose(new[1], turn, atol=1e-6) and np.allclose(new[2], shift, atol=1e-9)
        factor, turn, shift = new
        if still:
            break
    rmse = np.sqrt((np.square(near).mean() + np.square(back_near).mean()) / 2)
    chamfer = float(np.mean(near) + np.mean(back_near)) / 2
    return factor, turn, shift, float(rmse), chamfer


def _similarity(vertices: Floats, onto: Floats) -> tuple[float, Floats, Floats]:
    """Return factor, rotation and shift that bring pairs of points nearest to each other."""
    middles = vertices.mean(axis=0), onto.mean(axis=0)
    ours, theirs = vertices - middles[0], onto - middles[1]
    turn = nearest_rotation(theirs.T @ ours)
    factor = float(np.sum(theirs * (ours @ turn.T)) / np.square(ours).sum())
    return factor, turn, middles[1] - factor * turn @ middles[0]


def nearest_rotation(matrix: Floats) -> Floats:
    """Return the rotation nearest to a ``(3, 3)`` matrix."""
    left, _, right = np.linalg.svd(matrix)
    sign = np.sign(np.linalg.det(left @ right))
    rotation: Floats = left @ np.diag([1.0, 1.0, sign]) @ right
    return rotation


def pose_errors(poses: Poses, truth: Poses, hand: Hand, symmetry: int = 1) -> Floats:
    """Return the angle between each pose and the true one, in degrees.

    The turn between the two clouds, which the poses do not tell, is taken out.

    Parameters
    ----------
    poses, truth
        Of the same images.
    hand
        Of the cloud, as `score` tells it.
    symmetry
        How many turns of the true cloud about its axis z change nothing.

    Raises
    ------
    DataError
        If there are not as many poses as true ones.
    """
    if len(poses) != len(truth):
        raise DataError(f"{len(poses)} poses cannot be compared with {len(truth)} true ones.")
    given = poses.rotations if hand == "same" else MIRROR @ poses.rotations @ MIRROR
    around = 2 * np.pi / symmetry * np.arange(symmetry)[:, None]
    copies = Rotation.from_euler("z", around).as_matrix()
    ways = (truth.rotations[:, None] @ copies[:, ::-1, ::-1]).transpose(0, 1, 3, 2) @ given[:, None]
    random = np.random.default_rng(0)
    tried = (
        _angles(ways, ways[index, 0])
        for index in random.permutation(len(ways))[: min(60, len(ways))]
    )
    return min(tried, key=lambda angles: float(np.median(angles)))


def _angles(ways: Floats, common: Floats) -> Floats:
    """Return angles to the common turn, which is first moved into the middle of those near it."""
    for _ in range(9):
        trace = np.einsum("nkij,ij->nk", ways, common)
        best = trace.argmax(axis=1)
        angles: Floats = np.degrees(np.arccos(np.clip((trace.max(axis=1) - 1) / 2, -1, 1)))
        near = angles <= max(5.0, float(np.quantile(angles, 0.3)))
        common = nearest_rotation(ways[near, best[near]].sum(axis=0))
    return angles
