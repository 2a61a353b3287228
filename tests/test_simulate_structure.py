"""Maps of a molecule whose atoms are known, against direct summation and what was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gemmi
import numpy as np
import pytest

from napari_cryonet.errors import DataError, FileProblem, FormatError
from napari_cryonet.signal.fsc import measure
from napari_cryonet.signal.resolution_settings import FscSettings
from napari_cryonet.signal.simulation_settings import StructureSettings
from napari_cryonet.simulate.structure import (
    Molecule,
    graded_structure,
    read_structure,
    structure_half_maps,
    structure_map,
)

ELEMENTS = ("N", "C", "C", "O", "S")


def pdb(path: Path, count: int, room: tuple[float, float, float], b_factors: Any) -> Path:
    """Write atoms anywhere in an ellipsoid, x, y, z in Å, about a place that is not the origin."""
    rng = np.random.default_rng(7)
    way = rng.normal(size=(count, 3))
    way *= (rng.random(count) ** (1 / 3) / np.linalg.norm(way, axis=1))[:, None]
    places = way * room + (20.0, -35.0, 7.0)
    lines = []
    for number, ((x, y, z), b) in enumerate(zip(places, b_factors(count), strict=True)):
        element = ELEMENTS[number % len(ELEMENTS)]
        lines.append(
            f"ATOM  {number + 1:5d}  {element:<3s} ALA A{number // 5 + 1:4d}    "
            f"{x:8.3f}{y:8.3f}{z:8.3f}{1.0:6.2f}{b:6.2f}          {element:>2s}"
        )
    lines.append("HETATM99999  O   HOH A9999      90.000  90.000  90.000  1.00 20.00           O")
    path.write_text("\n".join([*lines, "END", ""]))
    return path


@pytest.fixture
def small(tmp_path: Path) -> Molecule:
    """A few atoms of very unlike temperature factors."""
    path = pdb(tmp_path / "small.pdb", 60, (9, 6, 5), lambda n: np.linspace(10, 120, n))
    return read_structure(path)


@pytest.fixture
def large(tmp_path: Path) -> Molecule:
    """As many atoms as in a small protein."""
    return read_structure(pdb(tmp_path / "large.pdb", 3000, (30, 22, 18), lambda n: np.full(n, 60)))


def summed(molecule: Molecule, side: int, settings: StructureSettings, origin: Any) -> Any:
    """Return gemmi's own map: every structure factor up to the resolution, atom by atom."""
    width = side * settings.voxel_size
    structure = molecule.structure.clone()
    structure.cell = gemmi.UnitCell(width, width, width, 90, 90, 90)
    structure.spacegroup_hm = "P 1"
    for each in structure[0].all():
        each.atom.pos -= gemmi.Position(*origin[::-1])
    group = gemmi.SpaceGroup("P 1")
    indices = gemmi.make_miller_array(structure.cell, group, settings.resolution)
    calculator = gemmi.StructureFactorCalculatorE(structure.cell)
    factors = [calculator.calculate_sf_from_model(structure[0], list(map(int, hkl)))
               for hkl in indices]  # fmt: skip
    data = gemmi.ComplexAsuData(structure.cell, group, indices, np.array(factors, np.complex64))
    return np.array(data.transform_f_phi_to_map(exact_size=(side,) * 3)).T


@pytest.mark.parametrize(("resolution", "voxel_size"), [(3.0, 1.0), (2.5, 1.2), (6.0, 1.5)])
def test_the_map_is_that_of_direct_summation(small, resolution, voxel_size):
    settings = StructureSettings(resolution=resolution, voxel_size=voxel_size, side=40)
    made = structure_map(small, settings)
    reference = summed(small, 40, settings, made.origin)
    assert np.corrcoef(made.data.ravel(), reference.ravel())[0, 1] > 0.99
    spread = made.data.std() / reference.std()
    assert spread == pytest.approx(1, abs=0.05), "in the units of gemmi"


