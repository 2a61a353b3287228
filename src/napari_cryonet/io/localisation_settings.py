"""What a localisation table does not say, or says otherwise than its format does."""

from __future__ import annotations

from typing import Literal

from napari_cryonet.settings import Settings, setting


class LocalisationSettings(Settings):
    """How columns of a file become places in nm.

    Nothing here is guessed: a column without a unit, in a format without one, is an error that
    names it.
    """

    unit: Literal["default", "nm", "um", "angstrom", "pixels"] = setting(
        "default", "Unit of the places and of their errors; default: what header or format say"
    )
    camera_pixel: float | None = setting(
        None, "Size of a camera pixel in the sample, for places in pixels", unit="nm", gt=0
    )
    x_column: str = setting(
        "", "Name of the column, where it is not found by itself", advanced=True
    )
    y_column: str = setting("", "Name of the column", advanced=True)
    z_column: str = setting("", "Name of the column", advanced=True)
    sigma_column: str = setting("", "Name of the column with the width of the spot", advanced=True)
    uncertainty_column: str = setting(
        "", "Name of the column with the error of the place", advanced=True
    )
    photons_column: str = setting("", "Name of the column", advanced=True)
    frame_column: str = setting("", "Name of the column", advanced=True)
    group_column: str = setting(
        "", "Name of the column with the number of the particle", advanced=True
    )
