"""Settings of what is simulated; loads no scipy, so that help is quick."""

from __future__ import annotations

from napari_cryonet.settings import Settings, setting

_SEED = "Chooses what is left to chance; the same makes the same data"


class StructureSettings(Settings):
    """Maps of a molecule whose atoms are known."""

    resolution: float = setting(
        3.0, "Where the map ends, and where the half maps correlate by 0.143", unit="Å", gt=0
    )
    voxel_size: float = setting(1.0, "Size of a voxel", unit="Å", gt=0)
    side: int = setting(
        0, "Edge of the box; 0: the molecule and 12 Å around it", unit="voxels", ge=0
    )
    b_factor: float | None = setting(
        None, "Temperature factor of all atoms; none: their own", unit="Å²", ge=0
    )
    seed: int = setting(0, _SEED, ge=0)


class HalfMapSettings(Settings):
    """Half maps of a protein that does not exist."""

    side: int = setting(96, "Edge of the box", unit="voxels", ge=24)
    voxel_size: float = setting(1.5, "Size of a voxel", unit="Å", gt=0)
    resolution: float = setting(4.0, "Where the half maps correlate by 0.143", unit="Å", gt=0)
    correlation: float = setting(
        0.7, "How far the noise is correlated: sigma of a Gaussian", unit="voxels", ge=0
    )
    seed: int = setting(0, _SEED, ge=0)


class TomogramSettings(Settings):
    """The even and the odd tomogram of a cell that does not exist."""

    shape: tuple[int, int, int] = setting((64, 160, 160), "z, y, x", unit="voxels")
    voxel_size: float = setting(10.0, "Size of a voxel", unit="Å", ge=5, le=20)
    snr: float = setting(0.1, "Variance of the signal divided by that of the noise", gt=0)
    max_tilt: float = setting(60.0, "Largest tilt", unit="°", gt=0, le=90)
    defocus: float = setting(5.0, "Defocus; more gives more contrast", unit="µm", gt=0)
    correlation: float = setting(
        0.6, "How far the noise is correlated: sigma of a Gaussian", unit="voxels", ge=0
    )
    seed: int = setting(0, _SEED, ge=0)


class ParticlesSettings(Settings):
    """A tomogram of particles whose places are known."""

    shape: tuple[int, int, int] = setting((64, 256, 256), "z, y, x", unit="voxels")
    voxel_size: float = setting(13.5, "Size of a voxel", unit="Å", ge=5, le=25)
    snr: float = setting(
        0.05, "Variance of the protein divided by that of the noise, in the untilted image", gt=0
    )
    counts: tuple[int, int, int] = setting(
        (100, 60, 6), "How many particles, look-alikes and gold beads"
    )
    vesicle: bool = setting(True, "Whether there is a vesicle")
    seed: int = setting(0, _SEED, ge=0)
