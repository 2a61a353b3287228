"""Settings of drawing images of particles; loads no scipy, so that help is quick."""

from __future__ import annotations

from typing import Literal

from napari_cryonet.settings import Settings, setting


class ParticleSettings(Settings):
    """How a table of localisations becomes one image for each particle."""

    by: Literal["group", "density"] = setting(
        "group", "What belongs together: rows with one number in the column group, or dense places"
    )
    pixel_size: float = setting(5.0, "Size of a pixel", unit="nm", gt=0)
    box: int = setting(64, "Side of the images", unit="pixels", ge=8, le=4096)
    sigma: float = setting(7.5, "Standard deviation of a spot", unit="nm", gt=0)
    width: Literal["sigma", "uncertainty"] = setting(
        "sigma", "Draw all spots alike, or each as wide as the table says it is uncertain"
    )
    weight: Literal["equal", "photons"] = setting("equal", "How much a molecule counts")
    centre: Literal["mass", "median", "box"] = setting(
        "mass", "What is in the middle: mean or median place, or the middle of the extent"
    )
    least: int = setting(10, "Fewest localisations of a particle", ge=1)
    most: int | None = setting(
        None, "Draw at most so many localisations of a particle, chosen at random", ge=1
    )
    copies: int = setting(1, "Images of each particle, all but the first turned at random", ge=1)
    link: float = setting(
        20.0, "Distance within which localisations are neighbours, for density", unit="nm", gt=0
    )
    neighbours: int = setting(5, "Neighbours of a dense place, for density", ge=1)
    radius: float = setting(
        100.0, "Radius around a pick to which localisations belong", unit="nm", gt=0, advanced=True
    )
    seed: int = setting(0, "Start of the random choices", ge=0, advanced=True)
