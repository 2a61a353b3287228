"""One image of each particle, drawn from a table of localisations.

References
----------
Ester, Kriegel, Sander, Xu, *A density-based algorithm for discovering clusters*, KDD 1996
(grouping by density).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from napari_cryonet.errors import DataError
from napari_cryonet.signal.particle_settings import ParticleSettings
from napari_cryonet.signal.splat import splat
from napari_cryonet.types import ImageStack, Localisations

Floats = NDArray[np.floating[Any]]
Numbers = NDArray[np.integer[Any]]


class ParticleImages(NamedTuple):
    """Images of particles, and where they come from.

    Parameters
    ----------
    images
        ``(n, y, x)``; the middle of a particle is pixel ``box // 2``.
    groups
        ``(n,)`` the number of the particle on each image.
    centres
        ``(n, 2)`` its middle y, x in nm, in the table.
    """

    images: ImageStack
    groups: Numbers
    centres: Floats


def particle_images(
    table: Localisations, settings: ParticleSettings, picks: Floats | None = None
) -> ParticleImages:
    """Draw an image of each particle.

    Parameters
    ----------
    table
        The localisations.
    settings
        What a particle is and how it is drawn.
    picks
        ``(m, 2)`` y, x in nm: particles are what lies around these, whatever the settings say.

    Raises
    ------
    DataError
        If the table has not the columns that are needed, or no particle is large enough.
    """
    groups = _groups(table, settings, picks)
    random = np.random.default_rng(settings.seed)
    drawn, kept, centres, squares = [], [], [], []
    for number in np.unique(groups[groups >= 0]):
        rows = np.flatnonzero(groups == number)
        if len(rows) < settings.least:
            continue
        if settings.most is not None and len(rows) > settings.most:
            rows = np.sort(random.choice(rows, settings.most, replace=False))
        particle = table.kept(rows)
        centre = _centre(particle.plane, settings)
        squares.append(np.mean(np.square(_widths(particle, settings))))
        for copy in range(settings.copies):
            angle = random.uniform(-np.pi, np.pi) if copy else 0.0
            drawn.append(_draw(particle, centre, angle, settings))
            kept.append(int(number))
            centres.append(centre)
    if not drawn:
        raise DataError(
            f"{table.name} has {len(table)} localisations in {len(np.unique(groups[groups >= 0]))} "
            f"groups, none with {settings.least} or more; lower that number or group otherwise."
        )
    said = f"{len(drawn)} images of {len(set(kept))} particles drawn from {table.name}."
    order = _alternating(len(drawn), settings.copies)
    images = ImageStack(
        np.stack(drawn)[order], (settings.pixel_size,) * 2, "nm", name=f"{table.name} particles",
        history=(*table.history, said), spot=float(np.sqrt(np.mean(squares))),
    )  # fmt: skip
    return ParticleImages(images, np.array(kept)[order], np.array(centres)[order])


def _alternating(count: int, copies: int) -> Numbers:
    """Return an order in which the copies of two particles take turns.

    All copies of a particle are then even ones, or all odd ones, so that halves of the images
    have no particle in common, but for the last one of an odd number.
    """
    particle, copy = np.divmod(np.arange(count), copies)
    return np.lexsort((particle, copy, particle // 2))


def _groups(table: Localisations, settings: ParticleSettings, picks: Floats | None) -> Numbers:
    """Return the number of the particle of each localisation, -1 for none."""
    if picks is not None:
        gaps, nearest = KDTree(picks).query(table.plane)
        return np.where(gaps <= settings.radius, nearest, -1)
    if settings.by == "density":
        return dense_groups(table.plane, settings.link, settings.neighbours)
    if "group" not in table.features:
        raise DataError(
            f"{table.name} has no column group, only {', '.join(table.features) or 'places'}; name "
            f"that column, or group by density."
        )
    return np.asarray(table.features["group"])


def dense_groups(places: Floats, link: float, neighbours: int) -> Numbers:
    """Number the dense clusters of places.

    Parameters
    ----------
    places
        ``(n, 2)`` or ``(n, 3)``.
    link
        Distance within which two places are neighbours.
    neighbours
        How many of them make a place dense; dense neighbours are of one cluster, and so is what
        is next to them.

    Returns
    -------
    ndarray
        ``(n,)`` from 0, or -1 for places of no cluster.
    """
    pairs = KDTree(places).query_pairs(link, output_type="ndarray")
    count = np.bincount(pairs.ravel(), minlength=len(places))
    dense = count >= neighbours
    both = pairs[dense[pairs].all(axis=1)]
    graph = coo_array((np.ones(len(both)), both.T), shape=(len(places),) * 2)
    _, label = connected_components(graph, directed=False)
    groups = np.where(dense, label, -1)
    mixed = pairs[dense[pairs].sum(axis=1) == 1]
    first_is_dense = dense[mixed[:, 0]]
    inner = np.where(first_is_dense, mixed[:, 0], mixed[:, 1])
    groups[np.where(first_is_dense, mixed[:, 1], mixed[:, 0])] = label[inner]
    _, numbers = np.unique(groups, return_inverse=True)
    return numbers - int(-1 in groups)


def _centre(places: Floats, settings: ParticleSettings) -> Floats:
    """Return the middle of a particle, y, x in nm."""
    if settings.centre == "box":
        middle: Floats = (places.min(axis=0) + places.max(axis=0)) / 2
        return middle
    return np.asarray((np.median if settings.centre == "median" else np.mean)(places, axis=0))


def _draw(
    particle: Localisations, centre: Floats, angle: float, settings: ParticleSettings
) -> NDArray[np.float32]:
    """Return the image of a particle that is turned about its middle."""
    cos, sin = np.cos(angle), np.sin(angle)
    turned = (particle.plane - centre) @ np.array([[cos, -sin], [sin, cos]])
    weights = _column(particle, "photons") if settings.weight == "photons" else None
    widths = _widths(particle, settings) / settings.pixel_size
    places = turned / settings.pixel_size + settings.box // 2
    return splat(places, (settings.box, settings.box), widths, weights)


def _widths(particle: Localisations, settings: ParticleSettings) -> float | Floats:
    """Return the standard deviation of all spots in nm, or of each."""
    if settings.width != "uncertainty":
        return settings.sigma
    widths: Floats = np.maximum(_column(particle, "uncertainty"), settings.pixel_size / 2)
    return widths


def _column(particle: Localisations, name: str) -> Floats:
    """Return a column that is needed."""
    if name not in particle.features:
        raise DataError(
            f"{particle.name} has no column {name}, only "
            f"{', '.join(particle.features) or 'places'}; draw all spots alike."
        )
    values = np.asarray(particle.features[name], dtype=float)
    if not np.isfinite(values).all():
        raise DataError(
            f"The column {name} of {particle.name} has values that are no finite numbers; take "
            f"those rows out, or draw all spots alike."
        )
    return values
