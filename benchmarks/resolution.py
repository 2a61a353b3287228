"""How close local resolution comes to a known truth, what a tight mask does, and what it costs.

    python benchmarks/resolution.py [--structure FILE.pdb] [--seeds 3] [--side 128] [--large 256]
    python benchmarks/resolution.py --network [--structure FILE.pdb]

The truth is that of `napari_cryonet.simulate.graded`: a molecule, of its own or of a PDB file,
whose resolution goes from 3.0 to 5.5 Å along x, evenly or in one jump. With ``--network`` it is
the network for single maps that is judged: the one that is shipped, at several voxel sizes,
temperature factors and noises; and one that is trained on a single pair of half maps. All
figures are inside the mask; beside each stands the error of the best constant. Times are CPU
seconds of one thread.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _say import say

from napari_cryonet.io import read_model, read_volume
from napari_cryonet.methods import table
from napari_cryonet.methods.local_fsc.apply import apply
from napari_cryonet.methods.local_fsc.settings import ApplySettings
from napari_cryonet.methods.resolution.apply import apply as apply_network
from napari_cryonet.methods.resolution.settings import ApplySettings as Applying
from napari_cryonet.methods.resolution.settings import TrainSettings as Training
from napari_cryonet.methods.resolution.train import train
from napari_cryonet.nn.bands import Bands
from napari_cryonet.nn.filtering import by_filtering
from napari_cryonet.reporting import SilentReporter
from napari_cryonet.signal.fsc import measure
from napari_cryonet.signal.halves import average, mask_of
from napari_cryonet.signal.resample import resampled
from napari_cryonet.signal.resolution_score import score_resolution
from napari_cryonet.signal.resolution_settings import FscSettings, Masking
from napari_cryonet.simulate.folds import protein
from napari_cryonet.simulate.graded import Grade, GradedHalfMaps, graded_half_maps
from napari_cryonet.types import Model, Volume

SIZE, RADIUS = 1.2, 12.5
HELD_OUT = (
    (128, 1.2, Grade()),
    (150, 1.0, Grade((60.0, 250.0), 2.6)),
    (96, 1.5, Grade((150.0, 500.0), 3.8)),
    (112, 1.4, Grade((80.0, 300.0), 3.2)),
    (80, 2.0, Grade((200.0, 900.0), 5.0)),
    (128, 1.2, Grade((100.0, 335.0), abrupt=True)),
)
"""Side in voxels, voxel size in Å, temperature factors and noise of maps to judge with."""
ELECTRONS = {"C": 6.0, "N": 7.0, "O": 8.0, "P": 15.0, "S": 16.0}


def main() -> None:
    """Print all figures."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--structure", type=Path)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--side", type=int, default=128)
    options.add_argument("--large", type=int, default=0)
    options.add_argument("--network", action="store_true")
    options.add_argument("--halves", type=Path, nargs=3, metavar=("HALF1", "HALF2", "MASK"))
    arguments = options.parse_args()
    torch.set_num_threads(1)
    atoms = None if arguments.structure is None else structure(arguments.structure)
    if arguments.halves:
        real(*arguments.halves)
    if arguments.network:
        network(atoms)
        return
    for seed in range(1, arguments.seeds + 1):
        for name, grade in (
            ("even change", Grade()),
            ("jump", Grade((100.0, 335.0), abrupt=True)),
        ):
            local(name, arguments.side, seed, grade, atoms)
        tight(arguments.side, seed, atoms)
    for side in filter(None, (arguments.side, arguments.large)):
        cost(side)


def local(name: str, side: int, seed: int, grade: Grade, atoms: Any) -> None:
    """Compare both ways with the truth."""
    case = graded_half_maps(side, SIZE, seed, grade, atoms)
    inside = case.mask.data > 0.5
    truth = case.resolution.data[inside]
    constant = np.abs(truth - np.median(truth)).mean()
    say(f"{name}, seed {seed}: {truth.min():.2f} to {truth.max():.2f} Å, constant {constant:.2f} Å")
    for way in ("fast", "precise"):
        settings = ApplySettings(way=way, radius=RADIUS, device="cpu")
        start = time.process_time()
        found = apply((case.first, case.second, case.mask), None, settings, SilentReporter())
        spent = time.process_time() - start
        error = found.volume.data[inside] - truth
        together = np.corrcoef(found.volume.data[inside], truth)[0, 1]
        say(
            f"  {way:<8} MAE {np.abs(error).mean():.3f} Å, bias {error.mean():+.3f} Å, "
            f"r {together:.3f}, {spent:.1f} s with mask and global FSC"
        )


def tight(side: int, seed: int, atoms: Any) -> None:
    """Compare the global FSC in soft and in too tight masks with the truth."""
    case = graded_half_maps(side, SIZE, seed, Grade((150.0, 151.0), best=3.5), atoms)
    density, halves = case.density.data, (case.first, case.second)
    truth = float(case.resolution.data.mean())
    masks = {"soft": case.mask.data, "binary": (case.mask.data > 0.5).astype(np.float32)}
    for share in (0.1, 0.2, 0.25, 0.3):
        masks[f"density > {share:g} max"] = (density > share * density.max()).astype(np.float32)
    for name, mask in masks.items():
        curves = measure(halves, mask, FscSettings())
        random = np.interp(1 / truth, curves.frequency, curves.randomised)
        say(
            f"global, seed {seed}, truth {truth:.2f} Å, {name}: "
            f"masked {curves.crossing(0.143, 'masked')}, corrected {curves.crossing(0.143)}, "
            f"random phases {random:.2f}"
        )


