"""``cryonet pointcloud render`` and ``simulate``: images of particles from tables and shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from napari_cryonet.cli.folder import write_into
from napari_cryonet.cli.options import FILES, Flag, options_of
from napari_cryonet.cli.output import say_table
from napari_cryonet.cli.work import DONE
from napari_cryonet.io import localisations, mesh
from napari_cryonet.io.atomic import replacing
from napari_cryonet.io.localisation_settings import LocalisationSettings
from napari_cryonet.signal.particle_settings import ParticleSettings
from napari_cryonet.signal.smlm_settings import SmlmSettings

_TABLE = Annotated[Path, Parameter(name="TABLE", group=FILES)]
_OBJECT = Annotated[Path | None, Parameter(name="OBJECT", group=FILES)]
_OUTPUT = Annotated[Path, Parameter(group=FILES)]


def draw_particles(
    table: _TABLE,
    /,
    *,
    output: _OUTPUT,
    overwrite: Flag = False,
    columns: Any = None,
    options: Any = None,
) -> int:
    """Draw an image of each particle of a localisation table.

    Parameters
    ----------
    table
        The table: text, Picasso, SMAP or MATLAB 7.3.
    output
        The folder to write images.fits and particles.csv to.
    overwrite
        Replace files that are there.
    columns
        What the table does not say.
    options
        What a particle is and how it is drawn.
    """
    import pandas as pd

    from napari_cryonet.signal.particle_images import particle_images

    found = localisations.read(table, columns)
    made = particle_images(found, options or ParticleSettings())
    y, x = made.centres.T
    listing = pd.DataFrame(
        {"image": range(len(made.groups)), "group": made.groups, "x [nm]": x, "y [nm]": y}
    )
    write_into(output, [("images.fits", made.images)], overwrite=overwrite)
    with replacing(output / "particles.csv", overwrite=overwrite) as part:
        listing.to_csv(part, index=False)
    say_table(
        {
            "output": output / "images.fits",
            "images": f"{len(made.groups)} of {len(set(made.groups.tolist()))} particles",
            "localisations": len(found),
        }
    )
    return DONE


def simulate(
    object: _OBJECT = None,  # noqa: A002 - the help says OBJECT
    /,
    *,
    output: _OUTPUT,
    overwrite: Flag = False,
    options: Any = None,
) -> int:
    """Simulate images of a particle, and keep their truth.

    Parameters
    ----------
    object
        The particle (.ply or .obj); a built-in shape without one.
    output
        The folder to write images.fits, truth.ply and poses.csv to.
    overwrite
        Replace files that are there.
    options
        What is simulated.
    """
    from napari_cryonet.simulate.smlm import smlm_images

    cloud = None if object is None else mesh.read(object)
    made = smlm_images(options or SmlmSettings(), cloud)
    files = (("images.fits", made.images), ("truth.ply", made.truth), ("poses.csv", made.poses))
    write_into(output, files, overwrite=overwrite)
    say_table({"output": output, "images": len(made.poses)})
    return DONE


draw_particles.__annotations__["columns"] = options_of(LocalisationSettings)
draw_particles.__annotations__["options"] = options_of(ParticleSettings)
simulate.__annotations__["options"] = options_of(SmlmSettings)
