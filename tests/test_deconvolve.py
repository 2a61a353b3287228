"""The Wiener filter against the CTF: its formula, closed forms, and what it is worth."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from helpers import run_python
from napari_cryonet import Volume, write
from napari_cryonet.errors import DataError, SettingsError
from napari_cryonet.io import mrc_header, read_volume
from napari_cryonet.jobs import Job, RunFolder, run, run_in_child
from napari_cryonet.methods import table
from napari_cryonet.methods.deconvolution.apply import apply
from napari_cryonet.methods.deconvolution.settings import ApplySettings
from napari_cryonet.reporting import Cancelled, RecordingReporter, SilentReporter
from napari_cryonet.signal import deconvolve as module
from napari_cryonet.signal.correlate import correlation
from napari_cryonet.signal.ctf import (
    Deconvolution,
    ctf,
    cut_off,
    first_zero,
    fractions,
    wavelength,
    wiener,
)
from napari_cryonet.signal.deconvolve import deconvolve

CUBIC = (10.0, 10.0, 10.0)
PLAIN = {"amplitude_contrast": 1, "defocus": 0, "spherical_aberration": 0}
"""A microscope whose CTF is 1 everywhere."""
FLAT = {"snr_falloff": 0, "highpass": 0}
"""A signal-to-noise ratio that is the same everywhere."""


def reference(data: Any, voxel_size: float, **given: float) -> Any:
    """Return what the published formula gives, for cubic voxels, in double precision."""
    use = {"defocus": 4.0, "falloff": 1.0, "strength": 1.0, "highpass": 0.02, "volts": 300e3,
           "cs": 2.7e-3, "shift": 0.0, "flipped": 0.0, **given}  # fmt: skip
    u = np.arange(2048) / 2047
    h = 1 - np.cos(np.pi * np.minimum(1, u / use["highpass"]))
    snr = np.exp(-u * use["falloff"] * 100 / voxel_size) * 10 ** use["strength"] * h + 1e-6
    k = u / (2 * voxel_size * 1e-10)
    volts = use["volts"]
    length = 12.2643247e-10 / np.sqrt(volts * (1 + 0.978466e-6 * volts))
    dz = -use["defocus"] * 1e-6
    w = np.pi / 2 * (use["cs"] * length**3 * k**4 + 2 * length * dz * k**2) - use["shift"]
    c = 0.07 * np.cos(w) - np.sqrt(1 - 0.07**2) * np.sin(w)
    c = np.abs(c) if use["flipped"] else c
    filtered = c / (c**2 + 1 / snr)
    axes = np.meshgrid(*(np.fft.fftfreq(n) * 2 for n in data.shape), indexing="ij")
    r = np.minimum(1, np.sqrt(sum(axis**2 for axis in axes)))
    v = data.astype(np.complex128)
    out = np.fft.ifftn(np.fft.fftn(v) * np.interp(r, u, filtered)).real
    return out * (data.std() / out.std()) + data.mean()


def wave(shape: tuple[int, ...], axis: int, cycles: int) -> Any:
    """Return a wave with so many periods along an axis."""
    along = np.cos(2 * np.pi * cycles * np.arange(shape[axis]) / shape[axis])
    return np.broadcast_to(np.expand_dims(along, [n for n in range(3) if n != axis]), shape).astype(
        np.float32
    )


# ------------------------------------------------------------------ the formula


@pytest.mark.parametrize("shape", [(24, 30, 28), (15, 17, 21), (1, 32, 33)])
@pytest.mark.parametrize(
    ("settings", "given", "voxel_size"),
    [
        ({}, {}, 10.0),
        (
            {"defocus": 2.5, "snr_falloff": 0.3, "strength": 0.4},
            {"defocus": 2.5, "falloff": 0.3, "strength": 0.4},
            3.4,
        ),
        ({"highpass": 0.2, "phase_flipped": True}, {"highpass": 0.2, "flipped": 1.0}, 7.0),
        (
            {"voltage": 200, "phase_shift": 90, "spherical_aberration": 2},
            {"volts": 200e3, "shift": np.pi / 2, "cs": 2e-3},
            5.0,
        ),
    ],
)
def test_it_is_the_published_formula(
    shape: Any, settings: Any, given: Any, voxel_size: float, rng: np.random.Generator
) -> None:
    data = rng.normal(3, 2, shape)
    made, gain = deconvolve(data, (voxel_size,) * 3, Deconvolution(**settings))
    expected = reference(data, voxel_size, **given)
    expected += data.mean() - expected.mean()  # the formula adds a millionth of the mean to it
    assert made.dtype == np.float32
    assert np.abs(made - expected).max() < 2e-5 * expected.std()
    assert gain > 0


@pytest.mark.parametrize(("voltage", "length"), [(100, 0.0370), (200, 0.0251), (300, 0.0197)])
def test_wavelengths_are_those_of_the_textbooks(voltage: float, length: float) -> None:
    assert wavelength(voltage) == pytest.approx(length, abs=5e-5)


def test_the_ctf_vanishes_where_its_phase_is_a_multiple_of_pi() -> None:
    settings = Deconvolution(spherical_aberration=0, amplitude_contrast=0.1, defocus=3)
    orders = np.arange(1, 6) * np.pi - np.arcsin(0.1)
    frequency = np.sqrt(orders / (np.pi * wavelength(300) * 3e4))
    assert np.abs(ctf(frequency, settings)).max() < 1e-12
    assert ctf(np.zeros(1), settings) == pytest.approx(0.1)
    assert first_zero(2.0, settings) == pytest.approx(1 / frequency[0], rel=1e-4)
    assert first_zero(1 / frequency[0], settings) is None, "a zero beyond Nyquist"
    assert np.abs(ctf(frequency * 1.7, settings)).max() <= 1


def test_more_aberration_moves_the_zero() -> None:
    plain, aberrant = (Deconvolution(defocus=1, spherical_aberration=cs) for cs in (0, 5))
    assert first_zero(1.0, aberrant) < first_zero(1.0, plain)  # type: ignore[operator]


def test_the_filter_without_noise_is_the_inverse_of_the_ctf() -> None:
    settings = Deconvolution(strength=10, **FLAT)
    points = np.linspace(0, 0.5, 50)
    factors = wiener(points, 10.0, settings)
    assert np.allclose(factors * ctf(points / 20, settings), 1, atol=1e-6)


def test_the_filter_damps_what_the_noise_covers() -> None:
    noisy, clean = (np.abs(wiener(fractions(), 10.0, Deconvolution(snr_falloff=f))) for f in (2, 1))
    assert (noisy <= clean + 1e-12).all()
    assert clean[0] < 1e-6, "the high-pass"
    assert cut_off(10.0, Deconvolution(snr_falloff=2)) > cut_off(10.0, Deconvolution())


def test_the_cut_off_is_where_half_of_the_filter_is_left() -> None:
    settings = Deconvolution(**PLAIN, highpass=0, snr_falloff=1, strength=0)
    at_zero = 1 / (1 + 1 / 2)  # snr 2
    half = np.log(2 * (1 / (at_zero / 2) - 1))  # snr (2/at_zero - 1)**-1 at half
    assert cut_off(10.0, settings) == pytest.approx(2 * 100 / half, rel=2e-3)


# ------------------------------------------------------------------ closed forms


@pytest.mark.parametrize("shape", [(16, 18, 20), (9, 15, 11), (2, 1, 2), (1, 1, 3)])
def test_nothing_changes_where_there_is_nothing_to_undo(
    shape: Any, rng: np.random.Generator
) -> None:
    data = rng.normal(-7, 3, shape).astype(np.float32)
    made, gain = deconvolve(data, (4.0, 2.0, 3.0), Deconvolution(**PLAIN, **FLAT))
    assert np.allclose(made, data, atol=1e-4)
    assert gain == pytest.approx(1 + 1 / 20, rel=1e-4), "snr 20 everywhere"


def test_a_wave_changes_its_sign_beyond_the_first_zero() -> None:
    settings = Deconvolution(spherical_aberration=0)
    zero = first_zero(10.0, settings)
    assert zero == pytest.approx(28.4, abs=0.1)
    for cycles, sign in ((10, 1), (20, -1)):
        data = wave((4, 4, 48), 2, cycles)
        assert (480 / cycles > zero) == (sign > 0)
        made, _ = deconvolve(data, CUBIC, settings)
        assert np.allclose(made, sign * data, atol=1e-3), cycles
        flipped, _ = deconvolve(data, CUBIC, settings.updated({"phase_flipped": True}))
        assert np.allclose(flipped, data, atol=1e-3), "its sign was put right before"


def test_voxels_of_unequal_sides_are_filtered_by_the_true_frequency() -> None:
    shape = (24, 48, 48)
    both = wave(shape, 0, 6) + wave(shape, 1, 6)  # 80 Å along z and along y
    made, _ = deconvolve(both, (20.0, 10.0, 10.0), Deconvolution())
    assert np.allclose(made, both, atol=1e-3), "both waves get one factor"
    cubic, _ = deconvolve(both, CUBIC, Deconvolution())
    assert not np.allclose(cubic, both, atol=0.1)


@pytest.mark.parametrize("kind", ["i1", "i2", "u2", "f2", "f4", "f8", ">f4", "?"])
def test_mean_and_deviation_are_kept(kind: str, rng: np.random.Generator) -> None:
    data = rng.normal(60, 20, (20, 22, 24)).clip(0, 120)
    data = (data > 60) if kind == "?" else data.astype(kind)
    made, _ = deconvolve(data, CUBIC, Deconvolution())
    assert made.mean(dtype=float) == pytest.approx(data.mean(dtype=float), rel=1e-5)
    assert made.std(dtype=float) == pytest.approx(data.std(dtype=float), rel=1e-4)


def test_a_large_mean_costs_nothing(rng: np.random.Generator) -> None:
    data = rng.normal(0, 1, (20, 22, 24))
    plain, _ = deconvolve(data, CUBIC, Deconvolution())
    raised, _ = deconvolve(data + 30000.0, CUBIC, Deconvolution())
    assert np.abs(raised - 30000.0 - plain).max() < 5e-3, "the digits of float32 at 30000"


# ------------------------------------------------------------------ what it is worth


def test_a_blurred_phantom_comes_nearer_to_the_truth(rng: np.random.Generator) -> None:
    shape = (48, 64, 64)
    dots = (rng.random(shape) < 5e-4).astype(np.float32)
    truth = ndimage.gaussian_filter(dots, 2.5, mode="wrap")
    settings = Deconvolution()
    axes = np.meshgrid(*(np.fft.fftfreq(n, 10.0) for n in shape), indexing="ij")
    transfer = ctf(np.sqrt(sum(axis**2 for axis in axes)), settings)
    blurred = np.fft.ifftn(np.fft.fftn(truth) * transfer).real
    noisy = blurred + rng.normal(0, 1, shape) * blurred.std()  # variance ratio 1
    made, _ = deconvolve(noisy, CUBIC, settings)
    before, after = correlation(noisy, truth), correlation(made, truth)
    assert after > before + 0.2, (before, after)
    wrong, _ = deconvolve(noisy, CUBIC, Deconvolution(defocus=-4))
    assert correlation(wrong, truth) < before, "the sign of the defocus counts"


# ------------------------------------------------------------------ how it is done


def test_pieces_do_not_show(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    data = rng.normal(5, 1, (20, 22, 25)).astype(np.float32)
    whole, gain = deconvolve(data, CUBIC, Deconvolution())
    monkeypatch.setattr(module, "_PIECE", 700)
    shares: list[float] = []
    into = np.full(data.shape, np.nan, np.float32)
    before = data.copy()
    made, again = deconvolve(data, CUBIC, Deconvolution(), into=into, tick=shares.append)
    assert made is into
    assert np.abs(made - whole).max() < 1e-5
    assert again == pytest.approx(gain, rel=1e-5)
    assert np.array_equal(data, before)
    assert len(shares) > 40
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_it_can_be_stopped_between_pieces(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PIECE", 700)
    for limit in (0.1, 0.5, 0.9):
        shares: list[float] = []

        def tick(share: float, limit: float = limit, shares: list[float] = shares) -> None:
            shares.append(share)
            if share > limit:
                raise Cancelled

        with pytest.raises(Cancelled):
            deconvolve(rng.normal(size=(20, 22, 25)), CUBIC, Deconvolution(), tick=tick)
        assert shares[-1] < limit + 0.05


def test_it_needs_little_memory(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PIECE", 1 << 14)
    data = rng.standard_normal((64, 96, 96), dtype=np.float32)
    tracemalloc.start()
    deconvolve(data, CUBIC, Deconvolution())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 3 * data.nbytes


def test_without_memory_it_works_on_disk(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = rng.normal(size=(10, 12, 14))
    expected, _ = deconvolve(data, CUBIC, Deconvolution())

    class Full:
        available = 100

    monkeypatch.setattr(module.psutil, "virtual_memory", Full)
    assert isinstance(module._empty((2, 2, 2)), np.ndarray)
    assert isinstance(module._empty((10, 12, 8)), np.memmap)
    made, _ = deconvolve(data, CUBIC, Deconvolution())
    assert np.array_equal(made, expected)


@pytest.mark.parametrize(
    ("data", "size", "found"),
    [
        (np.ones((4, 4, 4)), None, r"no voxel size.*Set voxel size…"),
        (np.ones((2, 4, 4, 4)), CUBIC, r"shape \(2, 4, 4, 4\)"),
        (np.ones((4, 4)), CUBIC, r"shape \(4, 4\)"),
        (np.ones((4, 4, 4), np.complex64), CUBIC, "type complex64"),
        (np.full((4, 4, 4), 7.0), CUBIC, "same value, 7: there is nothing"),
        (np.full((4, 4, 4), np.nan), CUBIC, "not numbers"),
        (np.where(np.arange(64) == 60, np.inf, 1.0).reshape(4, 4, 4), CUBIC, "not numbers"),
    ],
)
def test_bad_data_are_one_sentence(data: Any, size: Any, found: str) -> None:
    with pytest.raises(DataError, match=found):
        deconvolve(data, size, Deconvolution())


def test_a_filter_that_passes_nothing_is_refused(rng: np.random.Generator) -> None:
    settings = Deconvolution(defocus=0, amplitude_contrast=0, spherical_aberration=0)
    with pytest.raises(SettingsError, match="Give a defocus"):
        deconvolve(rng.normal(size=(4, 4, 4)), CUBIC, settings)


@pytest.mark.parametrize(
    "wrong", [{"defocus": 40000}, {"voltage": 300000}, {"highpass": 2}, {"colour": 1}]
)
def test_settings_have_limits(wrong: Any) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        Deconvolution.load(wrong)


def test_the_history_names_what_was_chosen() -> None:
    assert str(Deconvolution()) == "4 um, 300 kV, falloff 1, strength 1, highpass 0.02"
    rare = Deconvolution(phase_flipped=True, phase_shift=90, defocus=0.5)
    assert str(rare).startswith("0.5 um, 300 kV, phase shift 90 deg, phases flipped, falloff 1")


# ------------------------------------------------------------------ as a method and as a job


@pytest.fixture
def noisy(rng: np.random.Generator) -> Volume:
    data = rng.normal(100, 5, (12, 14, 16)).astype(np.float32)
    return Volume(data, (8.0, 4.0, 4.0), (1.0, 2.0, 3.0), name="tomo", history=("Made.",))


def test_the_method_keeps_all_but_the_grey_values(noisy: Volume) -> None:
    report = RecordingReporter()
    settings = ApplySettings(defocus=3)
    made, measures, _ = apply((noisy,), None, settings, report)
    assert np.array_equal(made.data, deconvolve(noisy.data, noisy.voxel_size, settings)[0])
    assert (made.voxel_size, made.origin) == (noisy.voxel_size, noisy.origin)
    assert made.name == "tomo deconvolved"
    assert made.history == (
        "Made.",
        "Deconvolution, 3 um, 300 kV, falloff 1, strength 1, highpass 0.02.",
    )
    assert measures["first_zero"] == pytest.approx(first_zero(4.0, settings), abs=1e-3)
    assert measures["cut_off"] == pytest.approx(cut_off(4.0, settings), abs=1e-3)
    assert measures["gain"] > 0
    assert report.steps[-1]["done"] == report.steps[-1]["total"]
    assert report.said == []


def test_a_defocus_that_nobody_gave_is_told(noisy: Volume) -> None:
    report = RecordingReporter()
    apply((noisy,), None, ApplySettings(), report)
    assert report.said == ["No defocus was given; 4 µm is taken. Give that of your data."]


def test_the_method_stops_when_asked(noisy: Volume) -> None:
    with pytest.raises(Cancelled):
        apply((noisy,), None, ApplySettings(), RecordingReporter(stop_after=1))
    with pytest.raises(DataError, match="One volume"):
        apply((noisy, noisy), None, ApplySettings(), SilentReporter())


def job(path: Path, **fields: Any) -> Job:
    values = {"method": "deconvolution", "action": "apply", "inputs": [[str(path)]]}
    return Job.load(values | {"settings": {"defocus": 3.0}} | fields)


@pytest.mark.parametrize("way", [run, run_in_child])
def test_a_job_needs_no_model_and_keeps_the_header(way: Any, noisy: Volume, tmp_path: Path) -> None:
    header = mrc_header.build(noisy.shape, 2)
    mrc_header.add_labels(header, ("WRITTEN BY A FRIEND",))
    source = tmp_path / "tomo.mrc"
    write(source, Volume(noisy.data, noisy.voxel_size, noisy.origin, header=header))
    asked = job(source, output=str(tmp_path / "o.mrc"))
    folder = RunFolder.create(tmp_path / "run", asked)
    outcome = way(asked, RecordingReporter(), folder=folder)
    assert outcome.measures["gain"] > 0
    ended = folder.ended()
    assert ended is not None
    assert ended["state"] == "done"
    made = read_volume(tmp_path / "o.mrc")
    expected, _ = deconvolve(noisy.data, noisy.voxel_size, Deconvolution(defocus=3))
    assert np.array_equal(made.data, expected)
    assert made.voxel_size == pytest.approx(noisy.voxel_size)
    assert made.origin == pytest.approx(noisy.origin)
    assert made.header.labels() == [
        "WRITTEN BY A FRIEND",
        "Deconvolution, 3 um, 300 kV, falloff 1, strength 1, highpass 0.02: tomo",
    ]


def test_a_stopped_job_leaves_no_file(noisy: Volume, tmp_path: Path) -> None:
    write(tmp_path / "tomo.mrc", noisy)
    with pytest.raises(Cancelled):
        run(
            job(tmp_path / "tomo.mrc", output=str(tmp_path / "o.mrc")),
            RecordingReporter(stop_after=1),
        )
    assert [path.name for path in tmp_path.iterdir()] == ["tomo.mrc"]


def test_it_cannot_be_trained(noisy: Volume, tmp_path: Path) -> None:
    assert table.find("deconvolution").actions == ("apply",)
    with pytest.raises(SettingsError, match="Deconvolution cannot train"):
        run(job(tmp_path / "tomo.mrc", action="train"), SilentReporter())


def test_it_loads_no_torch() -> None:
    done = run_python(
        "import sys\n"
        "import numpy as np\n"
        "from napari_cryonet import Volume\n"
        "from napari_cryonet.jobs import Job, run\n"
        "from napari_cryonet.reporting import SilentReporter\n"
        "data = np.random.default_rng(0).normal(size=(4, 4, 4))\n"
        "job = Job(method='deconvolution', action='apply', inputs=(('one',),))\n"
        "made = run(job, SilentReporter(), given={'one': Volume(data, (4.0, 4.0, 4.0))})\n"
        "assert made.volume.shape == (4, 4, 4)\n"
        "assert 'torch' not in sys.modules\n"
    )
    assert done.returncode == 0, done.stderr
