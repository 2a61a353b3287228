"""Atoms of made-up proteins: domains of helices and of sheets, packed into an ellipsoid.

Only what a map of low and middle resolution shows is right: the rise and radius of a helix, the
distance of strands and sheets, the number of atoms in a volume. Domains are turned at random, so
that nothing repeats over the whole molecule. The sequence is chance.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from napari_cryonet.simulate.noise import rotations

Floats = NDArray[np.floating[Any]]
Fold = Literal["helices", "sheets", "mixed"]

_BACKBONE = ((1.55, 0.0, 7.0), (2.28, 0.0, 6.0), (1.7, 0.6, 6.0), (2.0, 1.0, 8.0))
"""Radius in Å, rise as a share of a residue's, and electrons of the atoms of a residue."""
_SIDE_CHAIN = ((3.3, 6.0), (4.4, 6.0), (5.4, 7.0))
"""Distance from the axis of a helix in Å, and electrons, of the atoms of a side chain."""
_DOMAIN, _REACH = 20.0, 24.0
"""Å between the middles of domains, and from there to where another domain has begun."""
_RISE, _TURN, _APART = 1.5, np.deg2rad(100.0), 9.8
_STRAND, _BETWEEN, _SHEETS = 3.3, 4.8, 10.0


def protein(radii: tuple[float, float, float], fold: Fold, rng: np.random.Generator) -> Floats:
    """Return the atoms of a protein of many domains in an ellipsoid with a cleft.

    Parameters
    ----------
    radii
        Of the ellipsoid in Å, before it is turned.
    fold
        Of the domains: helices, sheets of strands, or some of both.
    rng
        Where the chance comes from.

    Returns
    -------
    ndarray
        ``(n, 4)`` z, y, x in Å about the middle, and how strongly each atom scatters.
    """
    middles = _middles(radii, rng)
    tree = KDTree(middles)
    domains = []
    turns = rotations(len(middles), rng)
    for number, (middle, turn) in enumerate(zip(middles, turns, strict=True)):
        helical = rng.random() < 0.5 if fold == "mixed" else fold == "helices"
        domain = (_helices if helical else _sheets)(_REACH, rng)
        places = domain[:, :3] @ turn.T + middle
        own = tree.query(places)[1] == number
        domains.append(np.column_stack([places, domain[:, 3]])[own])
    atoms = np.concatenate(domains)
    share = atoms[:, :3] / np.asarray(radii)
    cleft = share - np.array((0.9, 0.0, 0.0)) * rng.uniform(0.6, 1.2)
    kept = atoms[(np.square(share).sum(1) < 1) & (np.square(cleft).sum(1) > 0.3)]
    places = (kept[:, :3] - kept[:, :3].mean(0)) @ rotations(1, rng)[0].T
    return np.column_stack([places, kept[:, 3]])


def _middles(radii: tuple[float, float, float], rng: np.random.Generator) -> Floats:
    """Return the middles of domains, ``(n, 3)`` in Å, that fill an ellipsoid."""
    axes = [np.arange(-radius, radius + _DOMAIN, _DOMAIN) for radius in radii]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    return grid + rng.uniform(-0.3, 0.3, grid.shape) * _DOMAIN


def _helices(length: float, rng: np.random.Generator) -> Floats:
    """Return parallel helices along x whose axes fill a square."""
    lines = np.arange(-length, length, _APART)
    z, y = (axis.ravel() for axis in np.meshgrid(lines, lines, indexing="ij"))
    start = rng.uniform(0, 2 * np.pi, z.size)
    number = np.arange(int(2 * length / _RISE))
    wobble = rng.normal(0, 0.6, (2, z.size, 1)) + rng.normal(0, 0.3, (2, z.size, number.size))
    atoms = []
    kinds = [*_BACKBONE, *((radius, 0.3, weight) for radius, weight in _SIDE_CHAIN)]
    for order, (radius, rise, weight) in enumerate(kinds):
        turn = start[:, None] + _TURN * (number + rise) - 0.4 * (order % 4)
        along = np.broadcast_to(_RISE * (number + rise) - length, turn.shape)
        there = [
            middle[:, None] + radius * wave + shift
            for middle, wave, shift in zip(
                (z, y), (np.sin(turn), np.cos(turn)), wobble, strict=True
            )
        ]
        atoms.append(np.stack([*there, along, np.full(turn.shape, weight)], -1).reshape(-1, 4))
    return _shaken(np.concatenate(atoms), rng)


def _sheets(length: float, rng: np.random.Generator) -> Floats:
    """Return stacked sheets of strands along x, side chains on alternating faces."""
    z, y, x = (
        axis.ravel()
        for axis in np.meshgrid(
            np.arange(-length, length, _SHEETS),
            np.arange(-length, length, _BETWEEN),
            np.arange(-length, length, _STRAND),
            indexing="ij",
        )
    )
    face = np.where(np.rint((x + length) / _STRAND) % 2, 1.0, -1.0)
    offsets = ((0.3, -1.2, 7.0), (0.9, 0.0, 6.0), (0.3, 1.1, 6.0), (-0.2, 1.6, 8.0))
    chain = ((2.3, 0.2, 6.0), (3.5, 0.5, 6.0), (4.6, 0.0, 7.0))
    atoms = [
        np.stack([z + height * face, y, x + along, np.full(z.shape, weight)], -1)
        for height, along, weight in (*offsets, *chain)
    ]
    return _shaken(np.concatenate(atoms), rng)


def _shaken(atoms: Floats, rng: np.random.Generator) -> Floats:
    """Return atoms with a small error of each, which no two residues share."""
    places = atoms[:, :3] + rng.normal(0, 0.35, (len(atoms), 3))
    return np.column_stack([places, atoms[:, 3]])