def real(first: Path, second: Path, mask: Path) -> None:
    """Print the global resolution of two files."""
    halves = read_volume(first), read_volume(second)
    for name, given in (("given mask", read_volume(mask)), ("automatic mask", None)):
        curves = measure(halves, mask_of(halves, given, Masking()), FscSettings())
        found = {
            curve: str(curves.crossing(0.143, curve))
            for curve in curves.curves
            if curve != "randomised"
        }
        say(f"{halves[0].name}, {name}: {found}")


def cost(side: int) -> None:
    """Time the fast way alone."""
    random = torch.Generator().manual_seed(0)
    one, two = (torch.randn((side,) * 3, generator=random) for _ in range(2))
    bands = Bands.of((side,) * 3, (SIZE,) * 3, RADIUS, None)
    for step in (1, 2, 4) if side <= 128 else (2, 4):
        start = time.process_time()
        by_filtering((one, two), (SIZE,) * 3, RADIUS, bands, step, 0.143, lambda _: None)
        spent = time.process_time() - start
        say(f"{side}³, {len(bands.centres)} shells, every {step} voxels: {spent:.2f} CPU-s")


def network(atoms: Any) -> None:
    """Judge the shipped network, and one that is trained on a single pair of half maps."""
    model = read_model(table.find("resolution").model_file(""))
    folded = protein((46.0, 38.0, 38.0), "mixed", np.random.default_rng(777))
    molecules: dict[str, Any] = {"folds": folded, "no fold": None}
    if atoms is not None:
        molecules["structure"] = atoms
    for name, molecule in molecules.items():
        for number, (side, size, grade) in enumerate(HELD_OUT, 1):
            case = graded_half_maps(side, size, number, grade, molecule)
            judge(f"shipped, {name}, {size} Å voxels", model, *single(case))
    case = graded_half_maps(128, SIZE, 1, atoms=atoms)
    whole, mask, _ = single(case)
    found = estimate(model, whole, mask)[0]
    inside = np.argwhere(mask.data > 0.8)[::20]
    for size in (1.0, 1.1, 1.4):
        other = resampled(whole, size)
        again = estimate(model, other, resampled(mask, size))[0]
        near = np.rint(inside * (whole.scale[0] / other.scale[0])).astype(int)
        away = np.abs(again[tuple(near.T)] - found[tuple(inside.T)])
        say(f"resampled to {other.scale[0]:.3f} Å: {np.nanmean(away):.3f} Å apart")
    pair = graded_half_maps(96, SIZE, 21, Grade((80.0, 350.0), 2.8))
    settings = Training(max_minutes=0.6, device="cpu", precision="float32")
    start = time.process_time()
    own = train([(pair.first, pair.second)], settings, SilentReporter())
    say(f"trained on one pair of half maps, {time.process_time() - start:.0f} CPU-s")
    judge("own, another map", own, *single(case))
    large = graded_half_maps(256, SIZE, 1, atoms=atoms)
    spent = estimate(model, *single(large)[:2])[1]
    say(f"256³: {spent:.0f} CPU-s")


def single(case: GradedHalfMaps) -> tuple[Volume, Volume, Volume]:
    """Return the average of two halves, its mask and its true resolution."""
    both = case.first.changed(average((case.first, case.second)), "Average of two half maps.")
    return both, case.mask, case.resolution


def judge(name: str, model: Model, whole: Volume, mask: Volume, truth: Volume) -> None:
    """Compare an estimate with the truth."""
    found, spent = estimate(model, whole, mask)
    told = score_resolution(found, truth.data, mask.data > 0.5)
    known = truth.data[mask.data > 0.5]
    say(
        f"{name}, {known.min():.2f} to {known.max():.2f} Å: MAE {told['mae']:.3f} Å, constant "
        f"{told['constant']:.2f} Å, skill {told['skill']:.2f}, bias {told['bias']:+.3f} Å, "
        f"r {told['correlation']:.3f}, {spent:.1f} CPU-s"
    )


def estimate(model: Model, whole: Volume, mask: Volume) -> tuple[Any, float]:
    """Return what the network makes of a map, and the CPU seconds it took."""
    start = time.process_time()
    settings = Applying(device="cpu", precision="float32")
    found = apply_network((whole, mask), model, settings, SilentReporter())
    return found.volume.data, time.process_time() - start


def structure(path: Path) -> Any:
    """Return the atoms of a PDB file about their middle, z, y, x in Å and electrons."""
    rows = [
        (*(float(line[start : start + 8]) for start in (46, 38, 30)), ELECTRONS.get(element, 6.0))
        for line in path.read_text().splitlines()
        if line.startswith("ATOM") and (element := line[76:78].strip()) != "H"
    ]
    atoms = np.array(rows)
    atoms[:, :3] -= atoms[:, :3].mean(0)
    return atoms


if __name__ == "__main__":
    main()
