"""Local resolution: against a known truth, invariances, both ways, bad input, jobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers import run_python
from napari_cryonet import Volume, read, write
from napari_cryonet.errors import DataError, DeviceError, SettingsError
from napari_cryonet.jobs import Job, run
from napari_cryonet.methods import table
from napari_cryonet.methods.local_fsc.apply import apply
from napari_cryonet.methods.local_fsc.settings import ApplySettings
from napari_cryonet.nn.bands import Bands, Falling, window
from napari_cryonet.nn.filtering import by_filtering
from napari_cryonet.nn.lattice import places
from napari_cryonet.reporting import Cancelled, RecordingReporter, SilentReporter
from napari_cryonet.simulate.graded import Grade, GradedHalfMaps, graded_half_maps
from phantom import one_thread  # noqa: F401 - computes on one core

SIZE = 1.2
WAYS = ("fast", "precise")


@pytest.fixture(scope="module")
def ramp() -> GradedHalfMaps:
    """Resolution that goes evenly from 3.0 to 5.6 Å."""
    return graded_half_maps(96, SIZE, 1)


@pytest.fixture(scope="module")
def small() -> GradedHalfMaps:
    return graded_half_maps(48, SIZE, 1)


def measured(case: GradedHalfMaps, **settings: Any) -> tuple[Any, dict[str, Any]]:
    """Return the local resolution and what was measured."""
    chosen = ApplySettings(device="cpu", **{"radius": 12.5, **settings})
    things = (case.first, case.second, case.mask)
    found = apply(things, None, chosen, SilentReporter())
    return found.volume.data, found.measures


# ------------------------------------------------------------------ against the truth


@pytest.mark.parametrize(("way", "most", "bias"), [("fast", 0.27, 0.10), ("precise", 0.32, 0.18)])
def test_an_even_change_is_found(ramp: GradedHalfMaps, way: Any, most: float, bias: float) -> None:
    found, measures = measured(ramp, way=way)
    inside, truth = ramp.mask.data > 0.5, ramp.resolution.data
    error = found[inside] - truth[inside]
    constant = np.abs(truth[inside] - np.median(truth[inside])).mean()
    assert np.abs(error).mean() < most < constant / 1.9, "far better than any one number"
    assert abs(error.mean()) < bias
    assert np.corrcoef(found[inside], truth[inside])[0, 1] > 0.9
    assert np.isnan(found[~inside]).all()
    assert measures["global"] == pytest.approx(3.7, abs=0.4)
    assert measures["finest"] < measures["median"] < measures["coarsest"]
    assert measures["nyquist"] < 0.01
    assert measures["unresolved"] < 0.01


@pytest.mark.parametrize("way", WAYS)
def test_a_jump_is_found_on_both_sides(way: Any) -> None:
    case = graded_half_maps(96, SIZE, 3, Grade((100.0, 335.0), abrupt=True))
    found, _ = measured(case, way=way)
    inside, truth = case.mask.data > 0.5, case.resolution.data
    fine, coarse = (found[inside & near] for near in (truth < 4, truth > 4))
    assert np.median(fine) == pytest.approx(truth.min(), abs=0.25)
    assert np.median(coarse) == pytest.approx(truth.max(), abs=1.0)
    error = np.abs(found[inside] - truth[inside]).mean()
    assert error < 0.5 * np.abs(truth[inside] - np.median(truth[inside])).mean()


def test_pure_noise_is_unresolved(rng: np.random.Generator) -> None:
    halves = [
        Volume(rng.standard_normal((64, 64, 64)).astype(np.float32), (SIZE,) * 3, name=name)
        for name in "ab"
    ]
    settings = ApplySettings(mask="sphere", device="cpu", radius=12.5)
    found = apply(halves, None, settings, SilentReporter())
    values = found.volume.data[np.isfinite(found.volume.data)]
    assert (values < 8).mean() < 0.02, "hardly anything looks like signal"
    assert found.measures["unresolved"] > 0.4
    assert found.measures["global"] is None


# ------------------------------------------------------------------ invariances


@pytest.mark.parametrize("way", WAYS)
def test_scale_offset_order_and_voxel_size(small: GradedHalfMaps, way: Any) -> None:
    plain, _ = measured(small, way=way)
    one, two, size = small.first.data, small.second.data, (SIZE,) * 3
    swapped = GradedHalfMaps(
        Volume(7 * two + 3, size), Volume(one, size), small.density, small.resolution, small.mask
    )
    assert np.nanmax(np.abs(measured(swapped, way=way)[0] - plain)) < 0.02
    double = tuple(2 * step for step in size)
    larger = GradedHalfMaps(
        Volume(one, double), Volume(two, double), small.density, small.resolution, small.mask
    )
    found, _ = measured(larger, way=way, radius=25.0)
    assert np.nanmax(np.abs(found / plain - 2)) < 0.01


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("factor", [1e-10, 1e9])
def test_grey_values_may_be_very_small_or_large(
    small: GradedHalfMaps, way: Any, factor: float
) -> None:
    plain, _ = measured(small, way=way)
    one, two = (half.changed(half.data * factor, "") for half in (small.first, small.second))
    found, _ = measured(replace(small, first=one, second=two), way=way)
    assert np.nanmax(np.abs(found - plain)) < 0.01


@pytest.mark.parametrize("way", WAYS)
def test_axes_can_be_exchanged(small: GradedHalfMaps, way: Any) -> None:
    crop = (slice(4, 41), slice(None), slice(2, 46))  # 37, 48 and 44 voxels
    order = (2, 0, 1)

    def case(turned: bool) -> Any:
        parts = [
            part.data[crop].transpose(order) if turned else part.data[crop]
            for part in (small.first, small.second, small.mask)
        ]
        things = [Volume(np.ascontiguousarray(data), (SIZE,) * 3) for data in parts]
        chosen = ApplySettings(device="cpu", radius=12.5, way=way)
        return apply(things, None, chosen, SilentReporter()).volume.data

    assert np.nanmax(np.abs(case(turned=True) - case(turned=False).transpose(order))) < 0.02


def test_voxels_of_unequal_sides(small: GradedHalfMaps) -> None:
    plain, _ = measured(small)
    things = [
        Volume(part.data[:, ::2], (SIZE, 2 * SIZE, SIZE))
        for part in (small.first, small.second, small.mask)
    ]
    found = apply(things, None, ApplySettings(device="cpu", radius=12.5), SilentReporter())
    assert found.measures["finest"] >= 4 * SIZE - 0.01, "the coarsest side gives Nyquist"
    assert np.nanmedian(found.volume.data) >= np.nanmedian(plain)


def test_steps_agree_and_a_coarse_grid_is_exact(small: GradedHalfMaps) -> None:
    every, _ = measured(small, step=1)
    second, _ = measured(small, step=2)
    assert np.nanmean(np.abs(every - second)) < 0.03
    halves = [torch.from_numpy(v.data.copy()) for v in (small.first, small.second)]
    bands = Bands.of((48,) * 3, (SIZE,) * 3, 12.5, None)
    whole = _directly(halves, bands)
    tiled = by_filtering((halves[0], halves[1]), (SIZE,) * 3, 12.5, bands, 3, 0.143, lambda _: None)
    assert (1 / tiled - 1 / whole).abs().mean() < 0.02


def _directly(halves: Any, bands: Bands) -> torch.Tensor:
    """Return the same without coarse grids: every shell on all voxels, Gaussians by definition."""
    axis = torch.fft.fftfreq(48, SIZE)
    k = (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2).sqrt()
    at = places(48, 3)
    falling = None
    for band in bands.shells:
        profile, centre = band.profile(k), band.centre
        one, two = (torch.fft.ifftn(torch.fft.fftn(h - h.mean()) * profile).real for h in halves)
        sigma = window(12.5, centre) / 2.2 / SIZE
        kernel = torch.exp(-((at[:, None] - torch.arange(48)) ** 2) / (2 * sigma**2))

        def mean(values: torch.Tensor, kernel: torch.Tensor = kernel) -> torch.Tensor:
            for _ in range(3):  # along each axis in turn
                values = torch.tensordot(values, kernel, ([0], [1]))
            return values

        c = mean(one * two) / (mean(one * one) * mean(two * two)).sqrt()
        falling = falling or Falling(0.143, c)
        falling.add(centre, c)
    assert falling is not None
    return falling.frequency()


# ------------------------------------------------------------------ the parts


def test_falling_needs_two_shells_in_a_row() -> None:
    curves = torch.tensor(
        [
            [0.9, 0.7, 0.3, 0.1, 0.0],  # between the second and the third
            [0.9, 0.1, 0.9, 0.9, 0.1],  # a single one does not count, the last one does
            [0.9, 0.9, 0.9, 0.9, 0.9],  # never
            [0.1, 0.1, 0.9, 0.9, 0.9],  # from the start
            [0.1, 0.9, 0.3, 0.3, 0.9],  # the first was chance
        ]
    )
    falling = Falling(0.5, curves[:, 0])
    for number, column in enumerate(curves.unbind(1), 1):
        falling.add(number / 10, column)
    assert torch.allclose(
        falling.frequency(), torch.tensor([0.25, 0.45, 0.5, 0.1, 0.2 + 0.1 * 4 / 6])
    )


def test_shells_cover_all_frequencies_and_reach_nyquist() -> None:
    bands = Bands.of((128,) * 3, (1.2,) * 3, 12.5, None)
    assert len(bands.centres) == 31
    assert (bands.centres[0], bands.centres[-1]) == (pytest.approx(1 / 30), pytest.approx(1 / 2.4))
    k = torch.linspace(0.08, 0.37, 200)
    power = torch.stack([band.profile(k) ** 2 for band in bands.shells]).sum(0)
    assert power.min() > 0.95 * power.max()
    short = Bands.of((16, 40, 40), (2.0,) * 3, 12.5, 30.0)
    assert short.centres[0] == pytest.approx(1 / 16), "two waves in the shortest side"
    assert window(12.5, 1 / 3) == 12.5
    assert window(12.5, 1 / 20) == 50


@pytest.mark.parametrize(("count", "step"), [(10, 3), (11, 3), (12, 3), (7, 1), (5, 8)])
def test_places_are_as_far_from_both_ends(count: int, step: int) -> None:
    at = places(count, step).tolist()
    assert abs(at[0] - (count - 1 - at[-1])) <= 1
    assert np.all(np.diff(at) == step)


# ------------------------------------------------------------------ what surrounds it


def test_what_stands_outside(small: GradedHalfMaps) -> None:
    inside = small.mask.data > 0.5
    plain, _ = measured(small)
    zero, _ = measured(small, outside="zero")
    near, _ = measured(small, outside="nearest")
    assert (zero[~inside] == 0).all()
    assert np.isfinite(near).all()
    assert near[~inside].min() >= np.nanmin(plain)
    for found in (zero, near):
        assert np.array_equal(found[inside], plain[inside])


def test_it_stops_between_two_shells_and_tells_how_far_it_is(small: GradedHalfMaps) -> None:
    things = (small.first, small.second, small.mask)
    settings = ApplySettings(device="cpu")
    told = RecordingReporter()
    apply(things, None, settings, told)
    shares = [step["done"] / step["total"] for step in told.steps]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    with pytest.raises(Cancelled):
        apply(things, None, settings, RecordingReporter(stop_after=4))


def test_masked_halves_are_told(small: GradedHalfMaps) -> None:
    halves = [
        Volume(half.data * small.mask.data, half.voxel_size, name=half.name)
        for half in (small.first, small.second)
    ]
    told = RecordingReporter()
    apply([*halves, small.mask], None, ApplySettings(device="cpu"), told)
    assert "masked already" in told.said[0]


def test_bad_input_is_one_sentence_each(small: GradedHalfMaps) -> None:
    one, two, mask = small.first, small.second, small.mask
    settings = ApplySettings(device="cpu")
    for things, sentence in (
        ([one], "two half maps, and perhaps a mask, not 1"),
        ([one, Volume(one.data.copy(), one.voxel_size, name="b")], "same values"),
        ([one, Volume(two.data[1:], one.voxel_size)], "same shape"),
        ([Volume(one.data), Volume(two.data)], "no voxel size"),
        ([one, two, Volume(mask.data[1:], one.voxel_size, name="m")], "m has"),
        ([one, two, Volume(0 * mask.data, one.voxel_size, name="m")], "0 everywhere"),
    ):
        with pytest.raises(DataError, match=sentence):
            apply(things, None, settings, SilentReporter())
    with pytest.raises(DeviceError, match="not available"):
        apply([one, two, mask], None, ApplySettings(device="nowhere"), SilentReporter())
    with pytest.raises(SettingsError, match="threshold"):
        ApplySettings.load({"threshold": 1.0})


def test_a_job_writes_a_file_with_the_header_of_the_first_half(
    small: GradedHalfMaps, tmp_path: Path
) -> None:
    names = []
    for name, part in (("h1", small.first), ("h2", small.second), ("m", small.mask)):
        names.append(str(tmp_path / f"{name}.mrc"))
        write(names[-1], Volume(part.data, part.voxel_size, (5.0, -3.0, 2.0), name=name))
    job = Job(
        method="local_fsc",
        action="apply",
        inputs=(tuple(names),),
        output=str(tmp_path / "o.mrc"),
        settings={"device": "cpu", "radius": 12.5},
    )
    outcome = run(job, SilentReporter())
    found = read(tmp_path / "o.mrc")
    assert found.origin == (5.0, -3.0, 2.0)
    assert found.voxel_size == pytest.approx((SIZE,) * 3)
    assert np.array_equal(np.isnan(found.data), small.mask.data <= 0.5)
    assert np.allclose(found.data, measured(small)[0], equal_nan=True)
    assert outcome.measures["median"] == pytest.approx(np.nanmedian(found.data), abs=1e-3)
    assert "Local resolution, FSC 0.143, fast, 12.5 A" in " ".join(found.header.labels())


def test_its_settings_load_no_torch() -> None:
    assert table.find("local_fsc").actions == ("apply",)
    run_python(
        "import sys; from napari_cryonet.methods import table\n"
        "table.find('local_fsc').settings('apply')()\n"
        "assert 'torch' not in sys.modules"
    )


# ------------------------------------------------------------------ the simulated truth


def test_the_truth_is_that_of_its_ends(ramp: GradedHalfMaps) -> None:
    truth = ramp.resolution.data[0, 0]
    assert truth[0] == pytest.approx(3.0, abs=0.1)
    assert truth[-1] == pytest.approx(5.6, abs=0.2)
    assert (np.diff(truth) >= 0).all()
    noise = [half.data - ramp.density.data for half in (ramp.first, ramp.second)]
    assert noise[0].std() == pytest.approx(noise[1].std(), rel=0.01)
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.01
    again = graded_half_maps(96, SIZE, 1)
    assert np.array_equal(again.first.data, ramp.first.data)


def test_atoms_can_be_given(rng: np.random.Generator) -> None:
    atoms = np.concatenate([rng.normal(0, 8, (400, 3)), np.full((400, 1), 6.0)], 1)
    case = graded_half_maps(48, 1.5, 0, Grade(best=4.0), atoms)
    centre = np.array(np.nonzero(case.mask.data > 0.5)).mean(1)
    assert centre == pytest.approx(23.5 + atoms[:, :3].mean(0) / 1.5, abs=1.5)
