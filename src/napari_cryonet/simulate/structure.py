"""Maps of a molecule whose atoms are known: from a PDB or mmCIF file to density and half maps.

Every atom scatters electrons as its element does and is smeared by its temperature factor.
The half maps are this density with independent white noise, as strong as the resolution that
is asked for says.

References
----------
Wojdyr, *GEMMI: A library for structural biology*, JOSS 7 (2022), doi:10.21105/joss.04200.
Rosenthal, Henderson, J. Mol. Biol. 333 (2003), doi:10.1016/j.jmb.2003.07.013 (the threshold).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_cryonet.errors import DataError, FileProblem, FormatError
from napari_cryonet.signal.simulation_settings import StructureSettings
from napari_cryonet.simulate.graded import Grade, GradedHalfMaps, graded_half_maps, outline
from napari_cryonet.simulate.halfmaps import THRESHOLD, HalfMaps
from napari_cryonet.simulate.noise import frequencies
from napari_cryonet.types import Volume

Floats = NDArray[np.floating[Any]]

_PADDING = 12.0  # Å on each side of the molecule
_OVERSAMPLING = 1.5
_EDGE = 0.03  # half the width of the edge of the low-pass, as a share of its frequency
_SHELL = 1.5  # half the width, in Fourier steps, of where the noise is matched to the signal


@dataclass(frozen=True, eq=False)
class Molecule:
    """The atoms of a file, without its waters.

    Parameters
    ----------
    structure
        As gemmi has read it; its first model counts.
    atoms
        ``(n, 4)`` z, y, x in Å about the middle of the molecule, and electrons times occupancy.
    middle
        z, y, x in Å of the middle in the coordinates of the file.
    name
        Of the file.
    """

    structure: gemmi.Structure
    atoms: Floats
    middle: Floats
    name: str


def read_structure(path: Path) -> Molecule:
    """Read the atoms of a molecule.

    Parameters
    ----------
    path
        A PDB or mmCIF file, compressed by gzip or not.

    Raises
    ------
    FileProblem
        If it cannot be read.
    FormatError
        If it holds no atoms.
    """
    if not path.is_file():
        raise FileProblem(f"There is no file {path}; check its name.")
    try:
        structure = gemmi.read_structure(str(path))
    except (OSError, RuntimeError, ValueError) as error:
        raise FormatError(f"{path} is neither PDB nor mmCIF: {error}.") from error
    structure.setup_entities()
    structure.remove_waters()
    atoms = [each.atom for each in structure[0].all()] if len(structure) else []
    if not atoms:
        raise FormatError(f"{path} holds no atoms; a PDB or mmCIF file of a molecule is needed.")
    places = np.array([atom.pos.tolist()[::-1] for atom in atoms])
    middle = (places.min(axis=0) + places.max(axis=0)) / 2
    weights = [atom.element.atomic_number * atom.occ for atom in atoms]
    return Molecule(structure, np.column_stack([places - middle, weights]), middle, path.stem)


def structure_map(molecule: Molecule, settings: StructureSettings) -> Volume:
    """Return the density of a molecule at a resolution.

    Parameters
    ----------
    molecule
        Its atoms.
    settings
        Box, voxels, resolution and temperature factors.

    Returns
    -------
    Volume
        It lies where the atoms of the file do; nothing finer than the resolution is in it.

    Raises
    ------
    DataError
        If the molecule does not fit into the box, or the voxels are too large.
    """
    side = _side(molecule, settings)
    terms = _terms(molecule, side, settings)
    ratio = frequencies((side,) * 3) * np.float32(settings.resolution / settings.voxel_size)
    edge = np.clip((ratio - 1) / _EDGE, -1, 1)
    low_pass = 0.5 - 0.5 * np.sin(np.pi / 2 * edge)
    sentence = f"Simulated from the atoms of {molecule.name} at {settings.resolution:g} Å."
    return _volume(molecule, _back(terms * low_pass, side), settings, "map", sentence)


def structure_half_maps(molecule: Molecule, settings: StructureSettings) -> HalfMaps:
    """Simulate the half maps of a molecule, alike everywhere.

    Parameters
    ----------
    molecule
        Its atoms.
    settings
        As for `structure_map`; the FSC of the whole boxes falls through 0.143 at the resolution.

    Raises
    ------
    DataError
        If the molecule does not fit into the box, or the voxels are too large.
    """
    side = _side(molecule, settings)
    terms = _terms(molecule, side, settings)
    cut = settings.voxel_size / settings.resolution
    near = np.abs(frequencies((side,) * 3) - cut) < _SHELL / side
    power = float(np.mean(np.square(np.abs(terms[near])))) * (1 - THRESHOLD) / THRESHOLD
    truth, sigma = _back(terms, side), np.float32(np.sqrt(power / side**3))
    rng = np.random.default_rng(settings.seed)
    how = f"of the atoms of {molecule.name}, {settings.resolution:g} Å, seed {settings.seed}."
    first, second = (
        _volume(
            molecule,
            truth + sigma * rng.standard_normal(truth.shape, dtype=np.float32),
            settings,
            f"half map {number}",
            f"Simulated half map {number} of 2 {how}",
        )
        for number in (1, 2)
    )
    signal = _volume(molecule, truth, settings, "truth", f"Simulated map {how}")
    inside = outline(truth, settings.voxel_size)
    mask = signal.changed(inside, "Its mask.", name=f"{molecule.name} mask")
    return HalfMaps(first, second, signal, mask)


def graded_structure(
    molecule: Molecule, settings: StructureSettings, factors: tuple[float, float]
) -> GradedHalfMaps:
    """Simulate half maps of a molecule whose resolution changes along x, and is known.

    Parameters
    ----------
    molecule
        Its atoms.
    settings
        As for `structure_map`; the resolution is that of the end with the first factor.
    factors
        Temperature factors in Å² at the two ends, in the place of those of the file.

    Raises
    ------
    DataError
        If the molecule does not fit into the box, or the voxels are too large.
    """
    side = _side(molecule, settings)
    grade = Grade(factors, settings.resolution)
    made = graded_half_maps(side, settings.voxel_size, settings.seed, grade, molecule.atoms)
    parts = {
        name: replace(volume, origin=_origin(molecule, side, settings.voxel_size))
        for name, volume in vars(made).items()
    }
    return GradedHalfMaps(**parts)


def _side(molecule: Molecule, settings: StructureSettings) -> int:
    """Return the voxels along an edge of the box."""
    if settings.resolution < 2 * settings.voxel_size:
        raise DataError(
            f"Voxels of {settings.voxel_size:g} Å hold {2 * settings.voxel_size:g} Å at the best; "
            f"{settings.resolution:g} Å was asked for. Choose smaller voxels or a coarser "
            f"resolution."
        )
    width = float(np.ptp(molecule.atoms[:, :3], axis=0).max())
    needed = int(np.ceil((width + 2 * _PADDING) / settings.voxel_size))
    if settings.side and settings.side * settings.voxel_size < width:
        raise DataError(
            f"{molecule.name} is {width:.0f} Å wide and does not fit into {settings.side} voxels "
            f"of {settings.voxel_size:g} Å; choose at least {needed}."
        )
    return settings.side or 2 * fft.next_fast_len((needed + 1) // 2)


def _terms(molecule: Molecule, side: int, settings: StructureSettings) -> NDArray[np.complex64]:
    """Return the transform ``(side, side, side // 2 + 1)`` of a density, not filtered."""
    width = side * settings.voxel_size
    structure = molecule.structure.clone()
    structure.cell = gemmi.UnitCell(width, width, width, 90, 90, 90)
    structure.spacegroup_hm = "P 1"
    shift = gemmi.Position(*_origin(molecule, side, settings.voxel_size)[::-1])
    for each in structure[0].all():
        each.atom.pos -= shift
        if settings.b_factor is not None:
            each.atom.b_iso = settings.b_factor
            each.atom.aniso = gemmi.SMat33f(0, 0, 0, 0, 0, 0)
    density = gemmi.DensityCalculatorE()
    density.d_min, density.rate = 2 * settings.voxel_size, _OVERSAMPLING
    density.set_refmac_compatible_blur(structure[0])
    density.set_grid_cell_and_spacegroup(structure)
    density.put_model_density_on_grid(structure[0])
    fine = np.array(density.grid, copy=False).T
    index = np.fft.fftfreq(side, 1 / side).astype(int)
    kept = np.ix_(index, index, np.arange(side // 2 + 1))
    terms = fft.rfftn(fine)[kept] * np.float32(side**3 / fine.size)
    squared = np.square(frequencies((side,) * 3) / np.float32(settings.voxel_size))
    unblurred: NDArray[np.complex64] = terms * np.exp(np.float32(density.blur / 4) * squared)
    return unblurred


def _back(terms: NDArray[np.complex64], side: int) -> NDArray[np.float32]:
    """Return the volume of a transform."""
    return np.asarray(fft.irfftn(terms, s=(side,) * 3), np.float32)


def _volume(
    molecule: Molecule, data: Floats, settings: StructureSettings, what: str, sentence: str
) -> Volume:
    """Return a density as a volume that lies where the atoms do."""
    return Volume(
        data,
        (settings.voxel_size,) * 3,
        _origin(molecule, len(data), settings.voxel_size),
        name=f"{molecule.name} {what}",
        history=(sentence,),
    )


def _origin(molecule: Molecule, side: int, voxel_size: float) -> tuple[float, float, float]:
    """Return where the first voxel lies in the coordinates of the file, z, y, x in Å."""
    z, y, x = (float(each) for each in molecule.middle - (side - 1) / 2 * voxel_size)
    return z, y, x
