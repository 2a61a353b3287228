"""The global FSC: closed forms, masks and their correction, curves that misbehave, files."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import starfile

from napari_cryonet import Volume, read
from napari_cryonet.errors import DataError, FormatError, OutputExists
from napari_cryonet.io.fsc import SUFFIXES, write_fsc
from napari_cryonet.signal.fsc import Shells, measure, remarks
from napari_cryonet.signal.halves import are_masked, check_halves, mask_of
from napari_cryonet.signal.mask import low_passed, soft_sphere
from napari_cryonet.signal.resolution_settings import FscSettings, Masking
from napari_cryonet.signal.shells import spectrum
from napari_cryonet.simulate.graded import Grade, GradedHalfMaps, graded_half_maps
from napari_cryonet.types.fsc import Fsc, crossing

SIZE = (1.5, 1.5, 1.5)
SETTINGS = FscSettings()
DATA = os.environ.get("CRYONET_CONFORMANCE_DATA")
real = pytest.mark.skipif(DATA is None, reason="CRYONET_CONFORMANCE_DATA names no folder")


@pytest.fixture(scope="module")
def even() -> GradedHalfMaps:
    """Half maps of one resolution, about 3.5 Å, everywhere."""
    return graded_half_maps(96, 1.2, 1, Grade((150.0, 151.0), best=3.5))


def volumes(*arrays: Any, size: Any = SIZE) -> tuple[Volume, ...]:
    return tuple(
        Volume(np.asarray(data, np.float32), size, name=f"half {n}")
        for n, data in enumerate(arrays, 1)
    )


def pair(shape: Any, rng: np.random.Generator, noise: float = 1.0) -> tuple[Volume, Volume]:
    """Return a low-passed signal with independent noise."""
    signal = low_passed(rng.standard_normal(shape), SIZE, 6.0)
    signal /= signal.std()
    one, two = volumes(*(signal + noise * rng.standard_normal(shape) for _ in range(2)))
    return one, two


# ------------------------------------------------------------------ shells and closed forms


@pytest.mark.parametrize("shape", [(24, 24, 24), (15, 21, 18), (20, 33, 27)])
@pytest.mark.parametrize("size", [SIZE, (2.0, 1.0, 1.5)])
def test_it_is_the_definition_over_the_whole_transform(
    shape: Any, size: Any, rng: np.random.Generator
) -> None:
    one, two = (rng.standard_normal(shape) for _ in range(2))
    first, second = np.fft.fftn(one), np.fft.fftn(two)
    axes = np.meshgrid(*map(np.fft.fftfreq, shape, size), indexing="ij")
    side = max(np.array(shape) * size)
    index = np.rint(np.sqrt(sum(axis**2 for axis in axes)) * side).astype(int)
    shells = Shells(shape, size)
    assert shells.frequency[-1] <= 0.5 / max(size) + 1e-9
    found = shells.correlation(spectrum(one), spectrum(two))
    for shell in range(shells.count):
        at = index == shell
        cross = (first[at] * second[at].conj()).real.sum()
        norm = np.sqrt((abs(first[at]) ** 2).sum() * (abs(second[at]) ** 2).sum())
        assert found[shell] == pytest.approx(cross / norm, abs=2e-4)


def test_it_is_that_of_the_signal_to_noise_ratio(rng: np.random.Generator) -> None:
    shape, ratio = (64, 64, 64), 0.7
    signal = np.sqrt(ratio) * rng.standard_normal(shape)
    one, two = volumes(*(signal + rng.standard_normal(shape) for _ in range(2)))
    curve = measure((one, two), None, SETTINGS).unmasked
    assert curve[8:].mean() == pytest.approx(ratio / (1 + ratio), abs=0.01)
    blank = measure(volumes(*rng.standard_normal((2, *shape))), None, SETTINGS).unmasked
    assert abs(blank[8:]).max() < 0.1


@pytest.mark.parametrize("shape", [(32, 32, 32), (27, 40, 33)])
def test_scale_offset_and_order_do_not_matter(shape: Any, rng: np.random.Generator) -> None:
    one, two = pair(shape, rng)
    mask = soft_sphere(shape, SIZE, 12.0, 4)
    plain = measure((one, two), mask, SETTINGS)
    other = volumes(7 * two.data + 3, one.data)
    swapped = measure((other[0], other[1]), mask, SETTINGS)
    for name in ("unmasked", "masked"):
        assert np.allclose(plain.curves[name][1:], swapped.curves[name][1:], atol=2e-4)
    doubled = measure(volumes(one.data, two.data, size=(3.0, 3.0, 3.0)), mask, SETTINGS)
    assert np.allclose(doubled.frequency, plain.frequency / 2)
    assert np.allclose(doubled.unmasked, plain.unmasked)


def test_phases_are_random_only_beyond_their_shell_and_the_same_every_time(
    rng: np.random.Generator,
) -> None:
    shape = (48, 48, 48)
    one, two = pair(shape, rng)
    everything = measure((one, two), np.ones(shape, np.float32), SETTINGS)
    start = round(1 / everything.randomised_from * 72)
    assert np.allclose(everything.randomised[1:start], everything.unmasked[1:start], atol=1e-3)
    assert abs(everything.randomised[start + 1 :]).max() < 0.2
    assert everything.unmasked[start] < 0.8 <= everything.unmasked[1:start].min()
    again = measure((one, two), np.ones(shape, np.float32), SETTINGS)
    assert np.array_equal(again.randomised, everything.randomised)
    assert np.array_equal(everything.corrected[: start + 2], everything.masked[: start + 2])


def test_near_the_answer_low_shells_keep_their_phases(even: GradedHalfMaps) -> None:
    halves, density = (even.first, even.second), even.density.data
    tight = (density > 0.2 * density.max()).astype(np.float32)
    usual, late = (
        measure(halves, tight, FscSettings(randomise_below=level)) for level in (0.8, 0.143)
    )
    start = round(1 / late.randomised_from / late.frequency[1])
    assert usual.unmasked[start] < 0.143 <= usual.unmasked[1:start].min()
    assert np.allclose(usual.randomised[start + 2 :], late.randomised[start + 2 :], atol=1e-6)
    assert not np.allclose(usual.randomised[:start], late.randomised[:start], atol=0.1)


# ------------------------------------------------------------------ resolution


def test_soft_masks_give_the_true_resolution(even: GradedHalfMaps) -> None:
    halves = (even.first, even.second)
    truth = float(even.resolution.data.mean())
    found = measure(halves, even.mask.data, SETTINGS)
    assert found.crossing(0.143, "masked").resolution == pytest.approx(truth, abs=0.1)
    assert found.crossing(0.143, "corrected").resolution == pytest.approx(truth, abs=0.1)
    assert found.crossing(0.143, "unmasked").resolution > truth + 0.5
    assert found.best == "corrected"
    assert remarks(found, halves) == []


@pytest.mark.parametrize("share", [0.1, 0.2])
def test_a_mask_that_is_too_tight_is_corrected_and_told(share: float) -> None:
    case = graded_half_maps(128, 1.2, 3, Grade((150.0, 151.0), best=3.5))
    halves, density = (case.first, case.second), case.density.data
    tight = (density > share * density.max()).astype(np.float32)
    found = measure(halves, tight, SETTINGS)
    truth = float(case.resolution.data.mean())
    masked = found.crossing(0.143, "masked").resolution
    assert masked is None or masked < truth - 0.2
    assert found.crossing(0.143).resolution == pytest.approx(truth, abs=0.1)
    assert np.interp(1 / truth, found.frequency, found.randomised) > 0.1
    assert any("too tight" in sentence for sentence in remarks(found, halves))


def test_a_mask_that_cuts_the_molecule_is_told(even: GradedHalfMaps) -> None:
    halves = (even.first, even.second)
    far = np.roll(soft_sphere(even.first.shape, (1.2,) * 3, 18, 6), 40, (0, 1, 2))
    found = measure(halves, far, SETTINGS)
    assert any("cuts the molecule" in sentence for sentence in remarks(found, halves))


def test_masked_halves_are_told(even: GradedHalfMaps) -> None:
    mask = even.mask.data
    masked = volumes(even.first.data * mask, even.second.data * mask)
    assert are_masked(masked[0].data)
    found = measure((masked[0], masked[1]), mask, SETTINGS)
    assert any("masked already" in sentence for sentence in remarks(found, masked))
    box = soft_sphere(even.first.shape, SIZE, None, 2)
    assert not are_masked(even.first.data * box), "what programs clear outside the sphere"


def test_where_the_curve_never_falls_low_enough_nothing_is_randomised(
    rng: np.random.Generator,
) -> None:
    one, two = pair((24, 24, 24), rng, noise=0.001)
    flat = rng.standard_normal((24, 24, 24))
    near = volumes(flat, flat + 0.01 * rng.standard_normal(flat.shape))
    found = measure((near[0], near[1]), soft_sphere(flat.shape, SIZE, 10, 3), SETTINGS)
    assert found.randomised is None
    assert found.randomised_from is None
    assert found.best == "masked"
    assert "or finer" in str(found.crossing(0.143))
    assert measure((one, two), None, SETTINGS).best == "unmasked"


# ------------------------------------------------------------------ crossings


@pytest.mark.parametrize(
    ("values", "resolution", "again", "text"),
    [
        ([1, 0.9, 0.5, 0.1, 0.0], 1 / 0.25, False, "4.00 Å"),
        ([1, 0.9, 0.5, 0.1, 0.6], 1 / 0.25, True, "4.00 Å"),
        ([1, 0.9, 0.8, 0.7, 0.6], None, False, "2.50 Å or finer"),
        ([1, 0.2, 0.2, 0.1, 0.0], None, False, "coarser than 10 Å"),
        ([0, 0.9, 0.5, 0.1, 0.0], 1 / 0.25, False, "4.00 Å"),
    ],
)
def test_crossings(values: Any, resolution: Any, again: bool, text: str) -> None:
    found = crossing(np.arange(5) / 10, np.array(values), 0.3)
    assert found.resolution == (None if resolution is None else pytest.approx(resolution))
    assert found.again is again
    assert str(found).startswith(text)


def test_a_curve_that_rises_again_is_told(rng: np.random.Generator) -> None:
    curve = np.array([1, 0.9, 0.5, 0.1, 0.6, 0.1, 0.0])
    said = remarks(Fsc(np.arange(7) / 20, curve), pair((12, 12, 12), rng))
    assert len(said) == 1
    assert "rises above 0.143 again" in said[0]


# ------------------------------------------------------------------ what cannot be measured


def test_bad_halves_are_one_sentence_each(rng: np.random.Generator) -> None:
    one, two = pair((12, 14, 16), rng)
    with_nan = two.data.copy()
    with_nan[0, 0, 0] = np.nan
    for halves, sentence in (
        ((one, Volume(two.data[:-1], SIZE)), "same shape"),
        ((one, Volume(one.data.copy(), SIZE, name="b")), "hold the same values"),
        ((one, Volume(two.data, (1.0, 1.0, 1.0))), "same voxel size"),
        ((Volume(one.data), Volume(two.data)), "no voxel size"),
        ((one, Volume(with_nan, SIZE, name="b")), "b holds values that are not numbers"),
        ((one, Volume(np.zeros_like(one.data), SIZE, name="b")), "All voxels of b"),
        ((Volume(one.data[None], SIZE), two), "volumes z, y, x"),
    ):
        with pytest.raises(DataError, match=sentence) as caught:
            check_halves(*halves)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="shape of its map"):
        mask_of((one, two), Volume(np.ones((3, 3, 3)), SIZE), Masking())
    with pytest.raises(DataError, match="positive"):
        Volume(one.data, (0.0, 1.0, 1.0))


# ------------------------------------------------------------------ files


@pytest.fixture
def curves(rng: np.random.Generator) -> Fsc:
    one, two = pair((32, 32, 32), rng)
    return measure((one, two), soft_sphere(one.shape, SIZE, 15, 4), SETTINGS)


def test_plain_values_and_back(curves: Fsc) -> None:
    again = Fsc.from_dict(json.loads(json.dumps(curves.to_dict())))
    assert again.curves.keys() == curves.curves.keys()
    assert np.allclose(again.corrected, curves.corrected, atol=1e-6)
    assert again.names == ("half 1", "half 2")
    assert again.crossing(0.143).resolution == pytest.approx(curves.crossing(0.143).resolution)


def test_xml_is_the_corrected_curve_and_says_so(curves: Fsc, tmp_path: Path) -> None:
    path = tmp_path / "fsc.xml"
    write_fsc(path, curves)
    root = ElementTree.fromstring(path.read_bytes())
    assert root.tag == "fsc"
    assert root.attrib == {
        "title": "FSC of half maps, corrected",
        "xaxis": "Resolution (A-1)",
        "yaxis": "Correlation Coefficient",
    }
    points = [(float(c.findtext("x")), float(c.findtext("y"))) for c in root.iter("coordinate")]
    assert np.allclose(points, np.stack([curves.frequency, curves.corrected], 1)[1:], atol=1e-6)
    with pytest.raises(OutputExists):
        write_fsc(path, curves)
    unmasked = Fsc(curves.frequency, curves.unmasked)
    write_fsc(path, unmasked, overwrite=True)
    assert "half maps, unmasked" in path.read_text()


def test_star_and_csv_hold_all_curves(curves: Fsc, tmp_path: Path) -> None:
    star, table = tmp_path / "fsc.star", tmp_path / "fsc.csv"
    write_fsc(star, curves)
    blocks = starfile.read(star)
    assert blocks["general"]["rlnFinalResolution"] == pytest.approx(
        curves.crossing(0.143).resolution, abs=1e-5
    )
    frame = blocks["fsc"]
    assert frame["rlnAngstromResolution"][0] == 999
    for column, values in (
        ("rlnFourierShellCorrelationCorrected", curves.corrected),
        ("rlnFourierShellCorrelationUnmaskedMaps", curves.unmasked),
        ("rlnFourierShellCorrelationMaskedMaps", curves.masked),
        ("rlnCorrectedFourierShellCorrelationPhaseRandomizedMaskedMaps", curves.randomised),
        ("rlnResolution", curves.frequency),
    ):
        assert np.allclose(frame[column], values, atol=1e-6), column
    write_fsc(table, curves)
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert list(rows[0])[2:] == ["corrected", "masked", "unmasked", "randomised"]
    assert [float(row["masked"]) for row in rows] == pytest.approx(list(curves.masked), abs=1e-6)


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")]
)
def test_figures_are_drawn(curves: Fsc, tmp_path: Path, suffix: str, start: bytes) -> None:
    path = tmp_path / f"fsc{suffix}"
    write_fsc(path, curves)
    assert path.read_bytes().startswith(start)


def test_other_names_are_refused(curves: Fsc, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"\.xml .*fsc\.txt is none"):
        write_fsc(tmp_path / "fsc.txt", curves)
    assert not list(tmp_path.iterdir())
    assert set(SUFFIXES) >= {".xml", ".star", ".csv", ".png"}


# ------------------------------------------------------------------ known values of other data


@real
@pytest.mark.parametrize(
    ("name", "masked", "unmasked"), [("simA", 4.48, 9.12), ("simB", 3.60, 6.14)]
)
def test_stated_resolutions_are_found(name: str, masked: float, unmasked: float) -> None:
    folder = Path(DATA or "") / "sim_halfmaps"
    halves = tuple(read(folder / f"{name}_half_map_{n}.mrc") for n in (1, 2))
    mask = mask_of(halves, read(folder / f"{name}_mask.mrc"), Masking())
    found = measure(halves, mask, SETTINGS)
    assert found.crossing(0.143, "masked").resolution == pytest.approx(masked, abs=0.1)
    assert found.crossing(0.143, "unmasked").resolution == pytest.approx(unmasked, abs=0.1)


@real
def test_a_published_curve_crosses_where_it_was_said() -> None:
    path = Path(DATA or "") / "fsc" / "T40_HA_trimer_globalFSC.csv"
    _, frequency, values = np.loadtxt(path, delimiter=",").T
    assert crossing(frequency, values, 0.143).resolution == pytest.approx(4.32, abs=0.01)
    found = crossing(frequency, values, 0.5)
    assert found.resolution == pytest.approx(5.64, abs=0.01)