def test_the_map_lies_where_the_atoms_are(small):
    made = structure_map(small, StructureSettings(voxel_size=1.0))
    heaviest = max((each.atom for each in small.structure[0].all()),
                   key=lambda atom: atom.element.atomic_number / atom.b_iso)  # fmt: skip
    place = (np.array(heaviest.pos.tolist()[::-1]) - made.origin) / made.scale
    z, y, x = np.rint(place).astype(int)
    assert made.data[z, y, x] > np.quantile(made.data, 0.995)
    assert made.shape[0] * made.scale[0] >= np.ptp(small.atoms[:, :3], axis=0).max() + 24
    assert len(small.atoms) == 60, "without the water"


def test_nothing_finer_than_the_resolution_is_in_the_map(small):
    settings = StructureSettings(resolution=5.0, voxel_size=1.0, side=48)
    power = np.abs(np.fft.rfftn(structure_map(small, settings).data)) ** 2
    axes = (np.fft.fftfreq(48), np.fft.fftfreq(48), np.fft.rfftfreq(48))
    frequency = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")))
    assert power[frequency > 1 / 4.8].max() < 1e-6 * power.max()
    assert power[frequency < 1 / 5.5].mean() > 1e-4 * power.max()


def test_temperature_factors_can_be_replaced(small):
    sharp, blurred = (
        structure_map(small, StructureSettings(voxel_size=1.0, b_factor=factor)).data
        for factor in (10.0, 200.0)
    )
    assert sharp.max() > 2 * blurred.max()
    assert sharp.sum() == pytest.approx(blurred.sum(), rel=1e-3)


@pytest.mark.parametrize(("resolution", "voxel_size"), [(3.0, 1.0), (4.0, 1.2), (6.0, 2.0)])
def test_half_maps_have_the_resolution_that_was_asked_for(large, resolution, voxel_size):
    made = structure_half_maps(
        large, StructureSettings(resolution=resolution, voxel_size=voxel_size, side=96)
    )
    curves = measure((made.first, made.second), None, FscSettings(mask="none"))
    assert curves.crossing(0.143).resolution == pytest.approx(resolution, rel=0.03)
    noise = [half.data - made.truth.data for half in (made.first, made.second)]
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.01
    assert 0 < made.mask.data.mean() < 0.5
    assert (made.truth.data * made.mask.data).sum() > 0.8 * made.truth.data.sum()


def test_graded_half_maps_get_worse_along_x(large):
    settings = StructureSettings(resolution=3.0, voxel_size=1.2)
    made = graded_structure(large, settings, (80.0, 300.0))
    line = made.resolution.data[48, 48]
    assert (np.diff(line) >= 0).all()
    assert line[0] == pytest.approx(3.0, rel=0.03)
    assert line[-1] > 4.5
    assert made.first.origin == structure_map(large, settings).origin
    inside = made.mask.data > 0.5
    assert np.corrcoef(made.first.data[inside], made.second.data[inside])[0, 1] > 0.3


def test_errors_say_what_to_do(small, tmp_path):
    with pytest.raises(FileProblem, match="There is no file"):
        read_structure(tmp_path / "none.pdb")
    (tmp_path / "empty.pdb").write_text("END\n")
    with pytest.raises(FormatError, match="holds no atoms"):
        read_structure(tmp_path / "empty.pdb")
    (tmp_path / "wrong.cif").write_text("this is no mmCIF\n")
    with pytest.raises(FormatError, match="neither PDB nor mmCIF"):
        read_structure(tmp_path / "wrong.cif")
    with pytest.raises(DataError, match=r"Voxels of 2 Å hold 4 Å at the best; 3 Å was asked for"):
        structure_map(small, StructureSettings(voxel_size=2.0))
    with pytest.raises(DataError, match="does not fit into 10 voxels of 1 Å; choose at least 4"):
        structure_map(small, StructureSettings(side=10))
