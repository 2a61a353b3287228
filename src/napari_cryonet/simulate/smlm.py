"""Images of single molecules on particles of known shape, seen from known sides.

Every image shows a particle of its own: each vertex of the shape may have lost its label, and
carries one or several molecules near its place. Molecules of the background lie anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_cryonet.signal.smlm_settings import SmlmSettings
from napari_cryonet.signal.splat import splat
from napari_cryonet.simulate.shapes import shape
from napari_cryonet.types import ImageStack, PointCloud, Poses

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class SmlmSample:
    """Simulated images and their truth.

    Parameters
    ----------
    images
        ``(n, y, x)``; every molecule adds up to 1.
    truth
        The vertices in nm.
    poses
        How each image shows them.
    """

    images: ImageStack
    truth: PointCloud
    poses: Poses


def smlm_images(settings: SmlmSettings, cloud: PointCloud | None = None) -> SmlmSample:
    """Simulate images.

    Parameters
    ----------
    settings
        What is simulated; the same always gives the same images.
    cloud
        The particle, brought to the radius of the settings; None takes their shape.

    Returns
    -------
    SmlmSample
        Images whose middle is pixel ``box // 2``.
    """
    random = np.random.default_rng(settings.seed)
    if cloud is None:
        vertices = shape(settings.shape)
    else:
        vertices = cloud.vertices - cloud.vertices.mean(axis=0)
        vertices = vertices / np.sqrt(np.square(vertices).sum(axis=1).mean())
    vertices = vertices * settings.radius
    rotations = Rotation.random(settings.count, rng=random).as_matrix()
    shifts = random.uniform(-settings.shift, settings.shift, (settings.count, 2))
    drawn = [
        _draw(_molecules(vertices, settings, random) @ turn[1:].T + shift, settings, random)
        for turn, shift in zip(rotations, shifts, strict=True)
    ]
    said = f"Simulated: {settings.count} images of a {cloud.name if cloud else settings.shape}."
    images = ImageStack(
        np.stack(drawn), (settings.pixel_size,) * 2, "nm", name="simulated", history=(said,),
        spot=settings.sigma,
    )  # fmt: skip
    truth = PointCloud(vertices, name="truth", history=(said,))
    return SmlmSample(images, truth, Poses(rotations, shifts, name="true poses", history=(said,)))


def _molecules(vertices: Floats, settings: SmlmSettings, random: np.random.Generator) -> Floats:
    """Return the molecules that are seen of one particle, z, y, x in nm; at least one."""
    labelled = random.random(len(vertices)) >= settings.loss
    seen = random.random((len(vertices), settings.spawn)) < settings.spawn_rate
    number = np.nonzero(seen & labelled[:, None])[0]
    if not len(number):
        number = random.integers(len(vertices), size=1)
    scatter = random.normal(scale=settings.wobble * settings.radius, size=(len(number), 3))
    return vertices[number] + scatter


def _draw(
    places: Floats, settings: SmlmSettings, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return the image of molecules at y, x in nm from its middle, and of a background."""
    pixels = places / settings.pixel_size + settings.box // 2
    share = settings.background
    stray = random.poisson(len(places) * share / (1 - share))
    anywhere = random.uniform(-0.5, settings.box - 0.5, (stray, 2))
    width = settings.sigma / settings.pixel_size
    return splat(np.concatenate([pixels, anywhere]), (settings.box, settings.box), width)
